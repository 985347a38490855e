#!/usr/bin/env bash
# Restores a backup beside the original and proves its books with `ballast audit`.
#
# usage: ci/restore-test.sh local FILE    a copy of the embedded database, with the FILE-wal beside it
#                                         if there was one: it holds what was committed last
#        ci/restore-test.sh postgres FILE what `pg_dump --format custom` wrote, into a database that is
#                                         made for it and removed again, on the server that PGHOST,
#                                         PGPORT, PGUSER and PGPASSWORD name
#        ci/restore-test.sh rds           the newest snapshot, into a database that is removed again
#   BALLAST  the program; default target/release/ballast
# shellcheck source=ci/lib.sh
. "$(dirname "$0")/lib.sh"
help_of "$@"

case "${1:-}" in
    local)
        [ $# -eq 2 ] || usage_error "the backup file is needed"
        [ -f "$2" ] || fail "there is no backup $2"
        copy=$(mktemp -d)
        trap 'rm -rf "$copy"' EXIT
        cp -- "$2" "$copy/bank.db"
        [ ! -f "$2-wal" ] || cp -- "$2-wal" "$copy/bank.db-wal"
        "${BALLAST:-target/release/ballast}" audit --database "sqlite:$copy/bank.db"
        ;;
    postgres)
        [ $# -eq 2 ] || usage_error "the backup file is needed"
        [ -f "$2" ] || fail "there is no backup $2"
        need pg_restore postgresql-client
        export PGHOST=${PGHOST:-localhost} PGPORT=${PGPORT:-5432} PGUSER=${PGUSER:-$(id -un)}
        restored="ballast_restore_test_$$"
        createdb "$restored"
        trap 'dropdb --if-exists --force "$restored"' EXIT
        # Owners and rights are the server's matter; the books are what is proved.
        pg_restore --exit-on-error --no-owner --no-privileges --dbname "$restored" "$2"
        "${BALLAST:-target/release/ballast}" audit \
            --database "postgres://$PGUSER@$PGHOST:$PGPORT/$restored"
        ;;
    rds)
        need aws awscli
        use_role deploy
        region=$(regions_with_role primary)
        aws_region=$(aws_region "$region")
        database=$(database_of "$region")
        restored=$(restore_test "$(date -u +%Y%m%d)")
        # shellcheck disable=SC2016 # the quotes are those of AWS's query language
        snapshot=$(aws rds describe-db-snapshots --region "$aws_region" \
            --db-instance-identifier "$database" --output text --query \
            'sort_by(DBSnapshots[?Status==`available`], &SnapshotCreateTime)[-1].DBSnapshotIdentifier')
        [ "$snapshot" != None ] || fail "$database has no snapshot"
        say "restoring $snapshot as $restored"
        read -r subnets groups parameters < <(aws rds describe-db-instances --region "$aws_region" \
            --db-instance-identifier "$database" --output text --query \
            'DBInstances[0].[DBSubnetGroup.DBSubnetGroupName,
            VpcSecurityGroups[0].VpcSecurityGroupId, DBParameterGroups[0].DBParameterGroupName]')
        [ -n "$parameters" ] || fail "there is no database $database"
        change aws rds restore-db-instance-from-db-snapshot --region "$aws_region" \
            --db-instance-identifier "$restored" --db-snapshot-identifier "$snapshot" \
            --db-subnet-group-name "$subnets" --vpc-security-group-ids "$groups" \
            --db-parameter-group-name "$parameters" \
            --no-publicly-accessible --no-multi-az --no-deletion-protection >/dev/null
        [ "${BALLAST_DRY_RUN:-}" != 1 ] || exit 0
        remove() {
            aws rds delete-db-instance --region "$aws_region" --db-instance-identifier "$restored" \
                --skip-final-snapshot >/dev/null
        }
        trap remove EXIT
        aws rds wait db-instance-available --region "$aws_region" \
            --db-instance-identifier "$restored"
        address=$(aws rds describe-db-instances --region "$aws_region" --output text \
            --db-instance-identifier "$restored" --query 'DBInstances[0].Endpoint.Address')
        ci/on-server.sh "$region" /usr/local/sbin/ballast-cloud audit "$address"
        ;;
    *) usage_error "local, postgres or rds is needed" ;;
esac
