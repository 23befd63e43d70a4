//! Stopping in good order when the process is asked to.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// A token that SIGINT or SIGTERM cancels. A second signal ends the process at once, with exit code 1.
///
/// # Errors
/// When the process may not listen for signals.
pub fn on_signals() -> std::io::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let switch = stop.clone();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::spawn(async move {
        for first in [true, false] {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if first {
                tracing::info!("stopping: what is already converted is still sent; a second signal ends the process at once");
                switch.cancel();
            }
        }
        #[allow(clippy::disallowed_methods, reason = "whoever sends a second signal wants exactly that")]
        std::process::exit(1);
    });
    Ok(stop)
}
