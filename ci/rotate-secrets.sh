#!/usr/bin/env bash
# The one way in which the database's password and the servers' secret come about and change; and
# the restart that makes servers take what the secret holds.
#
# usage: ci/rotate-secrets.sh database [REGION]  a new password, into the database and the secret
#        ci/rotate-secrets.sh restart REGION     replaces the region's servers, one after the other
#   REGION  default: the primary of the topology
# Each region has a secret of its own, and all get the same value.
# The first time the secret is empty, and all of it is made: address, password, the keys that seal
# what is secret in the books and those that sign receipts. That time needs
#   BALLAST_DATABASE_AUTHORITY  a file with the authorities (PEM) of every region's database
#   BALLAST                     the program; default target/release/ballast
# The password is generated here, goes by files that only this user reads, and is never printed.
# shellcheck source=ci/lib.sh
. "$(dirname "$0")/lib.sh"
help_of "$@"

# What a server finds on its disk when it has read the secret (infra/modules/app).
readonly AUTHORITY=/var/lib/ballast/database-authority.pem

# first_secret FOLDER ADDRESS
first_secret() {
    local ballast=${BALLAST:-target/release/ballast}
    [ -r "${BALLAST_DATABASE_AUTHORITY:-}" ] || fail "the secret is empty; to make it" \
        "BALLAST_DATABASE_AUTHORITY names the file with the authorities of RDS"
    grep -q 'BEGIN CERTIFICATE' "$BALLAST_DATABASE_AUTHORITY" \
        || fail "$BALLAST_DATABASE_AUTHORITY holds no certificate"
    for kind in data receipt; do
        "$ballast" keys "make-$kind" --keys "$1/$kind-keys.json" >/dev/null 2>"$1/error" \
            || fail "$ballast (BALLAST) could not make the keys: $(cat "$1/error")"
    done
    jq -n --slurpfile data_keys "$1/data-keys.json" --slurpfile receipt_keys "$1/receipt-keys.json" \
        --rawfile authority "$BALLAST_DATABASE_AUTHORITY" \
        --arg database "postgres://ballast_owner@$2/ballast?sslmode=verify-full&sslrootcert=$AUTHORITY" \
        '{database: $database, authority: $authority, data_keys: $data_keys[0],
            receipt_keys: $receipt_keys[0]}'
}

need aws awscli
need jq jq
case "${1:-}" in
    database)
        [ $# -le 2 ] || usage_error "at most one region is taken"
        use_role operate
        region=${2:-$(regions_with_role primary)}
        aws_region=$(aws_region "$region")
        database=$(database_of "$region")
        read -r address multi_az < <(aws rds describe-db-instances --region "$aws_region" \
            --db-instance-identifier "$database" --output text \
            --query 'DBInstances[0].[Endpoint.Address, MultiAZ]')
        [ -n "$multi_az" ] || fail "there is no database $database"
        # The secret of the database's own region is the first.
        regions=$(topology '.regions[].aws_region')
        regions="$aws_region $(grep -vFx -- "$aws_region" <<<"$regions" || true)"
        folder=$(mktemp -d)
        trap 'rm -rf "$folder"' EXIT
        umask 077
        # A region that came later has an empty one; what seals the books is never made twice.
        held=""
        for it in $regions; do
            if aws secretsmanager get-secret-value --region "$it" --output text \
                --secret-id "$(secret_name application)" --query SecretString \
                >"$folder/old" 2>"$folder/error"; then
                held=$it
                break
            fi
            grep -q ResourceNotFoundException "$folder/error" \
                || fail "$(secret_name application) cannot be read in $it: $(cat "$folder/error")"
        done
        if [ -z "$held" ]; then
            say "the secret is empty: making all of it"
            first_secret "$folder" "$address" >"$folder/old"
        fi
        openssl rand -hex 24 | tr -d '\n' >"$folder/password"
        # What a commit has reached when the database acknowledges it stands in every receipt.
        case ${multi_az,,} in true) durability=zone ;; *) durability=machine ;; esac
        jq -c --rawfile password "$folder/password" --arg durability "$durability" \
            '. + {password: $password, durability: $durability}' "$folder/old" >"$folder/secret"
        jq -n --rawfile password "$folder/password" --arg id "$database" \
            '{DBInstanceIdentifier: $id, MasterUserPassword: $password, ApplyImmediately: true}' \
            >"$folder/request"
        # If this ends between the two, run it again: it needs neither of the old passwords.
        change aws rds modify-db-instance --region "$aws_region" \
            --cli-input-json "file://$folder/request" >/dev/null
        for it in $regions; do
            change aws secretsmanager put-secret-value --region "$it" \
                --secret-id "$(secret_name application)" \
                --secret-string "file://$folder/secret" >/dev/null \
                || fail "the secret of $it does not have the password: run this again"
        done
        say "the password is changed; restart the servers now: $0 restart REGION"
        ;;
    restart)
        [ $# -eq 2 ] || usage_error "a region is needed"
        use_role operate
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
