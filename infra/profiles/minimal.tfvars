# The least that keeps every rule: small machines, endpoints in one zone, no cache, no reader.

settings = {
  instance_type        = "t3.small"
  database_class       = "db.t4g.small"
  database_storage_gb  = 20
  database_readers     = false
  nat                  = "none"
  endpoint_zones       = 1
  cache                = false
  log_days             = 365
  requests_per_address = 10000
}

accelerator = false

# Jenkins may know its operator alone.
bank_sign_in = false
