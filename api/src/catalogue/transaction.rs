//! Rules are checked and changes are written in one transaction, which is tried again after a deadlock.

/// Runs a body in a transaction and commits; after a deadlock or a late lock, again from its beginning.
macro_rules! transaction {
    ($db:expr, $tx:ident => $body:expr) => {{
        let mut attempt = 0;
        loop {
            let error: $crate::catalogue::Error = match $db.begin().await {
                Ok(mut $tx) => {
                    // The body may return early with `?`. When all of this is dropped in between, the connection is closed.
                    let outcome = async { $body }.await;
                    match outcome {
                        Ok(value) => match $tx.commit().await {
                            Ok(()) => break Ok(value),
                            Err(error) => error.into(),
                        },
                        Err(error) => {
                            $tx.rollback().await;
                            error
                        }
                    }
                }
                Err(error) => error.into(),
            };
            attempt += 1;
            if !error.is_transient() || attempt >= $crate::store::ATTEMPTS {
                break Err(error);
            }
            tracing::debug!(attempt, %error, "transaction is tried again");
            $crate::store::pause(attempt).await;
        }
    }};
}
pub(super) use transaction;
