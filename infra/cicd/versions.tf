terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }

  # Bucket, region and key of the state come with `-backend-config`, from infra/bootstrap's output.
  backend "s3" {
    key          = "cicd.tfstate"
    encrypt      = true
    use_lockfile = true
  }
}
