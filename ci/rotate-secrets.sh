#!/usr/bin/env bash
# Rotates the database's password, and restarts servers so that they take what the secret holds.
#
# usage: ci/rotate-secrets.sh database          a new password, into the database and the secret
#        ci/rotate-secrets.sh restart REGION    replaces the region's servers, one after the other
# The password is generated here, goes by a file that only this user reads, and is never printed.
# shellcheck source=ci/lib.sh
. "$(dirname "$0")/lib.sh"
help_of "$@"

need aws awscli
project=$(topology .project)
case "${1:-}" in
    database)
        use_role deploy
        region=$(regions_with_role primary)
        aws_region=$(aws_region "$region")
        folder=$(mktemp -d)
        trap 'rm -rf "$folder"' EXIT
        umask 077
        openssl rand -hex 24 | tr -d '\n' >"$folder/password"
        aws secretsmanager get-secret-value --region "$aws_region" --output text \
            --secret-id "$project/application" --query SecretString \
            | jq -c --rawfile password "$folder/password" '.password = $password' >"$folder/secret"
        jq -n --rawfile password "$folder/password" --arg id "$project-database-$region" \
            '{DBInstanceIdentifier: $id, MasterUserPassword: $password, ApplyImmediately: true}' \
            >"$folder/request"
        change aws secretsmanager put-secret-value --region "$aws_region" \
            --secret-id "$project/application" --secret-string "file://$folder/secret" >/dev/null
        change aws rds modify-db-instance --region "$aws_region" \
            --cli-input-json "file://$folder/request" >/dev/null
        say "the password is changed; restart the servers now: $0 restart REGION"
        ;;
    restart)
        [ $# -eq 2 ] || usage_error "a region is needed"
        use_role deploy
        aws_region=$(aws_region "$2")
        for group in $(groups_of "$2"); do
            change aws autoscaling start-instance-refresh --region "$aws_region" \
                --auto-scaling-group-name "$group" \
                --preferences '{"MinHealthyPercentage":100,"MaxHealthyPercentage":200}' >/dev/null
        done
        [ "${BALLAST_DRY_RUN:-}" = 1 ] || ci/wait-refresh.sh "$2"
        ;;
    *) usage_error "database or restart is needed" ;;
esac
