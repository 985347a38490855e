output "balancer_group_id" {
  description = "The balancer's security group."
  value       = aws_security_group.balancer.id
}

output "target_group_arn" {
  description = "The servers' target group."
  value       = aws_lb_target_group.servers.arn
}

output "target_group_suffix" {
  description = "The target group as CloudWatch names it."
  value       = aws_lb_target_group.servers.arn_suffix
}

output "balancer_suffix" {
  description = "The balancer as CloudWatch names it."
  value       = aws_lb.this.arn_suffix
}

output "dns_name" {
  description = "The balancer's own address."
  value       = aws_lb.this.dns_name
}
