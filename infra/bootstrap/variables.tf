variable "topology_file" {
  description = "The topology; a path, from this folder."
  type        = string
  default     = "../../topology.json"
  nullable    = false

  validation {
    condition     = fileexists(var.topology_file)
    error_message = "there is no such topology file"
  }
}

variable "home" {
  description = "The region, by its key, in which the account was set up: the states, the key and what was made of it stay there when another becomes the primary."
  type        = string
  nullable    = false

  validation {
    condition     = contains(jsondecode(file(var.topology_file)).regions[*].key, var.home)
    error_message = "home is a region of the topology, the primary of the first day"
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
