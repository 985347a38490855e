output "document" {
  description = "The topology with its types."
  value       = var.document
}

output "problems" {
  description = "Every broken rule, as `field: sentence`."
  value       = local.problems
}
