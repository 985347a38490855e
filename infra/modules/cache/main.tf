# Valkey, for what is not money and may be lost: the ledger never asks it.

resource "aws_security_group" "cache" {
  name        = var.names.cache_group
  description = "The cache: from application servers only"
  vpc_id      = var.vpc_id
  tags        = { Name = var.names.cache_group }
}

resource "aws_vpc_security_group_ingress_rule" "servers" {
  security_group_id            = aws_security_group.cache.id
  description                  = "From this region's servers"
  ip_protocol                  = "tcp"
  from_port                    = 6379
  to_port                      = 6379
  referenced_security_group_id = var.server_group_id
}

resource "aws_vpc_security_group_egress_rule" "servers" {
  security_group_id            = var.server_group_id
  description                  = "To this region's cache"
  ip_protocol                  = "tcp"
  from_port                    = 6379
  to_port                      = 6379
  referenced_security_group_id = aws_security_group.cache.id
}

resource "aws_elasticache_subnet_group" "this" {
  name       = var.names.cache
  subnet_ids = var.subnet_ids
}

resource "aws_elasticache_replication_group" "this" {
  #checkov:skip=CKV_AWS_31:A token would lie in the state; only servers reach it, over TLS, and it holds no secret
  replication_group_id       = var.names.cache
  description                = "What is not money and may be lost"
  engine                     = "valkey"
  engine_version             = "8.0"
  node_type                  = var.node_type
  num_cache_clusters         = var.nodes
  port                       = 6379
  subnet_group_name          = aws_elasticache_subnet_group.this.name
  security_group_ids         = [aws_security_group.cache.id]
  automatic_failover_enabled = true
  multi_az_enabled           = true
  at_rest_encryption_enabled = true
  kms_key_id                 = var.key_arn
  transit_encryption_enabled = true
  transit_encryption_mode    = "required"
  auto_minor_version_upgrade = true
  tags                       = { Name = var.names.cache }
}
