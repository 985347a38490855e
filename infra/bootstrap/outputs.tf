output "state_bucket" {
  description = "The bucket of the states: `-backend-config=bucket=…`."
  value       = aws_s3_bucket.this["state"].bucket
}

output "state_region" {
  description = "Its region: `-backend-config=region=…`."
  value       = local.home.aws_region
}

output "artifact_buckets" {
  description = "The artifact bucket of each region."
  value       = { for key in keys(local.regions) : key => aws_s3_bucket.this["artifact-${key}"].bucket }
}

output "certificate_records" {
  description = "DNS records that prove to Amazon that the domain is the bank's; put them into the zone once."
  value       = { for key, certificate in aws_acm_certificate.bank : key => certificate.domain_validation_options }
}
