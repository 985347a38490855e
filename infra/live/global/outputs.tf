output "url" {
  description = "The one address to open."
  value       = module.global.url
}

output "health_checks" {
  description = "The health check of each region."
  value       = module.global.health_checks
}
