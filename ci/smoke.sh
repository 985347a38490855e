#!/usr/bin/env bash
# Proves that a deployment serves and keeps money right: one cent goes from one test account to
# another under a key, the key is asked again, every balance and entry is reconciled, and the cent
# goes back.
#
# usage: ci/smoke.sh --data DIR            the deployment of `ballast up` with that data folder
#        ci/smoke.sh --url URL             any other; see the environment below
#        ci/smoke.sh --secret NAME         address, token and accounts from Secrets Manager
#   --read-only      only health and the index of the API; moves nothing
#   --connect HOST   send the requests to this balancer instead of where the name points
#   --patience S     seconds in which a request may be asked again; default 20
# Environment for --url: BALLAST_TOKEN (a teller), BALLAST_SMOKE_FROM, BALLAST_SMOKE_TO (account
# numbers used by nobody else). With --data the two accounts are opened at the first use.
# shellcheck source=ci/lib.sh
. "$(dirname "$0")/lib.sh"
help_of "$@"

data="" url="" secret="" connect="" read_only=no patience=20
while [ $# -gt 0 ]; do
    case $1 in
        --read-only) read_only=yes; shift; continue ;;
        --data | --url | --secret | --connect | --patience) [ $# -ge 2 ] || usage_error "$1 needs a value" ;;
        *) usage_error "unknown argument $1" ;;
    esac
    case $1 in
        --data) data=$2 ;;
        --url) url=$2 ;;
        --secret) secret=$2 ;;
        --connect) connect=$2 ;;
        --patience) patience=$2 ;;
    esac
    shift 2
done
need curl curl
need jq jq
token=${BALLAST_TOKEN:-} from=${BALLAST_SMOKE_FROM:-} to=${BALLAST_SMOKE_TO:-} executive=""
if [ -n "$data" ]; then
    [ -r "$data/deployment.json" ] || fail "no deployment runs in $data; start one with ballast up"
    url=${url:-$(jq -er .url "$data/deployment.json")}
    token=$(jq -er .teller "$data/credentials.json")
    executive=$(jq -er .executive "$data/credentials.json")
elif [ -n "$secret" ]; then
    need aws awscli
    use_role deploy
    value=$(aws secretsmanager get-secret-value --secret-id "$secret" --output text \
        --region "$(aws_region "$(regions_with_role primary)")" --query SecretString)
    url=$(jq -er .url <<<"$value")
    token=$(jq -er .token <<<"$value")
    from=$(jq -er .from <<<"$value")
    to=$(jq -er .to <<<"$value")
fi
[ -n "$url" ] || usage_error "--data, --url or --secret is needed"
url=${url%/}
case $url in
    https://* | http://127.* | http://localhost* | http://\[::1\]*) ;;
    *) fail "$url is neither https nor this machine: the token would be readable on the way" ;;
esac
options=(--silent --show-error --max-time 10 --proto '=http,https')
if [ -n "$connect" ]; then
    host=${url#*://}
    options+=(--connect-to "$host:443:$connect:443")
fi

# ask TOKEN METHOD PATH [BODY [KEY]]: prints the answer of a 2xx; asks again, under the same key,
# while nothing says that the request is wrong. The token goes by a file descriptor, so that no
# other user sees it in the list of processes.
ask() {
    local deadline=$((SECONDS + patience)) answer status
    local call=("${options[@]}" --request "$2" --write-out '\n%{http_code}')
    [ -z "${4:-}" ] || call+=(--header 'content-type: application/json' --data "$4")
    [ -z "${5:-}" ] || call+=(--header "idempotency-key: $5")
    while true; do
        answer=$(curl "${call[@]}" --header @<(printf 'authorization: Bearer %s\n' "$1") \
            "$url$3" 2>&1) && status=${answer##*$'\n'} || status=000
        case $status in
            2??) printf '%s' "${answer%$'\n'*}"; return ;;
            000 | 429 | 5??)
                [ "$SECONDS" -lt "$deadline" ] || fail "$2 $3: $answer"
                sleep 0.5 ;;
            *) fail "$2 $3: status $status: ${answer%$'\n'*}" ;;
        esac
    done
}

balance() {
    ask "$token" GET "/api/v1/accounts/$1" | jq -er '.balance.amount' \
        || fail "account $1 has no balance in its answer"
}

# Cents of an amount, exactly: no floats.
cents() {
    local whole=${1%.*} fraction=${1#*.} sign=""
    [ "${whole#-}" = "$whole" ] || { sign=-; whole=${whole#-}; }
    printf '%s%d' "$sign" "$((10#$whole * 100 + 10#$fraction))"
}

open_account() {
    local ssn customer
    ssn=$(printf '9%08d' "$((RANDOM * 32768 + RANDOM))")
    ssn=${ssn:0:9}
    customer=$(ask "$executive" POST /api/v1/customers "$(jq -cn --arg ssn "$ssn" '{ssn: $ssn,
        name: "Smoke Test", address: "Test Lane 1", age: "30", state: "NJ", city: "Newark"}')" \
        | jq -er .number)
    ask "$executive" POST "/api/v1/customers/$customer/accounts" \
        '{"kind":"current","opening_amount":{"amount":"1.00","currency":"USD"}}' \
        "smoke-open-$customer" | jq -er '.account.number? // .account // .number'
}

say "health of $url"
ask "" GET /readyz >/dev/null
ask "" GET /api/v1 >/dev/null
if [ "$read_only" = yes ]; then
    say "it answers"
    exit 0
fi
[ -n "$token" ] || fail "BALLAST_TOKEN is not set; make one with ballast staff token"
if [ -n "$data" ]; then
    if [ ! -s "$data/smoke-accounts" ]; then
        say "opening the two test accounts"
        printf '%s %s\n' "$(open_account)" "$(open_account)" >"$data/smoke-accounts.new"
        mv "$data/smoke-accounts.new" "$data/smoke-accounts"
    fi
    read -r from to <"$data/smoke-accounts"
fi
[ -n "$from" ] || fail "BALLAST_SMOKE_FROM is not set; it names the first test account"
[ -n "$to" ] || fail "BALLAST_SMOKE_TO is not set; it names the second test account"

# move FROM TO KEY: one cent, asked for twice, booked once.
move() {
    local body first second transfer from_before to_before entries
    from_before=$(cents "$(balance "$1")")
    to_before=$(cents "$(balance "$2")")
    body=$(jq -cn --arg from "$1" --arg to "$2" '$ARGS.named
        + {amount: {amount: "0.01", currency: "USD"}, description: "smoke test"}')
    first=$(ask "$token" POST /api/v1/transfers "$body" "$3")
    second=$(ask "$token" POST /api/v1/transfers "$body" "$3")
    [ "$(jq -r .replayed <<<"$second")" = true ] || fail "the key $3 moved the cent twice: $second"
    transfer=$(jq -er .transfer <<<"$first")
    [ "$(jq -r .transfer <<<"$second")" = "$transfer" ] || fail "the key $3 has two answers"
    [ "$(cents "$(balance "$1")")" -eq $((from_before - 1)) ] \
        || fail "account $1 did not lose exactly one cent"
    [ "$(cents "$(balance "$2")")" -eq $((to_before + 1)) ] \
        || fail "account $2 did not gain exactly one cent"
    for side in "$1 debit" "$2 credit"; do
        entries=$(ask "$token" GET "/api/v1/accounts/${side% *}/entries?limit=10")
        jq -e --arg transfer "$transfer" --arg direction "${side#* }" \
            '[.entries[] | select(.transfer == $transfer)] | length == 1
            and .[0].direction == $direction and (.[0].amount.amount | ltrimstr("-")) == "0.01"' \
            <<<"$entries" >/dev/null \
            || fail "account ${side% *} has not exactly one entry of transfer $transfer"
    done
}

key="smoke-$(date -u +%Y%m%dT%H%M%S)-$$-$RANDOM"
move "$from" "$to" "$key"
move "$to" "$from" "$key-back"
say "one cent went from $from to $to and back; balances and entries agree"
