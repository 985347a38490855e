output "url" {
  description = "The one address to open."
  value       = "https://${var.domain}"
}

output "health_checks" {
  description = "The health check of each region."
  value       = { for key, check in aws_route53_health_check.region : key => check.id }
}

output "peerings" {
  description = "The peering of each pair of regions."
  value       = { for key, peering in aws_vpc_peering_connection.this : key => peering.id }
}
