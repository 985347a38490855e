variable "topology_file" {
  description = "The topology; a path, from this folder."
  type        = string
  default     = "../../../topology.json"
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

variable "settings" {
  description = "Sizes and options; infra/profiles has two sets."
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

  validation {
    condition     = var.settings.log_days >= 30
    error_message = "logs are kept for at least 30 days"
  }
}

variable "ami_ids" {
  description = "The servers' image for each region key: Debian 12, by id, which differs in each AWS region."
  type        = map(string)
  nullable    = false

  validation {
    condition     = alltrue([for id in values(var.ami_ids) : can(regex("^ami-[0-9a-f]{8,17}$", id))])
    error_message = "an image is written like ami-0123456789abcdef0"
  }
}

variable "artifact" {
  description = "The released package in the artifact buckets, and its SHA-256."
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
