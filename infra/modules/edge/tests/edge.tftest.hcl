mock_provider "aws" {
  mock_resource "aws_s3_bucket" {
    defaults = { arn = "arn:aws:s3:::logs" }
  }
}

variables {
  names             = { balancer_group = "group", balancer = "ALB-east", target_group = "servers-east", web_acl = "web", web_log = "aws-waf-logs-east" }
  vpc_id            = "vpc-1"
  public_subnet_ids = ["subnet-1", "subnet-2"]
  application       = { port = 9000, live_path = "/livez" }
  health_check      = { interval_seconds = 5, timeout_seconds = 2, healthy_threshold = 2, unhealthy_threshold = 3 }
  drain_seconds     = 17
  certificate_arn   = "arn:aws:acm:us-east-1:123456789012:certificate/1"
  log_bucket        = "logs"
  key_arn           = "arn:aws:kms:us-east-1:123456789012:key/1"
}

run "the_world_reaches_two_ports" {
  command = plan

  assert {
    condition     = sort([for rule in aws_vpc_security_group_ingress_rule.world : tostring(rule.from_port)]) == tolist(["443", "80"])
    error_message = "443 for the bank and 80 for the way to it"
  }

  assert {
    condition     = aws_lb_listener.redirect.default_action[0].redirect[0].status_code == "HTTP_301" && aws_lb_listener.https.port == 443
    error_message = "80 only redirects"
  }
}

run "the_numbers_of_the_topology" {
  command = plan

  assert {
    condition     = aws_lb_target_group.servers.port == 9000 && aws_lb_target_group.servers.deregistration_delay == "17" && aws_lb_target_group.servers.health_check[0].unhealthy_threshold == 3
    error_message = "port, drain and health check come from the topology"
  }
}

run "the_firewall" {
  command = plan

  assert {
    condition     = length(jsondecode(aws_wafv2_web_acl.this.rule_json)) == 5 && jsondecode(aws_wafv2_web_acl.this.rule_json)[0].Statement.RateBasedStatement.Limit == 10000
    error_message = "a limit for each address, and Amazon's lists"
  }

  assert {
    condition     = alltrue([for rule in jsondecode(aws_wafv2_web_acl.this.rule_json) : !rule.VisibilityConfig.SampledRequestsEnabled])
    error_message = "samples would show what people typed"
  }

  assert {
    condition     = aws_wafv2_web_acl_logging_configuration.this.logging_filter[0].default_behavior == "DROP" && length(aws_wafv2_web_acl_logging_configuration.this.redacted_fields) == 3
    error_message = "only what was refused is logged, without query, cookie and token"
  }
}

run "one_zone" {
  command = plan

  variables {
    public_subnet_ids = ["subnet-1"]
  }

  expect_failures = [var.public_subnet_ids]
}

run "a_check_longer_than_its_interval" {
  command = plan

  variables {
    health_check = { interval_seconds = 5, timeout_seconds = 5, healthy_threshold = 2, unhealthy_threshold = 2 }
  }

  expect_failures = [var.health_check]
}

run "logs_for_a_week" {
  command = plan

  variables {
    log_days     = 7
    web_log_days = 7
  }

  expect_failures = [var.log_days, var.web_log_days]
}
