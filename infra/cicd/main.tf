# The machines of the pipeline, in a network of their own: the Jenkins controller, an agent that
# builds and tests and has no rights, and an agent that plans and deploys. No ssh and no public
# address: people come through Session Manager.

module "topology" {
  source   = "../modules/topology"
  document = jsondecode(file(var.topology_file))
}

module "naming" {
  source  = "../modules/naming"
  project = module.topology.topology.project
  key     = "cicd"
  zones   = 2
}

# No default provider: a resource that names none has no region, and the checks refuse it.
provider "aws" {
  alias  = "home"
  region = module.topology.regions[var.home].aws_region

  default_tags {
    tags = { Project = module.topology.topology.project, Region = "cicd" }
  }
}

data "aws_caller_identity" "this" {
  provider = aws.home
}

data "aws_kms_alias" "data" {
  provider = aws.home
  name     = local.names.data_key
}

locals {
  names      = module.naming.names
  home       = module.topology.regions[var.home]
  account    = data.aws_caller_identity.this.account_id
  key_arn    = data.aws_kms_alias.data.target_key_arn
  tiers      = [for index in range(4) : cidrsubnet(var.cidr, 2, index)]
  bucket     = "${module.naming.bucket_prefixes.artifact}-${local.account}-${local.home.aws_region}"
  bucket_arn = "arn:aws:s3:::${local.bucket}"

  # Agents know the controller by its address, which it keeps when it is made anew.
  controller_address = cidrhost(local.tiers[2], 10)

  machines = {
    controller = { name = local.names.controller, type = "t3.medium", disk_gb = 30 }
    build      = { name = local.names.build_agent, type = "m7i.xlarge", disk_gb = 100 }
    deploy     = { name = local.names.deploy_agent, type = "t3.small", disk_gb = 30 }
  }
}

module "network" {
  source    = "../modules/network"
  providers = { aws = aws.home }

  names      = local.names
  aws_region = local.home.aws_region
  cidr       = var.cidr
  zones      = slice(local.home.zones[*].name, 0, 2)
  subnets    = { public = slice(local.tiers, 0, 2), app = slice(local.tiers, 2, 4), database = [] }
  nat        = "one"
  endpoints  = ["ssm", "ssmmessages"]
  key_arn    = local.key_arn

  boundary_arn = local.boundary_arn
}

resource "aws_security_group" "jenkins" {
  provider = aws.home

  name        = local.names.cicd_group
  description = "The pipeline's machines: nobody from outside, HTTPS to the outside"
  vpc_id      = module.network.vpc_id
  tags        = { Name = local.names.cicd_group }
}

# Agents dial the controller (inbound agents over WebSocket); nothing else talks to anything here.
resource "aws_vpc_security_group_ingress_rule" "agents" {
  provider = aws.home

  security_group_id            = aws_security_group.jenkins.id
  description                  = "Agents to the controller"
  ip_protocol                  = "tcp"
  from_port                    = 8080
  to_port                      = 8080
  referenced_security_group_id = aws_security_group.jenkins.id
}

resource "aws_vpc_security_group_egress_rule" "agents" {
  provider = aws.home

  security_group_id            = aws_security_group.jenkins.id
  description                  = "Agents to the controller"
  ip_protocol                  = "tcp"
  from_port                    = 8080
  to_port                      = 8080
  referenced_security_group_id = aws_security_group.jenkins.id
}

resource "aws_vpc_security_group_ingress_rule" "endpoints" {
  provider = aws.home

  security_group_id            = module.network.endpoint_group_id
  description                  = "Session Manager"
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
  referenced_security_group_id = aws_security_group.jenkins.id
}

# Sources, packages and the APIs of AWS, through the gateway.
resource "aws_vpc_security_group_egress_rule" "https" {
  provider = aws.home

  security_group_id = aws_security_group.jenkins.id
  description       = "HTTPS to sources, packages and AWS"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv4         = "0.0.0.0/0"
}

resource "aws_instance" "this" {
  for_each = local.machines
  provider = aws.home

  ami                         = var.ami_id
  instance_type               = each.value.type
  subnet_id                   = module.network.app_subnet_ids[0]
  vpc_security_group_ids      = [aws_security_group.jenkins.id]
  iam_instance_profile        = aws_iam_instance_profile.machine[each.key].name
  private_ip                  = each.key == "controller" ? local.controller_address : null
  associate_public_ip_address = false
  ebs_optimized               = true
  monitoring                  = true
  user_data_replace_on_change = true

  user_data = templatefile("${path.module}/user-data.sh.tftpl", {
    role       = each.key
    aws_region = local.home.aws_region
    bucket     = local.bucket
    key        = var.setup.key
    sha256     = var.setup.sha256
    controller = local.controller_address
    volume     = aws_ebs_volume.home.id
    sign_in    = each.key == "controller" ? var.sign_in : null
  })

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  root_block_device {
    encrypted   = true
    kms_key_id  = local.key_arn
    volume_type = "gp3"
    volume_size = each.value.disk_gb
  }

  tags = { Name = each.value.name }
}

# What the controller knows outlives its machine.
resource "aws_ebs_volume" "home" {
  provider = aws.home

  availability_zone = local.home.zones[0].name
  size              = 50
  type              = "gp3"
  encrypted         = true
  kms_key_id        = local.key_arn
  tags              = { Name = local.names.jenkins_volume }

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_volume_attachment" "home" {
  provider = aws.home

  device_name = "/dev/sdf"
  volume_id   = aws_ebs_volume.home.id
  instance_id = aws_instance.this["controller"].id
}
