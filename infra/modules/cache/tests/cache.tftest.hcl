mock_provider "aws" {}

variables {
  names           = { cache = "cache", cache_group = "cacheSG" }
  vpc_id          = "vpc-1"
  subnet_ids      = ["subnet-1", "subnet-2"]
  server_group_id = "sg-1"
  key_arn         = "arn:aws:kms:us-east-1:123456789012:key/1"
}

run "a_cache_that_survives_a_node" {
  command = plan

  assert {
    condition     = aws_elasticache_replication_group.this.num_cache_clusters == 2 && aws_elasticache_replication_group.this.automatic_failover_enabled && aws_elasticache_replication_group.this.multi_az_enabled
    error_message = "two nodes in two zones"
  }

  assert {
    condition     = aws_elasticache_replication_group.this.transit_encryption_mode == "required"
    error_message = "nothing is said in the clear"
  }

  assert {
    condition     = aws_vpc_security_group_ingress_rule.servers.referenced_security_group_id == "sg-1" && aws_vpc_security_group_ingress_rule.servers.from_port == 6379
    error_message = "only servers reach it"
  }
}

run "one_node" {
  command = plan

  variables {
    nodes = 1
  }

  expect_failures = [var.nodes]
}

run "a_machine_of_another_kind" {
  command = plan

  variables {
    node_type = "t3.medium"
  }

  expect_failures = [var.node_type]
}
