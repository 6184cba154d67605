//! The life of a replica: standby, leader, standby again should it lose the lease; until it is told to stop.

use std::{pin::pin, time::Duration};

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::election::{Election, Lost};
use crate::engine::tenure::Tenure;

/// What a replica does.
pub trait Duty: Send + Sync {
    /// Why it may not lead at all.
    type Refusal: Send;

    /// Fills caches until the tenure begins, and works until it ends; returns when nothing is under way any more.
    fn serve(&self, tenure: Tenure) -> impl Future<Output = ()> + Send;

    /// What comes before the work of a tenure. The lease is held already.
    fn open(&self) -> impl Future<Output = Result<(), Self::Refusal>> + Send;

    /// Is told when the lease is won and when it is given up or lost.
    fn leads(&self, leads: bool);
}

/// Lives until `stop`, and after that for no longer than `grace` with something still under way: the lease is then left
/// to run out, because a write that was sent may still take effect.
pub async fn live<D: Duty>(
    duty: &D,
    mut election: Election,
    stop: &CancellationToken,
    grace: Duration,
) -> Result<(), D::Refusal> {
    loop {
        let tenure = Tenure::default();
        let mut work = pin!(duty.serve(tenure.clone()));
        tokio::select! {
            () = election.acquire() => {}
            () = stop.cancelled() => {
                tenure.end();
                work.await;
                election.release().await;
                return Ok(());
            }
            () = &mut work => return Ok(()),
        }
        info!("leading");
        duty.leads(true);
        let end = tokio::select! {
            lost = election.keep() => End::Lost(lost),
            () = stop.cancelled() => End::Stopped,
            Err(refusal) = begin(duty, &tenure) => End::Refused(refusal),
            () = &mut work => return Ok(()),
        };
        tenure.end();
        let mut finish = pin!(finish(work, stop, grace));
        // The lease is kept while something is under way.
        let held = match end {
            End::Lost(lost) => Err(lost),
            End::Stopped | End::Refused(_) => tokio::select! {
                lost = election.keep() => Err(lost),
                finished = &mut finish => Ok(finished),
            },
        };
        match held {
            Ok(finished) => {
                if finished {
                    election.release().await;
                } else {
                    warn!("something is still under way: the lease is left to run out");
                }
                duty.leads(false);
            }
            Err(lost) => {
                warn!("{lost}: no further write is begun");
                duty.leads(false);
                finish.await;
            }
        }
        if let End::Refused(refusal) = end {
            return Err(refusal);
        }
        if stop.is_cancelled() {
            return Ok(());
        }
        info!("standing by again, with nothing remembered");
    }
}

/// How a tenure ended.
enum End<R> {
    Lost(Lost),
    Stopped,
    Refused(R),
}

async fn begin<D: Duty>(duty: &D, tenure: &Tenure) -> Result<(), D::Refusal> {
    duty.open().await?;
    tenure.begin();
    Ok(())
}

/// Whether the work ended before the grace did.
async fn finish(work: impl Future<Output = ()>, stop: &CancellationToken, grace: Duration) -> bool {
    let overtime = async {
        stop.cancelled().await;
        sleep(grace).await;
    };
    tokio::select! {
        () = work => true,
        () = overtime => false,
    }
}

#[cfg(test)]
mod tests;
