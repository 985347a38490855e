variable "topology_file" {
  description = "The topology."
  type        = string
  nullable    = false

  validation {
    condition     = fileexists(var.topology_file)
    error_message = "there is no such topology file"
  }
}

variable "domain" {
  description = "The bank's name in DNS."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^([a-z0-9-]+[.])+[a-z]{2,}$", var.domain))
    error_message = "a domain is written like bank.example.com"
  }
}

variable "zone_name" {
  description = "The hosted zone in Route 53 that holds the domain."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^([a-z0-9-]+[.])+[a-z]{2,}$", var.zone_name)) && endswith(var.domain, var.zone_name)
    error_message = "the domain lies in the hosted zone: bank.example.com in example.com"
  }
}

variable "accelerator" {
  description = "Whether Global Accelerator stands before the regions instead of failover records: it leaves a region without waiting for DNS caches, for a price."
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = contains([true, false], var.accelerator)
    error_message = "accelerator is true or false"
  }
}

variable "alarm_receivers" {
  description = "Who is told of alarms: addresses of e-mail, each of which confirms the mail that Amazon sends, or of HTTPS. They are seen in the state, so none holds a secret."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.alarm_receivers) > 0 && alltrue([for it in var.alarm_receivers : can(regex("^(https://[^/@\\s]+(/\\S*)?|[^@:/\\s]+@[^@:/\\s]+[.][a-z]+)$", it))])
    error_message = "alarms are told to somebody: at least one address like on-call@bank.example or https://calls.example/bank"
  }
}
