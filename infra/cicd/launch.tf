# Who names a version of a launch template to Auto Scaling (ci/rollback.sh) is asked whether they could
# start such a server themselves. People may do so with the templates of the bank's servers alone, in the
# places of servers, with the servers' own role.

module "region_naming" {
  for_each = module.topology.regions
  source   = "../modules/naming"

  project = module.topology.topology.project
  key     = each.key
  zones   = length(each.value.zones)
}

locals {
  ec2_arn       = "arn:aws:ec2:*:${local.account}"
  from_template = { "ec2:LaunchTemplate" = "${local.ec2_arn}:launch-template/*" }

  launch_statements = [
    {
      Sid       = "Templates"
      Effect    = "Allow"
      Action    = "ec2:RunInstances"
      Resource  = "${local.ec2_arn}:launch-template/*"
      Condition = { StringEquals = { "aws:ResourceTag/Name" = flatten(values(module.region_naming)[*].names.servers) } }
    },
    # The image is the template's own; disks and the rest are made with the server.
    {
      Sid      = "AsTheTemplateSays"
      Effect   = "Allow"
      Action   = "ec2:RunInstances"
      Resource = ["arn:aws:ec2:*::image/*", "${local.ec2_arn}:instance/*", "${local.ec2_arn}:volume/*"]
      Condition = {
        ArnLike = local.from_template
        Bool    = { "ec2:IsLaunchTemplateResource" = "true" }
      }
    },
    # Where a server stands is said by its group and not by the template.
    {
      Sid       = "NetworkInterface"
      Effect    = "Allow"
      Action    = "ec2:RunInstances"
      Resource  = "${local.ec2_arn}:network-interface/*"
      Condition = { ArnLike = local.from_template }
    },
    {
      Sid      = "Subnets"
      Effect   = "Allow"
      Action   = "ec2:RunInstances"
      Resource = "${local.ec2_arn}:subnet/*"
      Condition = {
        ArnLike      = local.from_template
        StringEquals = { "aws:ResourceTag/Tier" = "app" }
      }
    },
    {
      Sid      = "SecurityGroup"
      Effect   = "Allow"
      Action   = "ec2:RunInstances"
      Resource = "${local.ec2_arn}:security-group/*"
      Condition = {
        ArnLike      = local.from_template
        StringEquals = { "aws:ResourceTag/Name" = distinct(values(module.region_naming)[*].names.server_group) }
      }
    },
    {
      Sid       = "Names"
      Effect    = "Allow"
      Action    = "ec2:CreateTags"
      Resource  = [for kind in ["instance", "volume", "network-interface"] : "${local.ec2_arn}:${kind}/*"]
      Condition = { StringEquals = { "ec2:CreateAction" = "RunInstances" } }
    },
    {
      Sid       = "ServersRole"
      Effect    = "Allow"
      Action    = "iam:PassRole"
      Resource  = [for it in values(module.region_naming) : "arn:aws:iam::${local.account}:role/${it.names.server_role}"]
      Condition = { StringEquals = { "iam:PassedToService" = "ec2.amazonaws.com" } }
    },
  ]
}
