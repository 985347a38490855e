//! The control socket: its commands, its limits, its file.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

use crate::bench::{Bench, Setup, eventually, in_time, start_with};
use crate::client::{Client, get};
use crate::origin::{Manner, Origin};

/// A connection to a control socket.
pub(crate) struct Talk(BufReader<UnixStream>);

impl Talk {
    pub(crate) async fn connect(path: &Path) -> Result<Self> {
        Ok(Self(BufReader::new(UnixStream::connect(path).await?)))
    }

    pub(crate) async fn say(&mut self, command: &str) -> Result<Value> {
        self.0.write_all(format!("{command}\n").as_bytes()).await?;
        let mut line = String::new();
        in_time("an answer", async { Ok(self.0.read_line(&mut line).await?) }).await?;
        Ok(serde_json::from_str(&line)?)
    }
}

pub(crate) fn fields(folder: &TempDir) -> (PathBuf, String) {
    let path = folder.path().join("control.sock");
    let fields = format!(r#""control_socket":{},"#, json!(path));
    (path, fields)
}

async fn controlled(servers: usize, folder: &TempDir) -> Result<(Bench, PathBuf)> {
    let (path, fields) = fields(folder);
    Ok((start_with(Setup { servers, fields }).await?, path))
}

fn ok() -> Value {
    json!({"answer": "ok"})
}

#[tokio::test]
async fn drained_servers_get_nothing_until_undrained() -> Result<()> {
    let folder = TempDir::new()?;
    let (bench, path) = controlled(2, &folder).await?;
    let mut talk = Talk::connect(&path).await?;
    assert_eq!(talk.say(r#"{"command":"drain","server":"server0"}"#).await?, ok());
    assert_eq!(bench.status().await?["upstreams"][0]["state"], "draining");
    for _ in 0..10 {
        assert_eq!(get(bench.address, "/x").await?.server(), Some("server1"));
    }
    // Fields of later versions are ignored.
    let undrain = r#"{"command":"undrain","server":"server0","because":"it is well"}"#;
    assert_eq!(talk.say(undrain).await?, ok());
    bench.await_state(0, "slow_start").await
}

#[tokio::test]
async fn what_is_refused_says_why_and_changes_nothing() -> Result<()> {
    let folder = TempDir::new()?;
    let (bench, path) = controlled(2, &folder).await?;
    let mut talk = Talk::connect(&path).await?;
    for (command, expect) in [
        (r#"{"command":"drain","server":"x"}"#, "named `x`; there are: server0, server1"),
        (r#"{"command":"drain"}"#, "missing field `server`"),
        (r#"{"command":"explode"}"#, "unknown variant `explode`"),
        (r#"{"command":"move","server":"server0","address":"nowhere"}"#, "socket address"),
        ("drain server0", "expected value"),
    ] {
        let answer = talk.say(command).await?;
        let reason = answer["reason"].as_str().unwrap_or_default();
        assert!(answer["answer"] == "refused" && reason.contains(expect), "{command}: {answer}");
    }
    let long = format!(r#"{{"command":"drain","server":"{}"}}"#, "x".repeat(5_000));
    let answer = talk.say(&long).await?;
    assert!(answer["reason"].as_str().is_some_and(|text| text.contains("4096")), "{answer}");
    assert!(talk.say(r#"{"command":"leave"}"#).await.is_err(), "the connection has ended");
    assert_eq!(bench.status().await?["state"], "ready");
    Ok(())
}

#[tokio::test]
async fn a_moved_server_gets_its_next_request_at_the_new_address() -> Result<()> {
    let folder = TempDir::new()?;
    let (bench, path) = controlled(1, &folder).await?;
    let elsewhere = Origin::start("elsewhere").await?;
    // One idle connection to the old address, and one in use.
    let mut client = Client::connect(bench.address).await?;
    assert_eq!(client.send("GET /1", &[], b"").await?.text(), "server0");
    bench.origins[0].set(Manner::Hold);
    let address = bench.address;
    let flying = tokio::spawn(async move { get(address, "/2").await });
    eventually("the request arrived", async || bench.total() == 2).await?;
    let to =
        format!(r#"{{"command":"move","server":"server0","address":"{}"}}"#, elsewhere.address);
    let mut talk = Talk::connect(&path).await?;
    assert_eq!(talk.say(&to).await?, ok());
    assert_eq!(client.send("GET /3", &[], b"").await?.text(), "elsewhere");
    bench.origins[0].release();
    assert_eq!(flying.await??.text(), "server0", "a request in flight is finished");
    for _ in 0..5 {
        assert_eq!(client.send("GET /4", &[], b"").await?.text(), "elsewhere");
    }
    let status = bench.status().await?;
    assert_eq!(status["upstreams"][0]["address"], elsewhere.address.to_string());
    assert_eq!(status["upstreams"][0]["state"], "healthy", "its health is kept");
    Ok(())
}

#[tokio::test]
async fn only_the_owner_can_connect_and_the_file_goes_with_the_process() -> Result<()> {
    let folder = TempDir::new()?;
    let (bench, path) = controlled(1, &folder).await?;
    assert_eq!(std::fs::metadata(&path)?.permissions().mode() & 0o777, 0o600);
    assert!(bench.balancer.drain().await);
    eventually("the file is gone", async || !path.exists()).await
}

#[tokio::test]
async fn a_socket_in_use_or_another_file_is_not_replaced() -> Result<()> {
    let folder = TempDir::new()?;
    let (_bench, path) = controlled(1, &folder).await?;
    let (_, fields) = fields(&folder);
    let error = start_with(Setup { servers: 1, fields }).await.err().map(|error| error.to_string());
    let expect = format!("cannot listen on the control socket {}", path.display());
    assert_eq!(error, Some(expect));
    let book = folder.path().join("book");
    std::fs::write(&book, "money")?;
    let fields = format!(r#""control_socket":{},"#, json!(book));
    assert!(start_with(Setup { servers: 1, fields }).await.is_err());
    assert_eq!(std::fs::read_to_string(&book)?, "money");
    Ok(())
}

#[tokio::test]
async fn a_path_may_be_longer_than_an_address() -> Result<()> {
    let folder = TempDir::new()?;
    let deep = folder.path().join("d".repeat(120));
    std::fs::create_dir(&deep)?;
    let fields = format!(r#""control_socket":{},"#, json!(deep.join("control.sock")));
    let _bench = start_with(Setup { servers: 1, fields }).await?;
    assert!(deep.join("control.sock").exists());
    Ok(())
}
