mock_provider "aws" {}

variables {
  alarm_receivers = ["on-call@bank.example"]
  topology_file   = "../../tests/topology.json"
  domain          = "bank.example.com"
  zone_name       = "example.com"
}

run "records_that_follow_health" {
  command = plan

  assert {
    condition     = sort(keys(aws_route53_record.failover)) == tolist(["PRIMARY", "SECONDARY"]) && aws_route53_record.failover["PRIMARY"].set_identifier == "east"
    error_message = "the home region first, the standby after it"
  }

  assert {
    condition     = alltrue([for check in aws_route53_health_check.region : check.resource_path == "/readyz" && check.type == "HTTPS"])
    error_message = "a region is well when a server of it can do its work"
  }

  assert {
    condition     = length(aws_vpc_peering_connection.this) == 1 && length(aws_route.peer) == 6
    error_message = "app and database tables of both sides know the other side"
  }

  assert {
    condition     = output.url == "https://bank.example.com" && length(aws_globalaccelerator_accelerator.this) == 0
    error_message = "one address, no accelerator unless asked for"
  }
}

run "an_accelerator" {
  command = plan

  variables {
    accelerator = true
  }

  assert {
    condition     = length(aws_route53_record.failover) == 0 && aws_globalaccelerator_endpoint_group.region["east"].traffic_dial_percentage == 100
    error_message = "the accelerator stands instead of failover records"
  }
}

run "a_domain_of_another_zone" {
  command = plan

  variables {
    zone_name = "example.org"
  }

  expect_failures = [var.zone_name]
}

run "a_lost_region_is_told" {
  command = plan

  override_data {
    target          = data.aws_kms_alias.alarms
    override_during = plan
    values          = { target_key_arn = "arn:aws:kms:us-east-1:123456789012:key/1" }
  }

  assert {
    condition     = aws_sns_topic.alarms.kms_master_key_id == "arn:aws:kms:us-east-1:123456789012:key/1" && keys(aws_sns_topic_subscription.alarms) == ["on-call@bank.example"]
    error_message = "the topic is under the bank's key, which lets alarms publish, and somebody hears it"
  }
}
