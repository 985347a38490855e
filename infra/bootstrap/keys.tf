# One key for all regions (the same material, a copy in each), so that a snapshot or a secret of one
# region can be read in the other when the first is gone. us-east-1 has one in any case: the alarms of
# Route 53 are there (modules/global).

# An account has this role only once somebody used Auto Scaling; a key's policy that names a role that
# is not there is refused.
resource "aws_iam_service_linked_role" "autoscaling" {
  provider = aws.home

  aws_service_name = "autoscaling.amazonaws.com"
}

locals {
  key_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "Account"
        Effect    = "Allow"
        Principal = { AWS = "arn:aws:iam::${local.account}:root" }
        Action    = "kms:*"
        Resource  = "*"
      },
      {
        Sid       = "Services"
        Effect    = "Allow"
        Principal = { Service = [for region in local.regions : "logs.${region.aws_region}.amazonaws.com"] }
        Action    = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
        Resource  = "*"
        Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
      },
      {
        Sid       = "Alarms"
        Effect    = "Allow"
        Principal = { Service = "cloudwatch.amazonaws.com" }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey*"]
        Resource  = "*"
        Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
      },
      {
        Sid       = "ServerDisks"
        Effect    = "Allow"
        Principal = { AWS = aws_iam_service_linked_role.autoscaling.arn }
        Action    = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey", "kms:CreateGrant"]
        Resource  = "*"
      },
    ]
  })

  key_regions = merge(
    { for key, region in local.regions : key => region.aws_region },
    contains([for region in local.regions : region.aws_region], "us-east-1") ? {} : { alarms = "us-east-1" },
  )

  key_arns = merge(
    { (local.home.aws_region) = aws_kms_key.data.arn },
    { for key, replica in aws_kms_replica_key.data : local.key_regions[key] => replica.arn },
  )
}

resource "aws_kms_key" "data" {
  provider = aws.home

  region                  = local.home.aws_region
  description             = "Disks, backups, logs, secrets, states and artifacts of the bank"
  multi_region            = true
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = local.key_policy

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_kms_replica_key" "data" {
  for_each = { for key, aws_region in local.key_regions : key => aws_region if key != local.home.key }
  provider = aws.home

  region                  = each.value
  description             = "The bank's key in ${each.key}"
  primary_key_arn         = aws_kms_key.data.arn
  deletion_window_in_days = 30
  policy                  = local.key_policy

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_kms_alias" "data" {
  for_each = local.key_regions
  provider = aws.home

  region        = each.value
  name          = local.names.data_key
  target_key_id = local.key_arns[each.value]
}

# The place of what servers need, one in each region, none of which follows another: a failover of the
# database changes nothing here. ci/rotate-secrets.sh puts the value into all; Terraform never sees it.
resource "aws_secretsmanager_secret" "application" {
  #checkov:skip=CKV2_AWS_57:Servers read it when they start, so ci/rotate-secrets.sh rotates it and restarts them
  for_each = local.regions
  provider = aws.home

  region                  = each.value.aws_region
  name                    = local.names.secret
  description             = "Database, login and keys, for servers"
  kms_key_id              = local.key_arns[each.value.aws_region]
  recovery_window_in_days = 30
}

# And of what the pipeline's smoke test needs: the bank's address, a teller's token, two accounts.
resource "aws_secretsmanager_secret" "smoke" {
  #checkov:skip=CKV2_AWS_57:The token of a program, which ballast staff makes anew
  provider = aws.home

  region                  = local.home.aws_region
  name                    = local.names.smoke_secret
  description             = "Address, token and accounts of the smoke test"
  kms_key_id              = aws_kms_key.data.arn
  recovery_window_in_days = 30

  dynamic "replica" {
    for_each = local.others

    content {
      region     = replica.value.aws_region
      kms_key_id = aws_kms_replica_key.data[replica.key].arn
    }
  }
}

resource "aws_acm_certificate" "bank" {
  for_each = local.regions
  provider = aws.home

  region            = each.value.aws_region
  domain_name       = var.domain
  validation_method = "DNS"

  lifecycle {
    create_before_destroy = true
  }
}
