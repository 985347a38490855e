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

# The places of what servers need (ci/rotate-secrets.sh puts the value) and of what the pipeline's
# smoke test needs: the bank's address, a teller's token, two accounts. Terraform never sees a value.
locals {
  secrets = {
    application = { name = local.names.secret, description = "Database, login and keys, for servers" }
    smoke       = { name = local.names.smoke_secret, description = "Address, token and accounts of the smoke test" }
  }
}

resource "aws_secretsmanager_secret" "this" {
  #checkov:skip=CKV2_AWS_57:Servers read it when they start, so ci/rotate-secrets.sh rotates it and restarts them
  for_each = local.secrets
  provider = aws.home

  region                  = local.home.aws_region
  name                    = each.value.name
  description             = each.value.description
  kms_key_id              = aws_kms_key.data.arn
  recovery_window_in_days = 30

  dynamic "replica" {
    for_each = local.standbys

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
