# One page for both regions, and an alarm for a region that clients have been led away from.

locals {
  widgets = [
    for index, region in local.topology.regions : [
      {
        type   = "metric"
        x      = 12 * (index % 2)
        y      = 12 * floor(index / 2)
        width  = 12
        height = 6
        properties = {
          title  = "${region.key}: requests and errors"
          region = region.aws_region
          stat   = "Sum"
          period = 60
          metrics = [
            ["AWS/ApplicationELB", "RequestCount", "LoadBalancer", data.aws_lb.this[region.key].arn_suffix],
            ["AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", "LoadBalancer", data.aws_lb.this[region.key].arn_suffix],
            ["AWS/ApplicationELB", "HTTPCode_ELB_5XX_Count", "LoadBalancer", data.aws_lb.this[region.key].arn_suffix],
          ]
        }
      },
      {
        type   = "metric"
        x      = 12 * (index % 2)
        y      = 12 * floor(index / 2) + 6
        width  = 12
        height = 6
        properties = {
          title  = "${region.key}: database"
          region = region.aws_region
          stat   = "Average"
          period = 60
          metrics = [
            ["AWS/RDS", "CPUUtilization", "DBInstanceIdentifier", module.naming[region.key].names.database],
            ["AWS/RDS", "CommitLatency", "DBInstanceIdentifier", module.naming[region.key].names.database],
            ["AWS/RDS", "ReplicaLag", "DBInstanceIdentifier", module.naming[region.key].names.database],
          ]
        }
      },
    ]
  ]
}

resource "aws_cloudwatch_dashboard" "this" {
  region         = local.home.aws_region
  dashboard_name = local.names.dashboard
  dashboard_body = jsonencode({ widgets = flatten(local.widgets) })
}

# Route 53 keeps its metrics in us-east-1, whatever the regions of the bank are; bootstrap has a copy
# of the key there. Amazon's own key for topics lets no alarm publish.
data "aws_kms_alias" "alarms" {
  region = "us-east-1"
  name   = local.names.data_key
}

resource "aws_sns_topic" "alarms" {
  region            = "us-east-1"
  name              = local.names.alarm_global
  kms_master_key_id = data.aws_kms_alias.alarms.target_key_arn
}

resource "aws_sns_topic_subscription" "alarms" {
  for_each = toset(var.alarm_receivers)

  region    = "us-east-1"
  topic_arn = aws_sns_topic.alarms.arn
  protocol  = startswith(each.value, "https://") ? "https" : "email"
  endpoint  = each.value
}

resource "aws_cloudwatch_metric_alarm" "region" {
  for_each = local.regions

  region              = "us-east-1"
  alarm_name          = module.naming[each.key].names.alarm_region
  alarm_description   = "The region ${each.key} does not answer; clients are led away from it"
  namespace           = "AWS/Route53"
  metric_name         = "HealthCheckStatus"
  statistic           = "Minimum"
  period              = 60
  evaluation_periods  = 1
  threshold           = 1
  comparison_operator = "LessThanThreshold"
  treat_missing_data  = "breaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
  dimensions          = { HealthCheckId = aws_route53_health_check.region[each.key].id }
}
