//! Budgets for AWS calls, shared by everything in the process that calls AWS. AWS limits how often an account may
//! call, for all of its clients together; an operator that takes all of it, or repeats what was throttled, stops
//! people and pipelines too.
//!
//! A call waits for its turn. Calls that somebody waits for have a queue of their own, and the others send one at a
//! time into it, so that neither starves. How fast the turns come is [`Pace`]'s; while AWS throttles, one call at a
//! time is sent, and the next when its answer is there.

pub mod budget;
mod pace;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{self, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep, timeout},
};

use crate::engine::priority::Priority;

use self::{
    budget::{Budget, Rates},
    pace::{Pace, Turn},
};

/// A call that has waited for so long is given up, so that its object makes room for others. The engine tries again.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// Calls of one budget that are under way at the same time. No answer is there yet when the last of them is sent, so
/// this many may be throttled before the first of them slows the others down.
const IN_FLIGHT: usize = 10;

/// The budgets of the account.
pub struct Limits {
    rates: Rates,
    /// By budget and region; a global service has the region "".
    limits: Mutex<HashMap<(Budget, String), Arc<Limit>>>,
}

impl Limits {
    /// Full budgets with these rates.
    pub fn new(rates: Rates) -> Self {
        Self { rates, limits: Mutex::default() }
    }

    /// The limit for calls of this budget in this region.
    pub fn of(&self, budget: Budget, region: &str) -> Arc<Limit> {
        let region = if budget.is_global() { "" } else { region };
        let mut limits = self.limits.lock().unwrap_or_else(PoisonError::into_inner);
        limits
            .entry((budget, region.to_owned()))
            .or_insert_with(|| Arc::new(Limit::new(Pace::new(self.rates.of(budget), Instant::now()))))
            .clone()
    }
}

/// One budget in one region.
pub struct Limit {
    pace: Mutex<Pace>,
    /// Held by the call whose turn is next.
    next: Arc<sync::Mutex<()>>,
    /// Held by the one call of the background that waits for `next`.
    background: sync::Mutex<()>,
    in_flight: Arc<Semaphore>,
}

/// The budget stayed exhausted for [`LONGEST_WAIT`]; the call was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exhausted;

/// Leave to send one call.
pub struct Permit {
    limit: Arc<Limit>,
    sent_at: Instant,
    _in_flight: OwnedSemaphorePermit,
    /// While AWS throttles, the next call has to wait for the answer to this one.
    _probe: Option<OwnedMutexGuard<()>>,
}

/// How AWS took a call, as far as its limits go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It asked to slow down, and perhaps said for how long.
    Throttled(Option<Duration>),
    /// It answered otherwise.
    Served,
    /// No answer came.
    Unknown,
}

impl Limit {
    fn new(pace: Pace) -> Self {
        Self {
            pace: Mutex::new(pace),
            next: Arc::default(),
            background: sync::Mutex::default(),
            in_flight: Arc::new(Semaphore::new(IN_FLIGHT)),
        }
    }

    /// Waits until a call may be sent. Whoever stops waiting has used nothing up.
    pub async fn permit(self: &Arc<Self>) -> Result<Permit, Exhausted> {
        timeout(LONGEST_WAIT, self.turn(Priority::current())).await.unwrap_or(Err(Exhausted))
    }

    async fn turn(self: &Arc<Self>, priority: Priority) -> Result<Permit, Exhausted> {
        let background = match priority {
            Priority::Background => Some(self.background.lock().await),
            Priority::Foreground => None,
        };
        let next = self.next.clone().lock_owned().await;
        drop(background);
        let in_flight = self.in_flight.clone().acquire_owned().await.map_err(|_| Exhausted)?;
        loop {
            let turn = self.pace().turn(Instant::now());
            let probe = match turn {
                Turn::In(wait) => {
                    sleep(wait).await;
                    continue;
                }
                Turn::Now => None,
                Turn::Probe => Some(next),
            };
            return Ok(Permit { limit: self.clone(), sent_at: Instant::now(), _in_flight: in_flight, _probe: probe });
        }
    }

    fn pace(&self) -> std::sync::MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit {
    /// Notes how AWS took the call.
    pub fn answered(self, verdict: Verdict) {
        let now = Instant::now();
        match verdict {
            Verdict::Throttled(retry_after) => self.limit.pace().throttled(self.sent_at, now, retry_after),
            Verdict::Served => self.limit.pace().served(self.sent_at, now),
            Verdict::Unknown => {}
        }
    }
}

#[cfg(test)]
mod tests;
