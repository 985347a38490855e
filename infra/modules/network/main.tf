# A VPC with three kinds of subnets in each zone. Public subnets hold balancers and nothing else; app
# subnets hold servers without public addresses; database subnets have no way out at all.

resource "aws_vpc" "this" {
  cidr_block           = var.cidr
  enable_dns_support   = true
  enable_dns_hostnames = true
  tags                 = { Name = var.names.vpc }
}

# What is in no other group may talk to nobody.
resource "aws_default_security_group" "this" {
  vpc_id = aws_vpc.this.id
}

resource "aws_internet_gateway" "this" {
  vpc_id = aws_vpc.this.id
  tags   = { Name = var.names.internet_gateway }
}

resource "aws_subnet" "public" {
  count = length(var.zones)

  vpc_id                  = aws_vpc.this.id
  availability_zone       = var.zones[count.index]
  cidr_block              = var.subnets.public[count.index]
  map_public_ip_on_launch = false
  tags                    = { Name = var.names.public_subnets[count.index], Tier = "public" }
}

resource "aws_subnet" "app" {
  count = length(var.zones)

  vpc_id                  = aws_vpc.this.id
  availability_zone       = var.zones[count.index]
  cidr_block              = var.subnets.app[count.index]
  map_public_ip_on_launch = false
  tags                    = { Name = var.names.app_subnets[count.index], Tier = "app" }
}

resource "aws_subnet" "database" {
  count = length(var.subnets.database)

  vpc_id                  = aws_vpc.this.id
  availability_zone       = var.zones[count.index]
  cidr_block              = var.subnets.database[count.index]
  map_public_ip_on_launch = false
  tags                    = { Name = var.names.database_subnets[count.index], Tier = "database" }
}

resource "aws_route_table" "public" {
  vpc_id = aws_vpc.this.id
  tags   = { Name = var.names.public_route_table, Tier = "public" }
}

resource "aws_route" "internet" {
  route_table_id         = aws_route_table.public.id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.this.id
}

resource "aws_route_table_association" "public" {
  count = length(var.zones)

  route_table_id = aws_route_table.public.id
  subnet_id      = aws_subnet.public[count.index].id
}

resource "aws_route_table" "app" {
  count = length(var.zones)

  vpc_id = aws_vpc.this.id
  tags   = { Name = var.names.app_route_tables[count.index], Tier = "app" }
}

resource "aws_route_table_association" "app" {
  count = length(var.zones)

  route_table_id = aws_route_table.app[count.index].id
  subnet_id      = aws_subnet.app[count.index].id
}

resource "aws_route_table" "database" {
  count = length(var.subnets.database) > 0 ? 1 : 0

  vpc_id = aws_vpc.this.id
  tags   = { Name = var.names.database_route_table, Tier = "database" }
}

resource "aws_route_table_association" "database" {
  count = length(var.subnets.database)

  route_table_id = aws_route_table.database[0].id
  subnet_id      = aws_subnet.database[count.index].id
}

locals {
  nat_count = { none = 0, one = 1, per_zone = length(var.zones) }[var.nat]
}

resource "aws_eip" "nat" {
  count = local.nat_count

  domain = "vpc"
  tags   = { Name = var.names.nat_gateways[count.index] }
}

resource "aws_nat_gateway" "this" {
  count = local.nat_count

  allocation_id = aws_eip.nat[count.index].id
  subnet_id     = aws_subnet.public[count.index].id
  tags          = { Name = var.names.nat_gateways[count.index] }

  depends_on = [aws_internet_gateway.this]
}

resource "aws_route" "nat" {
  count = local.nat_count > 0 ? length(var.zones) : 0

  route_table_id         = aws_route_table.app[count.index].id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = aws_nat_gateway.this[min(count.index, local.nat_count - 1)].id
}
