output "address" {
  description = "Where the cache answers, inside the VPC."
  value       = aws_elasticache_replication_group.this.primary_endpoint_address
}
