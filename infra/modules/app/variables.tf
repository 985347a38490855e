variable "names" {
  description = "The names of modules/naming."
  type = object({
    server_group    = string
    servers         = list(string)
    server_role     = string
    server_log      = string
    launch_hook     = string
    load_policy     = string
    secret          = string
    alarm_errors    = string
    alarm_unhealthy = string
    alarm_latency   = string
  })
  nullable = false
}

variable "aws_region" {
  description = "The AWS region."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]+(-[a-z]+)+-[0-9]$", var.aws_region))
    error_message = "an AWS region is written like us-east-1"
  }
}

variable "region_key" {
  description = "The key of the region, as the servers tell it."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{0,15}$", var.region_key))
    error_message = "a key is 1 to 16 lower-case letters and digits, a letter first"
  }
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

variable "servers" {
  description = "Each zone with its fewest and most servers, from modules/topology."
  type        = list(object({ zone = string, min = number, max = number }))
  nullable    = false

  validation {
    condition     = length(var.servers) >= 2 && alltrue([for zone in var.servers : zone.min >= 1 && zone.min <= zone.max])
    error_message = "at least two zones, each with at least one server and no fewer most than fewest"
  }
}

variable "subnet_ids" {
  description = "The app subnets, in the order of the zones."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.subnet_ids) == length(var.servers)
    error_message = "each zone has one app subnet"
  }
}

variable "application" {
  description = "Port and paths of the servers, from the topology."
  type        = object({ port = number, live_path = string, ready_path = string })
  nullable    = false

  validation {
    condition     = var.application.port >= 1024 && startswith(var.application.ready_path, "/")
    error_message = "servers listen on a port from 1024 up, and paths begin with /"
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

variable "warm_up_seconds" {
  description = "Time a new server gets before the next one is replaced, from the topology."
  type        = number
  nullable    = false

  validation {
    condition     = var.warm_up_seconds >= 0 && var.warm_up_seconds <= 3600
    error_message = "a server warms up for 0 to 3600 seconds"
  }
}

variable "target_group_arn" {
  description = "The balancer's target group."
  type        = string
  nullable    = false

  validation {
    condition     = startswith(var.target_group_arn, "arn:")
    error_message = "target_group_arn is an ARN"
  }
}

variable "target_group_suffix" {
  description = "The target group as CloudWatch names it."
  type        = string
  nullable    = false

  validation {
    condition     = length(var.target_group_suffix) > 0
    error_message = "target_group_suffix is needed"
  }
}

variable "balancer_suffix" {
  description = "The balancer as CloudWatch names it."
  type        = string
  nullable    = false

  validation {
    condition     = length(var.balancer_suffix) > 0
    error_message = "balancer_suffix is needed"
  }
}

variable "balancer_group_id" {
  description = "The balancer's security group: the only one that reaches the servers."
  type        = string
  nullable    = false

  validation {
    condition     = length(var.balancer_group_id) > 0
    error_message = "balancer_group_id is needed"
  }
}

variable "endpoint_group_id" {
  description = "The security group of the endpoints."
  type        = string
  nullable    = false

  validation {
    condition     = length(var.endpoint_group_id) > 0
    error_message = "endpoint_group_id is needed"
  }
}

variable "s3_prefix_list_id" {
  description = "The addresses of S3, for the artifact."
  type        = string
  nullable    = false

  validation {
    condition     = length(var.s3_prefix_list_id) > 0
    error_message = "s3_prefix_list_id is needed"
  }
}

variable "ami_id" {
  description = "The image of the servers: Debian 12, by id, so that a new image is a reviewed change."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^ami-[0-9a-f]{8,17}$", var.ami_id))
    error_message = "an image is written like ami-0123456789abcdef0"
  }
}

variable "instance_type" {
  description = "The size of a server."
  type        = string
  default     = "t3.medium"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]*[.][a-z0-9]+$", var.instance_type))
    error_message = "a size is written like t3.medium"
  }
}

variable "artifact" {
  description = "The released package: bucket and object in this region, and its SHA-256, without which no server installs it."
  type        = object({ bucket = string, key = string, sha256 = string })
  nullable    = false

  validation {
    condition     = can(regex("^[0-9a-f]{64}$", var.artifact.sha256))
    error_message = "artifact.sha256 is 64 hexadecimal digits"
  }

  validation {
    condition     = startswith(var.artifact.key, "releases/")
    error_message = "released packages lie under releases/, which is what servers may read"
  }
}

variable "agent" {
  description = "The package of the Session Manager's agent in the same bucket, and its SHA-256."
  type        = object({ key = string, sha256 = string })
  nullable    = false

  validation {
    condition     = can(regex("^[0-9a-f]{64}$", var.agent.sha256)) && startswith(var.agent.key, "agents/")
    error_message = "the agent lies under agents/, which is what servers may read, and agent.sha256 is 64 hexadecimal digits"
  }
}

variable "key_arn" {
  description = "The KMS key of disks, logs and secrets."
  type        = string
  nullable    = false

  validation {
    condition     = startswith(var.key_arn, "arn:")
    error_message = "key_arn is an ARN"
  }
}

variable "secret_arn" {
  description = "The secret that holds the database's address and login; servers read it when they start."
  type        = string
  nullable    = false

  validation {
    condition     = startswith(var.secret_arn, "arn:")
    error_message = "secret_arn is an ARN"
  }
}

variable "readers" {
  description = "For each zone the addresses of the database's replicas near it, nearest first; empty where the primary is read."
  type        = list(list(string))
  nullable    = false

  # One that reads a replica takes its word for a session; one that does not would end sessions
  # without waiting for those that do (docs/database.md).
  validation {
    condition     = length(var.readers) == length(var.servers) && length(distinct([for zone in var.readers : length(zone) > 0])) == 1
    error_message = "each zone has its list of readers, and all have readers or none has"
  }
}

variable "alarm_topic_arn" {
  description = "Who is told of alarms."
  type        = string
  nullable    = false

  validation {
    condition     = startswith(var.alarm_topic_arn, "arn:")
    error_message = "alarm_topic_arn is an ARN"
  }
}

variable "cpu_target_percent" {
  description = "The load at which a zone gets another server."
  type        = number
  default     = 50
  nullable    = false

  validation {
    condition     = var.cpu_target_percent >= 10 && var.cpu_target_percent <= 90
    error_message = "the load to aim at is between 10 and 90 percent"
  }
}

variable "disk_gb" {
  description = "The disk of a server, in GB."
  type        = number
  default     = 20
  nullable    = false

  validation {
    condition     = var.disk_gb >= 8 && var.disk_gb <= 1000
    error_message = "a disk has 8 to 1000 GB"
  }
}

variable "log_days" {
  description = "How long the servers' logs are kept, in days, as CloudWatch allows."
  type        = number
  default     = 365
  nullable    = false

  validation {
    condition     = contains([30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 3653], var.log_days)
    error_message = "CloudWatch keeps logs for 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827 or 3653 days"
  }
}

variable "boundary_arn" {
  description = "The boundary of roles that the pipeline makes (infra/bootstrap)."
  type        = string
  nullable    = false

  validation {
    condition     = startswith(var.boundary_arn, "arn:")
    error_message = "boundary_arn is an ARN"
  }
}
