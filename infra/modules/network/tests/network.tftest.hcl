mock_provider "aws" {}

variables {
  boundary_arn = "arn:aws:iam::123456789012:policy/boundary"
  names = {
    vpc                  = "vpc"
    internet_gateway     = "gateway"
    flow_log             = "flow"
    flow_log_role        = "flow"
    public_subnets       = ["p1", "p2"]
    app_subnets          = ["a1", "a2"]
    database_subnets     = ["d1", "d2"]
    public_route_table   = "public"
    app_route_tables     = ["r1", "r2"]
    database_route_table = "database"
    nat_gateways         = ["n1", "n2"]
    endpoint_group       = "endpoints"
  }
  aws_region = "us-east-1"
  cidr       = "10.1.0.0/16"
  zones      = ["us-east-1a", "us-east-1b"]
  key_arn    = "arn:aws:kms:us-east-1:123456789012:key/1"
  subnets = {
    public   = ["10.1.0.0/19", "10.1.32.0/19"]
    app      = ["10.1.64.0/19", "10.1.96.0/19"]
    database = ["10.1.128.0/19", "10.1.160.0/19"]
  }
}

run "no_way_out" {
  command = plan

  assert {
    condition     = length(aws_nat_gateway.this) == 0 && length(aws_route.nat) == 0
    error_message = "without nat, app subnets have no route to the world"
  }

  assert {
    condition     = aws_subnet.database[1].availability_zone == "us-east-1b" && aws_subnet.database[1].cidr_block == "10.1.160.0/19"
    error_message = "subnets follow the zones"
  }
}

run "a_gateway_for_each_zone" {
  command = plan

  variables {
    nat = "per_zone"
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 2 && length(aws_route.nat) == 2
    error_message = "one gateway a zone"
  }
}

run "one_zone" {
  command = plan

  variables {
    zones = ["us-east-1a"]
  }

  expect_failures = [var.zones]
}

run "another_kind_of_nat" {
  command = plan

  variables {
    nat = "two"
  }

  expect_failures = [var.nat]
}
