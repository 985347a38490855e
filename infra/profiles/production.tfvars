# What a bank would run: everything twice.

settings = {
  instance_type        = "m7i.large"
  database_class       = "db.r7g.large"
  database_storage_gb  = 200
  database_readers     = true
  nat                  = "none"
  endpoint_zones       = 6 # one in each zone there is
  cache                = true
  log_days             = 3653
  requests_per_address = 20000
}

accelerator = false

# People come to Jenkins by the bank's own sign-in.
bank_sign_in = true
