output "arn" {
  description = "The database, as replicas name it."
  value       = aws_db_instance.this.arn
}

output "address" {
  description = "Where the database answers, inside the VPC."
  value       = aws_db_instance.this.address
}

output "reader_addresses" {
  description = "Where the readers answer, in the order of their zones."
  value       = aws_db_instance.reader[*].address
}

output "group_id" {
  description = "The database's security group."
  value       = aws_security_group.database.id
}
