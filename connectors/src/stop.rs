//! Being asked to stop: one flag that many tasks wait for.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// The end that asks.
#[derive(Debug)]
pub struct StopSwitch(watch::Sender<bool>);

/// The end that is asked. Cheap to clone; once asked it stays so.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<bool>);

/// A switch and the flag that it sets.
pub fn stop_pair() -> (StopSwitch, Stop) {
    let (sender, receiver) = watch::channel(false);
    (StopSwitch(sender), Stop(receiver))
}

impl StopSwitch {
    /// Asks everyone who holds the flag to stop.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Stop {
    /// A flag that nobody sets.
    pub fn never() -> Self {
        stop_pair().1
    }

    /// Whether stopping was asked for.
    pub fn is_requested(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until stopping is asked for; for ever when nobody can ask any more.
    pub async fn requested(&self) {
        let mut flag = self.0.clone();
        if flag.wait_for(|asked| *asked).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// A flag that SIGINT or SIGTERM sets. A second signal ends the process at once, with exit code 1.
///
/// # Errors
/// When the process may not listen for signals.
pub fn on_signals() -> std::io::Result<Stop> {
    let (switch, stop) = stop_pair();
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
                switch.stop();
            }
        }
        #[allow(clippy::disallowed_methods, reason = "whoever sends a second signal wants exactly that")]
        std::process::exit(1);
    });
    Ok(stop)
}
