# What a person has to look at before the bank notices: of the database, and of each reader.

locals {
  measures = {
    cpu = {
      description = "processors are busy: above 80 % for five minutes"
      metric      = "CPUUtilization"
      comparison  = "GreaterThanThreshold"
      threshold   = 80
    }
    space = {
      description = "less than 5 GiB of the disk is free"
      metric      = "FreeStorageSpace"
      comparison  = "LessThanThreshold"
      threshold   = 5 * 1024 * 1024 * 1024
    }
    lag = {
      description = "more than 30 s behind what it follows"
      metric      = "ReplicaLag"
      comparison  = "GreaterThanThreshold"
      threshold   = 30
    }
  }

  database_alarms = {
    cpu   = var.names.alarm_database_cpu
    space = var.names.alarm_database_space
    lag   = var.names.alarm_database_lag
  }

  reader_alarms = merge([
    for index in range(length(var.reader_zones)) : {
      for measure, names in {
        cpu   = var.names.alarm_readers_cpu
        space = var.names.alarm_readers_space
        lag   = var.names.alarm_readers_lag
      } : "${index}-${measure}" => { name = names[index], measure = measure, database = var.names.readers[index] }
    }
  ]...)
}

resource "aws_cloudwatch_metric_alarm" "database" {
  for_each = { for measure, name in local.database_alarms : measure => name if measure != "lag" || local.is_replica }

  alarm_name          = each.value
  alarm_description   = "${var.names.database}: ${local.measures[each.key].description}"
  namespace           = "AWS/RDS"
  metric_name         = local.measures[each.key].metric
  statistic           = "Average"
  period              = 60
  evaluation_periods  = 5
  threshold           = local.measures[each.key].threshold
  comparison_operator = local.measures[each.key].comparison
  treat_missing_data  = "breaching"
  alarm_actions       = [var.alarm_topic_arn]
  ok_actions          = [var.alarm_topic_arn]
  dimensions          = { DBInstanceIdentifier = var.names.database }
}

resource "aws_cloudwatch_metric_alarm" "reader" {
  for_each = local.reader_alarms

  alarm_name          = each.value.name
  alarm_description   = "${each.value.database}: ${local.measures[each.value.measure].description}"
  namespace           = "AWS/RDS"
  metric_name         = local.measures[each.value.measure].metric
  statistic           = "Average"
  period              = 60
  evaluation_periods  = 5
  threshold           = local.measures[each.value.measure].threshold
  comparison_operator = local.measures[each.value.measure].comparison
  treat_missing_data  = "breaching"
  alarm_actions       = [var.alarm_topic_arn]
  ok_actions          = [var.alarm_topic_arn]
  dimensions          = { DBInstanceIdentifier = each.value.database }
}
