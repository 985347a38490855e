# Every name of the deployment. The convention is that of the first deployment of this bank, spelling
# included (HttpAcessSG): dashboards, runbooks and people know these names. No other module makes one
# up; a check refuses it.

locals {
  numbers = [for number in range(1, var.zones + 1) : format("%02d", number)]

  names = {
    vpc              = "${var.project}-vpc-${var.key}"
    internet_gateway = "${var.project}-internetGateway-${var.key}"
    flow_log         = "/${var.project}/${var.key}/flow"
    flow_log_role    = "${var.project}-flow-log-${var.key}"

    public_subnets   = [for number in local.numbers : "publicSubnet${number}"]
    app_subnets      = [for number in local.numbers : "appSubnet${number}"]
    database_subnets = [for number in local.numbers : "databaseSubnet${number}"]

    public_route_table   = "${var.project}-publicRouteTable-${var.key}"
    app_route_tables     = [for number in local.numbers : "${var.project}-appRouteTable${number}-${var.key}"]
    database_route_table = "${var.project}-databaseRouteTable-${var.key}"
    nat_gateways         = [for number in local.numbers : "${var.project}-nat${number}-${var.key}"]

    balancer_group = "HttpAcessSG"
    server_group   = "applicationServerSG"
    endpoint_group = "endpointSG"
    database_group = "databaseSG"
    fence_group    = "databaseFenceSG"
    cache_group    = "cacheSG"
    cicd_group     = "jenkinsSG"

    balancer     = "ALB-${var.key}"
    target_group = "servers-${var.key}"
    web_acl      = "${var.project}-web-${var.key}"
    web_log      = "aws-waf-logs-${var.project}-${var.key}"

    servers         = [for number in local.numbers : "applicationServer${number}-${var.key}"]
    server_role     = "${var.project}-server-${var.key}"
    server_log      = "/${var.project}/${var.key}/server"
    launch_hook     = "ready"
    load_policy     = "cpu"
    alarm_topic     = "${var.project}-alarms-${var.key}"
    alarm_errors    = "${var.project}-server-errors-${var.key}"
    alarm_unhealthy = "${var.project}-unhealthy-servers-${var.key}"
    alarm_latency   = "${var.project}-slow-answers-${var.key}"

    database                 = "${var.project}-database-${var.key}"
    readers                  = [for number in local.numbers : "${var.project}-reader${number}-${var.key}"]
    database_subnet_group    = "${var.project}-database-${var.key}"
    database_parameter_group = "${var.project}-database-${var.key}"
    database_monitor_role    = "${var.project}-database-monitor-${var.key}"
    alarm_database_cpu       = "${var.project}-database-cpu-${var.key}"
    alarm_database_space     = "${var.project}-database-space-${var.key}"
    alarm_database_lag       = "${var.project}-database-lag-${var.key}"
    alarm_readers_cpu        = [for number in local.numbers : "${var.project}-reader${number}-cpu-${var.key}"]
    alarm_readers_space      = [for number in local.numbers : "${var.project}-reader${number}-space-${var.key}"]
    alarm_readers_lag        = [for number in local.numbers : "${var.project}-reader${number}-lag-${var.key}"]
    cache                    = "${var.project}-cache-${var.key}"

    data_key            = "alias/${var.project}-data"
    secret              = "${var.project}/application"
    jenkins_secret      = "${var.project}/jenkins"
    build_agent_secret  = "${var.project}/jenkins-agent-build"
    deploy_agent_secret = "${var.project}/jenkins-agent-deploy"
    smoke_secret        = "${var.project}/smoke"
    accelerator         = "${var.project}-front-door"
    dashboard           = var.project
    alarm_region        = "${var.project}-region-unreachable-${var.key}"
    alarm_global        = "${var.project}-alarms-global"
    peering             = "${var.project}-peering"
    plan_role           = "${var.project}-plan"
    deploy_role         = "${var.project}-deploy"
    operate_role        = "${var.project}-operate"
    boundary            = "${var.project}-boundary"
    deploy_boundary     = "${var.project}-deploy-boundary"
    controller          = "jenkins-controller"
    build_agent         = "jenkins-agent-build"
    deploy_agent        = "jenkins-agent-deploy"
    jenkins_volume      = "jenkins-home"
  }
}
