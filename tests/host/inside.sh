#!/usr/bin/env bash
# Runs on the host that .ci/check-host starts, as its only guest: first docs/operate.md as a person
# would, then the start-up script of a server in the cloud, with AWS played by cloud.py.
set -euo pipefail

say() { printf '==> %s\n' "$*"; }
fail() { printf 'FAILED: %s\n' "$*"; journalctl --no-pager -o cat -n 40; exit 1; }
must() { "$@" || fail "$*"; }
as_ballast() { runuser -u ballast -- "$@"; }
ready() { curl --silent --fail --max-time 2 http://127.0.0.1:8000/readyz >/dev/null; }
becomes_ready() {
    for _ in $(seq 100); do
        ! ready || return 0
        sleep 0.1
    done
    fail "$1: not ready after ten seconds"
}

say "install"
cd /check/artifact
must sha256sum --check --quiet --strict SHA256SUMS
must dpkg --force-depends --install ./*.deb
must install -m 600 /usr/share/doc/ballast/server.json.example /etc/ballast/server.json
must systemctl enable --now ballast-server
becomes_ready "after the first start"
[ "$(systemctl show --property User --value ballast-server)" = ballast ] || fail "another user"

say "staff, keys, seal"
books=sqlite:/var/lib/ballast/bank.db
must as_ballast ballast staff --database "$books" add C00000001 --name dinesh \
    --role administrator >/dev/null
must as_ballast ballast keys make-data --keys /var/lib/ballast/data-keys.json
must as_ballast ballast keys make-receipt --keys /var/lib/ballast/receipt-keys.json
jq '. + {data_keys: "/var/lib/ballast/data-keys.json", administrators_need_second_factor: true,
    receipt_keys: "/var/lib/ballast/receipt-keys.json"}' /etc/ballast/server.json >/root/server.json
must install -m 600 /root/server.json /etc/ballast/server.json
must systemctl restart ballast-server
becomes_ready "with keys"
must as_ballast ballast seal --database "$books" --keys /var/lib/ballast/data-keys.json
[ "$(curl --silent http://127.0.0.1:8000/.well-known/jwks.json | jq '.keys | length')" -ge 1 ] \
    || fail "the server shows no keys of receipts"

say "what crashes is started again"
must kill -9 "$(systemctl show --property MainPID --value ballast-server)"
sleep 0.5
becomes_ready "after a crash"

say "a stop drains: a request under way ends, no other begins"
exec 3<>/dev/tcp/127.0.0.1/8000
printf 'POST /sign-in HTTP/1.1\r\nhost: bank\r\ncontent-type: application/x-www-form-urlencoded\r\n' >&3
printf 'content-length: 9\r\nconnection: close\r\n\r\nuser' >&3
sleep 0.3
systemctl stop ballast-server &
sleep 1
! ready || fail "still ready after SIGTERM"
printf '_id=x' >&3
read -r -t 5 -u 3 answer || fail "the request under way was cut off"
[[ $answer == HTTP/1.1\ 40[01]* ]] || fail "the request under way was answered with $answer"
exec 3<&-
wait
[ "$(systemctl show --property Result --value ballast-server)" = success ] || fail "stopped badly"
must as_ballast ballast audit --database "$books"

say "remove"
must dpkg --remove ballast >/dev/null
[ "$(systemctl is-enabled ballast-server 2>/dev/null)" != enabled ] || fail "still enabled"
rm -rf /var/lib/ballast /etc/ballast

say "the start-up script of a server in the cloud"
must timeout 60 /check/database.sh
must ip address add 169.254.169.254/32 dev lo
for service in secretsmanager autoscaling logs bucket.s3; do
    echo "127.0.0.1 $service.us-east-1.amazonaws.com" >>/etc/hosts
done
cat /check/tls/authority.pem >>/etc/ssl/certs/ca-certificates.crt
python3 /check/cloud.py &
for _ in $(seq 50); do
    [ ! -e /check/cloud-listens ] || break
    sleep 0.1
done
must timeout 120 bash /check/user-data.sh
becomes_ready "in the cloud"
must systemctl is-active ballast-server
reads_near() {
    [ "$(curl --silent http://127.0.0.1:8000/readyz | jq -r .replica.status)" = reachable ]
}
for _ in $(seq 50); do ! reads_near || break; sleep 0.1; done
must reads_near
[ "$(cat /check/joined)" = "200 CONTINUE" ] || fail "joined as $(cat /check/joined)"
[ "$(stat --format '%U %a' /var/lib/ballast/data-keys.json)" = "ballast 600" ] || fail "the keys' owner"
must /usr/local/sbin/ballast-cloud audit
must systemctl is-active amazon-ssm-agent

say "its journal arrives, from the start to the end"
arrives() {
    for _ in $(seq 100); do
        ! grep -q "$1" /check/journal || return 0
        sleep 0.2
    done
    fail "the log group has no line with $1"
}
arrives 'ballast-start: applicationServer01-east is in use'
arrives 'systemd: Started ballast-server.service'
must systemctl is-active ballast-journal
logger --tag ballast-check "the last line"
must journalctl --sync
must systemctl stop ballast-journal
must grep -q 'ballast-check: the last line' /check/journal
must systemctl start ballast-journal
logger --tag ballast-check "a line after the stop"
arrives 'ballast-check: a line after the stop'
[ "$(grep -c 'ballast-check: the last line' /check/journal)" -eq 1 ] || fail "a line came twice"

say "a new password is in use after a restart"
must runuser -u postgres -- psql --quiet --command \
    "alter role ballast_owner password 's3cret'" ballast
jq '.password = "s3cret"' /check/secret.json >/check/secret.new
mv /check/secret.new /check/secret.json
must systemctl restart ballast-server
becomes_ready "with a new password"
must systemctl stop ballast-server
say "all of it holds"
