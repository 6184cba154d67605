//! Whether the process is alive, and what it still waits for.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;
use tracing::info;

use crate::engine::observer::{Census, News, Observer};

use super::metrics::Metrics;

/// Time between two ticks of the event loop.
const TICK: Duration = Duration::from_secs(1);
/// An event loop that has not ticked for so long is stuck.
const STUCK: Duration = Duration::from_secs(10);
const CREDENTIALS: &str = "AWS credentials";

/// Whether the event loop turns.
pub struct Liveness {
    ticked: Mutex<Instant>,
}

impl Liveness {
    /// Ticks until the process ends.
    pub fn begin() -> Arc<Self> {
        let liveness = Arc::new(Self { ticked: Mutex::new(Instant::now()) });
        let ticking = liveness.clone();
        tokio::spawn(async move {
            let mut tick = tokio::time::interval(TICK);
            loop {
                tick.tick().await;
                *ticking.ticked() = Instant::now();
            }
        });
        liveness
    }

    /// What is wrong, in words.
    pub fn check(&self) -> Result<(), String> {
        let silent = self.ticked().elapsed();
        if silent > STUCK {
            return Err(format!("the event loop has been stuck for {} s", silent.as_secs()));
        }
        Ok(())
    }

    fn ticked(&self) -> MutexGuard<'_, Instant> {
        self.ticked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is still missing before the operator is ready. A standby becomes ready like a leader.
pub struct Readiness {
    missing: Mutex<BTreeSet<String>>,
}

impl Readiness {
    /// Nothing is there yet: neither credentials nor the caches of these kinds.
    pub fn new(kinds: &[&str]) -> Self {
        let caches = kinds.iter().map(|kind| cache_of(kind));
        Self { missing: Mutex::new(caches.chain([CREDENTIALS.to_owned()]).collect()) }
    }

    /// AWS has answered.
    pub fn credentials(&self) {
        self.missing().remove(CREDENTIALS);
    }

    /// What is missing, in words.
    pub fn check(&self) -> Result<(), String> {
        let missing: Vec<_> = self.missing().iter().cloned().collect();
        if missing.is_empty() { Ok(()) } else { Err(format!("waiting for: {}", missing.join(", "))) }
    }

    fn tell(&self, kind: &str, news: &News) {
        match news {
            News::NotServed => {
                self.missing().insert(crd_of(kind));
            }
            News::Synced => {
                let mut missing = self.missing();
                missing.remove(&crd_of(kind));
                if missing.remove(&cache_of(kind)) {
                    info!(%kind, "cache filled");
                }
            }
            _ => {}
        }
    }

    fn missing(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.missing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn cache_of(kind: &str) -> String {
    format!("cache of {kind}")
}

fn crd_of(kind: &str) -> String {
    format!("CustomResourceDefinition of {kind}")
}

/// Tells metrics and readiness of the engine's work.
pub struct Progress {
    /// Metrics.
    pub metrics: Arc<Metrics>,
    /// Readiness.
    pub readiness: Arc<Readiness>,
}

impl Observer for Progress {
    fn tell(&self, kind: &str, news: News) {
        self.readiness.tell(kind, &news);
        self.metrics.tell(kind, news);
    }

    fn watches(&self, kind: &str, census: Census) {
        self.metrics.watches(kind, census);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_event_loop_that_is_stuck_is_not_alive() {
        let liveness = Liveness::begin();
        tokio::time::sleep(Duration::from_mins(1)).await;
        assert_eq!(liveness.check(), Ok(()));
        let stuck = Liveness { ticked: Mutex::new(Instant::now() - STUCK * 2) };
        assert_eq!(stuck.check(), Err("the event loop has been stuck for 20 s".to_owned()));
    }

    #[test]
    fn what_is_missing_is_said_in_words() {
        let readiness = Readiness::new(&["A", "B"]);
        readiness.tell("A", &News::NotServed);
        readiness.tell("B", &News::Synced);
        let expected = "waiting for: AWS credentials, CustomResourceDefinition of A, cache of A";
        assert_eq!(readiness.check(), Err(expected.to_owned()));
        readiness.credentials();
        readiness.tell("A", &News::Synced);
        assert_eq!(readiness.check(), Ok(()));
        readiness.tell("B", &News::NotServed);
        assert_eq!(readiness.check(), Err("waiting for: CustomResourceDefinition of B".to_owned()));
    }
}
