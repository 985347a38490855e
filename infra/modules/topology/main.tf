# The topology file as Terraform reads it: the rules of `ballast topology check`, in the same words,
# and the numbers that the other modules derive from it.

module "rules" {
  source   = "./rules"
  document = { for name, value in var.document : name => value if name != "$schema" }
}

locals {
  topology = module.rules.document
  home     = one([for region in local.topology.regions : region if region.role == "primary"])

  # The typed topology has exactly the known fields. Anything that is written differently from it
  # is an unknown field, or a text where a number belongs.
  is_exact = jsonencode(local.topology) == jsonencode({
    for name, value in var.document : name => value if name != "$schema"
  })

  # By the key of the region: zone i of n has one public, one app and one database subnet, each as
  # large as all of them allow.
  subnets = {
    for region in local.topology.regions : region.key => {
      for tier, first in { public = 0, app = 1, database = 2 } : tier => [
        for index, zone in region.zones : cidrsubnet(
          region.cidr, ceil(log(length(region.zones) * 3, 2)), first * length(region.zones) + index
        )
      ]
    }
    # A network that is no network has its own sentence.
    if can(cidrsubnet(region.cidr, ceil(log(length(region.zones) * 3, 2)), 0))
  }

  # Servers of a zone: as even as it goes, the first zones take what is left over.
  servers = {
    for region in local.topology.regions : region.key => [
      for index, zone in region.zones : {
        zone = zone.name
        min  = floor((region.servers_min + length(region.zones) - 1 - index) / length(region.zones))
        max  = floor((region.servers_max + length(region.zones) - 1 - index) / length(region.zones))
      }
    ]
  }
}
