variables {
  document = jsondecode(file("../../../topology.json"))
}

run "the_one_in_the_tree" {
  command = plan

  assert {
    condition     = output.home.role == "primary" && sum(output.servers["west"][*].max) == output.regions["west"].servers_max
    error_message = "home and servers"
  }

  assert {
    condition     = length(distinct(flatten(values(output.subnets["east"])))) == 6
    error_message = "each zone has three subnets of its own"
  }
}

run "an_unknown_field" {
  command = plan

  variables {
    document = merge(jsondecode(file("../../../topology.json")), { more = 1 })
  }

  expect_failures = [output.topology]
}

run "a_text_where_a_number_belongs" {
  command = plan

  variables {
    document = merge(jsondecode(file("../../../topology.json")), { link_ms = "31" })
  }

  expect_failures = [output.topology]
}
