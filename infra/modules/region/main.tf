# One whole region of the bank: network, balancer, servers, database, and the cache if wanted.
#
# Nothing here reads another root's state: what belongs to another root is found by its name, and the
# names are all in modules/naming.

module "topology" {
  source   = "../topology"
  document = jsondecode(file(var.topology_file))
}

locals {
  topology = module.topology.topology
  region   = module.topology.regions[var.key]
  home     = module.topology.home
  names    = module.naming.names
  is_home  = var.key == local.home.key
  account  = data.aws_caller_identity.this.account_id
  others   = [for region in local.topology.regions : region.key if region.key != var.key]

  boundary_arn = "arn:aws:iam::${local.account}:policy/${local.names.boundary}"

  # What is only shown is read near the server: at the reader of its zone, then at those of the
  # other zones; in a standby region at its replica.
  near_addresses = flatten([for it in module.database : local.is_home ? it.reader_addresses : [it.address]])
  near_count     = !var.settings.database_readers ? 0 : local.is_home ? length(local.region.zones) : 1
  readers = [
    for zone in range(length(local.region.zones)) :
    [for step in range(local.near_count) : local.near_addresses[(zone + step) % local.near_count]]
  ]
}

module "naming" {
  source  = "../naming"
  project = local.topology.project
  key     = var.key
  zones   = length(local.region.zones)
}

module "home_naming" {
  source  = "../naming"
  project = local.topology.project
  key     = local.home.key
  zones   = length(local.home.zones)
}

data "aws_caller_identity" "this" {}

data "aws_kms_alias" "data" {
  name = local.names.data_key
}

data "aws_secretsmanager_secret" "application" {
  name = local.names.secret
}

data "aws_acm_certificate" "this" {
  domain      = var.domain
  statuses    = ["ISSUED"]
  most_recent = true
}

module "network" {
  source = "../network"

  names          = local.names
  aws_region     = local.region.aws_region
  cidr           = local.region.cidr
  zones          = local.region.zones[*].name
  subnets        = module.topology.subnets[var.key]
  nat            = var.settings.nat
  endpoints      = ["autoscaling", "kms", "logs", "secretsmanager", "ssm", "ssmmessages"]
  endpoint_zones = var.settings.endpoint_zones
  key_arn        = data.aws_kms_alias.data.target_key_arn
  flow_log_days  = var.settings.log_days
  boundary_arn   = local.boundary_arn
}

module "edge" {
  source = "../edge"

  names                = local.names
  vpc_id               = module.network.vpc_id
  public_subnet_ids    = module.network.public_subnet_ids
  application          = local.topology.application
  health_check         = local.topology.health_check
  drain_seconds        = local.topology.drain_seconds
  certificate_arn      = data.aws_acm_certificate.this.arn
  log_bucket           = "${module.naming.bucket_prefixes.log}-${local.account}"
  log_days             = var.settings.log_days
  requests_per_address = var.settings.requests_per_address
  web_log_days         = var.settings.log_days
  key_arn              = data.aws_kms_alias.data.target_key_arn
}

module "app" {
  source = "../app"

  names               = local.names
  aws_region          = local.region.aws_region
  region_key          = var.key
  vpc_id              = module.network.vpc_id
  subnet_ids          = module.network.app_subnet_ids
  servers             = module.topology.servers[var.key]
  application         = local.topology.application
  drain_seconds       = local.topology.drain_seconds
  warm_up_seconds     = local.topology.rollout.warm_up_seconds
  target_group_arn    = module.edge.target_group_arn
  target_group_suffix = module.edge.target_group_suffix
  balancer_suffix     = module.edge.balancer_suffix
  balancer_group_id   = module.edge.balancer_group_id
  endpoint_group_id   = module.network.endpoint_group_id
  s3_prefix_list_id   = module.network.s3_prefix_list_id
  ami_id              = var.ami_id
  instance_type       = var.settings.instance_type
  key_arn             = data.aws_kms_alias.data.target_key_arn
  secret_arn          = data.aws_secretsmanager_secret.application.arn
  readers             = local.readers
  alarm_topic_arn     = aws_sns_topic.alarms.arn
  log_days            = var.settings.log_days
  boundary_arn        = local.boundary_arn
  agent               = var.ssm_agent

  artifact = {
    bucket = "${module.naming.bucket_prefixes.artifact}-${local.account}-${local.region.aws_region}"
    key    = var.artifact.key
    sha256 = var.artifact.sha256
  }
}

# A standby region without a replica has no database; its servers use the primary's.
module "database" {
  source = "../database"
  count  = local.is_home || local.topology.database.replica ? 1 : 0

  names           = local.names
  vpc_id          = module.network.vpc_id
  subnet_ids      = module.network.database_subnet_ids
  server_group_id = module.app.server_group_id
  peer_cidrs      = flatten([for key in local.others : module.topology.subnets[key].app])
  database        = local.topology.database
  source_arn      = local.is_home ? null : "arn:aws:rds:${local.home.aws_region}:${local.account}:db:${module.home_naming.names.database}"
  reader_zones    = local.is_home && var.settings.database_readers ? local.region.zones[*].name : []
  instance_class  = var.settings.database_class
  storage_gb      = var.settings.database_storage_gb
  key_arn         = data.aws_kms_alias.data.target_key_arn
  alarm_topic_arn = aws_sns_topic.alarms.arn
  boundary_arn    = local.boundary_arn
}

# Servers write to the primary wherever it is, over the peering.
resource "aws_vpc_security_group_egress_rule" "peers" {
  for_each = toset(flatten([for key in local.others : module.topology.subnets[key].database]))

  security_group_id = module.app.server_group_id
  description       = "To another region's database"
  ip_protocol       = "tcp"
  from_port         = 5432
  to_port           = 5432
  cidr_ipv4         = each.value
}

module "cache" {
  source = "../cache"
  count  = var.settings.cache ? 1 : 0

  names           = local.names
  vpc_id          = module.network.vpc_id
  subnet_ids      = module.network.database_subnet_ids
  server_group_id = module.app.server_group_id
  key_arn         = data.aws_kms_alias.data.target_key_arn
}

resource "aws_sns_topic" "alarms" {
  name              = local.names.alarm_topic
  kms_master_key_id = data.aws_kms_alias.data.target_key_arn
}

resource "aws_sns_topic_subscription" "alarms" {
  for_each = toset(var.alarm_receivers)

  topic_arn = aws_sns_topic.alarms.arn
  protocol  = startswith(each.value, "https://") ? "https" : "email"
  endpoint  = each.value
}
