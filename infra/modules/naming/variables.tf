variable "project" {
  description = "The project of the topology: first part of what must be unique in the account."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,23}$", var.project))
    error_message = "a project is 1 to 24 lower-case letters, digits and hyphens, a letter first"
  }
}

variable "key" {
  description = "The key of the region, as in ALB-east; `cicd` and `global` for what belongs to no region."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{0,15}$", var.key))
    error_message = "a key is 1 to 16 lower-case letters and digits, a letter first"
  }
}

variable "zones" {
  description = "How many zones the region has."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.zones >= 0 && var.zones <= 6 && floor(var.zones) == var.zones
    error_message = "a region has 0 to 6 zones"
  }
}
