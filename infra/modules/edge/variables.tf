variable "names" {
  description = "The names of modules/naming."
  type = object({
    balancer_group = string
    balancer       = string
    target_group   = string
    web_acl        = string
    web_log        = string
  })
  nullable = false
}

variable "vpc_id" {
  description = "The VPC."
  type        = string
  nullable    = false

  validation {
    condition     = length(var.vpc_id) > 0
    error_message = "vpc_id is needed"
  }
}

variable "public_subnet_ids" {
  description = "The public subnets, one in each zone."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.public_subnet_ids) >= 2
    error_message = "a balancer stands in at least two zones"
  }
}

variable "application" {
  description = "Port and liveness path of the servers, from the topology."
  type        = object({ port = number, live_path = string })
  nullable    = false

  validation {
    condition     = var.application.port >= 1024 && startswith(var.application.live_path, "/")
    error_message = "servers listen on a port from 1024 up, and the path begins with /"
  }
}

variable "health_check" {
  description = "The balancer's checks of the servers, from the topology."
  type = object({
    interval_seconds    = number
    timeout_seconds     = number
    healthy_threshold   = number
    unhealthy_threshold = number
  })
  nullable = false

  validation {
    condition     = var.health_check.timeout_seconds < var.health_check.interval_seconds
    error_message = "a check is over before the next one begins"
  }
}

variable "drain_seconds" {
  description = "How long a leaving server may finish what it has, from the topology."
  type        = number
  nullable    = false

  validation {
    condition     = var.drain_seconds >= 1 && var.drain_seconds <= 3600
    error_message = "a server drains for 1 to 3600 seconds"
  }
}

variable "certificate_arn" {
  description = "The certificate of the bank's domain in this region."
  type        = string
  nullable    = false

  validation {
    condition     = startswith(var.certificate_arn, "arn:")
    error_message = "certificate_arn is an ARN"
  }
}

variable "log_bucket" {
  description = "Name of the bucket for the balancer's access log."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9.-]{3,63}$", var.log_bucket))
    error_message = "a bucket's name is 3 to 63 lower-case letters, digits, dots and hyphens"
  }
}

variable "log_days" {
  description = "How long access logs are kept, in days."
  type        = number
  default     = 365
  nullable    = false

  validation {
    condition     = var.log_days >= 30
    error_message = "access logs are kept for at least 30 days"
  }
}

variable "requests_per_address" {
  description = "How many requests one address may send in five minutes before the firewall refuses it."
  type        = number
  default     = 10000
  nullable    = false

  validation {
    condition     = var.requests_per_address >= 100 && var.requests_per_address <= 2000000000
    error_message = "the firewall counts from 100 up"
  }
}

variable "web_log_days" {
  description = "How long what the firewall refused is kept, in days, as CloudWatch allows."
  type        = number
  default     = 365
  nullable    = false

  validation {
    condition     = contains([30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 3653], var.web_log_days)
    error_message = "CloudWatch keeps logs for 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827 or 3653 days"
  }
}

variable "key_arn" {
  description = "The KMS key of this region, for the firewall's log."
  type        = string
  nullable    = false

  validation {
    condition     = startswith(var.key_arn, "arn:")
    error_message = "key_arn is an ARN"
  }
}
