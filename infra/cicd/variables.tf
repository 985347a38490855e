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

variable "setup" {
  description = "The archive that sets a machine up, in the home region's artifact bucket, and its SHA-256: made and published by ci/machines.sh."
  type        = object({ key = string, sha256 = string })
  nullable    = false

  validation {
    condition     = can(regex("^[0-9a-f]{64}$", var.setup.sha256)) && can(regex("^[A-Za-z0-9._/-]+$", var.setup.key))
    error_message = "setup.key names the object, setup.sha256 is 64 hexadecimal digits"
  }
}
