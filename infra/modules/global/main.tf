# What joins the regions, applied after them: peering, the way in, dashboards. Moving clients to the
# other region is the work of health checks alone; no apply is needed for it.
#
# Regional resources here carry their `region`, because one root holds those of several.

module "topology" {
  source   = "../topology"
  document = jsondecode(file(var.topology_file))
}

module "naming" {
  source   = "../naming"
  for_each = module.topology.regions

  project = local.topology.project
  key     = each.key
  zones   = length(each.value.zones)
}

locals {
  topology = module.topology.topology
  regions  = module.topology.regions
  home     = module.topology.home
  names    = module.naming[local.home.key].names

  # Failover records know one primary and one secondary: the first standby in the file.
  standby = try([for region in local.topology.regions : region if region.role == "standby"][0], null)
}

data "aws_lb" "this" {
  for_each = local.regions

  region = each.value.aws_region
  name   = module.naming[each.key].names.balancer
}

data "aws_vpc" "this" {
  for_each = local.regions

  region = each.value.aws_region
  tags   = { Name = module.naming[each.key].names.vpc }
}
