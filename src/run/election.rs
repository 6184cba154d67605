//! Leader election: holds the Lease while it can, and opens the fence for no longer than that.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, Client, api::PostParams, core::ObjectMeta};
use thiserror::Error;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use super::lease::{Candidate, Timing, Verdict};
use crate::engine::fence::Fence;

/// The Lease's name, and that of the metric's series.
pub const NAME: &str = "privatelink-operator";
/// A release that takes longer is given up; the lease then runs out.
const RELEASE: Duration = Duration::from_secs(2);

/// Where the Lease is kept.
#[async_trait]
pub trait Leases: Send + Sync {
    /// The Lease, if there is one.
    async fn get(&self) -> Result<Option<Lease>, LeaseError>;
    /// Makes it, if there is none.
    async fn create(&self, lease: &Lease) -> Result<Lease, LeaseError>;
    /// Replaces exactly the version whose resourceVersion it carries.
    async fn replace(&self, lease: &Lease) -> Result<Lease, LeaseError>;
}

/// Why a request about the Lease failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LeaseError {
    /// It is no longer what was read.
    #[error("somebody else has changed the lease")]
    Conflict,
    /// Anything else.
    #[error("{0}")]
    Failed(String),
}

/// The Lease in the operator's own namespace.
pub struct KubernetesLeases(Api<Lease>);

impl KubernetesLeases {
    /// Through this client, which no fence guards.
    pub fn new(client: Client) -> Self {
        Self(Api::default_namespaced(client))
    }
}

#[async_trait]
impl Leases for KubernetesLeases {
    async fn get(&self) -> Result<Option<Lease>, LeaseError> {
        Ok(self.0.get_opt(NAME).await?)
    }

    async fn create(&self, lease: &Lease) -> Result<Lease, LeaseError> {
        Ok(self.0.create(&PostParams::default(), lease).await?)
    }

    async fn replace(&self, lease: &Lease) -> Result<Lease, LeaseError> {
        Ok(self.0.replace(NAME, &PostParams::default(), lease).await?)
    }
}

impl From<kube::Error> for LeaseError {
    fn from(error: kube::Error) -> Self {
        match error {
            // 404 answers a replacement of what is gone, 409 also a creation of what is there.
            kube::Error::Api(status) if matches!(status.code, 404 | 409) => Self::Conflict,
            error => Self::Failed(error.to_string()),
        }
    }
}

/// Takes part in the election.
pub struct Election {
    leases: Box<dyn Leases>,
    candidate: Candidate,
    fence: Fence,
    /// The Lease as we wrote it last; absent when that is not certain, and it must be read first.
    written: Option<Lease>,
    /// What was said last of a Lease that we don't get, so that it is said once.
    said: Option<String>,
}

/// What came of one look at the Lease.
enum Round {
    /// It is ours until this time on the fence's clock.
    Ours { until: Duration },
    /// It is another's for so much longer, unless it is renewed.
    Others { left: Duration },
}

/// Why the lease is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// Somebody else has it.
    Taken,
    /// It could not be renewed in time.
    RanOut,
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Taken => "another replica has taken the lease",
            Self::RanOut => "the lease could not be renewed in time",
        })
    }
}

impl Election {
    /// A candidate for the Lease. `instance` is the replica's name; a random suffix tells two processes of one name apart.
    pub fn new(leases: Box<dyn Leases>, instance: &str, timing: Timing, fence: Fence) -> Self {
        let identity = format!("{instance}_{:08x}", rand::random::<u32>());
        Self { leases, candidate: Candidate::new(identity, timing), fence, written: None, said: None }
    }

    /// Waits until the lease is ours; the fence is open then. Safe to drop at any time.
    pub async fn acquire(&mut self) {
        let Timing { renew_deadline, retry_period, .. } = self.candidate.timing();
        loop {
            let pause = match self.round(renew_deadline).await {
                Ok(Round::Ours { until }) if until > self.fence.now() => {
                    self.fence.open_until(until);
                    self.said = None;
                    return;
                }
                Ok(Round::Ours { .. }) => Duration::ZERO,
                Ok(Round::Others { left }) => {
                    let holder = self.candidate.other_holder().unwrap_or_default().to_owned();
                    self.say(format!("standing by: {holder} leads"));
                    left.min(look_again(retry_period))
                }
                Err(error) => {
                    self.say(format!("standing by: the lease can't be had: {error}"));
                    look_again(retry_period)
                }
            };
            sleep(pause).await;
        }
    }

    /// Keeps the lease and the fence open for as long as that goes well. Safe to drop at any time, and to call again.
    pub async fn keep(&mut self) -> Lost {
        let Timing { renew_deadline, retry_period, .. } = self.candidate.timing();
        loop {
            sleep(retry_period.min(self.fence.remaining())).await;
            // Half, so that one connection that hangs doesn't cost the lease.
            let allowed = self.fence.remaining().min(renew_deadline / 2);
            if allowed.is_zero() {
                return Lost::RanOut;
            }
            match self.round(allowed).await {
                Ok(Round::Ours { until }) => {
                    if self.fence.extend(until).is_err() {
                        return Lost::RanOut;
                    }
                }
                Ok(Round::Others { .. }) => {
                    self.fence.close();
                    return Lost::Taken;
                }
                Err(error) => warn!(%error, "the lease was not renewed; it is tried again"),
            }
        }
    }

    /// Gives the lease back, so that another replica need not wait for it to run out. No write may be under way.
    pub async fn release(&mut self) {
        self.fence.close();
        match timeout(RELEASE, self.try_release()).await {
            Ok(Ok(())) => info!("lease released"),
            Ok(Err(error)) => warn!(%error, "the lease was not released; it runs out"),
            Err(_) => warn!("the lease was not released in time; it runs out"),
        }
    }

    async fn try_release(&mut self) -> Result<(), LeaseError> {
        loop {
            let lease = match self.written.take() {
                Some(lease) => Some(lease),
                None => self.leases.get().await?,
            };
            let Some(lease) = lease else { return Ok(()) };
            let spec = lease.spec.as_ref().and_then(|spec| self.candidate.released(spec, Timestamp::now()));
            let Some(spec) = spec else { return Ok(()) };
            match self.leases.replace(&Lease { spec: Some(spec), ..lease }).await {
                // A renewal of ours was still under way.
                Err(LeaseError::Conflict) => {}
                other => return other.map(drop),
            }
        }
    }

    async fn round(&mut self, allowed: Duration) -> Result<Round, LeaseError> {
        let out_of_time = || LeaseError::Failed("no answer in time".to_owned());
        timeout(allowed, self.look()).await.map_err(|_| out_of_time())?
    }

    /// One look at the Lease, and the write that follows from it.
    async fn look(&mut self) -> Result<Round, LeaseError> {
        let lease = match self.written.take() {
            Some(lease) => Some(lease),
            None => self.leases.get().await?,
        };
        let spec = lease.as_ref().and_then(|lease| lease.spec.as_ref());
        let spec = match self.candidate.judge(spec, self.fence.now(), Timestamp::now()) {
            Verdict::Claim(spec) => Some(spec),
            Verdict::Wait(left) => return Ok(Round::Others { left }),
        };
        // From before the request: others count from when they see the Lease changed, which is later.
        let until = self.fence.now() + self.candidate.timing().renew_deadline;
        let written = match lease {
            Some(lease) => self.leases.replace(&Lease { spec, ..lease }).await,
            None => self.leases.create(&Lease { metadata: named(), spec }).await,
        };
        self.written = Some(written?);
        Ok(Round::Ours { until })
    }

    fn say(&mut self, what: String) {
        if self.said.as_ref() != Some(&what) {
            info!("{what}");
            self.said = Some(what);
        }
    }
}

fn named() -> ObjectMeta {
    ObjectMeta { name: Some(NAME.to_owned()), ..ObjectMeta::default() }
}

/// Between a half and three quarters of the retry period, so that a renewal is seen within one, and two standbys
/// don't look at the same time.
fn look_again(retry_period: Duration) -> Duration {
    retry_period.mul_f64(0.5 + rand::random::<f64>() / 4.0)
}

#[cfg(test)]
pub(crate) mod tests;
