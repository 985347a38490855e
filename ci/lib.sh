# shellcheck shell=bash
# What the scripts of the pipeline share: words to the person, evidence, AWS profiles, the topology.
# Sourced, never run. Guarantees of `require_approved_plan`: it returns only if the branch is main,
# this commit's tests were green, and a person approved exactly the plans that lie in build/plan.

set -euo pipefail
SELF=$(realpath "$0")
readonly SELF
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# shellcheck disable=SC2034 # the scripts that source this use them
readonly EVIDENCE=build/evidence PLANS=build/plan ARTIFACTS=build/artifact
export AWS_PAGER="" TF_IN_AUTOMATION=1 TF_INPUT=0

say() { printf '==> %s\n' "$*" >&2; }
fail() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }
usage_error() { printf '%s: %s; see %s --help\n' "${0##*/}" "$*" "$0" >&2; exit 64; }

# Prints the head comment of the script and leaves, when asked for help.
help_of() {
    case "${1:-}" in
        -h | --help) sed -n '2,/^[^#]/{/^# shellcheck/d;s/^# \{0,1\}//p;}' "$SELF"; exit 0 ;;
    esac
}

need() {
    command -v "$1" >/dev/null || fail "$1 is missing; install the Debian package $2"
}

commit() { printf '%s' "${GIT_COMMIT:-$(git rev-parse HEAD)}"; }

# With BALLAST_DRY_RUN=1 what would change anything is printed and not run.
change() {
    if [ "${BALLAST_DRY_RUN:-}" = 1 ]; then
        say "would run: $*"
    else
        "$@"
    fi
}

# Roles come from the agent's instance role through its profiles; keys are refused, because a key
# outlives the build. A person at another machine names the role that people have: BALLAST_ROLE.
use_role() {
    if [ -n "${AWS_ACCESS_KEY_ID:-}${AWS_SECRET_ACCESS_KEY:-}" ]; then
        fail "AWS keys are in the environment; the pipeline works with instance roles only"
    fi
    # What only people do they do as themselves, with all that it calls.
    [ "$1" != operate ] || export BALLAST_ROLE=operate
    export AWS_PROFILE="ballast-${BALLAST_ROLE:-$1}"
}

# Before the roles of infra/cicd are there, a person sets the account up, with rights of their own.
use_own_role() {
    [ -z "${AWS_ACCESS_KEY_ID:-}${AWS_SECRET_ACCESS_KEY:-}" ] \
        || fail "AWS keys are in the environment; name a profile instead (AWS_PROFILE)"
    [ -n "${AWS_PROFILE:-}" ] || fail "AWS_PROFILE names the profile of who sets the account up"
}

# A root's providers are those of its lock file; without one, say so: nothing pins their checksums.
lock_option() {
    if [ -f "$1/.terraform.lock.hcl" ]; then
        printf -- '-lockfile=readonly'
    else
        say "$1 has no .terraform.lock.hcl: the provider is held by its version only"
        printf -- '-upgrade=false'
    fi
}

# on_root ROOT WORDS…: Terraform on a root of infra/live. Whose lock it is that stops it, Terraform says;
# this says what to do when nobody works any more.
on_root() {
    local root=$1 said status=0 id
    shift
    said=$(mktemp)
    terraform -chdir="infra/live/$root" "$@" 2>&1 | tee "$said" >&2 || status=$?
    if grep -q 'Error acquiring the state lock' "$said"; then
        id=$(sed -nE 's/.*ID: +([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}).*/\1/p' "$said" | head -n 1)
        # Terraform gives up when the lock goes between its try and its look at whose it is.
        if [ -n "$id" ]; then
            say "if who holds the lock is gone: ci/unlock-state.sh $root $id (docs/runbooks/state-locked.md)"
        else
            say "the state of $root was locked a moment ago, and is not any more: try again"
        fi
    fi
    rm -f "$said"
    return "$status"
}

# topology FILTER: a value of the topology.
topology() { jq -er "$1" "${BALLAST_TOPOLOGY:-topology.json}"; }

# The region keys that have a role, one a line.
regions_with_role() {
    jq -er --arg role "$1" '.regions[] | select(.role == $role) | .key' \
        "${BALLAST_TOPOLOGY:-topology.json}"
}

# regions_left ROLE: the region keys that have a role, or `every`, one a line, without the one that is
# left out.
regions_left() {
    jq -r --arg role "$1" --arg without "${WITHOUT_REGION:-}" '.regions[]
        | select($role == "every" or .role == $role) | .key | select(. != $without)' \
        "${BALLAST_TOPOLOGY:-topology.json}"
}

# WITHOUT_REGION names a region that is gone altogether: this run leaves it out. Only a standby may be
# named; that it is gone ci/database-guard.sh asks.
require_left_out() {
    local name=${WITHOUT_REGION:-}
    [ -n "$name" ] || return 0
    [ "$name" != "$(regions_with_role primary)" ] || fail "$name is the primary, and only a standby is" \
        "left out: first another becomes the primary (docs/runbooks/region-lost.md)"
    jq -e --arg name "$name" 'any(.regions[]; .role == "standby" and .key == $name)' \
        "${BALLAST_TOPOLOGY:-topology.json}" >/dev/null \
        || fail "WITHOUT_REGION=$name: no standby of the topology is called so"
    [ "$(aws_region "$name")" != "${BALLAST_STATE_REGION:-}" ] \
        || fail "the states of all roots are in $name, so nothing is planned without it"
}

aws_region() {
    jq -er --arg key "$1" '.regions[] | select(.key == $key) | .aws_region' \
        "${BALLAST_TOPOLOGY:-topology.json}" || fail "the topology has no region $1"
}

# The server names of a region, which are also its auto-scaling groups and launch templates.
groups_of() {
    jq -er --arg key "$1" '.regions[] | select(.key == $key) | .zones | to_entries[]
        | "applicationServer" + (if .key < 9 then "0" else "" end) + (.key + 1 | tostring)
        + "-" + $key' "${BALLAST_TOPOLOGY:-topology.json}"
}

# Names that infra/modules/naming gives. No script makes one up: ci/names.sh lists what these say,
# and a check holds it against what the roots make.
project() { topology .project; }
role_name() { printf '%s-%s' "$(topology .project)" "$1"; }
secret_name() { printf '%s/%s' "$(topology .project)" "$1"; }
database_of() { printf '%s-database-%s' "$(topology .project)" "$1"; }
restore_test() { printf '%s-restore-test-%s' "$(topology .project)" "$1"; }
fence_group() { printf 'databaseFenceSG'; }
controller_name() { printf 'jenkins-controller'; }
balancer_of() { printf 'ALB-%s' "$1"; }
alarm_topic() { printf '%s-alarms-%s' "$(topology .project)" "$1"; }
region_alarm() { printf '%s-region-unreachable-%s' "$(topology .project)" "$1"; }
alarm_prefix() { printf '%s-' "$(topology .project)"; }

account() { aws sts get-caller-identity --query Account --output text; }

state_bucket() { printf '%s-state-%s' "$(topology .project)" "$1"; }

# database_state REGION: none, replica, alone (it follows nobody) or fenced, as RDS says; fails when
# it says nothing.
database_state() {
    local region said source group
    region=$(aws_region "$1")
    if ! said=$(aws rds describe-db-instances --region "$region" --output text \
        --db-instance-identifier "$(database_of "$1")" --query \
        'DBInstances[0].[ReadReplicaSourceDBInstanceIdentifier, VpcSecurityGroups[0].VpcSecurityGroupId]' \
        2>&1); then
        [[ "$said" == *DBInstanceNotFound* ]] || { printf '%s\n' "$said" >&2; return 1; }
        echo none
        return
    fi
    read -r source group <<<"$said"
    said=$(aws ec2 describe-security-groups --region "$region" --group-ids "$group" --output text \
        --query 'SecurityGroups[0].GroupName') || return
    case $said:$source in
        "$(fence_group)":*) echo fenced ;;
        *:None) echo alone ;;
        *) echo replica ;;
    esac
}

# database_made REGION: when; two such moments compare as texts.
database_made() {
    aws rds describe-db-instances --region "$(aws_region "$1")" --output text \
        --db-instance-identifier "$(database_of "$1")" --query 'DBInstances[0].InstanceCreateTime' | cut -c 1-19
}

# region_is_gone REGION: whether neither RDS nor EC2 of the region answers, three times over. A refusal
# is an answer as well. Silence counts only if it is the region's own, as the AWS command says it (the
# sentences are those of botocore's exceptions.py), or if the service says that it cannot work.
region_is_gone() {
    local region said ask service silent
    region=$(aws_region "$1")
    silent="(connect to the|[Tt]imeout on|response from) endpoint URL: \"https://[^\"]*$region\."
    silent+="|\(((Service)?Unavailable|Internal(Failure|Error)|50[0-9])\) when calling the Describe"
    for ask in 1 2 3; do
        [ "$ask" = 1 ] || sleep 10
        for service in "rds describe-db-instances" "ec2 describe-security-groups"; do
            # shellcheck disable=SC2086 # the service and its question are words
            if said=$(AWS_MAX_ATTEMPTS=1 aws $service --region "$region" --output text --max-items 1 \
                --cli-connect-timeout 10 --cli-read-timeout 20 2>&1) || ! [[ "$said" =~ $silent ]]; then
                say "${service%% *} of $1 answers: ${said:0:200}"
                return 1
            fi
        done
    done
}

# artifact_bucket ACCOUNT AWS_REGION
artifact_bucket() { printf '%s-artifacts-%s-%s' "$(topology .project)" "$1" "$2"; }

# promoted_release AWS_REGION ACCOUNT FILE: what ci/promote.sh noted last; 1 if it never did, 2 if the
# bucket cannot be asked.
promoted_release() {
    local said
    said=$(aws s3api get-object --region "$1" --key releases/current.json \
        --bucket "$(artifact_bucket "$2" "$1")" "$3" 2>&1 >/dev/null) || {
        printf '%s\n' "$said" >&2
        case $said in *NoSuchKey*) return 1 ;; *) return 2 ;; esac
    }
}

# put_once AWS_REGION BUCKET KEY FILE: an object is never replaced: a key holds the same bytes for ever.
put_once() {
    say "s3://$2/$3"
    if aws s3api head-object --region "$1" --bucket "$2" --key "$3" >/dev/null 2>&1; then
        say "is there already"
        return
    fi
    change aws s3api put-object --region "$1" --bucket "$2" --key "$3" --body "$4" \
        --if-none-match '*' --checksum-algorithm SHA256 \
        --checksum-sha256 "$(openssl dgst -sha256 -binary "$4" | base64)" >/dev/null
}

# One number for all plans: the checksum of the list of their checksums.
plan_checksum() {
    [ -s "$PLANS/SHA256SUMS" ] || fail "there is no plan in $PLANS; run ci/plan.sh"
    (cd "$PLANS" && sha256sum --quiet --check --strict SHA256SUMS >&2) \
        || fail "a plan differs from its checksum; it is not the one that was reviewed"
    sha256sum <"$PLANS/SHA256SUMS" | cut -d ' ' -f 1
}

require_main() {
    [ "${BRANCH_NAME:-}" = main ] \
        || fail "only the branch main is deployed, and this is '${BRANCH_NAME:-no branch}'"
}

require_tests() {
    [ "$(cat "$EVIDENCE/tests" 2>/dev/null)" = "$(commit)" ] \
        || fail "no evidence that the tests of $(commit) were green"
}

require_approved_plan() {
    local found without
    require_left_out
    require_main
    require_tests
    [ -n "${APPROVED_PLAN_SHA256:-}" ] || fail "no approval: APPROVED_PLAN_SHA256 is not set"
    [ -n "${APPROVED_BY:-}" ] || fail "no approval: APPROVED_BY does not name a person"
    found=$(plan_checksum)
    [ "$found" = "$APPROVED_PLAN_SHA256" ] \
        || fail "the plan $found is not the approved one, $APPROVED_PLAN_SHA256"
    without=$(cat "$PLANS/left-out")
    [ "$without" = "${WITHOUT_REGION:-}" ] || fail "the approved plan leaves out" \
        "${without:-no region}, and this run ${WITHOUT_REGION:-no region}"
}
