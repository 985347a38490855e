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
