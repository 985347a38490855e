# What a person has to look at before the bank notices.

locals {
  alarms = {
    cpu = {
      name        = var.names.alarm_database_cpu
      description = "The database's processors are busy: above 80 % for five minutes"
      metric      = "CPUUtilization"
      comparison  = "GreaterThanThreshold"
      threshold   = 80
    }
    space = {
      name        = var.names.alarm_database_space
      description = "Less than 5 GiB of the database's disk is free"
      metric      = "FreeStorageSpace"
      comparison  = "LessThanThreshold"
      threshold   = 5 * 1024 * 1024 * 1024
    }
    lag = {
      name        = var.names.alarm_database_lag
      description = "The replica is more than 30 s behind"
      metric      = "ReplicaLag"
      comparison  = "GreaterThanThreshold"
      threshold   = 30
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "database" {
  for_each = { for key, alarm in local.alarms : key => alarm if key != "lag" || local.is_replica }

  alarm_name          = each.value.name
  alarm_description   = each.value.description
  namespace           = "AWS/RDS"
  metric_name         = each.value.metric
  statistic           = "Average"
  period              = 60
  evaluation_periods  = 5
  threshold           = each.value.threshold
  comparison_operator = each.value.comparison
  treat_missing_data  = "breaching"
  alarm_actions       = [var.alarm_topic_arn]
  ok_actions          = [var.alarm_topic_arn]
  dimensions          = { DBInstanceIdentifier = var.names.database }
}
