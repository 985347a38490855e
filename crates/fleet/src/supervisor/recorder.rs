//! `deployment.json` while the deployment runs.
//!
//! Guarantees: after each change of a process the file follows, within the time of one write.
//!
//! Deliberately not here: the form of the file (`local`); it is removed by the stop.

use std::io;
use std::sync::Arc;

use super::keeper::Context;
use crate::control::server;
use crate::data_folder::DataFolder;
use crate::local::{self, Record};

/// Keeps `deployment.json` in step with the processes.
pub(super) struct Recorder {
    pub(super) folder: DataFolder,
    pub(super) database: String,
    pub(super) board: server::Board,
}

impl Recorder {
    pub(super) fn write(&self) -> io::Result<()> {
        let record = Record {
            url: self.board.url.clone(),
            pid: std::process::id(),
            database: self.database.clone(),
            processes: self.board.processes(),
        };
        local::write(&self.folder, &record)
    }

    pub(super) async fn keep(self, context: Arc<Context>) {
        loop {
            context.changed.notified().await;
            // A full disk must not end the deployment; the control socket has the truth.
            let _ = self.write();
        }
    }
}
