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

use super::{Request, Response, socket};
use crate::data_folder::DataFolder;
use crate::process::Process;

/// The supervisor answers from memory.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

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

    async fn ask(&mut self, request: &Request, within: Duration) -> Result<Response, ControlError> {
        let talk = async {
            let mut line = serde_json::to_vec(request).map_err(io::Error::from)?;
            line.push(b'\n');
            self.stream.write_all(&line).await?;
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
}

fn unexpected(response: Response) -> ControlError {
    let reason = match response {
        Response::Refused { reason } => reason,
        Response::Processes { .. } | Response::Stopped => {
            "its answer belongs to another question".to_owned()
        }
    };
    ControlError::Refused { reason }
}
