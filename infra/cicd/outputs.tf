output "roles" {
  description = "The roles that the deploying agent becomes."
  value       = { for key, role in aws_iam_role.pipeline : key => role.arn }
}

output "controller" {
  description = "The controller: `aws ssm start-session --target …`."
  value       = aws_instance.this["controller"].id
}
