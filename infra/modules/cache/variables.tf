variable "names" {
  description = "The names of modules/naming."
  type        = object({ cache = string, cache_group = string })
  nullable    = false
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
  description = "The database subnets: the cache has no way out either."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.subnet_ids) >= 2
    error_message = "a cache has subnets in at least two zones"
  }
}

variable "server_group_id" {
  description = "The servers' security group: the only one that reaches the cache."
  type        = string
  nullable    = false

  validation {
    condition     = length(var.server_group_id) > 0
    error_message = "server_group_id is needed"
  }
}

variable "node_type" {
  description = "The size of a node."
  type        = string
  default     = "cache.t4g.micro"
  nullable    = false

  validation {
    condition     = startswith(var.node_type, "cache.")
    error_message = "a size is written like cache.t4g.micro"
  }
}

variable "nodes" {
  description = "How many nodes; from two up a lost one is replaced by another at once."
  type        = number
  default     = 2
  nullable    = false

  validation {
    condition     = var.nodes >= 2 && var.nodes <= 6
    error_message = "a cache has 2 to 6 nodes"
  }
}

variable "key_arn" {
  description = "The KMS key of this region."
  type        = string
  nullable    = false

  validation {
    condition     = startswith(var.key_arn, "arn:")
    error_message = "key_arn is an ARN"
  }
}
