run "the_convention" {
  command = plan

  variables {
    project = "deployment6"
    key     = "east"
    zones   = 2
  }

  assert {
    condition     = output.names.vpc == "deployment6-vpc-east" && output.names.balancer == "ALB-east" && output.names.balancer_group == "HttpAcessSG"
    error_message = "names of a region"
  }

  assert {
    condition     = output.names.servers == ["applicationServer01-east", "applicationServer02-east"] && output.names.public_subnets == ["publicSubnet01", "publicSubnet02"]
    error_message = "names of zones"
  }
}

run "a_key_with_a_hyphen" {
  command = plan

  variables {
    project = "deployment6"
    key     = "us-east"
  }

  expect_failures = [var.key]
}
