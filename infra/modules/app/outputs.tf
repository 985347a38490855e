output "server_group_id" {
  description = "The servers' security group."
  value       = aws_security_group.servers.id
}

output "autoscaling_groups" {
  description = "The auto-scaling groups, in the order of the zones; each is named like its servers."
  value       = aws_autoscaling_group.server[*].name
}

output "rollback_alarms" {
  description = "The alarms that take a roll-out back."
  value = [
    aws_cloudwatch_metric_alarm.errors.alarm_name,
    aws_cloudwatch_metric_alarm.unhealthy.alarm_name,
  ]
}
