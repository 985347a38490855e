# A missing field, or a value that can be no number, is refused here with its path; what Terraform
# converts silently is refused by the caller.

variable "document" {
  description = "The decoded topology file."
  nullable    = false

  type = object({
    project     = string
    application = object({ port = number, live_path = string, ready_path = string })
    health_check = object({
      interval_seconds    = number
      timeout_seconds     = number
      healthy_threshold   = number
      unhealthy_threshold = number
    })
    drain_seconds = number
    front_door = object({
      local_port             = number
      leave_after_failures   = number
      check_interval_seconds = number
      return_after_seconds   = number
    })
    regions = list(object({
      key         = string
      aws_region  = string
      role        = string
      cidr        = string
      local_port  = number
      servers_min = number
      servers_max = number
      zones       = list(object({ name = string, local_port = number }))
    }))
    rollout = object({
      healthy_minimum = number
      warm_up_seconds = number
      bake_seconds    = number
      order           = list(string)
    })
    database = object({
      engine_version = string
      multi_az       = bool
      replica        = bool
      backup_days    = number
      public         = bool
    })
    link_ms = number
  })
}
