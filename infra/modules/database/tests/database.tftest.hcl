mock_provider "aws" {}

variables {
  boundary_arn = "arn:aws:iam::123456789012:policy/boundary"
  names = {
    database                 = "database"
    readers                  = ["reader01", "reader02"]
    database_group           = "group"
    fence_group              = "fence"
    database_subnet_group    = "subnets"
    database_parameter_group = "parameters"
    database_monitor_role    = "monitor"
    alarm_database_cpu       = "cpu"
    alarm_database_space     = "space"
    alarm_database_lag       = "lag"
    alarm_readers_cpu        = ["reader01-cpu", "reader02-cpu"]
    alarm_readers_space      = ["reader01-space", "reader02-space"]
    alarm_readers_lag        = ["reader01-lag", "reader02-lag"]
  }
  vpc_id          = "vpc-1"
  subnet_ids      = ["subnet-1", "subnet-2"]
  server_group_id = "sg-1"
  key_arn         = "arn:aws:kms:us-east-1:123456789012:key/1"
  alarm_topic_arn = "arn:aws:sns:us-east-1:123456789012:alarms"
  database        = { engine_version = "15", multi_az = true, backup_days = 7 }
}

run "a_primary" {
  command = plan

  assert {
    condition     = aws_db_instance.this.multi_az && aws_db_instance.this.engine_version == "15" && aws_db_instance.this.replicate_source_db == null
    error_message = "a primary is Multi-AZ and follows nobody"
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.database) == 2 && length(aws_cloudwatch_metric_alarm.reader) == 0
    error_message = "a primary lags behind nobody"
  }
}

run "a_replica" {
  command = plan

  variables {
    source_arn = "arn:aws:rds:us-east-1:123456789012:db:database"
  }

  assert {
    condition     = !aws_db_instance.this.multi_az && length(aws_cloudwatch_metric_alarm.database) == 3
    error_message = "a replica is in one zone and has an alarm for its lag"
  }
}

run "no_backups" {
  command = plan

  variables {
    database = { engine_version = "15", multi_az = true, backup_days = 0 }
  }

  expect_failures = [var.database]
}

run "a_reader_in_each_zone" {
  command = plan

  variables {
    reader_zones = ["us-east-1a", "us-east-1b"]
  }

  assert {
    condition     = aws_db_instance.reader[*].availability_zone == ["us-east-1a", "us-east-1b"] && aws_db_instance.reader[1].identifier == "reader02"
    error_message = "readers stand in the zones they are asked for"
  }

  assert {
    condition     = alltrue([for reader in aws_db_instance.reader : reader.deletion_protection && !reader.publicly_accessible && reader.storage_encrypted])
    error_message = "readers are as private as their database"
  }

  assert {
    condition     = sort([for alarm in aws_cloudwatch_metric_alarm.reader : "${alarm.alarm_name} ${alarm.metric_name} ${alarm.dimensions.DBInstanceIdentifier}"]) == tolist(["reader01-cpu CPUUtilization reader01", "reader01-lag ReplicaLag reader01", "reader01-space FreeStorageSpace reader01", "reader02-cpu CPUUtilization reader02", "reader02-lag ReplicaLag reader02", "reader02-space FreeStorageSpace reader02"])
    error_message = "each reader has alarms of its processors, its disk and its lag"
  }
}

run "two_readers_in_a_zone" {
  command = plan

  variables {
    reader_zones = ["us-east-1a", "us-east-1a"]
  }

  expect_failures = [var.reader_zones]
}

run "a_reader_of_a_replica" {
  command = plan

  variables {
    source_arn   = "arn:aws:rds:us-east-1:123456789012:db:database"
    reader_zones = ["us-east-1a"]
  }

  expect_failures = [var.reader_zones]
}
