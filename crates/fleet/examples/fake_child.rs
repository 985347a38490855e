//! Stands in for the binary in the tests of this crate.
//!
//! `serve --config FILE` and `balancer --config FILE` answer 200 to everything and leave when
//! standard input ends, as real children do. A balancer obeys its control socket and tells in
//! `/status.json` what it was told; it reaches nobody. Further arguments make them misbehave:
//! `--die-if FILE` leaves at once while the file exists, `--stubborn` ignores SIGTERM,
//! `--never-ready` answers 503, `--stay-if FILE` takes nothing over while the file exists,
//! `--busy-if FILE` has a request under way everywhere while it does.
//! `supervise --data DIR --ports P,P,…` is a supervisor. Not here: anything a test does not need.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use fleet::data_folder::DataFolder;
use fleet::plan::{Plan, PlanOptions, Ports};
use fleet::supervisor::{Claim, Deployment};
use fleet::topology::Topology;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

/// That of the tests.
const TOPOLOGY: &str = include_str!("../../../infra/tests/topology.json");

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value =
        |flag: &str| arguments.iter().skip_while(|argument| *argument != flag).nth(1).cloned();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    if has("supervise") {
        let ports = value("--ports").context("--ports")?;
        return supervise(&value("--data").context("--data")?, &ports).await;
    }
    if let Some(file) = value("--die-if").filter(|file| Path::new(file).exists()) {
        // Not as an error: that would print a backtrace where the environment asks for one.
        writeln!(std::io::stderr(), "leaving because {file} exists")?;
        std::process::exit(3);
    }
    let status = if has("--never-ready") { "503 Service Unavailable" } else { "200 OK" };
    let mut term = signal(SignalKind::terminate())?;
    let is_stubborn = has("--stubborn");
    let leave = async {
        loop {
            term.recv().await;
            if !is_stubborn {
                return;
            }
        }
    };
    let config = std::fs::read_to_string(value("--config").context("--config")?)?;
    let config: Value = serde_json::from_str(&config)?;
    let takes_over = has("--take-over");
    if takes_over && value("--stay-if").is_some_and(|file| Path::new(&file).exists()) {
        writeln!(std::io::stderr(), "this one does not take over")?;
        std::process::exit(2);
    }
    let balancer = Arc::new(Balancer {
        course: Mutex::default(),
        busy: value("--busy-if").map(PathBuf::from),
        left: Notify::new(),
        config,
    });
    tokio::select! {
        served = serve(&balancer, status, takes_over) => served,
        () = leave => Ok(()),
        () = balancer.left.notified() => Ok(()),
        () = end_of_input() => Ok(()),
    }
}

/// What a balancer has been told. A server is one that is told nothing.
struct Balancer {
    config: Value,
    course: Mutex<Course>,
    busy: Option<PathBuf>,
    left: Notify,
}

#[derive(Default)]
struct Course {
    draining: BTreeSet<String>,
    moved: BTreeMap<String, Value>,
}

async fn serve(balancer: &Arc<Balancer>, status: &str, takes_over: bool) -> anyhow::Result<()> {
    let text = |field: &str| balancer.config.get(field).and_then(Value::as_str);
    let listen = text("listen").context("listen")?;
    let control_socket = text("control_socket").map(PathBuf::from);
    let control_socket = control_socket.as_deref().and_then(|path| {
        // Its name alone is short enough for the address of a socket.
        std::env::set_current_dir(path.parent()?).ok()?;
        path.file_name()
    });
    let listener = if let (true, Some(path)) = (takes_over, control_socket) {
        let mut predecessor = BufReader::new(UnixStream::connect(path).await?);
        predecessor.write_all(b"{\"command\":\"leave\"}\n").await?;
        predecessor.read_line(&mut String::new()).await?;
        loop {
            if let Ok(listener) = TcpListener::bind(listen).await {
                break listener;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    } else {
        TcpListener::bind(listen).await?
    };
    if let Some(path) = control_socket {
        // Gone, or left behind by a fake that was killed.
        let _ = std::fs::remove_file(path);
        tokio::spawn(obey(UnixListener::bind(path)?, balancer.clone()));
    }
    loop {
        let (mut stream, _) = listener.accept().await?;
        let mut request = [0; 1024];
        // Who asks and hangs up is not a reason to end.
        if let Ok(read) = stream.read(&mut request).await {
            let is_status = request.get(..read).is_some_and(|it| it.starts_with(b"GET /status"));
            let body = if is_status { balancer.status().to_string() } else { String::new() };
            let answer = format!("HTTP/1.1 {status}\r\nconnection: close\r\n\r\n{body}");
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    }
}

/// The control socket: one line an order, one line an answer.
async fn obey(listener: UnixListener, balancer: Arc<Balancer>) -> anyhow::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        if stream.read_line(&mut line).await.is_err() {
            continue;
        }
        let Ok(order) = serde_json::from_str::<Value>(&line) else { continue };
        let answer = json!({ "answer": "ok", "servers": [] });
        // Who asked may have lost patience.
        let _ = stream.write_all(format!("{answer}\n").as_bytes()).await;
        let word = |field: &str| order.get(field).and_then(Value::as_str).unwrap_or_default();
        let server = word("server").to_owned();
        let mut course = balancer.course.lock().unwrap_or_else(PoisonError::into_inner);
        match word("command") {
            "drain" => drop(course.draining.insert(server)),
            "undrain" => drop(course.draining.remove(&server)),
            "move" => {
                let address = order.get("address").cloned().unwrap_or_default();
                course.moved.insert(server, address);
            }
            _ => balancer.left.notify_one(),
        }
    }
}

impl Balancer {
    fn status(&self) -> Value {
        let course = self.course.lock().unwrap_or_else(PoisonError::into_inner);
        let upstreams = self.config.get("upstreams").and_then(Value::as_array);
        let upstreams = upstreams.into_iter().flatten().map(|upstream| {
            let name = upstream.get("name").and_then(Value::as_str).unwrap_or_default();
            let is_draining = course.draining.contains(name);
            let is_busy = self.busy.as_ref().is_some_and(|file| file.exists());
            json!({
                "name": name,
                "address": course.moved.get(name).or(upstream.get("address")),
                "state": if is_draining { "draining" } else { "healthy" },
                "why": if is_draining { "asked to drain" } else { "" },
                "outstanding": u32::from(is_busy),
            })
        });
        json!({ "upstreams": upstreams.collect::<Vec<_>>() })
    }
}

async fn end_of_input() {
    let (tell, told) = tokio::sync::oneshot::channel::<()>();
    // A thread of its own: the runtime would wait for a blocking read of its own at the end.
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        drop(tell);
    });
    let _ = told.await;
}

async fn supervise(data: &str, ports: &str) -> anyhow::Result<()> {
    let ports = ports.split(',').map(str::parse).collect::<Result<Vec<u16>, _>>()?;
    let options = PlanOptions {
        data_folder: DataFolder::at(&PathBuf::from(data))?,
        database: "sqlite:none".to_owned(),
        database_readers: BTreeMap::new(),
        executable: std::env::current_exe()?,
        ports: Ports::These(ports),
        tls: None,
    };
    let plan = Plan::try_new(&Topology::parse(TOPOLOGY, "fixed")?, &options)?;
    let claim = Claim::take(&plan).await?;
    let (events, _unread) = tokio::sync::mpsc::channel(fleet::supervisor::EVENTS_MAX);
    let deployment = Deployment::start(claim, plan, events).await?;
    writeln!(std::io::stdout(), "ready")?;
    deployment.down_requested().await;
    deployment.stop().await;
    Ok(())
}
