#!/usr/bin/env bash
# Makes the replica of another region the database, after the old one is fenced.
#
# usage: ci/promote-database.sh OLD_REGION NEW_REGION --i-know-that-the-replica-lags
# Fencing: every rule that lets someone into the old database's security group is removed, at once;
# then the database and its readers are put into a group that lets nobody in, where they stay when an
# apply brings the rules back. If the old region cannot be asked, the command stops, unless
# BALLAST_OLD_REGION_IS_GONE=1 says that a person knows that nobody can write there; run it again
# without that as soon as the region answers. Reconcile afterwards: docs/runbooks. A command that ended
# half way can be run again.
# shellcheck source=ci/lib.sh
. "$(dirname "$0")/lib.sh"
help_of "$@"

[ "$#:${3:-}" = "3:--i-know-that-the-replica-lags" ] \
    || usage_error "two regions and --i-know-that-the-replica-lags are needed"
[ "$1" != "$2" ] || usage_error "the regions are the same"
need aws awscli
need jq jq
use_role operate
old=$(aws_region "$1")
new=$(aws_region "$2")
old_database=$(database_of "$1")
new_database=$(database_of "$2")

# of_database AWS_REGION DATABASE QUERY: one value of what RDS says of a database.
of_database() {
    aws rds describe-db-instances --region "$1" --db-instance-identifier "$2" --output text \
        --query "DBInstances[0].$3"
}

# The old database, and those of its readers that are not another region's replica (an ARN).
fenced_databases() {
    local readers reader
    readers=$(of_database "$old" "$old_database" 'ReadReplicaDBInstanceIdentifiers') || return
    echo "$old_database"
    for reader in $readers; do
        case $reader in None | arn:*) ;; *) echo "$reader" ;; esac
    done
}

# available DATABASE: waits until it can be changed again.
available() {
    [ "${BALLAST_DRY_RUN:-}" = 1 ] || aws rds wait db-instance-available --region "$old" \
        --db-instance-identifier "$1"
}

# Nobody gets in any more; connections that stand outlive rules and groups, so a restart ends them.
fence() {
    local group rules vpc closed databases database
    group=$(of_database "$old" "$old_database" 'VpcSecurityGroups[0].VpcSecurityGroupId') || return
    vpc=$(of_database "$old" "$old_database" 'DBSubnetGroup.VpcId') || return
    databases=$(fenced_databases) || return
    closed=$(aws ec2 describe-security-groups --region "$old" --output text \
        --filters "Name=vpc-id,Values=$vpc" "Name=group-name,Values=$(fence_group)" \
        --query 'SecurityGroups[0].GroupId') || return
    case $closed in sg-*) ;; *) say "$1 has no group $(fence_group)"; return 1 ;; esac
    rules=$(aws ec2 describe-security-group-rules --region "$old" --output text \
        --filters "Name=group-id,Values=$group" \
        --query 'SecurityGroupRules[?!IsEgress].SecurityGroupRuleId') || return
    if [ -n "$rules" ]; then
        say "fencing $old_database: nobody gets in any more"
        # shellcheck disable=SC2086 # the ids are words
        change aws ec2 revoke-security-group-ingress --region "$old" --group-id "$group" \
            --security-group-rule-ids $rules >/dev/null || return
    fi
    for database in $databases; do
        change aws rds modify-db-instance --region "$old" --db-instance-identifier "$database" \
            --vpc-security-group-ids "$closed" --apply-immediately >/dev/null || return
    done
    for database in $databases; do
        available "$database" || return
        change aws rds reboot-db-instance --region "$old" --db-instance-identifier "$database" \
            >/dev/null || return
    done
    available "$old_database"
}

# Both words are needed: it says "available" until the promotion has begun.
is_promoted() {
    local state
    state=$(of_database "$new" "$new_database" \
        '[ReadReplicaSourceDBInstanceIdentifier, DBInstanceStatus]') || return
    [[ "$state" =~ ^None[[:space:]]+available$ ]]
}

# A replica is made after what it follows: of two that take writes, the younger was promoted. The other
# way round this would give up what has been booked since.
is_backwards() {
    local made
    is_promoted && made=$(database_made "$1") && [[ "$made" > "$(database_made "$2")" ]]
}

! is_backwards "$1" "$2" || fail "the databases of both take writes, and that of $1 is the younger, so it" \
    "was promoted: the regions are the wrong way round; nothing was fenced"
if fence "$1"; then
    is_gone=no
elif [ "${BALLAST_OLD_REGION_IS_GONE:-}" = 1 ]; then
    is_gone=yes
    say "$old cannot be asked; a person says that nobody writes there"
else
    fail "$old cannot be asked, so $old_database is not fenced; nothing was promoted"
fi

if is_promoted; then
    say "$new_database is promoted already"
else
    say "promoting $new_database"
    change aws rds promote-read-replica --region "$new" \
        --db-instance-identifier "$new_database" >/dev/null
    deadline=$((SECONDS + 1800))
    until [ "${BALLAST_DRY_RUN:-}" = 1 ] || is_promoted; do
        [ "$SECONDS" -lt "$deadline" ] || fail "$new_database is still a replica after half an hour"
        sleep 10
    done
fi
address=$(of_database "$new" "$new_database" Endpoint.Address)
secret=$(mktemp)
trap 'rm -f "$secret"' EXIT
# A promoted replica stands in one zone until it is Multi-AZ, and receipts say so.
aws secretsmanager get-secret-value --region "$new" --secret-id "$(secret_name application)" \
    --output text --query SecretString \
    | jq -ce --arg host "$address" '.database |= sub("@[^/]+/"; "@\($host)/")
        | .durability = "machine"' >"$secret"
# The secret of each region leads to the new database, that of the new region first.
regions=$(topology '.regions[].aws_region')
for region in "$new" $(grep -vFx -- "$new" <<<"$regions"); do
    [ "$region:$is_gone" != "$old:yes" ] || continue
    change aws secretsmanager put-secret-value --region "$region" \
        --secret-id "$(secret_name application)" --secret-string "file://$secret" >/dev/null
done
say "$new_database is the database; servers take it at their restart"
