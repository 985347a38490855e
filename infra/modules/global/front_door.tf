# The way in: a name that follows the health of the regions, or an accelerator that does.

data "aws_route53_zone" "this" {
  name = var.zone_name
}

# A region is well when a server of it can do its work, through its balancer and its certificate.
resource "aws_route53_health_check" "region" {
  for_each = local.regions

  reference_name    = each.key
  type              = "HTTPS"
  fqdn              = data.aws_lb.this[each.key].dns_name
  port              = 443
  resource_path     = local.topology.application.ready_path
  enable_sni        = true
  request_interval  = 10
  failure_threshold = local.topology.front_door.leave_after_failures
  measure_latency   = true
  tags              = { Name = module.naming[each.key].names.balancer }
}

locals {
  failover = var.accelerator ? {} : merge(
    { PRIMARY = local.home.key },
    local.standby == null ? {} : { SECONDARY = local.standby.key },
  )
}

resource "aws_route53_record" "failover" {
  for_each = local.failover

  zone_id         = data.aws_route53_zone.this.zone_id
  name            = var.domain
  type            = "A"
  set_identifier  = each.value
  health_check_id = aws_route53_health_check.region[each.value].id

  failover_routing_policy {
    type = each.key
  }

  alias {
    name                   = data.aws_lb.this[each.value].dns_name
    zone_id                = data.aws_lb.this[each.value].zone_id
    evaluate_target_health = true
  }
}

resource "aws_globalaccelerator_accelerator" "this" {
  count = var.accelerator ? 1 : 0

  name            = local.names.accelerator
  ip_address_type = "IPV4"
  enabled         = true
}

resource "aws_globalaccelerator_listener" "this" {
  count = var.accelerator ? 1 : 0

  accelerator_arn = aws_globalaccelerator_accelerator.this[0].arn
  protocol        = "TCP"

  dynamic "port_range" {
    for_each = [80, 443]

    content {
      from_port = port_range.value
      to_port   = port_range.value
    }
  }
}

resource "aws_globalaccelerator_endpoint_group" "region" {
  for_each = var.accelerator ? local.regions : {}

  listener_arn                  = aws_globalaccelerator_listener.this[0].arn
  endpoint_group_region         = each.value.aws_region
  traffic_dial_percentage       = each.value.role == "primary" ? 100 : 0
  health_check_path             = local.topology.application.ready_path
  health_check_protocol         = "HTTPS"
  health_check_port             = 443
  health_check_interval_seconds = 10
  threshold_count               = local.topology.front_door.leave_after_failures

  endpoint_configuration {
    endpoint_id                    = data.aws_lb.this[each.key].arn
    client_ip_preservation_enabled = true
  }
}

resource "aws_route53_record" "accelerator" {
  count = var.accelerator ? 1 : 0

  zone_id = data.aws_route53_zone.this.zone_id
  name    = var.domain
  type    = "A"

  alias {
    name                   = aws_globalaccelerator_accelerator.this[0].dns_name
    zone_id                = aws_globalaccelerator_accelerator.this[0].hosted_zone_id
    evaluate_target_health = true
  }
}
