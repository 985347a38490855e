output "topology" {
  description = "The whole topology, proved."
  value       = local.topology

  precondition {
    condition     = local.is_exact
    error_message = "the topology has a field that topology.schema.json does not know, or a text where a number belongs; unknown at the top: ${join(", ", setsubtract(keys(var.document), concat(keys(local.topology), ["$schema"])))}"
  }

  precondition {
    condition     = length(module.rules.problems) == 0
    error_message = join("; ", module.rules.problems)
  }
}

output "home" {
  description = "The primary region."
  value       = local.home
}

output "regions" {
  description = "The regions by their keys."
  value       = { for region in local.topology.regions : region.key => region }

  precondition {
    condition     = length(module.rules.problems) == 0
    error_message = join("; ", module.rules.problems)
  }
}

output "subnets" {
  description = "By the key of the region: CIDRs of the public, app and database subnets, one for each zone, in the order of the zones."
  value       = local.subnets
}

output "servers" {
  description = "By the key of the region: fewest and most servers of each zone, in the order of the zones; they add up to those of the region."
  value       = local.servers
}
