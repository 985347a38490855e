mock_provider "aws" {
  source = "../../tests/mocks"
}

variables {
  boundary_arn = "arn:aws:iam::123456789012:policy/boundary"
  names = {
    server_group    = "servers"
    servers         = ["applicationServer01-east", "applicationServer02-east"]
    server_role     = "server"
    server_log      = "/server"
    launch_hook     = "ready"
    load_policy     = "cpu"
    secret          = "deployment6/application"
    alarm_errors    = "errors"
    alarm_unhealthy = "unhealthy"
    alarm_latency   = "latency"
  }
  aws_region          = "us-east-1"
  region_key          = "east"
  vpc_id              = "vpc-1"
  servers             = [{ zone = "us-east-1a", min = 1, max = 2 }, { zone = "us-east-1b", min = 1, max = 3 }]
  subnet_ids          = ["subnet-1", "subnet-2"]
  application         = { port = 9000, live_path = "/livez", ready_path = "/readyz" }
  drain_seconds       = 17
  warm_up_seconds     = 30
  target_group_arn    = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/servers/1"
  target_group_suffix = "targetgroup/servers/1"
  balancer_suffix     = "app/ALB-east/1"
  balancer_group_id   = "sg-1"
  endpoint_group_id   = "sg-2"
  s3_prefix_list_id   = "pl-1"
  ami_id              = "ami-0123456789abcdef0"
  artifact            = { bucket = "artifacts", key = "releases/1/ballast.deb", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
  agent               = { key = "agents/1/agent.deb", sha256 = "f3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
  key_arn             = "arn:aws:kms:us-east-1:123456789012:key/1"
  secret_arn          = "arn:aws:secretsmanager:us-east-1:123456789012:secret:deployment6/application-a"
  readers             = [["reader01", "reader02"], ["reader02", "reader01"]]
  alarm_topic_arn     = "arn:aws:sns:us-east-1:123456789012:alarms"
}

run "a_group_for_each_zone" {
  command = plan

  assert {
    condition     = aws_autoscaling_group.server[*].name == ["applicationServer01-east", "applicationServer02-east"] && aws_autoscaling_group.server[1].max_size == 3
    error_message = "groups are named like their servers and bounded as the topology says"
  }

  assert {
    condition     = alltrue([for group in aws_autoscaling_group.server : group.instance_refresh[0].preferences[0].auto_rollback && length(group.vpc_zone_identifier) == 1])
    error_message = "a roll-out takes itself back, and a group stands in one zone"
  }

  assert {
    condition     = length(aws_autoscaling_policy.load) == 2 && aws_autoscaling_policy.load[0].policy_type == "TargetTrackingScaling"
    error_message = "each zone follows its load"
  }
}

run "what_a_server_is_told" {
  command = plan

  assert {
    condition     = strcontains(base64decode(aws_launch_template.server[1].user_data), "\"name\": \"applicationServer02-east\", \"region\": \"east\", \"zone\": \"us-east-1b\"")
    error_message = "each zone's servers are told their own name"
  }

  assert {
    condition     = strcontains(base64decode(aws_launch_template.server[1].user_data), "READERS = \"reader02,reader01\"")
    error_message = "each zone's servers read where it is nearest"
  }

  assert {
    condition     = strcontains(base64decode(aws_launch_template.server[0].user_data), "install_package 'agents/1/agent.deb' 'f3b0") && strcontains(base64decode(aws_launch_template.server[0].user_data), "\"logGroupName\": \"/server\"")
    error_message = "servers install the agent and send their journal to the log group"
  }

  assert {
    condition     = length(base64decode(aws_launch_template.server[0].user_data)) < 16384
    error_message = "EC2 takes 16 KiB"
  }

  assert {
    condition     = aws_launch_template.server[0].metadata_options[0].http_tokens == "required" && aws_launch_template.server[0].key_name == null
    error_message = "IMDSv2 and no key pair"
  }
}

run "what_a_server_may_do" {
  command = plan

  assert {
    condition     = [for it in jsondecode(aws_iam_role_policy.server.policy).Statement : it.Resource if it.Sid == "Artifact"] == [["arn:aws:s3:::artifacts/releases/*", "arn:aws:s3:::artifacts/agents/*"]]
    error_message = "a server reads every release, so that a roll-back and a migration can, and the agent"
  }

  assert {
    condition     = [for it in jsondecode(aws_iam_role_policy.server.policy).Statement : it.Action if it.Sid == "Secret"] == ["secretsmanager:GetSecretValue"]
    error_message = "a server reads its secret and changes none"
  }

  override_resource {
    target          = aws_cloudwatch_log_group.servers
    override_during = plan
    values          = { arn = "arn:aws:logs:us-east-1:123456789012:log-group:/server" }
  }
}

run "an_artifact_without_its_checksum" {
  command = plan

  variables {
    artifact = { bucket = "artifacts", key = "releases/1/ballast.deb", sha256 = "" }
  }

  expect_failures = [var.artifact]
}

run "an_artifact_that_servers_may_not_read" {
  command = plan

  variables {
    artifact = { bucket = "artifacts", key = "ballast.deb", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
  }

  expect_failures = [var.artifact]
}

run "an_agent_that_servers_may_not_read" {
  command = plan

  variables {
    agent = { key = "agent.deb", sha256 = "f3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
  }

  expect_failures = [var.agent]
}

run "a_zone_without_a_subnet" {
  command = plan

  variables {
    subnet_ids = ["subnet-1"]
  }

  expect_failures = [var.subnet_ids]
}

run "readers_in_one_zone_only" {
  command = plan

  variables {
    readers = [["reader01"], []]
  }

  expect_failures = [var.readers]
}

run "more_fewest_than_most" {
  command = plan

  variables {
    servers = [{ zone = "us-east-1a", min = 3, max = 2 }, { zone = "us-east-1b", min = 1, max = 2 }]
  }

  expect_failures = [var.servers]
}
