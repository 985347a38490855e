# The places of what the machines prove themselves with. A person puts `{"operator-password"}` into the
# controller's, and `{"oidc-client-secret"}` beside it with the bank's own sign-in; the controller puts what each agent needs into the agent's (jenkins/agents.groovy).

locals {
  machine_secrets = {
    controller = { name = local.names.jenkins_secret, description = "What the operator signs in to Jenkins with, and Jenkins to the bank's sign-in" }
    build      = { name = local.names.build_agent_secret, description = "What the agent that builds proves itself with" }
    deploy     = { name = local.names.deploy_agent_secret, description = "What the agent that deploys proves itself with" }
  }
}

resource "aws_secretsmanager_secret" "machine" {
  #checkov:skip=CKV2_AWS_57:A person chooses the one, and the others follow from the controller's own key
  for_each = local.machine_secrets
  provider = aws.home

  name                    = each.value.name
  description             = each.value.description
  kms_key_id              = local.key_arn
  recovery_window_in_days = 30
}

# Each machine reads its own secret; the controller writes those of its agents.
resource "aws_iam_role_policy" "secret" {
  for_each = local.machines
  provider = aws.home

  name = replace(local.machine_secrets[each.key].name, "/", "-")
  role = aws_iam_role.machine[each.key].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid      = "Own"
        Effect   = "Allow"
        Action   = "secretsmanager:GetSecretValue"
        Resource = aws_secretsmanager_secret.machine[each.key].arn
      }],
      [
        for statement in [
          {
            Sid      = "Agents"
            Effect   = "Allow"
            Action   = "secretsmanager:PutSecretValue"
            Resource = [for key, secret in aws_secretsmanager_secret.machine : secret.arn if key != "controller"]
          },
          { Sid = "AgentsKey", Effect = "Allow", Action = "kms:GenerateDataKey", Resource = local.key_arn },
        ] : statement if each.key == "controller"
      ],
    )
  })
}
