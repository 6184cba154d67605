//! One token that SIGTERM and SIGINT cancel.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

/// A token that is cancelled by the first SIGTERM or SIGINT.
pub fn token() -> CancellationToken {
    let token = CancellationToken::new();
    tokio::spawn({
        let token = token.clone();
        async move {
            let (Ok(mut terminate), Ok(mut interrupt)) =
                (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
            else {
                error!("signals can't be listened to");
                return;
            };
            tokio::select! {
                _ = terminate.recv() => info!("SIGTERM: finishing what is under way"),
                _ = interrupt.recv() => info!("SIGINT: finishing what is under way"),
            }
            token.cancel();
        }
    });
    token
}
