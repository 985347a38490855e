mock_provider "aws" {
  alias  = "home"
  source = "../tests/mocks"
}

variables {
  topology_file = "../tests/topology.json"
  home          = "east"
  bank_sign_in  = true
  sign_in       = { well_known_url = "https://sign-in.bank.example/realms/bank/.well-known/openid-configuration", client_id = "jenkins", groups_claim = "groups" }

  ami_id = "ami-0123456789abcdef0"
  setup  = { key = "jenkins.tar.gz", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
}

run "machines_without_a_way_in" {
  command = plan

  assert {
    condition     = sort(keys(aws_instance.this)) == tolist(["build", "controller", "deploy"]) && alltrue([for machine in aws_instance.this : !machine.associate_public_ip_address && machine.metadata_options[0].http_tokens == "required"])
    error_message = "controller and two agents, without public addresses"
  }

  override_resource {
    target          = aws_ebs_volume.home
    override_during = plan
    values          = { id = "vol-0123456789abcdef0" }
  }

  assert {
    condition     = aws_instance.this["controller"].private_ip == "10.9.128.10" && strcontains(aws_instance.this["build"].user_data, "/install.sh\" \"build\" \"10.9.128.10\" \"vol-0123456789abcdef0\"")
    error_message = "machines install themselves, and agents know where the controller is"
  }

  assert {
    condition     = aws_vpc_security_group_ingress_rule.agents.from_port == 8080 && aws_vpc_security_group_ingress_rule.agents.cidr_ipv4 == null
    error_message = "only the machines themselves talk to the controller"
  }
}

run "the_controller_knows_the_banks_sign_in" {
  command = plan

  override_resource {
    target          = aws_ebs_volume.home
    override_during = plan
    values          = { id = "vol-0123456789abcdef0" }
  }

  assert {
    condition     = strcontains(aws_instance.this["controller"].user_data, "OIDC_WELL_KNOWN_URL=\"https://sign-in.bank.example/realms/bank/.well-known/openid-configuration\" OIDC_CLIENT_ID=\"jenkins\" OIDC_GROUPS_CLAIM=\"groups\"\n")
    error_message = "where people sign in, and which claim holds their groups"
  }

  assert {
    condition     = !strcontains(aws_instance.this["build"].user_data, "OIDC") && !strcontains(aws_instance.this["deploy"].user_data, "OIDC")
    error_message = "nobody signs in to an agent"
  }
}

run "an_operator_alone_is_not_for_production" {
  command = plan

  variables {
    sign_in = null
  }

  expect_failures = [var.bank_sign_in]
}

run "an_operator_alone_to_try_it" {
  command = plan

  variables {
    bank_sign_in = false
    sign_in      = null
  }

  override_resource {
    target          = aws_ebs_volume.home
    override_during = plan
    values          = { id = "vol-0123456789abcdef0" }
  }

  assert {
    condition     = !strcontains(aws_instance.this["controller"].user_data, "OIDC")
    error_message = "nothing of a sign-in that there is not"
  }
}

run "a_sign_in_that_can_be_listened_to" {
  command = plan

  variables {
    sign_in = { well_known_url = "http://sign-in.bank.example/.well-known/openid-configuration", client_id = "jenkins", groups_claim = "groups" }
  }

  expect_failures = [var.sign_in]
}

run "who_may_do_what" {
  command = plan

  override_resource {
    target          = aws_iam_role.pipeline
    override_during = plan
    values          = { arn = "arn:aws:iam::123456789012:role/pipeline" }
  }

  assert {
    condition     = [for it in jsondecode(aws_iam_role_policy.setup["build"].policy).Statement : it.Sid] == ["Setup", "Key"] && contains([for it in jsondecode(aws_iam_role_policy.setup["deploy"].policy).Statement : it.Sid], "Become")
    error_message = "the agent that builds becomes nobody"
  }

  assert {
    condition     = [for it in jsondecode(aws_iam_role.operate.assume_role_policy).Statement : it.Condition.Bool["aws:MultiFactorAuthPresent"]] == ["true"]
    error_message = "people come with a second factor"
  }

  override_resource {
    target          = aws_iam_policy.deploy_boundary
    override_during = plan
    values          = { arn = "arn:aws:iam::123456789012:policy/deploy-boundary" }
  }

  assert {
    condition     = aws_iam_role.pipeline["deploy"].permissions_boundary == "arn:aws:iam::123456789012:policy/deploy-boundary"
    error_message = "the role that deploys has its boundary"
  }

  assert {
    condition     = [for it in jsondecode(aws_iam_role_policy.deploy.policy).Statement : it.Condition.StringEquals["iam:PermissionsBoundary"] if contains(flatten([it.Action]), "iam:CreateRole")] == ["arn:aws:iam::123456789012:policy/deployment6-boundary"]
    error_message = "it makes roles under a boundary only"
  }

  assert {
    condition     = contains(flatten([for it in jsondecode(aws_iam_policy.deploy_boundary.policy).Statement : it.Action if it.Effect == "Deny"]), "kms:ScheduleKeyDeletion") && !anytrue([for it in jsondecode(aws_iam_policy.deploy_boundary.policy).Statement : contains(try(flatten([it.Action]), []), "iam:*")])
    error_message = "it removes nothing that cannot be made again, and has no right over rights"
  }

  assert {
    condition     = [for it in jsondecode(aws_iam_role_policy.deploy.policy).Statement : it.NotResource if it.Effect == "Deny"] == ["arn:aws:secretsmanager:*:123456789012:secret:deployment6/smoke-*"]
    error_message = "of the secrets the pipeline reads the smoke test's alone"
  }
}

run "an_operator_starts_servers_as_they_are" {
  command = plan

  assert {
    condition     = [for it in jsondecode(aws_iam_role_policy.operate.policy).Statement : it.Condition.StringEquals["aws:ResourceTag/Name"] if it.Sid == "Templates"] == [["applicationServer01-east", "applicationServer02-east", "applicationServer01-west", "applicationServer02-west"]]
    error_message = "from the templates of the bank's servers, of every region"
  }

  assert {
    condition     = alltrue([for it in jsondecode(aws_iam_role_policy.operate.policy).Statement : it.Condition.ArnLike["ec2:LaunchTemplate"] == "arn:aws:ec2:*:123456789012:launch-template/*" if it.Action == "ec2:RunInstances" && it.Sid != "Templates"])
    error_message = "nothing is started without a template"
  }

  assert {
    condition     = [for it in jsondecode(aws_iam_role_policy.operate.policy).Statement : [it.Resource, it.Condition.StringEquals["iam:PassedToService"]] if it.Action == "iam:PassRole"] == [[["arn:aws:iam::123456789012:role/deployment6-server-east", "arn:aws:iam::123456789012:role/deployment6-server-west"], "ec2.amazonaws.com"]]
    error_message = "the role of servers is passed to servers, and no other to anybody"
  }
}

run "an_operator_reaches_jenkins_and_no_shell" {
  command = plan

  assert {
    condition     = { for it in jsondecode(aws_iam_role_policy.operate.policy).Statement : it.Sid => it.Resource if it.Action == "ssm:StartSession" } == { Controller = "arn:aws:ec2:*:123456789012:instance/*", Port = "arn:aws:ssm:*::document/AWS-StartPortForwardingSession" }
    error_message = "sessions are the forwarding of a port"
  }

  assert {
    condition     = [for it in jsondecode(aws_iam_role_policy.operate.policy).Statement : it.Condition if it.Sid == "Controller"] == [{ StringEquals = { "ssm:resourceTag/Name" = aws_instance.this["controller"].tags.Name }, Bool = { "ssm:SessionDocumentAccessCheck" = "true" } }]
    error_message = "they lead to the controller, and the document is looked at"
  }

  assert {
    condition     = [for it in jsondecode(aws_iam_role_policy.operate.policy).Statement : it.Resource if it.Sid == "OwnSessions"] == ["arn:aws:ssm:*:123456789012:session/$${aws:userid}-*"]
    error_message = "who began a session ends it"
  }
}

run "an_operator_takes_a_lock_away" {
  command = plan

  assert {
    condition     = [for it in jsondecode(aws_iam_role_policy.operate.policy).Statement : it.Resource if anytrue([for arn in flatten([it.Resource]) : strcontains(arn, "-state-")])] == ["arn:aws:s3:::deployment6-state-123456789012/*.tflock", "arn:aws:s3:::deployment6-state-123456789012"]
    error_message = "of the states people see the names and the locks"
  }
}

run "whose_secrets_are_whose" {
  command = plan

  override_resource {
    target          = aws_secretsmanager_secret.machine
    override_during = plan
    values          = { arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:one" }
  }

  assert {
    condition     = { for key, it in aws_secretsmanager_secret.machine : key => it.name } == { controller = "deployment6/jenkins", build = "deployment6/jenkins-agent-build", deploy = "deployment6/jenkins-agent-deploy" }
    error_message = "the names that the machines ask for (setup/install.sh)"
  }

  assert {
    condition     = { for key, it in aws_iam_role_policy.secret : key => [for statement in jsondecode(it.policy).Statement : statement.Sid] } == { controller = ["Own", "Agents", "AgentsKey"], build = ["Own"], deploy = ["Own"] }
    error_message = "an agent reads its own secret and writes none"
  }
}

run "a_public_network" {
  command = plan

  variables {
    cidr = "8.8.0.0/16"
  }

  expect_failures = [var.cidr]
}
