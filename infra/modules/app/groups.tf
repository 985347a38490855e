# Who talks to the servers, and to whom they talk. By reference; no address of the world.

resource "aws_security_group" "servers" {
  name        = var.names.server_group
  description = "The application servers: from the balancer only"
  vpc_id      = var.vpc_id
  tags        = { Name = var.names.server_group }
}

resource "aws_vpc_security_group_ingress_rule" "balancer" {
  security_group_id            = aws_security_group.servers.id
  description                  = "Requests from the balancer"
  ip_protocol                  = "tcp"
  from_port                    = var.application.port
  to_port                      = var.application.port
  referenced_security_group_id = var.balancer_group_id
}

resource "aws_vpc_security_group_egress_rule" "balancer" {
  security_group_id            = var.balancer_group_id
  description                  = "Requests to the servers"
  ip_protocol                  = "tcp"
  from_port                    = var.application.port
  to_port                      = var.application.port
  referenced_security_group_id = aws_security_group.servers.id
}

resource "aws_vpc_security_group_egress_rule" "endpoints" {
  security_group_id            = aws_security_group.servers.id
  description                  = "Services of AWS"
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
  referenced_security_group_id = var.endpoint_group_id
}

resource "aws_vpc_security_group_ingress_rule" "endpoints" {
  security_group_id            = var.endpoint_group_id
  description                  = "From the servers"
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
  referenced_security_group_id = aws_security_group.servers.id
}

resource "aws_vpc_security_group_egress_rule" "artifact" {
  security_group_id = aws_security_group.servers.id
  description       = "The artifact, from S3"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  prefix_list_id    = var.s3_prefix_list_id
}
