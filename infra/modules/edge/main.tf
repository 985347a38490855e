# The regional load balancer: the only thing in the region that the world reaches, on 443, with 80
# answering only with the way to 443.

resource "aws_security_group" "balancer" {
  name        = var.names.balancer_group
  description = "The load balancer: HTTPS from the world, HTTP for the redirect"
  vpc_id      = var.vpc_id
  tags        = { Name = var.names.balancer_group }
}

resource "aws_vpc_security_group_ingress_rule" "world" {
  #checkov:skip=CKV_AWS_260:Port 80 answers with the way to 443 and nothing else
  for_each = { https = 443, redirect = 80 }

  security_group_id = aws_security_group.balancer.id
  description       = "${each.key} from the world"
  ip_protocol       = "tcp"
  from_port         = each.value
  to_port           = each.value
  cidr_ipv4         = "0.0.0.0/0"
}

resource "aws_lb" "this" {
  #checkov:skip=CKV2_AWS_76:Log4j is in AWSManagedRulesKnownBadInputsRuleSet; checkov does not read rule_json
  name               = var.names.balancer
  load_balancer_type = "application"
  internal           = false
  subnets            = var.public_subnet_ids
  security_groups    = [aws_security_group.balancer.id]

  drop_invalid_header_fields       = true
  desync_mitigation_mode           = "strictest"
  enable_cross_zone_load_balancing = true
  enable_deletion_protection       = true
  enable_zonal_shift               = true
  idle_timeout                     = 60

  access_logs {
    bucket  = aws_s3_bucket.log.id
    enabled = true
  }

  tags       = { Name = var.names.balancer }
  depends_on = [aws_s3_bucket_policy.log]
}

resource "aws_lb_target_group" "servers" {
  name                          = var.names.target_group
  vpc_id                        = var.vpc_id
  port                          = var.application.port
  protocol                      = "HTTP"
  target_type                   = "instance"
  deregistration_delay          = var.drain_seconds
  load_balancing_algorithm_type = "least_outstanding_requests"

  health_check {
    enabled             = true
    path                = var.application.live_path
    port                = "traffic-port"
    protocol            = "HTTP"
    matcher             = "200"
    interval            = var.health_check.interval_seconds
    timeout             = var.health_check.timeout_seconds
    healthy_threshold   = var.health_check.healthy_threshold
    unhealthy_threshold = var.health_check.unhealthy_threshold
  }

  tags = { Name = var.names.target_group }
}

resource "aws_lb_listener" "https" {
  load_balancer_arn = aws_lb.this.arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  certificate_arn   = var.certificate_arn

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.servers.arn
  }
}

resource "aws_lb_listener" "redirect" {
  load_balancer_arn = aws_lb.this.arn
  port              = 80
  protocol          = "HTTP"

  default_action {
    type = "redirect"

    redirect {
      port        = "443"
      protocol    = "HTTPS"
      status_code = "HTTP_301"
    }
  }
}
