# The most that a role made by the pipeline can do, whatever policies it is given: what servers, flow
# logs and the databases' monitoring need. The pipeline makes roles under this boundary only
# (infra/cicd), and it cannot change it.

resource "aws_iam_policy" "boundary" {
  provider = aws.home

  name        = local.names.boundary
  description = "The most that a role made by the pipeline can do"
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "Artifacts"
        Effect   = "Allow"
        Action   = "s3:GetObject"
        Resource = "arn:aws:s3:::${module.naming.bucket_prefixes.artifact}-${local.account}-*/*"
      },
      {
        Sid      = "Secret"
        Effect   = "Allow"
        Action   = "secretsmanager:GetSecretValue"
        Resource = "arn:aws:secretsmanager:*:${local.account}:secret:${local.names.secret}-*"
      },
      {
        Sid      = "Key"
        Effect   = "Allow"
        Action   = "kms:Decrypt"
        Resource = "arn:aws:kms:*:${local.account}:key/*"
      },
      {
        Sid    = "Logs"
        Effect = "Allow"
        Action = [
          "logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents", "logs:PutRetentionPolicy",
          "logs:DescribeLogStreams", "logs:GetLogEvents",
        ]
        Resource = "arn:aws:logs:*:${local.account}:*"
      },
      {
        Sid      = "Ready"
        Effect   = "Allow"
        Action   = ["autoscaling:CompleteLifecycleAction", "autoscaling:RecordLifecycleActionHeartbeat"]
        Resource = "arn:aws:autoscaling:*:${local.account}:autoScalingGroup:*"
      },
      # What AmazonSSMManagedInstanceCore holds.
      {
        Sid    = "SessionManager"
        Effect = "Allow"
        Action = [
          "ssm:DescribeAssociation", "ssm:DescribeDocument", "ssm:GetDeployablePatchSnapshotForInstance",
          "ssm:GetDocument", "ssm:GetManifest", "ssm:GetParameter", "ssm:GetParameters",
          "ssm:ListAssociations", "ssm:ListInstanceAssociations", "ssm:PutComplianceItems",
          "ssm:PutConfigurePackageResult", "ssm:PutInventory", "ssm:UpdateAssociationStatus",
          "ssm:UpdateInstanceAssociationStatus", "ssm:UpdateInstanceInformation",
          "ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel",
          "ssmmessages:OpenControlChannel", "ssmmessages:OpenDataChannel", "ec2messages:*",
        ]
        Resource = "*"
      },
    ]
  })
}
