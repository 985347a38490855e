//! The configuration files of etcd and Patroni, as JSON, which both read as YAML.
//!
//! Guarantees: pure. What decides about failing over is here and nowhere else.
//!
//! Sources: Patroni's "YAML Configuration Settings", "Dynamic Configuration Settings" and
//! "Replication modes"; etcd's "Configuration options".

use std::path::Path;

use serde_json::{Value, json};

use super::secrets::Secrets;
use super::{Cluster, Durability, Node, SCOPE, Voter};

/// How long a primary that says nothing keeps its right to be one.
pub const TTL_SECONDS: u64 = 20;

/// How often an agent looks.
const LOOP_WAIT_SECONDS: u32 = 2;

/// How long an agent tries before it gives its right up: `loop_wait` and twice this are below the
/// time to live, as Patroni demands.
const RETRY_SECONDS: u32 = 5;

/// Distant replication that hears nothing for this long is given up and begun anew.
const WAL_SILENCE: &str = "5s";

/// etcd's own advice: ten heartbeats make an election; a heartbeat is a round trip or more.
const HEARTBEAT_MS: u32 = 150;

/// The configuration of a member of etcd.
#[must_use]
pub fn etcd(cluster: &Cluster, voter: &Voter) -> Value {
    let home = cluster.home(&voter.name);
    let members = cluster.voters.iter().map(|it| format!("{}=https://{}", it.name, it.peer.link));
    let security = |flag: &str| {
        json!({
            "cert-file": home.join("own.pem"), "key-file": home.join("own.key"),
            "trusted-ca-file": cluster.authority_file(), flag: true,
        })
    };
    json!({
        "name": voter.name,
        "data-dir": home.join("data"),
        "listen-peer-urls": format!("https://{}", voter.peer.listen),
        "listen-client-urls": format!("https://{}", voter.client.listen),
        "listen-metrics-urls": format!("http://{}", voter.metrics),
        "initial-advertise-peer-urls": format!("https://{}", voter.peer.link),
        "advertise-client-urls": format!("https://{}", voter.client.link),
        "initial-cluster": members.collect::<Vec<_>>().join(","),
        "initial-cluster-token": SCOPE,
        "initial-cluster-state": "new",
        "client-transport-security": security("client-cert-auth"),
        "peer-transport-security": security("client-cert-auth"),
        // On by default, but not with a configuration file (etcd 3.4).
        "enable-grpc-gateway": true,
        "heartbeat-interval": HEARTBEAT_MS,
        "election-timeout": HEARTBEAT_MS * 10,
        // Off by default (etcd 3.4). A member that was cut off comes back with a higher term, and
        // the leader would stand for election again, with agents that wait for it meanwhile.
        "pre-vote": true,
        "auto-compaction-mode": "periodic",
        "auto-compaction-retention": "1h",
        "logger": "zap",
        "log-level": "warn",
    })
}

/// What the agents agree on, kept in etcd.
#[must_use]
pub fn dynamic(durability: Durability) -> Value {
    let (count, is_strict) = match durability {
        // The neighbour's death must not stop the bank: a failover needs the neighbour in the list
        // of synchronous standbys, and then nothing acknowledged is missing on it.
        Durability::Zone => (1, false),
        // Two of three standbys always include one of another region.
        Durability::Region => (2, true),
    };
    json!({
        "ttl": TTL_SECONDS,
        "loop_wait": LOOP_WAIT_SECONDS,
        "retry_timeout": RETRY_SECONDS,
        "primary_start_timeout": 0,
        // What was never replayed elsewhere can be taken back with pg_rewind, not lost silently.
        "maximum_lag_on_failover": 1_048_576,
        "synchronous_mode": "quorum",
        "synchronous_node_count": count,
        "synchronous_mode_strict": is_strict,
        "postgresql": {
            "use_pg_rewind": true,
            "use_slots": true,
            "parameters": {
                "wal_level": "replica",
                "hot_standby": "on",
                "wal_log_hints": "on",
                "max_connections": 200,
                "max_wal_senders": 10,
                "max_replication_slots": 10,
                "wal_keep_size": "256MB",
                "wal_sender_timeout": WAL_SILENCE,
                "wal_receiver_timeout": WAL_SILENCE,
                "wal_retrieve_retry_interval": "1s",
                "synchronous_commit": "on",
                "password_encryption": "scram-sha-256",
            },
        },
    })
}

/// The configuration of a node's agent. `home_region` is where the primary is, or will be.
#[must_use]
pub fn patroni(cluster: &Cluster, node: &Node, secrets: &Secrets, home_region: &str) -> Value {
    let home = cluster.home(&node.name);
    let near = cluster.voters.iter().filter(|it| it.region == node.region);
    let far = cluster.voters.iter().filter(|it| it.region != node.region);
    let hosts: Vec<String> = near.chain(far).map(|it| it.client.link.to_string()).collect();
    let authority = cluster.authority_file();
    json!({
        "scope": SCOPE,
        "namespace": "/service/",
        "name": node.name,
        "restapi": {
            "listen": node.agent.listen.to_string(),
            "connect_address": node.agent.link.to_string(),
            "authentication": { "username": "fleet", "password": secrets.agents },
        },
        "etcd3": {
            "hosts": hosts,
            // Agents reach members over the links they are told, not over what etcd advertises.
            "use_proxies": true,
            "protocol": "https",
            "cacert": authority, "cert": home.join("own.pem"), "key": home.join("own.key"),
        },
        "bootstrap": {
            "dcs": dynamic(cluster.options.durability),
            "initdb": [
                { "encoding": "UTF8" }, { "locale": "C.UTF-8" }, "data-checksums",
                { "auth-host": "scram-sha-256" }, { "auth-local": "scram-sha-256" },
            ],
        },
        "postgresql": {
            "listen": node.postgres.listen.to_string(),
            "connect_address": node.postgres.link.to_string(),
            "bin_dir": cluster.options.programs.postgres,
            "data_dir": home.join("data"),
            "pgpass": home.join("pgpass"),
            "use_unix_socket": false,
            "authentication": {
                "superuser": login("postgres", &secrets.superuser, &authority),
                "replication": login("replicator", &secrets.replication, &authority),
                "rewind": login("rewinder", &secrets.rewind, &authority),
            },
            "pg_hba": [
                "hostssl replication replicator 127.0.0.1/32 scram-sha-256",
                "hostssl all all 127.0.0.1/32 scram-sha-256",
            ],
            "parameters": {
                "unix_socket_directories": "",
                "ssl": "on",
                "ssl_ca_file": authority,
                "ssl_cert_file": home.join("own.pem"),
                "ssl_key_file": home.join("own.key"),
                "shared_buffers": "64MB",
                "max_wal_size": "1GB",
                "tcp_keepalives_idle": 5,
                "tcp_keepalives_interval": 2,
                "tcp_keepalives_count": 3,
                "tcp_user_timeout": "10s",
                "log_line_prefix": "%m [%p] %q%u@%d ",
                "logging_collector": "off",
            },
        },
        "tags": {
            // Among nodes that have the same log, one near the clients: the front door goes on
            // sending them there, and each of their writes would cross the country.
            "failover_priority": if node.region == home_region { 2 } else { 1 },
            "nosync": is_beyond_sync(cluster.options.durability, node, home_region),
        },
    })
}

/// Whether no commit may wait for this node: in profile `zone`, where the primary is not near.
#[must_use]
pub fn is_beyond_sync(durability: Durability, node: &Node, home_region: &str) -> bool {
    durability == Durability::Zone && node.region != home_region
}

fn login(user: &str, password: &str, authority: &Path) -> Value {
    json!({
        "username": user, "password": password,
        "sslmode": "verify-full", "sslrootcert": authority,
    })
}
