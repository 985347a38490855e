output "region" {
  description = "The region as the topology has it."
  value       = local.region
}

output "balancer_address" {
  description = "The balancer's own address."
  value       = module.edge.dns_name
}

output "autoscaling_groups" {
  description = "The auto-scaling groups, in the order of the zones."
  value       = module.app.autoscaling_groups
}

output "rollback_alarms" {
  description = "The alarms that take a roll-out back."
  value       = module.app.rollback_alarms
}

output "database_address" {
  description = "Where the region's database answers; null where there is none."
  value       = one(module.database[*].address)
}

output "reader_addresses" {
  description = "Where the region's readers answer, in the order of the zones."
  value       = flatten(module.database[*].reader_addresses)
}

output "readers" {
  description = "Where the servers of each zone read what is only shown, nearest first."
  value       = zipmap(local.region.zones[*].name, local.readers)
}

output "cache_address" {
  description = "Where the region's cache answers; null without one."
  value       = one(module.cache[*].address)
}
