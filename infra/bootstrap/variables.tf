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

variable "domain" {
  description = "The bank's name in DNS."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^([a-z0-9-]+[.])+[a-z]{2,}$", var.domain))
    error_message = "a domain is written like bank.example.com"
  }
}
