#!/usr/bin/env bash
# Starts PostgreSQL as the cloud would have it: TLS with a certificate for its name, a password, an
# owner whose name is the one that Terraform gives.
set -euo pipefail
bin=$(find /usr/lib/postgresql -path "*/bin/initdb" | sort | tail -n 1)
bin=${bin%/initdb}
folder=/var/lib/postgresql/check
install -d -o postgres -g postgres -m 700 "$folder" /var/run/postgresql
install -o postgres -m 600 /check/tls/database.key "$folder.key"
install -o postgres -m 644 /check/tls/database.pem "$folder.pem"
runuser -u postgres -- "$bin/initdb" --pgdata "$folder" --auth-local peer \
    --auth-host scram-sha-256 >/dev/null
cat >>"$folder/postgresql.conf" <<CONF
listen_addresses = '127.0.0.1'
ssl = on
ssl_cert_file = '$folder.pem'
ssl_key_file = '$folder.key'
fsync = off
CONF
sed -i 's/^host /hostssl /' "$folder/pg_hba.conf"
runuser -u postgres -- "$bin/pg_ctl" --pgdata "$folder" --wait --silent --log "$folder.log" start
runuser -u postgres -- psql --quiet --command \
    "create role ballast_owner login createrole password 'hunter2'" postgres
runuser -u postgres -- createdb --owner ballast_owner ballast
echo "127.0.0.1 database.example" >>/etc/hosts
