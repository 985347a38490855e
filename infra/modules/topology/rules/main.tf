# Every broken rule of a topology as `field: sentence`. crates/fleet/src/topology/rules.rs says the
# same in the same words; tests/data/topology_rules.json holds the two together.

locals {
  port_min = 1024 # below are privileged ports (IANA system ports, RFC 6335 §6)
  port_max = 65535

  ranges = concat(
    [
      ["application.port", var.document.application.port, local.port_min, local.port_max],
      ["drain_seconds", var.document.drain_seconds, 1, 3600],
      ["link_ms", var.document.link_ms, 0, 1000],
      ["health_check.interval_seconds", var.document.health_check.interval_seconds, 5, 300],
      ["health_check.timeout_seconds", var.document.health_check.timeout_seconds, 2, 120],
      ["health_check.healthy_threshold", var.document.health_check.healthy_threshold, 2, 10],
      ["health_check.unhealthy_threshold", var.document.health_check.unhealthy_threshold, 2, 10],
      ["front_door.leave_after_failures", var.document.front_door.leave_after_failures, 1, 10],
      ["front_door.check_interval_seconds", var.document.front_door.check_interval_seconds, 1, 60],
      ["front_door.return_after_seconds", var.document.front_door.return_after_seconds, 1, 3600],
      ["regions", length(var.document.regions), 1, 4],
      ["rollout.healthy_minimum", var.document.rollout.healthy_minimum, 1, 5],
      ["rollout.warm_up_seconds", var.document.rollout.warm_up_seconds, 0, 3600],
      ["rollout.bake_seconds", var.document.rollout.bake_seconds, 0, 86400],
      ["database.backup_days", var.document.database.backup_days, 1, 35],
    ],
    flatten([
      for index, region in var.document.regions : [
        for name in ["servers_min", "servers_max"] :
        { values = ["regions[${index}].${name}", region[name], 1, 100] }
      ]
    ])[*].values,
    [for port in local.ports : [port.field, port.number, local.port_min, local.port_max]],
  )

  ports = concat(
    [{ field = "front_door.local_port", number = var.document.front_door.local_port }],
    flatten([
      for index, region in var.document.regions : concat(
        [{ field = "regions[${index}].local_port", number = region.local_port }],
        [
          for zone_index, zone in region.zones :
          { field = "regions[${index}].zones[${zone_index}].local_port", number = zone.local_port }
        ],
      )
    ]),
  )

  # First and last address as numbers; null for what is no network.
  networks = [
    for region in var.document.regions : try({
      first = sum([
        for place, part in split(".", split("/", region.cidr)[0]) :
        tonumber(part) * pow(256, 3 - place)
      ])
      size   = pow(2, 32 - tonumber(split("/", region.cidr)[1]))
      prefix = tonumber(split("/", region.cidr)[1])
      start  = cidrhost(region.cidr, 0)
    }, null)
  ]

  private = [
    { first = 10 * pow(256, 3), size = pow(2, 24) },
    { first = 172 * pow(256, 3) + 16 * pow(256, 2), size = pow(2, 20) },
    { first = 192 * pow(256, 3) + 168 * pow(256, 2), size = pow(2, 16) },
  ]

  problems = concat(
    [
      for range in local.ranges : "${range[0]}: must be between ${range[2]} and ${range[3]}, is ${range[1]}"
      if range[1] < range[2] || range[1] > range[3]
    ],
    local.problems_of_numbers,
    local.problems_of_texts,
    local.problems_of_regions,
    local.problems_of_zones,
    local.problems_of_networks,
    local.problems_of_ports,
    local.problems_of_rollout,
  )

  problems_of_numbers = concat(
    [
      for range in local.ranges : "${range[0]}: must be a whole number, is ${range[1]}"
      if floor(range[1]) != tonumber(range[1])
    ],
    var.document.health_check.timeout_seconds < var.document.health_check.interval_seconds ? [] : [
      "health_check.timeout_seconds: must be shorter than the interval of ${var.document.health_check.interval_seconds} s, is ${var.document.health_check.timeout_seconds} s"
    ],
    var.document.front_door.return_after_seconds >= var.document.front_door.check_interval_seconds ? [] : [
      "front_door.return_after_seconds: must not be shorter than front_door.check_interval_seconds"
    ],
  )

  problems_of_texts = concat(
    can(regex("^[a-z][a-z0-9-]{0,23}$", var.document.project)) ? [] : [
      "project: a project is 1 to 24 lower-case letters, digits and hyphens, a letter first"
    ],
    [
      for name, wanted in { live_path = "/livez", ready_path = "/readyz" } :
      "application.${name}: the servers answer at ${wanted}, not at ${var.document.application[name]}"
      if var.document.application[name] != wanted
    ],
    can(regex("^(1[5-9]|[2-9][0-9]|[0-9]{3,})([.][0-9]+)*$", var.document.database.engine_version)) ? [] : [
      "database.engine_version: PostgreSQL 15 or newer, as in \"15\" or \"16.4\""
    ],
    var.document.database.public ? ["database.public: the database is never public; only servers reach it"] : [],
  )

  problems_of_regions = concat(
    length([for region in var.document.regions : region if region.role == "primary"]) == 1 ? [] : [
      "regions: exactly one region is primary, here ${length([for region in var.document.regions : region if region.role == "primary"])} are"
    ],
    flatten([
      for index, region in var.document.regions : concat(
        contains(["primary", "standby"], region.role) ? [] : [
          "regions[${index}].role: a region is primary or standby, not ${region.role}"
        ],
        can(regex("^[a-z][a-z0-9]{0,15}$", region.key)) ? [] : [
          "regions[${index}].key: a key is 1 to 16 lower-case letters and digits, a letter first"
        ],
        can(regex("^[a-z]{1,16}(-[a-z]{1,16})+-[0-9]$", region.aws_region)) ? [] : [
          "regions[${index}].aws_region: an AWS region is written like us-east-1, not ${region.aws_region}"
        ],
        [
          for name in ["key", "aws_region"] :
          "regions[${index}].${name}: `${region[name]}` is already used by regions[${max([
            for first in range(index) : first if var.document.regions[first][name] == region[name]
          ]...)}]"
          if contains(slice(var.document.regions, 0, index)[*][name], region[name])
        ],
        region.servers_min <= region.servers_max ? [] : [
          "regions[${index}].servers_min: must not be above servers_max: ${region.servers_min} is above ${region.servers_max}"
        ],
        region.servers_min >= length(region.zones) ? [] : [
          "regions[${index}].servers_min: each zone has a server: at least ${length(region.zones)}, is ${region.servers_min}"
        ],
      )
    ]),
  )

  problems_of_zones = flatten([
    for index, region in var.document.regions : concat(
      length(region.zones) >= 2 ? [] : [
        "regions[${index}].zones: a region has at least two zones, this one has ${length(region.zones)}"
      ],
      length(region.zones) <= 6 ? [] : [
        "regions[${index}].zones: a region has at most six zones, this one has ${length(region.zones)}"
      ],
      flatten([
        for zone_index, zone in region.zones : concat(
          can(regex("^[a-z]$", trimprefix(zone.name, region.aws_region))) && startswith(zone.name, region.aws_region) ? [] : [
            "regions[${index}].zones[${zone_index}].name: a zone of ${region.aws_region} is named ${region.aws_region} and one letter"
          ],
          contains(slice(region.zones, 0, zone_index)[*].name, zone.name) ? [
            "regions[${index}].zones[${zone_index}].name: `${zone.name}` is already used by zones[${max([
              for first in range(zone_index) : first if region.zones[first].name == zone.name
            ]...)}]"
          ] : [],
        )
      ]),
    )
  ])

  problems_of_networks = flatten([
    for index, region in var.document.regions : local.networks[index] == null ? [
      "regions[${index}].cidr: an IPv4 network is written like 10.1.0.0/16, not `${region.cidr}`"
      ] : local.networks[index].start != split("/", region.cidr)[0] ? [
      "regions[${index}].cidr: ${region.cidr} is not the start of a network; that is ${local.networks[index].start}/${local.networks[index].prefix}"
      ] : concat(
      anytrue([
        for net in local.private : local.networks[index].first >= net.first
        && local.networks[index].first + local.networks[index].size <= net.first + net.size
        ]) ? [] : [
        "regions[${index}].cidr: must be private (10/8, 172.16/12, 192.168/16), is ${region.cidr}"
      ],
      # A VPC is between /16 and /28; a subnet of a load balancer is /27 or larger.
      local.networks[index].prefix >= 16 ? [] : [
        "regions[${index}].cidr: a VPC is /16 or smaller, this is /${local.networks[index].prefix}"
      ],
      local.networks[index].prefix + ceil(log(max(length(region.zones), 1) * 3, 2)) <= 27 ? [] : [
        "regions[${index}].cidr: ${length(region.zones) * 3} subnets of at least /27 do not fit in ${region.cidr}"
      ],
      [
        for first in range(index) : "regions[${index}].cidr: overlaps the network of regions[${first}]"
        if local.networks[first] == null ? false : (
          local.networks[first].start == split("/", var.document.regions[first].cidr)[0]
          && local.networks[first].first < local.networks[index].first + local.networks[index].size
          && local.networks[index].first < local.networks[first].first + local.networks[first].size
        )
      ],
    )
  ])

  problems_of_ports = [
    for index, port in local.ports :
    "${port.field}: port ${port.number} is already used by ${local.ports[index(local.ports[*].number, port.number)].field}"
    if index(local.ports[*].number, port.number) != index
  ]

  problems_of_rollout = concat(
    var.document.rollout.healthy_minimum < max(2, min([for region in var.document.regions : length(region.zones)]...)) ? [] : [
      "rollout.healthy_minimum: must be below ${max(2, min([for region in var.document.regions : length(region.zones)]...))}, the servers of the smallest region"
    ],
    length(var.document.rollout.order) == 2 && length(setsubtract(["primary", "standby"], var.document.rollout.order)) == 0 ? [] : [
      "rollout.order: names primary and standby, each once"
    ],
  )
}
