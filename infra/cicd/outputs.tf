output "roles" {
  description = "The roles that the deploying agent becomes."
  value       = { for key, role in aws_iam_role.pipeline : key => role.arn }
}

output "operate_role" {
  description = "The role that people become, with a second factor; jenkins/operator-aws-config has its profile."
  value       = aws_iam_role.operate.arn
}

output "controller" {
  description = "The controller, to which ci/open-jenkins.sh leads."
  value       = aws_instance.this["controller"].id
}
