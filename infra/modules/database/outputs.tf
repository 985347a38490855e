output "arn" {
  description = "The database, as replicas name it."
  value       = aws_db_instance.this.arn
}

output "address" {
  description = "Where the database answers, inside the VPC."
  value       = aws_db_instance.this.address
}

output "reader_address" {
  description = "Where the reader answers; null without one."
  value       = one(aws_db_instance.reader[*].address)
}

output "group_id" {
  description = "The database's security group."
  value       = aws_security_group.database.id
}
