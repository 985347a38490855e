//! A balancer as a process: runtime, signals, the supervisor's pipe.

use std::io::Read;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use crate::config::Config;
use crate::error::Error;
use crate::serve::Balancer;

/// How a process begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// It listens where nobody does.
    Fresh,
    /// It takes the place of the process behind the configured control socket.
    TakeOver,
}

/// Serves until SIGTERM or SIGINT (drain, then leave), until a process has taken over (drain, then
/// leave), or until standard input ends when the
/// configuration says that the process must not outlive its parent (leave at once).
///
/// # Errors
/// [`Error`] when it cannot start; once started it ends with `Ok`.
pub fn run(config: Config, start: Start) -> Result<(), Error> {
    let mut builder = if config.threads == 1 {
        tokio::runtime::Builder::new_current_thread()
    } else {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(config.threads);
        builder
    };
    let runtime = builder.enable_all().build().map_err(Error::Runtime)?;
    let served = runtime.block_on(serve(config, start));
    // Connections that did not finish in their time are cut.
    runtime.shutdown_background();
    served
}

async fn serve(config: Config, start: Start) -> Result<(), Error> {
    let mut terminate = listen_for(SignalKind::terminate())?;
    let mut hangup = listen_for(SignalKind::hangup())?;
    let mut interrupt = listen_for(SignalKind::interrupt())?;
    let parent = config.exit_with_parent.then(watch_parent).transpose()?;
    let (name, drain_seconds) = (config.name.clone(), config.drain_seconds);
    let balancer = match start {
        Start::Fresh => Balancer::start(config).await?,
        Start::TakeOver => Balancer::take_over(config).await?,
    };
    tracing::info!(
        balancer.name = name,
        balancer.address = %balancer.address(),
        "the balancer listens"
    );
    let parent_died = async {
        match parent {
            // The sender lives as long as the parent; both ways of ending say the same.
            Some(parent) => drop(parent.await),
            None => std::future::pending().await,
        }
    };
    let reloads = async {
        while hangup.recv().await.is_some() {
            reload(&balancer);
        }
    };
    let replaced = tokio::select! {
        _ = terminate.recv() => false,
        _ = interrupt.recv() => false,
        () = balancer.asked_to_leave() => true,
        () = reloads => false,
        () = parent_died => {
            tracing::warn!("the supervisor died, leaving at once");
            return Ok(());
        }
    };
    tracing::info!(drain.seconds = drain_seconds, balancer.replaced = replaced, "draining");
    if replaced {
        balancer.hand_over().await;
    } else {
        balancer.drain().await;
    }
    tracing::info!("drained");
    Ok(())
}

fn reload(balancer: &Balancer) {
    match balancer.reload_certificate() {
        Ok(()) => tracing::info!("the certificate was read again"),
        Err(error) => {
            tracing::error!(error.message = %error, "the certificate before stays in use");
        }
    }
}

fn listen_for(kind: SignalKind) -> Result<Signal, Error> {
    signal(kind).map_err(Error::Runtime)
}

/// A thread that waits for the end of standard input: the pipe ends when the parent does.
fn watch_parent() -> Result<oneshot::Receiver<()>, Error> {
    let (sender, receiver) = oneshot::channel();
    std::thread::Builder::new()
        .name("parent".to_owned())
        .spawn(move || {
            let mut byte = [0];
            while matches!(std::io::stdin().read(&mut byte), Ok(read) if read > 0) {}
            drop(sender);
        })
        .map_err(Error::Runtime)?;
    Ok(receiver)
}
