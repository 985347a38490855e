mock_provider "aws" {
  alias  = "home"
  source = "../tests/mocks"
}

variables {
  home          = "east"
  domain        = "bank.example.com"
  topology_file = "../tests/topology.json"
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
    condition     = { for key, it in aws_secretsmanager_secret.application : key => [it.region, it.name, length(it.replica)] } == { east = ["us-east-1", "deployment6/application", 0], west = ["us-west-2", "deployment6/application", 0] } && aws_secretsmanager_secret.smoke.name == "deployment6/smoke"
    error_message = "a place for what servers need in each region, following none, and one for what the smoke test needs"
  }
}

run "servers_disks_are_opened_by_a_role_that_is_there" {
  command = plan

  override_resource {
    target          = aws_iam_service_linked_role.autoscaling
    override_during = plan
    values          = { arn = "arn:aws:iam::123456789012:role/autoscaling" }
  }

  assert {
    condition     = aws_iam_service_linked_role.autoscaling.aws_service_name == "autoscaling.amazonaws.com"
    error_message = "Auto Scaling's own role is made"
  }

  assert {
    condition     = [for it in jsondecode(aws_kms_key.data.policy).Statement : it.Principal.AWS if it.Sid == "ServerDisks"] == ["arn:aws:iam::123456789012:role/autoscaling"]
    error_message = "the key's policy waits for the role that it names"
  }
}

run "the_key_is_where_alarms_of_the_way_in_are" {
  command = plan

  variables {
    topology_file = "tests/elsewhere.json"
  }

  assert {
    condition     = sort(keys(aws_kms_replica_key.data)) == tolist(["alarms", "west"]) && aws_kms_alias.data["alarms"].region == "us-east-1"
    error_message = "Route 53 has its alarms in us-east-1, and they need the key"
  }

  assert {
    condition     = [for it in aws_secretsmanager_secret.application : it.region] == ["eu-central-1", "us-west-2"] && [for it in aws_secretsmanager_secret.smoke.replica : it.region] == ["us-west-2"]
    error_message = "secrets are where servers are"
  }
}

run "another_primary_moves_nothing" {
  command = plan

  variables {
    home = "west"
  }

  assert {
    condition     = aws_s3_bucket.this["state"].region == "us-west-2" && aws_kms_key.data.region == "us-west-2" && keys(aws_kms_replica_key.data) == ["east"]
    error_message = "states and key are where the account was set up, whoever is the primary"
  }

  assert {
    condition     = aws_secretsmanager_secret.smoke.region == "us-west-2" && [for it in aws_secretsmanager_secret.smoke.replica : it.region] == ["us-east-1"] && output.state_region == "us-west-2"
    error_message = "and so is the smoke test's secret, with a copy elsewhere"
  }
}

run "a_home_that_is_nowhere" {
  command = plan

  variables {
    home = "north"
  }

  expect_failures = [var.home]
}

run "what_made_roles_can_never_do" {
  command = plan

  assert {
    condition     = alltrue([for it in jsondecode(aws_iam_policy.boundary.policy).Statement : !anytrue([for action in flatten([it.Action]) : startswith(action, "iam:") || startswith(action, "sts:") || action == "*"])])
    error_message = "a role that the pipeline makes gives no rights and becomes no other"
  }
}

run "a_domain_that_is_none" {
  command = plan

  variables {
    domain = "bank"
  }

  expect_failures = [var.domain]
}
