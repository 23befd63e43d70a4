//! The signals that end the server.

use std::io;

use tokio_util::sync::CancellationToken;

/// SIGINT (Ctrl-C) and, where it exists, SIGTERM. Once this listens, neither ends the process by itself.
#[cfg(unix)]
pub(super) struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    pub(super) fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn either(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    async fn interrupt(&mut self) {
        self.interrupt.recv().await;
    }
}

/// Ctrl-C.
#[cfg(not(unix))]
pub(super) struct Signals(tokio::signal::windows::CtrlC);

#[cfg(not(unix))]
impl Signals {
    pub(super) fn listen() -> io::Result<Self> {
        tokio::signal::windows::ctrl_c().map(Self)
    }

    async fn either(&mut self) {
        self.interrupt().await;
    }

    async fn interrupt(&mut self) {
        self.0.recv().await;
    }
}

impl Signals {
    /// Cancels `stop` at the first signal. Returns when Ctrl-C comes after it, from somebody who does not want to wait. A second SIGTERM does
    /// not count: supervisors repeat it.
    pub(super) async fn stop_then_cut_off(&mut self, stop: &CancellationToken) {
        self.either().await;
        tracing::info!("stopping: requests under way are finished first; Ctrl-C ends at once");
        stop.cancel();
        self.interrupt().await;
    }
}
