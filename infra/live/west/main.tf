# The region with the key `west`. What it is made of is in modules/region.

module "topology" {
  source   = "../../modules/topology"
  document = jsondecode(file(var.topology_file))
}

# No default provider: a resource that names none has no region, and the checks refuse it.
provider "aws" {
  alias  = "west"
  region = module.topology.regions["west"].aws_region

  default_tags {
    tags = { Project = module.topology.topology.project, Region = "west" }
  }
}

module "region" {
  source    = "../../modules/region"
  providers = { aws = aws.west }

  key             = "west"
  topology_file   = var.topology_file
  domain          = var.domain
  settings        = var.settings
  ami_id          = var.ami_ids["west"]
  artifact        = var.artifact
  ssm_agent       = var.ssm_agent
  alarm_receivers = var.alarm_receivers
}
