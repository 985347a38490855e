# PostgreSQL of one region: the primary, Multi-AZ, or a replica of the other region's primary. It is
# one resource in both roles, so that a promotion is a change and never a replacement.
#
# RDS cannot manage the password of a PostgreSQL instance that has read replicas (RDS user guide,
# "Limitations for Secrets Manager integration"). So the database is made with an owner's password that
# nobody knows, a UUID that neither plan nor state keeps, and ci/rotate-secrets.sh sets the real one;
# Terraform never holds it.

locals {
  is_replica = var.source_arn != null
  owner      = "ballast_owner"
  family     = "postgres${split(".", var.database.engine_version)[0]}"

  settings = {
    "rds.force_ssl"              = { value = "1", apply_method = "immediate" }
    "log_connections"            = { value = "1", apply_method = "immediate" }
    "log_disconnections"         = { value = "1", apply_method = "immediate" }
    "log_min_duration_statement" = { value = "1000", apply_method = "immediate" }
    "log_parameter_max_length"   = { value = "0", apply_method = "immediate" }
    "rds.logical_replication"    = { value = "0", apply_method = "pending-reboot" }
  }
}

resource "aws_db_subnet_group" "this" {
  name        = var.names.database_subnet_group
  description = "Database subnets: no way out"
  subnet_ids  = var.subnet_ids
}

resource "aws_db_parameter_group" "this" {
  name        = var.names.database_parameter_group
  family      = local.family
  description = "TLS forced; who connects is logged, what they send is not"

  dynamic "parameter" {
    for_each = local.settings

    content {
      name         = parameter.key
      value        = parameter.value.value
      apply_method = parameter.value.apply_method
    }
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_db_instance" "this" {
  identifier     = var.names.database
  engine         = "postgres"
  engine_version = local.is_replica ? null : var.database.engine_version
  instance_class = var.instance_class
  db_name        = local.is_replica ? null : "ballast"
  port           = 5432

  replicate_source_db = var.source_arn
  multi_az            = local.is_replica ? false : var.database.multi_az

  username                            = local.is_replica ? null : local.owner
  password_wo                         = local.is_replica ? null : uuid()
  password_wo_version                 = local.is_replica ? null : 1
  iam_database_authentication_enabled = true

  allocated_storage     = local.is_replica ? null : var.storage_gb
  max_allocated_storage = var.storage_gb * 10
  storage_type          = "gp3"
  storage_encrypted     = true
  kms_key_id            = var.key_arn

  db_subnet_group_name   = aws_db_subnet_group.this.name
  parameter_group_name   = aws_db_parameter_group.this.name
  vpc_security_group_ids = [aws_security_group.database.id]
  publicly_accessible    = false
  ca_cert_identifier     = "rds-ca-rsa2048-g1"

  backup_retention_period   = var.database.backup_days
  backup_window             = "03:00-04:00"
  maintenance_window        = "sun:04:30-sun:05:30"
  copy_tags_to_snapshot     = true
  delete_automated_backups  = false
  deletion_protection       = true
  skip_final_snapshot       = false
  final_snapshot_identifier = var.names.database

  auto_minor_version_upgrade      = true
  allow_major_version_upgrade     = false
  apply_immediately               = false
  enabled_cloudwatch_logs_exports = ["postgresql", "upgrade"]
  monitoring_interval             = 30
  monitoring_role_arn             = aws_iam_role.monitor.arn
  performance_insights_enabled    = true
  performance_insights_kms_key_id = var.key_arn

  tags = { Name = var.names.database }

  lifecycle {
    prevent_destroy = true
    ignore_changes  = [password_wo, vpc_security_group_ids] # a fence stays
  }
}

# Reads may go here, in the zone of the server that asks; money is never decided on them.
resource "aws_db_instance" "reader" {
  #checkov:skip=CKV_AWS_157:Each zone has a reader of its own, and without one its servers read elsewhere
  count = length(var.reader_zones)

  identifier          = var.names.readers[count.index]
  availability_zone   = var.reader_zones[count.index]
  engine              = "postgres"
  instance_class      = var.instance_class
  port                = 5432
  replicate_source_db = aws_db_instance.this.identifier
  multi_az            = false

  iam_database_authentication_enabled = true
  max_allocated_storage               = var.storage_gb * 10
  storage_type                        = "gp3"
  storage_encrypted                   = true
  kms_key_id                          = var.key_arn

  parameter_group_name   = aws_db_parameter_group.this.name
  vpc_security_group_ids = [aws_security_group.database.id]
  publicly_accessible    = false
  ca_cert_identifier     = "rds-ca-rsa2048-g1"

  backup_retention_period   = var.database.backup_days
  backup_window             = "03:00-04:00"
  copy_tags_to_snapshot     = true
  delete_automated_backups  = false
  deletion_protection       = true
  skip_final_snapshot       = false
  final_snapshot_identifier = var.names.readers[count.index]

  auto_minor_version_upgrade      = true
  enabled_cloudwatch_logs_exports = ["postgresql", "upgrade"]
  monitoring_interval             = 30
  monitoring_role_arn             = aws_iam_role.monitor.arn
  performance_insights_enabled    = true
  performance_insights_kms_key_id = var.key_arn

  tags = { Name = var.names.readers[count.index] }

  lifecycle {
    ignore_changes = [vpc_security_group_ids] # a fence stays
  }
}

resource "aws_iam_role" "monitor" {
  name                 = var.names.database_monitor_role
  permissions_boundary = var.boundary_arn
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "monitoring.rds.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy_attachment" "monitor" {
  role       = aws_iam_role.monitor.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"
}
