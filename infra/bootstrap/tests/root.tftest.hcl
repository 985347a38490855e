mock_provider "aws" {
  alias  = "home"
  source = "../tests/mocks"
}

variables {
  domain = "bank.example.com"
}

run "what_must_be_there_first" {
  command = plan

  assert {
    condition     = output.artifact_buckets == { east = "deployment6-artifacts-123456789012-us-east-1", west = "deployment6-artifacts-123456789012-us-west-2" } && output.state_bucket == "deployment6-state-123456789012"
    error_message = "a bucket for the states, and one for artifacts in each region"
  }

  assert {
    condition     = aws_kms_key.data.multi_region && keys(aws_kms_replica_key.data) == ["west"]
    error_message = "one key with a copy in each standby region"
  }

  assert {
    condition     = sort(values(aws_secretsmanager_secret.this)[*].name) == tolist(["deployment6/application", "deployment6/smoke"])
    error_message = "a place for what servers need, and one for what the smoke test needs"
  }
}

run "a_domain_that_is_none" {
  command = plan

  variables {
    domain = "bank"
  }

  expect_failures = [var.domain]
}
