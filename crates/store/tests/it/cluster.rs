//! A PostgreSQL for the tests of this process, and replicas of it: started once, ended with the
//! process, loopback only.
//!
//! What `initdb` makes is kept in the target folder and copied for each process, because making it
//! takes seconds. The server is the child of a shell that waits for the end of its stdin: when the
//! process goes, however it goes, the pipe ends and the shell ends the server by its pid.

use std::fs::File;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use nix::unistd::{Uid, User, chown};

const START_TIMEOUT: Duration = Duration::from_secs(60);

/// Ends the server when stdin ends; `immediate`, for nobody needs its files again.
const GUARD: &str = r#"exec 3<&0; "$0" "$@" </dev/null >/dev/null 2>"$LOG" & server=$!
read -r end <&3; kill -QUIT "$server"; wait "$server"; rm -rf "$FOLDER""#;

static CLUSTER: OnceLock<Cluster> = OnceLock::new();
static DATABASES: AtomicU32 = AtomicU32::new(0);

pub(crate) struct Cluster {
    pub(crate) port: u16,
    _guard: Child,
}

/// An empty database of its own; gives its address.
pub(crate) async fn database() -> String {
    let cluster = CLUSTER.get_or_init(Cluster::start);
    let name = format!("bank_{}", DATABASES.fetch_add(1, Ordering::SeqCst));
    let admin = connect(&cluster.url("postgres")).await.unwrap();
    admin.batch_execute(&format!("create database {name}")).await.unwrap();
    cluster.url(&name)
}

/// A replica of the server of [`database`], as asynchronous as PostgreSQL makes them.
pub(crate) struct Standby {
    port: u16,
    _guard: Child,
}

impl Standby {
    pub(crate) fn start() -> Self {
        let cluster = CLUSTER.get_or_init(Cluster::start);
        let own = tempfile::Builder::new().prefix("ballast-standby-").tempdir().unwrap().keep();
        give(&own);
        let data = own.join("data");
        let copied = unprivileged(
            Command::new(program("pg_basebackup"))
                .args(["--host=127.0.0.1", "--username=bank", "--write-recovery-conf"])
                .args(["--checkpoint=fast", "--no-sync", "--no-manifest"])
                .args(["--port", &cluster.port.to_string(), "--pgdata"])
                .arg(&data),
        )
        .output()
        .unwrap();
        assert!(copied.status.success(), "{}", String::from_utf8_lossy(&copied.stderr));
        let (port, guard) = start_server(&own, &data);
        Self { port, _guard: guard }
    }

    /// The address of the copy of a database.
    pub(crate) fn url(&self, of: &str) -> String {
        let name = of.rsplit('/').next().unwrap();
        format!("postgres://bank@127.0.0.1:{}/{name}", self.port)
    }

    /// From now on it receives what is committed, and shows none of it.
    pub(crate) async fn fall_asleep(&self) {
        self.execute("select pg_wal_replay_pause()").await;
    }

    pub(crate) async fn wake_up(&self) {
        self.execute("select pg_wal_replay_resume()").await;
    }

    async fn execute(&self, sql: &str) {
        let url = format!("postgres://bank@127.0.0.1:{}/postgres?sslmode=disable", self.port);
        connect(&url).await.unwrap().batch_execute(sql).await.unwrap();
    }
}

/// A plain connection beside the store.
pub(crate) async fn connect(url: &str) -> Result<tokio_postgres::Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

impl Cluster {
    fn start() -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        std::fs::create_dir_all(folder).unwrap();
        let template = template(folder);
        // The server's user must be able to walk to its files: not below /root.
        let own = tempfile::Builder::new().prefix("ballast-postgres-").tempdir().unwrap().keep();
        give(&own);
        let data = own.join("data");
        let copied = unprivileged(Command::new("cp").arg("-r").args([&template, &data])).status();
        assert!(copied.unwrap().success(), "could not copy {}", template.display());
        let (port, guard) = start_server(&own, &data);
        Self { port, _guard: guard }
    }

    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://bank@127.0.0.1:{}/{database}?sslmode=disable", self.port)
    }
}

/// A server on a data folder inside `own`, which goes when the process does.
fn start_server(own: &Path, data: &Path) -> (u16, Child) {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let guard = unprivileged(
        Command::new("sh")
            .args(["-c", GUARD])
            .arg(program("postgres"))
            .arg("-D")
            .arg(data)
            .args(["-p", &port.to_string(), "-c", "listen_addresses=127.0.0.1"])
            .args(["-c", "unix_socket_directories=", "-c", "shared_buffers=16MB"])
            .args(["-c", "fsync=off", "-c", "max_connections=200"])
            .env("LOG", own.join("log"))
            .env("FOLDER", own)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null()),
    )
    .spawn()
    .unwrap();
    let until = Instant::now() + START_TIMEOUT;
    while !is_ready(data) {
        let log = || std::fs::read_to_string(own.join("log")).unwrap_or_default();
        assert!(Instant::now() < until, "PostgreSQL did not start: {}", log());
        std::thread::sleep(Duration::from_millis(20));
    }
    (port, guard)
}

/// PostgreSQL writes this line when it takes connections.
fn is_ready(data: &Path) -> bool {
    std::fs::read_to_string(data.join("postmaster.pid"))
        .is_ok_and(|text| text.lines().nth(7).is_some_and(|line| line.trim() == "ready"))
}

/// A fresh data folder, made once for all processes.
fn template(folder: &Path) -> PathBuf {
    let lock = File::create(folder.join("postgres.lock")).unwrap();
    lock.lock().unwrap();
    let shared = std::env::temp_dir().join(format!("ballast-postgres-template-{}", Uid::current()));
    let template = shared.join("data");
    if !template.join("PG_VERSION").exists() || !shared.join("whole").exists() {
        let _ = std::fs::remove_dir_all(&shared);
        std::fs::create_dir(&shared).unwrap();
        give(&shared);
        let made = unprivileged(
            Command::new(program("initdb"))
                .args(["--username=bank", "--auth=trust", "--encoding=UTF8", "--locale=C"])
                .args(["--no-sync", "--pgdata"])
                .arg(&template),
        )
        .output()
        .unwrap();
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        File::create(shared.join("whole")).unwrap();
    }
    template
}

fn program(name: &str) -> PathBuf {
    let newest = (15..=20).rev().map(|version| format!("/usr/lib/postgresql/{version}/bin/{name}"));
    let found = newest.map(PathBuf::from).find(|path| path.exists());
    found.unwrap_or_else(|| {
        panic!("PostgreSQL 15 or newer is missing: `./dev test` installs it (package postgresql)")
    })
}

/// PostgreSQL refuses to run as root: then it runs as the user that its package made.
fn server_user() -> Option<User> {
    Uid::effective().is_root().then(|| {
        let user = User::from_name("postgres").unwrap();
        user.expect("the user postgres, which the package postgresql makes")
    })
}

fn unprivileged(command: &mut Command) -> &mut Command {
    if let Some(user) = server_user() {
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
    }
    command.current_dir("/").process_group(0)
}

/// To the user that the server runs as.
pub(crate) fn give(folder: &Path) {
    if let Some(user) = server_user() {
        chown(folder, Some(user.uid), Some(user.gid)).unwrap();
    }
}
