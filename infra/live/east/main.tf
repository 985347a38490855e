# The region with the key `east`. What it is made of is in modules/region.

module "topology" {
  source   = "../../modules/topology"
  document = jsondecode(file(var.topology_file))
}

# No default provider: a resource that names none has no region, and the checks refuse it.
provider "aws" {
  alias  = "east"
  region = module.topology.regions["east"].aws_region

  default_tags {
    tags = { Project = module.topology.topology.project, Region = "east" }
  }
}

module "region" {
  source    = "../../modules/region"
  providers = { aws = aws.east }

  key             = "east"
  topology_file   = var.topology_file
  domain          = var.domain
  settings        = var.settings
  ami_id          = var.ami_ids["east"]
  artifact        = var.artifact
  ssm_agent       = var.ssm_agent
  alarm_receivers = var.alarm_receivers
}
