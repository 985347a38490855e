output "region" {
  description = "What the region is: addresses, groups, alarms."
  value       = module.region
}
