//! What the engine tells of its work, for metrics and health.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::reconcile::Pass;

/// `<namespace>/<name>` of an object.
pub type ObjectKey = String;

/// How a condition of an object stands: type, status and reason.
pub type Standing = (String, String, String);

/// Counts the objects of a kind as they stand in its watch cache now.
pub type Census = Arc<dyn Fn() -> BTreeMap<Standing, u64> + Send + Sync>;

/// One thing that happened to a kind or to one of its objects.
#[derive(Clone, Debug, PartialEq)]
pub enum News {
    /// The cluster does not serve the kind: its CustomResourceDefinition is missing.
    NotServed,
    /// A first or further list of the kind is complete.
    Synced,
    /// So many objects can't be decoded now.
    Undecodable(usize),
    /// The object needs a pass as soon as there is room for it.
    Queued(ObjectKey),
    /// The object that was queued is gone.
    Dropped(ObjectKey),
    /// A pass over the object began.
    Started(ObjectKey),
    /// The pass ended, having taken so long.
    Passed(ObjectKey, Pass, Duration),
    /// An object was ready for the first time, so long after its creation.
    BecameReady(Duration),
    /// An object was let go, so long after its deletion was asked for.
    Deleted(Duration),
    /// AWS no longer holds what an object had converged to.
    DriftDetected,
    /// It does again.
    DriftRepaired,
    /// A sweep ended.
    Swept(Sweep),
}

/// How a sweep ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sweep {
    /// There was no object to look for.
    Nothing,
    /// AWS holds so many of the objects, and so many were woken.
    Seen {
        /// Objects that AWS holds.
        held: usize,
        /// Objects that differ from what they last converged to, or were refused.
        woken: usize,
    },
    /// AWS could not be swept.
    Failed,
}

/// Is told what happens. It must not block.
pub trait Observer: Send + Sync + 'static {
    /// Something happened to a kind.
    fn tell(&self, kind: &str, news: News);

    /// From now on the kind's objects can be counted by this.
    fn watches(&self, kind: &str, census: Census);
}
