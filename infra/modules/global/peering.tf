# Private paths between the regions' app and database subnets: servers of a standby region write to
# the primary's database over them, and nothing else does (security groups say so).

locals {
  keys = local.topology.regions[*].key

  pairs = {
    for pair in flatten([
      for index, one in local.keys : [
        for other in slice(local.keys, index + 1, length(local.keys)) : { one = one, other = other }
      ]
    ]) : "${pair.one}-${pair.other}" => pair
  }

  # Every app and database route table of both sides of each pair.
  routes = {
    for route in flatten([
      for key, pair in local.pairs : [
        for side in [{ from = pair.one, to = pair.other }, { from = pair.other, to = pair.one }] : [
          for table in concat(
            module.naming[side.from].names.app_route_tables,
            [module.naming[side.from].names.database_route_table],
          ) : { pair = key, from = side.from, to = side.to, table = table }
        ]
      ]
    ]) : "${route.table}-${route.to}" => route
  }
}

resource "aws_vpc_peering_connection" "this" {
  for_each = local.pairs

  region      = local.regions[each.value.one].aws_region
  vpc_id      = data.aws_vpc.this[each.value.one].id
  peer_vpc_id = data.aws_vpc.this[each.value.other].id
  peer_region = local.regions[each.value.other].aws_region
  auto_accept = false
  tags        = { Name = local.names.peering }
}

resource "aws_vpc_peering_connection_accepter" "this" {
  for_each = local.pairs

  region                    = local.regions[each.value.other].aws_region
  vpc_peering_connection_id = aws_vpc_peering_connection.this[each.key].id
  auto_accept               = true
  tags                      = { Name = local.names.peering }
}

data "aws_route_table" "this" {
  for_each = local.routes

  region = local.regions[each.value.from].aws_region
  vpc_id = data.aws_vpc.this[each.value.from].id
  tags   = { Name = each.value.table }
}

resource "aws_route" "peer" {
  for_each = local.routes

  region                    = local.regions[each.value.from].aws_region
  route_table_id            = data.aws_route_table.this[each.key].id
  destination_cidr_block    = local.regions[each.value.to].cidr
  vpc_peering_connection_id = aws_vpc_peering_connection_accepter.this[each.value.pair].id
}
