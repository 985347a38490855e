//! The asking side of the control socket.
//!
//! Guarantees: every question has a deadline; a data folder without a deployment is one clear
//! sentence.
//!
//! Deliberately not here: printing.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::{Request, Response, Switchover, socket};
use crate::cluster::traffic::Traffic;
use crate::data_folder::DataFolder;
use crate::fault::{Fault, FaultReport};
use crate::process::Process;
use crate::roll::{RollRequest, RollStep, RollSummary};

/// The supervisor answers from memory.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// A region has tens of processes; each balancer that does not answer costs a second.
const FAULT_WITHIN: Duration = Duration::from_secs(60);

/// One step of a roll: a drain, a start and a warm-up have their own limits below this.
const STEP_WITHIN: Duration = Duration::from_secs(15 * 60);

/// A stop takes at most 5 s; twice that means that the supervisor is stuck.
const DOWN_WITHIN: Duration = Duration::from_secs(10);

/// After the answer only the exit of the supervisor itself is left.
const EXIT_WITHIN: Duration = Duration::from_secs(1);

/// A connection to the supervisor of one data folder.
#[derive(Debug)]
pub struct Client {
    stream: BufReader<UnixStream>,
}

/// What a deployment says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Process id of the supervisor.
    pub supervisor: u32,
    /// The one address to open.
    pub url: String,
    /// The processes, in start order.
    pub processes: Vec<Process>,
}

/// Why the question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Nobody listens.
    #[error(
        "no deployment runs on {0}; start one with `ballast up --data {0}`",
        data.display()
    )]
    NotRunning {
        /// The data folder.
        data: PathBuf,
    },
    /// The connection cannot be made or broke.
    #[error("could not talk to the supervisor")]
    Broken(#[from] io::Error),
    /// No answer in time.
    #[error("the supervisor did not answer within {} s", after.as_secs())]
    Silent {
        /// How long was waited.
        after: Duration,
    },
    /// The supervisor answered no.
    #[error("the supervisor refused: {reason}")]
    Refused {
        /// Its sentence.
        reason: String,
    },
}

impl Client {
    /// Connects to the supervisor of this data folder.
    ///
    /// # Errors
    /// [`ControlError::NotRunning`] and [`ControlError::Broken`].
    pub async fn connect(data: &Path) -> Result<Self, ControlError> {
        let folder = DataFolder::at(data)?;
        match socket::connect(&folder).await {
            Ok(stream) => Ok(Self { stream: BufReader::new(stream) }),
            Err(error) => match error.kind() {
                // No socket, no folder, or one that a killed supervisor left behind.
                io::ErrorKind::NotFound
                | io::ErrorKind::NotADirectory
                | io::ErrorKind::ConnectionRefused => {
                    Err(ControlError::NotRunning { data: data.to_owned() })
                }
                _ => Err(error.into()),
            },
        }
    }

    /// Every process as it is now.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn status(&mut self) -> Result<Status, ControlError> {
        match self.ask(&Request::Ps, ANSWER_WITHIN).await? {
            Response::Processes { supervisor, url, processes } => {
                Ok(Status { supervisor, url, processes })
            }
            other => Err(unexpected(other)),
        }
    }

    /// Stops everything and returns when it is done.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn down(mut self) -> Result<(), ControlError> {
        match self.ask(&Request::Down, DOWN_WITHIN).await? {
            Response::Stopped => {
                // The connection ends with the supervisor. It is not worth an error when that
                // takes long: everything it kept is gone.
                let mut rest = Vec::new();
                let _ = timeout(EXIT_WITHIN, self.stream.read_to_end(&mut rest)).await;
                Ok(())
            }
            other => Err(unexpected(other)),
        }
    }

    /// Begins a fault on a process, a zone or a region, and returns when it is so. `lasting`: how
    /// long, if it shall end by itself.
    ///
    /// # Errors
    /// [`ControlError`]; refused when it can be done to no process of the target.
    pub async fn fault(
        &mut self,
        fault: Fault,
        target: &str,
        lasting: Option<Duration>,
    ) -> Result<FaultReport, ControlError> {
        let for_ms = lasting.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        let target = target.to_owned();
        self.report(&Request::Fault { fault, target, for_ms }).await
    }

    /// Ends every fault of a target, or of everything.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn heal(&mut self, target: Option<&str>) -> Result<FaultReport, ControlError> {
        self.report(&Request::Heal { target: target.map(str::to_owned) }).await
    }

    /// Makes another node of the database's cluster the primary, and returns when it is.
    ///
    /// # Errors
    /// [`ControlError`]; refused when there is no cluster, or Patroni does not want to.
    pub async fn switchover(&mut self, to: Option<&str>) -> Result<Switchover, ControlError> {
        let request = Request::Switchover { to: to.map(str::to_owned) };
        match self.ask(&request, FAULT_WITHIN).await? {
            Response::Switched { done } => Ok(done),
            other => Err(unexpected(other)),
        }
    }

    /// What has passed between servers and the database's cluster, and inside it.
    ///
    /// # Errors
    /// [`ControlError`]; refused when there is no cluster.
    pub async fn traffic(&mut self) -> Result<Traffic, ControlError> {
        match self.ask(&Request::Traffic, ANSWER_WITHIN).await? {
            Response::Passed { traffic } => Ok(traffic),
            other => Err(unexpected(other)),
        }
    }

    /// Replaces processes one by one. `on_step` hears of every step; when `stop` is ready the
    /// process at hand is finished and the roll ends. That it ended halfway is in the summary.
    ///
    /// # Errors
    /// [`ControlError`]; refused when it does not begin.
    pub async fn roll(
        mut self,
        request: RollRequest,
        mut on_step: impl FnMut(&RollStep),
        stop: impl Future<Output = ()>,
    ) -> Result<RollSummary, ControlError> {
        self.send(&Request::Roll(request)).await?;
        let mut stop = std::pin::pin!(stop);
        let mut is_asked_to_stop = false;
        let (read, mut write) = self.stream.into_inner().into_split();
        let mut lines = BufReader::new(read).lines();
        loop {
            let heard = tokio::select! {
                heard = timeout(STEP_WITHIN, lines.next_line()) => heard,
                () = &mut stop, if !is_asked_to_stop => {
                    is_asked_to_stop = true;
                    write.shutdown().await?;
                    continue;
                }
            };
            let Ok(line) = heard else {
                return Err(ControlError::Silent { after: STEP_WITHIN });
            };
            let end = || io::Error::from(io::ErrorKind::UnexpectedEof);
            let line = line?.ok_or_else(end)?;
            match serde_json::from_str(&line).map_err(io::Error::from)? {
                Response::Rolling { step } => on_step(&step),
                Response::Rolled { summary } => return Ok(summary),
                other => return Err(unexpected(other)),
            }
        }
    }

    async fn report(&mut self, request: &Request) -> Result<FaultReport, ControlError> {
        match self.ask(request, FAULT_WITHIN).await? {
            Response::Done { report } => Ok(report),
            other => Err(unexpected(other)),
        }
    }

    async fn ask(&mut self, request: &Request, within: Duration) -> Result<Response, ControlError> {
        let talk = async {
            self.send(request).await?;
            let mut answer = String::new();
            if self.stream.read_line(&mut answer).await? == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
            }
            serde_json::from_str(&answer).map_err(io::Error::from)
        };
        match timeout(within, talk).await {
            Ok(answer) => Ok(answer?),
            Err(_) => Err(ControlError::Silent { after: within }),
        }
    }

    async fn send(&mut self, request: &Request) -> io::Result<()> {
        let mut line = serde_json::to_vec(request)?;
        line.push(b'\n');
        self.stream.write_all(&line).await
    }
}

fn unexpected(response: Response) -> ControlError {
    let reason = match response {
        Response::Refused { reason } => reason,
        Response::Processes { .. }
        | Response::Stopped
        | Response::Done { .. }
        | Response::Switched { .. }
        | Response::Passed { .. }
        | Response::Rolling { .. }
        | Response::Rolled { .. } => "its answer belongs to another question".to_owned(),
    };
    ControlError::Refused { reason }
}
