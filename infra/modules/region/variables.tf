variable "topology_file" {
  description = "The topology."
  type        = string
  nullable    = false

  validation {
    condition     = fileexists(var.topology_file)
    error_message = "there is no such topology file"
  }
}

variable "key" {
  description = "Which region of the topology this is."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{0,15}$", var.key))
    error_message = "a key is 1 to 16 lower-case letters and digits, a letter first"
  }
}

variable "domain" {
  description = "The bank's name in DNS; its certificate is made by infra/bootstrap."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^([a-z0-9-]+[.])+[a-z]{2,}$", var.domain))
    error_message = "a domain is written like bank.example.com"
  }
}

variable "settings" {
  description = "Sizes and options of the profile."
  nullable    = false

  type = object({
    instance_type        = string
    database_class       = string
    database_storage_gb  = number
    database_readers     = bool
    nat                  = string
    endpoint_zones       = number
    cache                = bool
    log_days             = number
    requests_per_address = number
  })

  # The ranges of each are those of the module that takes it.
  validation {
    condition     = var.settings.log_days >= 30
    error_message = "logs are kept for at least 30 days"
  }

  validation {
    condition     = !var.settings.database_readers || module.topology.topology.database.replica || length(module.topology.topology.regions) == 1
    error_message = "servers of all regions read near them or none does: database_readers needs database.replica in the topology"
  }
}

variable "ami_id" {
  description = "The image of the servers in this region: Debian 12, by id."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^ami-[0-9a-f]{8,17}$", var.ami_id))
    error_message = "an image is written like ami-0123456789abcdef0"
  }
}

variable "artifact" {
  description = "The released package in the region's artifact bucket, and its SHA-256."
  type        = object({ key = string, sha256 = string })
  nullable    = false

  validation {
    condition     = can(regex("^[0-9a-f]{64}$", var.artifact.sha256)) && length(var.artifact.key) > 0
    error_message = "artifact.key names the object, artifact.sha256 is 64 hexadecimal digits"
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

variable "ssm_agent" {
  description = "The package of the Session Manager's agent in the artifact buckets, and its SHA-256, as ci/publish-agent.sh prints them."
  type        = object({ key = string, sha256 = string })
  nullable    = false

  validation {
    condition     = can(regex("^[0-9a-f]{64}$", var.ssm_agent.sha256)) && startswith(var.ssm_agent.key, "agents/")
    error_message = "ssm_agent.key begins with agents/, ssm_agent.sha256 is 64 hexadecimal digits"
  }
}
