//! The fence: no write starts once the lease has run out on this process's own clock.
//!
//! Whoever takes over waits for a whole lease duration in which the lease stays as it is. The holder counts the
//! same lease from before it asked for the renewal, so its own count ends first, whatever the clocks of the
//! machines say and however long an answer took.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use rustix::time::{ClockId, clock_gettime};
use thiserror::Error;

/// A clock that never goes back; only differences of its readings mean anything.
pub type Clock = fn() -> Duration;

/// The time since the machine was started (`CLOCK_BOOTTIME`). It goes on while the machine is suspended, when a lease
/// runs out like any other time; `std::time::Instant` stands still then.
pub fn since_boot() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    let nanoseconds = u64::try_from(time.tv_nsec).unwrap_or_default();
    Duration::from_secs(seconds) + Duration::from_nanos(nanoseconds)
}

/// Says whether a write may start. All clones are one fence.
#[derive(Clone, Debug)]
pub struct Fence {
    /// Nanoseconds on the clock.
    closes_at: Arc<AtomicU64>,
    clock: Clock,
}

/// The lease has run out: nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("this process does not hold the lease; nothing was sent")]
pub struct Closed;

impl Fence {
    /// A fence that is closed.
    pub fn new(clock: Clock) -> Self {
        Self { closes_at: Arc::default(), clock }
    }

    /// What the clock says.
    pub fn now(&self) -> Duration {
        (self.clock)()
    }

    /// How much longer it stays open; nothing when it is closed.
    pub fn remaining(&self) -> Duration {
        Duration::from_nanos(self.closes_at.load(Ordering::SeqCst)).saturating_sub(self.now())
    }

    /// Opens it until this time on the clock.
    pub fn open_until(&self, time: Duration) {
        self.closes_at.store(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), Ordering::SeqCst);
    }

    /// Keeps it open until this time on the clock, unless it has closed already: whoever met it closed has given up.
    pub fn extend(&self, time: Duration) -> Result<(), Closed> {
        self.check()?;
        self.open_until(time);
        Ok(())
    }

    /// Closes it at once.
    pub fn close(&self) {
        self.open_until(Duration::ZERO);
    }

    /// Whether a write may start now.
    pub fn check(&self) -> Result<(), Closed> {
        if self.remaining().is_zero() { Err(Closed) } else { Ok(()) }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::OnceLock;

    use tokio::time::Instant;

    use super::*;

    /// The clock of tests with paused time. Each test has a start of its own, which may lie before the first one's.
    pub fn tokio_clock() -> Duration {
        static FIRST: OnceLock<Instant> = OnceLock::new();
        let (now, first) = (Instant::now(), *FIRST.get_or_init(Instant::now));
        (Duration::from_hours(1) + now.saturating_duration_since(first))
            .saturating_sub(first.saturating_duration_since(now))
    }

    /// A fence that never closes.
    pub fn open() -> Fence {
        let fence = Fence::new(since_boot);
        fence.open_until(Duration::MAX);
        fence
    }

    #[test]
    fn a_new_fence_is_closed_and_the_clock_goes_on() {
        assert_eq!(Fence::new(since_boot).check(), Err(Closed));
        let before = since_boot();
        assert!(!before.is_zero());
        assert!(since_boot() >= before);
        assert_eq!(open().check(), Ok(()));
    }

    fn at_ten() -> Duration {
        Duration::from_secs(10)
    }

    #[test]
    fn it_closes_at_its_time_and_is_not_extended_afterwards() {
        let fence = Fence::new(at_ten);
        for (closes_at, remaining) in [(11, 1), (10, 0), (9, 0)] {
            fence.open_until(Duration::from_secs(closes_at));
            assert_eq!(fence.remaining(), Duration::from_secs(remaining));
            assert_eq!(fence.check().is_ok(), remaining > 0);
            assert_eq!(fence.extend(Duration::from_secs(20)).is_ok(), remaining > 0);
        }
        fence.open_until(Duration::from_secs(11));
        fence.clone().close();
        assert_eq!(fence.check(), Err(Closed));
    }
}
