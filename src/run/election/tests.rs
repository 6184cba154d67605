use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};

use tokio::time::Instant;

use super::*;
use crate::engine::fence::{Closed, tests::tokio_clock};

/// How the API behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Behaviour {
    /// Every request is answered.
    #[default]
    Well,
    /// Every request is refused.
    Failing,
    /// No request is answered.
    Silent,
    /// The next write is done, and its answer lost.
    LosesAnswer,
    /// The next request is not answered.
    SilentOnce,
}

/// The Lease in memory, with the API's optimistic concurrency.
#[derive(Clone, Default)]
pub struct Shelf {
    lease: Arc<Mutex<Option<Lease>>>,
    version: Arc<AtomicU64>,
    behaviour: Arc<Mutex<Behaviour>>,
}

impl Shelf {
    /// From now on.
    pub fn behave(&self, behaviour: Behaviour) {
        *self.behaviour.lock().unwrap() = behaviour;
    }

    /// Who holds the lease.
    pub fn holder(&self) -> Option<String> {
        self.lease.lock().unwrap().clone().and_then(|lease| lease.spec).and_then(|spec| spec.holder_identity)
    }

    /// A candidate with client-go's times.
    pub fn election(&self, name: &str) -> Election {
        Election::new(Box::new(self.clone()), name, Timing::default(), Fence::new(tokio_clock))
    }

    fn put(&self, lease: &Lease) -> Lease {
        let mut lease = lease.clone();
        let version = self.version.fetch_add(1, Ordering::SeqCst);
        lease.metadata.resource_version = Some(version.to_string());
        *self.lease.lock().unwrap() = Some(lease.clone());
        lease
    }

    async fn answer<T>(&self, act: impl FnOnce() -> Result<T, LeaseError>) -> Result<T, LeaseError> {
        tokio::time::sleep(Duration::from_millis(5)).await;
        let behaviour = *self.behaviour.lock().unwrap();
        if matches!(behaviour, Behaviour::LosesAnswer | Behaviour::SilentOnce) {
            self.behave(Behaviour::Well);
        }
        match behaviour {
            Behaviour::Well => act(),
            Behaviour::Failing => Err(LeaseError::Failed("no".to_owned())),
            Behaviour::Silent | Behaviour::SilentOnce => std::future::pending().await,
            Behaviour::LosesAnswer => act().and(Err(LeaseError::Failed("connection reset".to_owned()))),
        }
    }
}

#[async_trait]
impl Leases for Shelf {
    async fn get(&self) -> Result<Option<Lease>, LeaseError> {
        self.answer(|| Ok(self.lease.lock().unwrap().clone())).await
    }

    async fn create(&self, lease: &Lease) -> Result<Lease, LeaseError> {
        let is_there = || self.lease.lock().unwrap().is_some();
        self.answer(|| if is_there() { Err(LeaseError::Conflict) } else { Ok(self.put(lease)) }).await
    }

    async fn replace(&self, lease: &Lease) -> Result<Lease, LeaseError> {
        let current = || self.lease.lock().unwrap().as_ref().and_then(|lease| lease.metadata.resource_version.clone());
        let fits = || current().is_some() && current() == lease.metadata.resource_version;
        self.answer(|| if fits() { Ok(self.put(lease)) } else { Err(LeaseError::Conflict) }).await
    }
}

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// How long the lease is kept, if it is lost within ten minutes.
async fn kept(election: &mut Election) -> Option<(Lost, Duration)> {
    let began = Instant::now();
    let lost = timeout(Duration::from_mins(10), election.keep()).await.ok()?;
    Some((lost, began.elapsed()))
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_is_gone_is_followed_within_its_lease_and_two_seconds() {
    let shelf = Shelf::default();
    for _ in 0..50 {
        let mut gone = shelf.election("a");
        gone.acquire().await;
        let mut standby = shelf.election("b");
        assert!(
            timeout(Duration::from_mins(1), async {
                tokio::select! {
                    _ = gone.keep() => {}
                    () = standby.acquire() => {}
                }
            })
            .await
            .is_err()
        );
        drop(gone);
        let began = Instant::now();
        standby.acquire().await;
        let took = began.elapsed();
        assert!(took > seconds(12.9) && took < seconds(16.8), "{took:?}");
        standby.release().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_released_lease_is_taken_within_a_retry_period() {
    let shelf = Shelf::default();
    let (mut a, mut b) = (shelf.election("a"), shelf.election("b"));
    a.acquire().await;
    let standby = tokio::spawn(async move {
        b.acquire().await;
        (b.fence.check(), Instant::now())
    });
    sleep(seconds(7.0)).await;
    a.release().await;
    assert_eq!(a.fence.check(), Err(Closed));
    let released = Instant::now();
    let (fence, taken) = standby.await.unwrap();
    assert_eq!(fence, Ok(()));
    assert!(taken - released < seconds(1.6), "{:?}", taken - released);
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_can_t_be_renewed_is_lost_when_the_fence_closes() {
    for behaviour in [Behaviour::Failing, Behaviour::Silent] {
        let shelf = Shelf::default();
        let mut election = shelf.election("a");
        election.acquire().await;
        shelf.behave(behaviour);
        let (lost, after) = kept(&mut election).await.unwrap();
        assert_eq!((lost, election.fence.check()), (Lost::RanOut, Err(Closed)));
        assert!(after > seconds(9.9) && after <= seconds(10.01), "{behaviour:?}: {after:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_answer_that_is_lost_or_late_does_not_cost_the_lease() {
    for behaviour in [Behaviour::SilentOnce, Behaviour::LosesAnswer] {
        let shelf = Shelf::default();
        let mut election = shelf.election("a");
        election.acquire().await;
        shelf.behave(behaviour);
        assert_eq!(kept(&mut election).await, None, "{behaviour:?}");
        assert_eq!(election.fence.check(), Ok(()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_somebody_took_is_lost_at_once_and_not_given_back() {
    let shelf = Shelf::default();
    let mut election = shelf.election("a");
    election.acquire().await;
    let mut lease = shelf.get().await.unwrap().unwrap();
    lease.spec.as_mut().unwrap().holder_identity = Some("thief".to_owned());
    shelf.put(&lease);
    let (lost, after) = kept(&mut election).await.unwrap();
    assert_eq!((lost, election.fence.check()), (Lost::Taken, Err(Closed)));
    assert!(after < seconds(4.1), "{after:?}");
    election.release().await;
    assert_eq!(shelf.holder().as_deref(), Some("thief"));
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_was_deleted_is_made_again() {
    let shelf = Shelf::default();
    let mut election = shelf.election("a");
    election.acquire().await;
    *shelf.lease.lock().unwrap() = None;
    assert_eq!(kept(&mut election).await, None);
    assert!(shelf.holder().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_release_gives_up_in_time_and_follows_a_renewal_under_way() {
    let shelf = Shelf::default();
    let mut election = shelf.election("a");
    election.acquire().await;
    // A renewal that was dropped, and lands.
    shelf.behave(Behaviour::LosesAnswer);
    timeout(seconds(2.1), election.keep()).await.unwrap_err();
    election.release().await;
    assert_eq!(shelf.holder(), None);

    election.acquire().await;
    shelf.behave(Behaviour::Silent);
    let began = Instant::now();
    election.release().await;
    assert!(began.elapsed() <= RELEASE + seconds(0.01));
}
