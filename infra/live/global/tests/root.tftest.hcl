# The root as it is applied; what joins the regions is tried in modules/global.
mock_provider "aws" {
  alias = "home"
}

variables {
  alarm_receivers = ["on-call@bank.example"]
  domain          = "bank.example.com"
  zone_name       = "example.com"
}

run "one_address" {
  command = plan

  assert {
    condition     = output.url == "https://bank.example.com" && sort(keys(output.health_checks)) == tolist(["east", "west"])
    error_message = "one address, and the health of each region"
  }
}

run "no_such_topology" {
  command = plan

  variables {
    topology_file = "../../../another.json"
  }

  expect_failures = [var.topology_file]
}
