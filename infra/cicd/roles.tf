# Rights come from the machines' roles; there are no keys. The deploying agent's own role can only
# become one of two others: `plan` reads, `deploy` changes. The other machines can become neither. A
# third, `operate`, is for people: what the runbooks do, and nothing that Terraform does.

resource "aws_iam_role" "machine" {
  for_each = local.machines
  provider = aws.home

  name = each.value.name
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ec2.amazonaws.com" }
    }]
  })
}

resource "aws_iam_instance_profile" "machine" {
  for_each = local.machines
  provider = aws.home

  name = each.value.name
  role = aws_iam_role.machine[each.key].name
}

resource "aws_iam_role_policy_attachment" "session" {
  for_each = local.machines
  provider = aws.home

  role       = aws_iam_role.machine[each.key].name
  policy_arn = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
}

resource "aws_iam_role_policy" "setup" {
  for_each = local.machines
  provider = aws.home

  name = each.value.name
  role = aws_iam_role.machine[each.key].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        { Sid = "Setup", Effect = "Allow", Action = "s3:GetObject", Resource = "${local.bucket_arn}/${var.setup.key}" },
        { Sid = "Key", Effect = "Allow", Action = "kms:Decrypt", Resource = local.key_arn },
      ],
      each.key != "deploy" ? [] : [{
        Sid      = "Become"
        Effect   = "Allow"
        Action   = "sts:AssumeRole"
        Resource = [for role in aws_iam_role.pipeline : role.arn]
      }],
    )
  })
}

locals {
  pipeline = {
    plan   = { name = local.names.plan_role, policy = "arn:aws:iam::aws:policy/ReadOnlyAccess" }
    deploy = { name = local.names.deploy_role, policy = "arn:aws:iam::aws:policy/PowerUserAccess" }
  }
  state_arn = "arn:aws:s3:::${module.naming.bucket_prefixes.state}-${local.account}"

  # In every region, with the six letters that Secrets Manager adds to a name.
  secret_arns = {
    for key, name in { application = local.names.secret, smoke = local.names.smoke_secret } :
    key => "arn:aws:secretsmanager:*:${local.account}:secret:${name}-*"
  }
}

resource "aws_iam_role" "pipeline" {
  for_each = local.pipeline
  provider = aws.home

  name                 = each.value.name
  permissions_boundary = each.key == "deploy" ? aws_iam_policy.deploy_boundary.arn : null
  max_session_duration = 3600
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { AWS = aws_iam_role.machine["deploy"].arn }
    }]
  })
}

resource "aws_iam_role_policy_attachment" "pipeline" {
  for_each = local.pipeline
  provider = aws.home

  role       = aws_iam_role.pipeline[each.key].name
  policy_arn = each.value.policy
}

# A plan takes the lock, so it may write lock files and nothing else; secrets' values it never reads.
resource "aws_iam_role_policy" "plan" {
  provider = aws.home

  name = local.names.plan_role
  role = aws_iam_role.pipeline["plan"].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Sid = "Lock", Effect = "Allow", Action = ["s3:PutObject", "s3:DeleteObject"], Resource = "${local.state_arn}/*.tflock" },
      { Sid = "Key", Effect = "Allow", Action = ["kms:Decrypt", "kms:GenerateDataKey"], Resource = local.key_arn },
      { Sid = "NoSecrets", Effect = "Deny", Action = "secretsmanager:GetSecretValue", Resource = "*" },
    ]
  })
}

resource "aws_iam_role_policy" "deploy" {
  provider = aws.home

  name   = local.names.deploy_role
  role   = aws_iam_role.pipeline["deploy"].id
  policy = jsonencode({ Version = "2012-10-17", Statement = local.role_statements })
}

# People come with a second factor, for an hour: docs/runbooks as they stand, and no more.
resource "aws_iam_role" "operate" {
  provider = aws.home

  name                 = local.names.operate_role
  max_session_duration = 3600
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { AWS = "arn:aws:iam::${local.account}:root" }
      Condition = { Bool = { "aws:MultiFactorAuthPresent" = "true" } }
    }]
  })
}

resource "aws_iam_role_policy" "operate" {
  provider = aws.home

  name = local.names.operate_role
  role = aws_iam_role.operate.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(local.launch_statements, [
      {
        Sid    = "Look"
        Effect = "Allow"
        Action = [
          "autoscaling:Describe*", "cloudwatch:DescribeAlarms", "ec2:DescribeInstances", "ec2:DescribeSecurityGroupRules",
          "ec2:DescribeSecurityGroups", "elasticloadbalancing:Describe*", "rds:Describe*", "ssm:GetCommandInvocation", "ssm:ListCommandInvocations",
        ]
        Resource = "*"
      },
      {
        Sid      = "Groups"
        Effect   = "Allow"
        Action   = ["autoscaling:StartInstanceRefresh", "autoscaling:RollbackInstanceRefresh"]
        Resource = "arn:aws:autoscaling:*:${local.account}:autoScalingGroup:*:autoScalingGroupName/applicationServer*"
      },
      {
        Sid      = "Database"
        Effect   = "Allow"
        Action   = ["rds:ModifyDBInstance", "rds:PromoteReadReplica", "rds:RebootDBInstance"]
        Resource = "arn:aws:rds:*:${local.account}:db:${module.topology.topology.project}-*"
      },
      {
        Sid       = "Fence"
        Effect    = "Allow"
        Action    = "ec2:RevokeSecurityGroupIngress"
        Resource  = "arn:aws:ec2:*:${local.account}:security-group/*"
        Condition = { StringEquals = { "aws:ResourceTag/Name" = local.names.database_group } }
      },
      {
        Sid      = "FenceRules"
        Effect   = "Allow"
        Action   = "ec2:RevokeSecurityGroupIngress"
        Resource = "arn:aws:ec2:*:${local.account}:security-group-rule/*"
      },
      {
        Sid      = "Secrets"
        Effect   = "Allow"
        Action   = ["secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"]
        Resource = values(local.secret_arns)
      },
      { Sid = "Key", Effect = "Allow", Action = ["kms:Decrypt", "kms:GenerateDataKey"], Resource = "arn:aws:kms:*:${local.account}:key/*" },
      { Sid = "Promoted", Effect = "Allow", Action = "s3:GetObject", Resource = "arn:aws:s3:::${module.naming.bucket_prefixes.artifact}-${local.account}-*/releases/current.json" },
      # A lock that was left, and nothing of what it locks (ci/unlock-state.sh).
      { Sid = "Locks", Effect = "Allow", Action = ["s3:GetObject", "s3:DeleteObject"], Resource = "${local.state_arn}/*.tflock" },
      { Sid = "States", Effect = "Allow", Action = "s3:ListBucket", Resource = local.state_arn },
      {
        Sid      = "Servers"
        Effect   = "Allow"
        Action   = "ssm:SendCommand"
        Resource = "arn:aws:ec2:*:${local.account}:instance/*"
        Condition = {
          StringLike = { "ssm:resourceTag/Name" = "applicationServer*" }
        }
      },
      { Sid = "Commands", Effect = "Allow", Action = "ssm:SendCommand", Resource = "arn:aws:ssm:*::document/AWS-RunShellScript" },
      # The way to Jenkins (ci/open-jenkins.sh): a port and no shell, to the controller and no other.
      {
        Sid      = "Controller"
        Effect   = "Allow"
        Action   = "ssm:StartSession"
        Resource = "${local.ec2_arn}:instance/*"
        Condition = {
          StringEquals = { "ssm:resourceTag/Name" = local.names.controller }
          Bool         = { "ssm:SessionDocumentAccessCheck" = "true" }
        }
      },
      { Sid = "Port", Effect = "Allow", Action = "ssm:StartSession", Resource = "arn:aws:ssm:*::document/AWS-StartPortForwardingSession" },
      { Sid = "OwnSessions", Effect = "Allow", Action = ["ssm:ResumeSession", "ssm:TerminateSession"], Resource = "arn:aws:ssm:*:${local.account}:session/$${aws:userid}-*" },
    ])
  })
}
