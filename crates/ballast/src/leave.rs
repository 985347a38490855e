//! The signals by which a person or a system asks a command to leave: SIGINT, SIGTERM, SIGHUP.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The ways to be asked to leave.
pub(crate) struct Leave {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Leave {
    /// From here on a signal waits until something listens to it, instead of ending the process.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn try_new() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Returns when one comes.
    pub(crate) async fn asked(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hang_up.recv() => {}
        }
    }
}
