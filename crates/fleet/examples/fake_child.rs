//! Stands in for the binary in the tests of this crate.
//!
//! `serve --config FILE` and `balancer --config FILE` answer 200 to everything and leave when
//! standard input ends, as real children do; further arguments make them misbehave:
//! `--die-if FILE` leaves at once while the file exists, `--stubborn` ignores SIGTERM,
//! `--never-ready` answers 503. `supervise --data DIR --ports P,P,…` is a supervisor.
//! Not here: anything a test does not need.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use fleet::data_folder::DataFolder;
use fleet::plan::{Plan, PlanOptions, Ports};
use fleet::supervisor::{Claim, Deployment};
use fleet::topology::{BUILT_IN, Topology};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

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
    let config = value("--config").context("--config")?;
    tokio::select! {
        served = serve(&config, status) => served,
        () = leave => Ok(()),
        () = end_of_input() => Ok(()),
    }
}

async fn serve(config: &str, status: &str) -> anyhow::Result<()> {
    let config: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(config)?)?;
    let listen = config.get("listen").and_then(|listen| listen.as_str()).context("listen")?;
    let listener = TcpListener::bind(listen).await?;
    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    loop {
        let (mut stream, _) = listener.accept().await?;
        let mut request = [0; 1024];
        // Who asks and hangs up is not a reason to end.
        if stream.read(&mut request).await.is_ok() {
            let _ = stream.write_all(answer.as_bytes()).await;
        }
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
        executable: std::env::current_exe()?,
        ports: Ports::These(ports),
    };
    let plan = Plan::try_new(&Topology::parse(BUILT_IN, "built-in")?, &options)?;
    let claim = Claim::take(&plan).await?;
    let (events, _unread) = tokio::sync::mpsc::channel(fleet::supervisor::EVENTS_MAX);
    let deployment = Deployment::start(claim, plan, events).await?;
    writeln!(std::io::stdout(), "ready")?;
    deployment.down_requested().await;
    deployment.stop().await;
    Ok(())
}
