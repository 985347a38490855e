variable "names" {
  description = "The names of modules/naming."
  type = object({
    database                 = string
    readers                  = list(string)
    database_group           = string
    fence_group              = string
    database_subnet_group    = string
    database_parameter_group = string
    database_monitor_role    = string
    alarm_database_cpu       = string
    alarm_database_space     = string
    alarm_database_lag       = string
    alarm_readers_cpu        = list(string)
    alarm_readers_space      = list(string)
    alarm_readers_lag        = list(string)
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

variable "subnet_ids" {
  description = "The database subnets, one in each zone."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.subnet_ids) >= 2
    error_message = "a database has subnets in at least two zones"
  }
}

variable "server_group_id" {
  description = "The servers' security group: the only one of this region that reaches the database."
  type        = string
  nullable    = false

  validation {
    condition     = length(var.server_group_id) > 0
    error_message = "server_group_id is needed"
  }
}

variable "peer_cidrs" {
  description = "App subnets of the other regions, whose servers write to this database over the peering. Security groups of another region cannot be referred to."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for cidr in var.peer_cidrs : can(cidrhost(cidr, 0)) && can(regex("^(10|172|192)[.]", cidr))])
    error_message = "the other regions' subnets are private networks like 10.2.64.0/19"
  }
}

variable "database" {
  description = "The database, from the topology."
  type = object({
    engine_version = string
    multi_az       = bool
    backup_days    = number
  })
  nullable = false

  validation {
    condition     = var.database.backup_days >= 1 && var.database.backup_days <= 35
    error_message = "backups are kept for 1 to 35 days; 0 would switch them off"
  }

  validation {
    condition     = can(regex("^(1[5-9]|[2-9][0-9])([.][0-9]+)?$", var.database.engine_version))
    error_message = "PostgreSQL 15 or newer"
  }
}

variable "source_arn" {
  description = "ARN of the primary database that this one follows; null when this one is the primary. Taking it away promotes."
  type        = string
  default     = null

  validation {
    condition     = var.source_arn == null || can(regex("^arn:aws[a-z-]*:rds:", var.source_arn))
    error_message = "source_arn is the ARN of an RDS instance, or null"
  }
}

variable "reader_zones" {
  description = "The zones that have a read replica beside the database. Only a primary has some."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = length(var.reader_zones) == 0 || var.source_arn == null
    error_message = "a replica has no readers of its own"
  }

  validation {
    condition     = length(distinct(var.reader_zones)) == length(var.reader_zones) && length(var.reader_zones) <= 15
    error_message = "a zone has one reader, and a database at most 15"
  }
}

variable "instance_class" {
  description = "The size of the database."
  type        = string
  default     = "db.t4g.medium"
  nullable    = false

  validation {
    condition     = startswith(var.instance_class, "db.")
    error_message = "a size is written like db.t4g.medium"
  }
}

variable "storage_gb" {
  description = "Disk to begin with, in GB; it grows to ten times that by itself."
  type        = number
  default     = 50
  nullable    = false

  validation {
    condition     = var.storage_gb >= 20 && var.storage_gb <= 6553
    error_message = "a database has 20 to 6553 GB to begin with"
  }
}

variable "key_arn" {
  description = "The KMS key of this region for disks, backups and insights."
  type        = string
  nullable    = false

  validation {
    condition     = startswith(var.key_arn, "arn:")
    error_message = "key_arn is an ARN"
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

variable "boundary_arn" {
  description = "The boundary of roles that the pipeline makes (infra/bootstrap)."
  type        = string
  nullable    = false

  validation {
    condition     = startswith(var.boundary_arn, "arn:")
    error_message = "boundary_arn is an ARN"
  }
}
