variable "names" {
  description = "The names of modules/naming."
  type = object({
    vpc                  = string
    internet_gateway     = string
    flow_log             = string
    flow_log_role        = string
    public_subnets       = list(string)
    app_subnets          = list(string)
    database_subnets     = list(string)
    public_route_table   = string
    app_route_tables     = list(string)
    database_route_table = string
    nat_gateways         = list(string)
    endpoint_group       = string
  })
  nullable = false
}

variable "aws_region" {
  description = "The AWS region, as the names of endpoints contain it."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]+(-[a-z]+)+-[0-9]$", var.aws_region))
    error_message = "an AWS region is written like us-east-1"
  }
}

variable "cidr" {
  description = "The private network of the VPC."
  type        = string
  nullable    = false

  validation {
    condition     = can(cidrhost(var.cidr, 0)) && can(regex("^(10|172|192)[.]", var.cidr))
    error_message = "the network is private and written like 10.1.0.0/16"
  }
}

variable "zones" {
  description = "The zones, by name; at least two."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.zones) >= 2 && length(distinct(var.zones)) == length(var.zones)
    error_message = "a network has at least two different zones"
  }
}

variable "subnets" {
  description = "CIDRs of the subnets, one for each zone; `database` may be empty where there is none."
  type        = object({ public = list(string), app = list(string), database = list(string) })
  nullable    = false

  validation {
    condition     = length(var.subnets.public) == length(var.subnets.app) && contains([0, length(var.subnets.app)], length(var.subnets.database))
    error_message = "each zone has one public, one app and one database subnet (or none has a database subnet)"
  }
}

variable "nat" {
  description = "How app subnets reach the internet: none (only AWS, through endpoints), one gateway, or one per_zone."
  type        = string
  default     = "none"
  nullable    = false

  validation {
    condition     = contains(["none", "one", "per_zone"], var.nat)
    error_message = "nat is none, one or per_zone"
  }
}

variable "endpoints" {
  description = "AWS services that app subnets reach without the internet, as in `ssm`; S3 always."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for name in var.endpoints : can(regex("^[a-z0-9.-]+$", name))])
    error_message = "an endpoint is the last part of a service name, as in ssm or ecr.api"
  }
}

variable "endpoint_zones" {
  description = "In how many zones the endpoints stand; each costs by the hour."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.endpoint_zones >= 1 && var.endpoint_zones <= 6
    error_message = "endpoints stand in 1 to 6 zones"
  }
}

variable "key_arn" {
  description = "The KMS key that encrypts the flow log."
  type        = string
  nullable    = false

  validation {
    condition     = startswith(var.key_arn, "arn:")
    error_message = "key_arn is an ARN"
  }
}

variable "flow_log_days" {
  description = "How long the flow log is kept, in days, as CloudWatch allows."
  type        = number
  default     = 365
  nullable    = false

  validation {
    condition     = contains([30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 3653], var.flow_log_days)
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
