# What a server may do: read packages and one secret, write its log, say that it is ready.

data "aws_caller_identity" "this" {}

locals {
  group_arns = [
    for name in var.names.servers :
    "arn:aws:autoscaling:${var.aws_region}:${data.aws_caller_identity.this.account_id}:autoScalingGroup:*:autoScalingGroupName/${name}"
  ]
}

resource "aws_iam_role" "server" {
  name                 = var.names.server_role
  permissions_boundary = var.boundary_arn
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ec2.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "server" {
  name = var.names.server_role
  role = aws_iam_role.server.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      # All releases: what runs fetches the next one to migrate, and after a roll-back servers start
      # with the one before. Start-up data names the one that is installed, by its checksum.
      {
        Sid      = "Artifact"
        Effect   = "Allow"
        Action   = "s3:GetObject"
        Resource = [for folder in ["releases", "agents"] : "arn:aws:s3:::${var.artifact.bucket}/${folder}/*"]
      },
      {
        Sid      = "Secret"
        Effect   = "Allow"
        Action   = "secretsmanager:GetSecretValue"
        Resource = var.secret_arn
      },
      {
        Sid      = "Key"
        Effect   = "Allow"
        Action   = "kms:Decrypt"
        Resource = var.key_arn
      },
      {
        Sid      = "Log"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = "${aws_cloudwatch_log_group.servers.arn}:*"
      },
      {
        Sid      = "Ready"
        Effect   = "Allow"
        Action   = ["autoscaling:CompleteLifecycleAction", "autoscaling:RecordLifecycleActionHeartbeat"]
        Resource = local.group_arns
      },
    ]
  })
}

# Session Manager instead of ssh.
resource "aws_iam_role_policy_attachment" "session" {
  role       = aws_iam_role.server.name
  policy_arn = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
}

resource "aws_iam_instance_profile" "server" {
  name = var.names.server_role
  role = aws_iam_role.server.name
}

resource "aws_cloudwatch_log_group" "servers" {
  name              = var.names.server_log
  retention_in_days = var.log_days
  kms_key_id        = var.key_arn
}
