# What must be there before anything else, made once by a person: the buckets for states and
# artifacts, the keys, the secret's place, the certificates. Regional resources carry their `region`.

module "topology" {
  source   = "../modules/topology"
  document = jsondecode(file(var.topology_file))
}

module "naming" {
  source  = "../modules/naming"
  project = module.topology.topology.project
  key     = "global"
}

# No default provider: a resource that names none has no region, and the checks refuse it.
provider "aws" {
  alias  = "home"
  region = module.topology.regions[var.home].aws_region

  default_tags {
    tags = { Project = module.topology.topology.project, Region = "global" }
  }
}

data "aws_caller_identity" "this" {
  provider = aws.home
}

locals {
  home    = module.topology.regions[var.home]
  regions = module.topology.regions
  others  = { for key, region in local.regions : key => region if key != var.home }
  names   = module.naming.names
  account = data.aws_caller_identity.this.account_id

  buckets = merge(
    { state = { region = local.home.aws_region, name = "${module.naming.bucket_prefixes.state}-${local.account}" } },
    {
      for key, region in local.regions : "artifact-${key}" => {
        region = region.aws_region
        name   = "${module.naming.bucket_prefixes.artifact}-${local.account}-${region.aws_region}"
      }
    },
  )
}

resource "aws_s3_bucket" "this" {
  #checkov:skip=CKV_AWS_18:Who reads states and artifacts is in CloudTrail; a log bucket would need one itself
  #checkov:skip=CKV_AWS_144:Artifacts are published to every region's bucket; no traffic needs the states
  #checkov:skip=CKV2_AWS_62:Nothing waits for an object
  for_each = local.buckets
  provider = aws.home

  region        = each.value.region
  bucket        = each.value.name
  force_destroy = false

  lifecycle {
    prevent_destroy = true
  }
}

# Current objects stay for ever; what was replaced a year ago is no way back any more.
resource "aws_s3_bucket_lifecycle_configuration" "this" {
  for_each = local.buckets
  provider = aws.home

  region = each.value.region
  bucket = aws_s3_bucket.this[each.key].id

  rule {
    id     = "expire"
    status = "Enabled"

    filter {}

    noncurrent_version_expiration {
      noncurrent_days = 365
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}

resource "aws_s3_bucket_versioning" "this" {
  for_each = local.buckets
  provider = aws.home

  region = each.value.region
  bucket = aws_s3_bucket.this[each.key].id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  for_each = local.buckets
  provider = aws.home

  region = each.value.region
  bucket = aws_s3_bucket.this[each.key].id

  rule {
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = local.key_arns[each.value.region]
    }
  }
}

resource "aws_s3_bucket_public_access_block" "this" {
  for_each = local.buckets
  provider = aws.home

  region                  = each.value.region
  bucket                  = aws_s3_bucket.this[each.key].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_policy" "this" {
  for_each = local.buckets
  provider = aws.home

  region = each.value.region
  bucket = aws_s3_bucket.this[each.key].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "TlsOnly"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = [aws_s3_bucket.this[each.key].arn, "${aws_s3_bucket.this[each.key].arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })
}
