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
  description = "The region, by its key, in which the account was set up: the machines of the pipeline stay there when another becomes the primary."
  type        = string
  nullable    = false

  validation {
    condition     = contains(jsondecode(file(var.topology_file)).regions[*].key, var.home)
    error_message = "home is a region of the topology, the primary of the first day"
  }
}

variable "cidr" {
  description = "The private network of the pipeline's machines; apart from those of the bank."
  type        = string
  default     = "10.9.0.0/16"
  nullable    = false

  validation {
    condition     = can(cidrhost(var.cidr, 0)) && can(regex("^(10|172|192)[.]", var.cidr))
    error_message = "the network is private and written like 10.9.0.0/16"
  }
}

variable "ami_id" {
  description = "The image of the machines: Debian 12, by id."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^ami-[0-9a-f]{8,17}$", var.ami_id))
    error_message = "an image is written like ami-0123456789abcdef0"
  }
}

variable "bank_sign_in" {
  description = "Whether people must come by the bank's own sign-in; the profile says so."
  type        = bool
  nullable    = false

  validation {
    condition     = !var.bank_sign_in || var.sign_in != null
    error_message = "this profile needs the bank's own sign-in: sign_in names its OpenID Connect, which knows who is a deployer"
  }
}

variable "sign_in" {
  description = "The bank's OpenID Connect: the address of its description, what Jenkins is called there, and the claim that holds a person's groups, one of which is `deployers`. Null: the operator alone signs in. The client's secret is in Secrets Manager only."
  type        = object({ well_known_url = string, client_id = string, groups_claim = string })
  default     = null

  validation {
    condition     = var.sign_in == null || can(regex("^https://[A-Za-z0-9.-]+(:[0-9]+)?/[A-Za-z0-9._~/-]*[.]well-known/openid-configuration$", var.sign_in.well_known_url))
    error_message = "sign_in.well_known_url is written like https://sign-in.bank.example/.well-known/openid-configuration"
  }

  validation {
    condition     = var.sign_in == null || can(regex("^[A-Za-z0-9._~-]{1,100}$", var.sign_in.client_id))
    error_message = "sign_in.client_id is what Jenkins is called there: letters, digits and ._~-"
  }

  validation {
    condition     = var.sign_in == null || can(regex("^[A-Za-z0-9_]+([.][A-Za-z0-9_]+)*$", var.sign_in.groups_claim))
    error_message = "sign_in.groups_claim is a claim like groups or realm_access.roles"
  }
}

variable "setup" {
  description = "The archive that sets a machine up, in the home region's artifact bucket, and its SHA-256: made and published by ci/machines.sh."
  type        = object({ key = string, sha256 = string })
  nullable    = false

  validation {
    condition     = can(regex("^[0-9a-f]{64}$", var.setup.sha256)) && can(regex("^[A-Za-z0-9._/-]+$", var.setup.key))
    error_message = "setup.key names the object, setup.sha256 is 64 hexadecimal digits"
  }
}
