variable "document" {
  description = "The decoded topology file: jsondecode(file(…)). Checked here with the rules, and in the words, of `ballast topology check`."
  type        = any
  nullable    = false

  validation {
    condition     = can(keys(var.document))
    error_message = "the topology is a JSON object, as topology.schema.json describes it"
  }
}
