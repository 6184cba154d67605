//! client-go's protocol on a Lease (`k8s.io/client-go/tools/leaderelection`), as decisions from data alone.
//!
//! A lease has run out when it has stayed as it is for its whole duration *on the observer's own clock*: the times
//! in it are for people, and no clock is compared with another machine's.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::{api::coordination::v1::LeaseSpec, apimachinery::pkg::apis::meta::v1::MicroTime};

/// How the lease is kept. The defaults are client-go's and controller-runtime's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// How long others wait for a sign of life before they take over. Whole seconds, as the Lease has them.
    pub duration: Duration,
    /// When the holder gives up, counted from its last renewal.
    pub renew_deadline: Duration,
    /// Time between two renewals.
    pub retry_period: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            duration: Duration::from_secs(15),
            renew_deadline: Duration::from_secs(10),
            retry_period: Duration::from_secs(2),
        }
    }
}

impl Timing {
    /// The same, if the three fit together: the holder must have tried again before it gives up, and have given up
    /// before others take over.
    pub fn validated(self) -> Result<Self, String> {
        let Self { duration, renew_deadline, retry_period } = self;
        if duration.subsec_nanos() != 0 || i32::try_from(duration.as_secs()).is_err() {
            return Err("--lease-duration: whole seconds, since a Lease counts in them".to_owned());
        }
        if renew_deadline >= duration {
            return Err("--lease-renew-deadline must be shorter than --lease-duration".to_owned());
        }
        if retry_period * 2 > renew_deadline {
            return Err("--lease-retry-period must be at most half of --lease-renew-deadline".to_owned());
        }
        Ok(self)
    }
}

/// What to do about the lease.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Write this over exactly the version that was read.
    Claim(LeaseSpec),
    /// Another holds it, and if it stays as it is, for so much longer.
    Wait(Duration),
}

/// One that wants the lease, or has it.
#[derive(Debug)]
pub struct Candidate {
    identity: String,
    timing: Timing,
    /// The lease as it was last seen, and since when it has been so.
    seen: Option<(LeaseSpec, Duration)>,
}

impl Candidate {
    /// A candidate of this name, which no other may have.
    pub fn new(identity: String, timing: Timing) -> Self {
        Self { identity, timing, seen: None }
    }

    /// How the lease is kept.
    pub fn timing(&self) -> Timing {
        self.timing
    }

    /// Who holds the lease as it was last seen, if that is somebody else.
    pub fn other_holder(&self) -> Option<&str> {
        self.seen.as_ref().map(|(lease, _)| holder(lease)).filter(|holder| *holder != self.identity)
    }

    /// Decides what to do about the lease as it was read (`None`: there is none), at `now` on the own clock. The wall
    /// clock's time is only written down.
    pub fn judge(&mut self, lease: Option<&LeaseSpec>, now: Duration, wall: Timestamp) -> Verdict {
        let Some(lease) = lease else { return Verdict::Claim(self.claimed(&LeaseSpec::default(), wall)) };
        let since = match &self.seen {
            Some((seen, since)) if seen == lease => *since,
            _ => {
                self.seen = Some((lease.clone(), now));
                now
            }
        };
        let duration = lease.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
        let runs_out = since + duration.map_or(self.timing.duration, Duration::from_secs);
        if holder(lease).is_empty() || holder(lease) == self.identity || now >= runs_out {
            Verdict::Claim(self.claimed(lease, wall))
        } else {
            Verdict::Wait(runs_out.saturating_sub(now))
        }
    }

    /// The lease taken over, or renewed if it is ours.
    fn claimed(&self, lease: &LeaseSpec, wall: Timestamp) -> LeaseSpec {
        let ours = holder(lease) == self.identity;
        let transitions = lease.lease_transitions.map(|n| if ours { n } else { n.saturating_add(1) });
        LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: i32::try_from(self.timing.duration.as_secs()).ok(),
            acquire_time: lease.acquire_time.clone().filter(|_| ours).or(Some(MicroTime(wall))),
            renew_time: Some(MicroTime(wall)),
            lease_transitions: Some(transitions.unwrap_or_default()),
            ..lease.clone()
        }
    }

    /// The lease given back, for anybody to take at once; `None` if it is another's.
    pub fn released(&self, lease: &LeaseSpec, wall: Timestamp) -> Option<LeaseSpec> {
        (holder(lease) == self.identity).then(|| LeaseSpec {
            holder_identity: None,
            lease_duration_seconds: Some(1),
            renew_time: Some(MicroTime(wall)),
            ..lease.clone()
        })
    }
}

fn holder(lease: &LeaseSpec) -> &str {
    lease.holder_identity.as_deref().unwrap_or_default()
}

#[cfg(test)]
mod tests;
