#!/usr/bin/env bash
# Makes the replica of another region the database, after the old one is fenced.
#
# usage: ci/promote-database.sh OLD_REGION NEW_REGION --i-know-that-the-replica-lags
# Fencing: every rule that lets someone into the old database's security group is removed. If the
# old region cannot be asked, the command stops, unless BALLAST_OLD_REGION_IS_GONE=1 says that a
# person knows that nobody can write there. Reconcile afterwards: docs/runbooks.
# shellcheck source=ci/lib.sh
. "$(dirname "$0")/lib.sh"
help_of "$@"

[ "$#:${3:-}" = "3:--i-know-that-the-replica-lags" ] \
    || usage_error "two regions and --i-know-that-the-replica-lags are needed"
[ "$1" != "$2" ] || usage_error "the regions are the same"
need aws awscli
use_role deploy
old=$(aws_region "$1")
new=$(aws_region "$2")
project=$(topology .project)
source_of() {
    aws rds describe-db-instances --region "$new" --output text \
        --db-instance-identifier "$project-database-$2" \
        --query 'DBInstances[0].ReadReplicaSourceDBInstanceIdentifier'
}
source=$(source_of "$@")
[ "$source" != None ] || fail "$project-database-$2 is no replica; was it promoted already?"

if group=$(aws rds describe-db-instances --region "$old" --output text \
    --db-instance-identifier "$project-database-$1" \
    --query 'DBInstances[0].VpcSecurityGroups[0].VpcSecurityGroupId'); then
    rules=$(aws ec2 describe-security-group-rules --region "$old" --output text \
        --filters "Name=group-id,Values=$group" \
        --query 'SecurityGroupRules[?!IsEgress].SecurityGroupRuleId')
    if [ -n "$rules" ]; then
        say "fencing $project-database-$1: nobody gets in any more"
        # shellcheck disable=SC2086 # the ids are words
        change aws ec2 revoke-security-group-ingress --region "$old" --group-id "$group" \
            --security-group-rule-ids $rules >/dev/null
    fi
    # Connections that stand outlive the rules; a restart ends them.
    change aws rds reboot-db-instance --region "$old" \
        --db-instance-identifier "$project-database-$1" >/dev/null
    [ "${BALLAST_DRY_RUN:-}" = 1 ] || aws rds wait db-instance-available --region "$old" \
        --db-instance-identifier "$project-database-$1"
elif [ "${BALLAST_OLD_REGION_IS_GONE:-}" != 1 ]; then
    fail "$old cannot be asked, so $project-database-$1 is not fenced; nothing was promoted"
fi
say "promoting $project-database-$2"
change aws rds promote-read-replica --region "$new" \
    --db-instance-identifier "$project-database-$2" >/dev/null
[ "${BALLAST_DRY_RUN:-}" = 1 ] || aws rds wait db-instance-available --region "$new" \
    --db-instance-identifier "$project-database-$2"
address=$(aws rds describe-db-instances --region "$new" --output text \
    --db-instance-identifier "$project-database-$2" --query 'DBInstances[0].Endpoint.Address')
secret=$(mktemp)
chmod 600 "$secret"
trap 'rm -f "$secret"' EXIT
aws secretsmanager get-secret-value --region "$new" --secret-id "$project/application" \
    --output text --query SecretString \
    | jq -c --arg host "$address" '.database |= sub("@[^/]+/"; "@\($host)/")' >"$secret"
# The secret of the new region no longer follows the old region's.
change aws secretsmanager stop-replication-to-replica --region "$new" \
    --secret-id "$project/application" >/dev/null || say "the secret is no replica"
change aws secretsmanager put-secret-value --region "$new" --secret-id "$project/application" \
    --secret-string "file://$secret" >/dev/null
say "$project-database-$2 is the database of $2; the servers of $2 take it at their restart"
