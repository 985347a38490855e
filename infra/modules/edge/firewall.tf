# The web firewall before the balancer: Amazon's lists of known attacks, and a limit for each address.

locals {
  managed_rules = {
    AWSManagedRulesAmazonIpReputationList = { priority = 10, counted = [] }
    AWSManagedRulesKnownBadInputsRuleSet  = { priority = 20, counted = [] }
    # A file of transfers is larger than 8 kB; the bank has a limit of its own for bodies.
    AWSManagedRulesCommonRuleSet = { priority = 30, counted = ["SizeRestrictions_BODY"] }
    AWSManagedRulesSQLiRuleSet   = { priority = 40, counted = [] }
  }

  rate_rule = "requests-per-address"

  # As the WAF API writes them. Samples are off: they would show what people typed.
  rules = concat(
    [{
      Name             = local.rate_rule
      Priority         = 1
      Action           = { Block = {} }
      Statement        = { RateBasedStatement = { Limit = var.requests_per_address, AggregateKeyType = "IP" } }
      VisibilityConfig = merge(local.visibility, { MetricName = local.rate_rule })
    }],
    [
      for name, rule in local.managed_rules : {
        Name           = name
        Priority       = rule.priority
        OverrideAction = { None = {} }
        Statement = {
          ManagedRuleGroupStatement = merge(
            { VendorName = "AWS", Name = name },
            length(rule.counted) == 0 ? {} : {
              RuleActionOverrides = [
                for counted in rule.counted : { Name = counted, ActionToUse = { Count = {} } }
              ]
            },
          )
        }
        VisibilityConfig = merge(local.visibility, { MetricName = name })
      }
    ],
  )

  visibility = { CloudWatchMetricsEnabled = true, SampledRequestsEnabled = false }
}

resource "aws_wafv2_web_acl" "this" {
  #checkov:skip=CKV_AWS_175:The rules are in rule_json, which checkov does not read
  #checkov:skip=CKV_AWS_192:Log4j is in AWSManagedRulesKnownBadInputsRuleSet; checkov does not read rule_json
  name        = var.names.web_acl
  description = "What never reaches the bank"
  scope       = "REGIONAL"
  rule_json   = jsonencode(local.rules)

  default_action {
    allow {}
  }

  visibility_config {
    cloudwatch_metrics_enabled = true
    metric_name                = var.names.web_acl
    sampled_requests_enabled   = false
  }

  tags = { Name = var.names.web_acl }
}

resource "aws_wafv2_web_acl_association" "balancer" {
  resource_arn = aws_lb.this.arn
  web_acl_arn  = aws_wafv2_web_acl.this.arn
}

# What was refused, so that a person can see whom a rule hits; without what people are or typed.
resource "aws_cloudwatch_log_group" "web" {
  name              = var.names.web_log
  retention_in_days = var.web_log_days
  kms_key_id        = var.key_arn
}

resource "aws_wafv2_web_acl_logging_configuration" "this" {
  resource_arn            = aws_wafv2_web_acl.this.arn
  log_destination_configs = [aws_cloudwatch_log_group.web.arn]

  redacted_fields {
    query_string {}
  }

  dynamic "redacted_fields" {
    for_each = ["authorization", "cookie"]

    content {
      single_header {
        name = redacted_fields.value
      }
    }
  }

  logging_filter {
    default_behavior = "DROP"

    filter {
      behavior    = "KEEP"
      requirement = "MEETS_ANY"

      condition {
        action_condition {
          action = "BLOCK"
        }
      }
    }
  }
}
