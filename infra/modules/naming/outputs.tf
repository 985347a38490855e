output "names" {
  description = "The names, by what they name; lists have one name for each zone."
  value       = local.names
}

output "bucket_prefixes" {
  description = "First parts of bucket names; the account and, where there is one for each region, the AWS region follow, because bucket names are unique in the world."
  value = {
    state    = "${var.project}-state"
    artifact = "${var.project}-artifacts"
    log      = "${var.project}-logs-${var.key}"
  }
}
