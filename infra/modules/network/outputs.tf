output "vpc_id" {
  description = "The VPC."
  value       = aws_vpc.this.id
}

output "public_subnet_ids" {
  description = "The public subnets, in the order of the zones."
  value       = aws_subnet.public[*].id
}

output "app_subnet_ids" {
  description = "The app subnets, in the order of the zones."
  value       = aws_subnet.app[*].id
}

output "database_subnet_ids" {
  description = "The database subnets, in the order of the zones."
  value       = aws_subnet.database[*].id
}

output "endpoint_group_id" {
  description = "The security group of the endpoints; who may use them adds a rule."
  value       = aws_security_group.endpoints.id
}

output "s3_prefix_list_id" {
  description = "The addresses of S3 as seen from the VPC, for security group rules."
  value       = aws_vpc_endpoint.s3.prefix_list_id
}
