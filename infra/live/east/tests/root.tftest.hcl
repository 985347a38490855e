# The root as it is applied; what the region is made of is tried in modules/region.
mock_provider "aws" {
  alias  = "east"
  source = "../../tests/mocks"
}

variables {
  ssm_agent       = { key = "agents/1/agent.deb", sha256 = "f3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
  alarm_receivers = ["on-call@bank.example"]
  domain          = "bank.example.com"
  ami_ids         = { east = "ami-0123456789abcdef0" }
  artifact        = { key = "releases/1/ballast.deb", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
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
}

run "its_own_region" {
  command = plan

  assert {
    condition     = output.region.region.key == "east" && output.region.autoscaling_groups[0] == "applicationServer01-east"
    error_message = "the root builds the region that it is named after"
  }
}

run "an_image_that_is_no_id" {
  command = plan

  variables {
    ami_ids = { east = "debian-12" }
  }

  expect_failures = [var.ami_ids]
}
