mock_provider "aws" {
  source = "../../tests/mocks"
}

variables {
  ssm_agent       = { key = "agents/1/agent.deb", sha256 = "f3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
  alarm_receivers = ["on-call@bank.example"]
  key             = "east"
  topology_file   = "../../tests/topology.json"
  domain          = "bank.example.com"
  ami_id          = "ami-0123456789abcdef0"
  artifact        = { key = "releases/1/ballast.deb", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
  settings = {
    instance_type        = "t3.small"
    database_class       = "db.t4g.small"
    database_storage_gb  = 20
    database_readers     = true
    nat                  = "none"
    endpoint_zones       = 1
    cache                = true
    log_days             = 365
    requests_per_address = 10000
  }
}

run "the_primary" {
  command = plan

  assert {
    condition     = output.region.role == "primary" && length(module.database[0].reader_addresses) == length(output.region.zones) && length(module.cache) == 1
    error_message = "the primary has the database, a reader in each zone, and the cache"
  }

  assert {
    condition     = output.autoscaling_groups == ["applicationServer01-east", "applicationServer02-east"]
    error_message = "a group for each zone, named like its servers"
  }

  assert {
    condition     = output.readers["us-east-1a"] == ["reader.example", "reader.example"]
    error_message = "servers of the primary region read at its readers"
  }

  override_resource {
    target          = module.database[0].aws_db_instance.reader
    override_during = plan
    values          = { address = "reader.example" }
  }
}

run "the_standby" {
  command = plan

  variables {
    key = "west"
  }

  assert {
    condition     = output.region.role == "standby" && length(module.database) == 1 && length(output.reader_addresses) == 0
    error_message = "a standby has a replica and no readers of its own"
  }

  assert {
    condition     = output.readers["us-west-2a"] == ["replica.example"] && output.readers["us-west-2b"] == ["replica.example"]
    error_message = "servers of a standby region read at its replica"
  }

  override_resource {
    target          = module.database[0].aws_db_instance.this
    override_during = plan
    values          = { address = "replica.example" }
  }
}

run "readers_where_another_region_has_none" {
  command = plan

  variables {
    topology_file = "tests/without-replica.json"
  }

  expect_failures = [var.settings]
}

run "without_a_cache" {
  command = plan

  variables {
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

  assert {
    condition     = length(module.cache) == 0 && output.cache_address == null && length(output.reader_addresses) == 0 && output.readers["us-east-1b"] == []
    error_message = "the minimal profile has neither"
  }
}

run "an_artifact_without_its_checksum" {
  command = plan

  variables {
    artifact = { key = "ballast.deb", sha256 = "abc" }
  }

  expect_failures = [var.artifact]
}

run "who_is_told_of_alarms" {
  command = plan

  variables {
    alarm_receivers = ["on-call@bank.example", "https://calls.example/bank"]
  }

  assert {
    condition     = { for it in aws_sns_topic_subscription.alarms : it.endpoint => it.protocol } == { "on-call@bank.example" = "email", "https://calls.example/bank" = "https" }
    error_message = "each receiver is told in its way"
  }
}

run "alarms_that_nobody_hears" {
  command = plan

  variables {
    alarm_receivers = []
  }

  expect_failures = [var.alarm_receivers]
}

run "alarms_told_in_the_open" {
  command = plan

  variables {
    alarm_receivers = ["http://calls.example/bank"]
  }

  expect_failures = [var.alarm_receivers]
}
