# What stops and takes back a roll-out, and wakes a person.

resource "aws_cloudwatch_metric_alarm" "errors" {
  alarm_name          = var.names.alarm_errors
  alarm_description   = "Servers answer 5xx: more than 5 a minute, two minutes of three"
  namespace           = "AWS/ApplicationELB"
  metric_name         = "HTTPCode_Target_5XX_Count"
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = 3
  datapoints_to_alarm = 2
  threshold           = 5
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [var.alarm_topic_arn]
  ok_actions          = [var.alarm_topic_arn]
  dimensions          = { LoadBalancer = var.balancer_suffix, TargetGroup = var.target_group_suffix }
}

resource "aws_cloudwatch_metric_alarm" "unhealthy" {
  alarm_name          = var.names.alarm_unhealthy
  alarm_description   = "Fewer healthy servers than zones for two minutes"
  namespace           = "AWS/ApplicationELB"
  metric_name         = "HealthyHostCount"
  statistic           = "Minimum"
  period              = 60
  evaluation_periods  = 2
  threshold           = length(var.servers)
  comparison_operator = "LessThanThreshold"
  treat_missing_data  = "breaching"
  alarm_actions       = [var.alarm_topic_arn]
  ok_actions          = [var.alarm_topic_arn]
  dimensions          = { LoadBalancer = var.balancer_suffix, TargetGroup = var.target_group_suffix }
}

resource "aws_cloudwatch_metric_alarm" "latency" {
  alarm_name          = var.names.alarm_latency
  alarm_description   = "One answer in a hundred takes longer than a second, for three minutes"
  namespace           = "AWS/ApplicationELB"
  metric_name         = "TargetResponseTime"
  extended_statistic  = "p99"
  period              = 60
  evaluation_periods  = 3
  threshold           = 1
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [var.alarm_topic_arn]
  ok_actions          = [var.alarm_topic_arn]
  dimensions          = { LoadBalancer = var.balancer_suffix, TargetGroup = var.target_group_suffix }
}
