# Who reaches the database: this region's servers by reference, the other regions' by their subnets; and
# where an old primary is put so that nobody does.

resource "aws_security_group" "database" {
  name        = var.names.database_group
  description = "The database: from application servers only"
  vpc_id      = var.vpc_id
  tags        = { Name = var.names.database_group }
}

resource "aws_vpc_security_group_ingress_rule" "servers" {
  security_group_id            = aws_security_group.database.id
  description                  = "From this region's servers"
  ip_protocol                  = "tcp"
  from_port                    = 5432
  to_port                      = 5432
  referenced_security_group_id = var.server_group_id
}

resource "aws_vpc_security_group_egress_rule" "servers" {
  security_group_id            = var.server_group_id
  description                  = "To this region's database"
  ip_protocol                  = "tcp"
  from_port                    = 5432
  to_port                      = 5432
  referenced_security_group_id = aws_security_group.database.id
}

resource "aws_vpc_security_group_ingress_rule" "peers" {
  for_each = toset(var.peer_cidrs)

  security_group_id = aws_security_group.database.id
  description       = "From another region's servers"
  ip_protocol       = "tcp"
  from_port         = 5432
  to_port           = 5432
  cidr_ipv4         = each.value
}

# Lets nobody in. ci/promote-database.sh puts the old primary and its readers here, and the databases
# ignore a change of their groups: no apply opens them again.
resource "aws_security_group" "fence" {
  #checkov:skip=CKV2_AWS_5:Nothing stands in it before a promotion
  name        = var.names.fence_group
  description = "A database that was the primary: from nobody"
  vpc_id      = var.vpc_id
  tags        = { Name = var.names.fence_group }
}
