# The most that the deploying role can do, whatever policies it is given. It makes the roles of the
# bank's own machines, by name and under the boundary of infra/bootstrap, so that no role it makes can
# do what it cannot. What cannot be made again it cannot remove, as ci/plan-guard.sh refuses to.

locals {
  boundary_arn = "arn:aws:iam::${local.account}:policy/${local.names.boundary}"

  made_arns = flatten([
    for kind in ["role", "instance-profile"] : [
      for name in ["server", "flow-log", "database-monitor"] :
      "arn:aws:iam::${local.account}:${kind}/${module.topology.topology.project}-${name}-*"
    ]
  ])

  role_statements = [
    {
      Sid    = "Roles"
      Effect = "Allow"
      Action = [
        "iam:GetRole", "iam:DeleteRole", "iam:TagRole", "iam:PassRole", "iam:GetRolePolicy",
        "iam:DeleteRolePolicy", "iam:ListRolePolicies", "iam:DetachRolePolicy", "iam:ListAttachedRolePolicies",
        "iam:GetInstanceProfile", "iam:CreateInstanceProfile", "iam:DeleteInstanceProfile", "iam:TagInstanceProfile",
        "iam:AddRoleToInstanceProfile", "iam:RemoveRoleFromInstanceProfile", "iam:ListInstanceProfilesForRole",
      ]
      Resource = local.made_arns
    },
    {
      Sid       = "Bounded"
      Effect    = "Allow"
      Action    = ["iam:CreateRole", "iam:PutRolePolicy", "iam:AttachRolePolicy", "iam:PutRolePermissionsBoundary"]
      Resource  = local.made_arns
      Condition = { StringEquals = { "iam:PermissionsBoundary" = local.boundary_arn } }
    },
    # Of the secrets' values it reads the smoke test's alone.
    {
      Sid         = "NoSecrets"
      Effect      = "Deny"
      Action      = "secretsmanager:GetSecretValue"
      NotResource = local.secret_arns.smoke
    },
  ]
}

resource "aws_iam_policy" "deploy_boundary" {
  provider = aws.home

  name        = local.names.deploy_boundary
  description = "The most that the deploying role can do"
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(local.role_statements, [
      { Sid = "Services", Effect = "Allow", NotAction = ["iam:*", "organizations:*", "account:*"], Resource = "*" },
      { Sid = "Look", Effect = "Allow", Action = ["iam:Get*", "iam:List*", "iam:CreateServiceLinkedRole"], Resource = "*" },
      {
        Sid    = "Kept"
        Effect = "Deny"
        Action = [
          "kms:ScheduleKeyDeletion", "kms:DisableKey", "kms:PutKeyPolicy", "s3:DeleteBucket", "s3:DeleteObjectVersion",
          "rds:DeleteDBSnapshot", "rds:DeleteDBInstanceAutomatedBackup", "secretsmanager:DeleteSecret",
        ]
        Resource = "*"
      },
      {
        Sid         = "KeptDatabases"
        Effect      = "Deny"
        Action      = "rds:DeleteDBInstance"
        NotResource = "arn:aws:rds:*:${local.account}:db:${module.topology.topology.project}-restore-test-*"
      },
      {
        Sid       = "NotThePipeline"
        Effect    = "Deny"
        Action    = ["ssm:SendCommand", "ssm:StartSession"]
        Resource  = "arn:aws:ec2:*:${local.account}:instance/*"
        Condition = { StringEquals = { "ssm:resourceTag/Name" = [for machine in local.machines : machine.name] } }
      },
    ])
  })
}
