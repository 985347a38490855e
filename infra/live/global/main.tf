# What joins the regions; applied after them.

module "topology" {
  source   = "../../modules/topology"
  document = jsondecode(file(var.topology_file))
}

# No default provider: a resource that names none has no region, and the checks refuse it.
provider "aws" {
  alias  = "home"
  region = module.topology.home.aws_region

  default_tags {
    tags = { Project = module.topology.topology.project, Region = "global" }
  }
}

module "global" {
  source    = "../../modules/global"
  providers = { aws = aws.home }

  topology_file   = var.topology_file
  domain          = var.domain
  zone_name       = var.zone_name
  accelerator     = var.accelerator
  alarm_receivers = var.alarm_receivers
}
