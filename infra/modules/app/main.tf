# The application servers: one launch template and one auto-scaling group for each zone, so that a
# server carries the name of the convention and a zone is never left without one.
#
# A server joins the balancer when its own start-up script has seen its readiness path answer and
# completes the launch hook; until then, and if it never does, nothing is sent to it.

resource "aws_launch_template" "server" {
  count = length(var.servers)

  name                   = var.names.servers[count.index]
  description            = "Artifact ${substr(var.artifact.sha256, 0, 12)}"
  image_id               = var.ami_id
  instance_type          = var.instance_type
  update_default_version = false
  ebs_optimized          = true

  user_data = base64encode(templatefile("${path.module}/user-data.sh.tftpl", {
    server_name       = var.names.servers[count.index]
    region_key        = var.region_key
    aws_region        = var.aws_region
    zone              = var.servers[count.index].zone
    port              = var.application.port
    live_path         = var.application.live_path
    ready_path        = var.application.ready_path
    drain_seconds     = var.drain_seconds
    artifact_bucket   = var.artifact.bucket
    artifact_key      = var.artifact.key
    artifact_sha256   = var.artifact.sha256
    agent_key         = var.agent.key
    agent_sha256      = var.agent.sha256
    secret_name       = var.names.secret
    readers           = join(",", var.readers[count.index])
    log_group         = var.names.server_log
    autoscaling_group = var.names.servers[count.index]
    launch_hook       = var.names.launch_hook
  }))

  iam_instance_profile {
    arn = aws_iam_instance_profile.server.arn
  }

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
    instance_metadata_tags      = "enabled"
  }

  network_interfaces {
    associate_public_ip_address = false
    delete_on_termination       = true
    security_groups             = [aws_security_group.servers.id]
  }

  block_device_mappings {
    device_name = "/dev/xvda"

    ebs {
      encrypted             = true
      kms_key_id            = var.key_arn
      volume_type           = "gp3"
      volume_size           = var.disk_gb
      delete_on_termination = true
    }
  }

  monitoring {
    enabled = true
  }

  dynamic "tag_specifications" {
    for_each = ["instance", "volume", "network-interface"]

    content {
      resource_type = tag_specifications.value
      tags          = { Name = var.names.servers[count.index] }
    }
  }

  tags = { Name = var.names.servers[count.index] }
}

resource "aws_autoscaling_group" "server" {
  count = length(var.servers)

  name                      = var.names.servers[count.index]
  min_size                  = var.servers[count.index].min
  max_size                  = var.servers[count.index].max
  vpc_zone_identifier       = [var.subnet_ids[count.index]]
  target_group_arns         = [var.target_group_arn]
  health_check_type         = "ELB"
  health_check_grace_period = var.warm_up_seconds + 30
  default_instance_warmup   = var.warm_up_seconds
  max_instance_lifetime     = 30 * 24 * 60 * 60
  termination_policies      = ["OldestLaunchTemplate", "OldestInstance"]
  wait_for_capacity_timeout = "45m" # the first time they wait for a secret that a person makes
  enabled_metrics           = ["GroupInServiceInstances", "GroupDesiredCapacity", "GroupPendingInstances"]

  # A number, never $Latest: a rollback goes to the version before, and a scale-out in the middle of
  # a roll-out installs what was reviewed.
  launch_template {
    id      = aws_launch_template.server[count.index].id
    version = tostring(aws_launch_template.server[count.index].latest_version)
  }

  # Not before `ready` is seen by the start-up script; half an hour is a machine that will never be.
  initial_lifecycle_hook {
    name                 = var.names.launch_hook
    lifecycle_transition = "autoscaling:EC2_INSTANCE_LAUNCHING"
    default_result       = "ABANDON"
    heartbeat_timeout    = 1800
  }

  # The new server is in use before the old one leaves, so that the zone keeps all of its servers.
  instance_refresh {
    strategy = "Rolling"

    preferences {
      min_healthy_percentage = 100
      max_healthy_percentage = 200
      instance_warmup        = var.warm_up_seconds
      auto_rollback          = true
      skip_matching          = true

      alarm_specification {
        alarms = [
          aws_cloudwatch_metric_alarm.errors.alarm_name,
          aws_cloudwatch_metric_alarm.unhealthy.alarm_name,
        ]
      }
    }
  }

  tag {
    key                 = "Name"
    value               = var.names.servers[count.index]
    propagate_at_launch = true
  }

  lifecycle {
    ignore_changes = [desired_capacity]
  }
}

resource "aws_autoscaling_policy" "load" {
  count = length(var.servers)

  name                   = var.names.load_policy
  autoscaling_group_name = aws_autoscaling_group.server[count.index].name
  policy_type            = "TargetTrackingScaling"

  target_tracking_configuration {
    target_value = var.cpu_target_percent

    predefined_metric_specification {
      predefined_metric_type = "ASGAverageCPUUtilization"
    }
  }
}
