//! What goes wrong with which call, by a script: the n-th call of an operation meets this or that trouble.

use std::{collections::BTreeMap, fmt, time::Duration};

use super::Model;

/// What goes wrong with one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Trouble {
    /// Error 500, without effect.
    InternalError,
    /// Throttled, without effect.
    Throttled,
    /// The request never arrives.
    Unsent,
    /// The effect takes place, and its caller never hears of it.
    AnswerLost,
    /// The request is delivered twice, and its caller hears the second answer.
    Twice,
    /// Its caller gives up after [`GIVEN_UP`], and [`LATE`] after that the request arrives.
    Late,
    /// Readers see the effect only after [`UNSEEN`].
    ShownLate,
    /// The read shows what was there before the last write, if that was within [`UNSEEN`].
    Stale,
    /// The answer takes [`SLOW`].
    Slow,
    /// The cluster says that the object has been modified.
    Conflict,
    /// The process dies before the request leaves it.
    CrashBefore,
    /// The process dies while the request is on its way, which arrives [`LATE`] after that.
    CrashDuring,
    /// The process dies when the effect has taken place.
    CrashAfter,
    /// The lease runs out just before.
    LeaseLost,
}

/// The time-out of a write.
pub const GIVEN_UP: Duration = Duration::from_secs(20);
/// How late a request arrives for which nobody waits: within the 2 minutes that a deletion waits for an endpoint that
/// may still come.
pub const LATE: Duration = Duration::from_secs(25);
/// For how long an effect is not seen: within the consistency window of a minute.
pub const UNSEEN: Duration = Duration::from_secs(15);
/// A slow answer, within each time-out.
pub const SLOW: Duration = Duration::from_secs(9);

impl Trouble {
    /// What may happen to a write in AWS.
    pub const AWS_WRITE: [Self; 11] = [
        Self::InternalError,
        Self::Throttled,
        Self::Unsent,
        Self::AnswerLost,
        Self::Twice,
        Self::Late,
        Self::ShownLate,
        Self::CrashBefore,
        Self::CrashDuring,
        Self::CrashAfter,
        Self::LeaseLost,
    ];
    /// What may happen to a read in AWS.
    pub const AWS_READ: [Self; 6] =
        [Self::InternalError, Self::Throttled, Self::Unsent, Self::Stale, Self::Slow, Self::CrashBefore];
    /// What may happen to a write in the cluster.
    pub const CLUSTER_WRITE: [Self; 7] = [
        Self::Conflict,
        Self::Throttled,
        Self::Unsent,
        Self::AnswerLost,
        Self::CrashBefore,
        Self::CrashAfter,
        Self::LeaseLost,
    ];
    /// What may happen to a read in the cluster.
    pub const CLUSTER_READ: [Self; 4] = [Self::Throttled, Self::Unsent, Self::Slow, Self::CrashBefore];

    /// What may happen to a call.
    pub fn of(operation: &str, write: bool) -> &'static [Self] {
        // Calls to the cluster are in words.
        match (operation.contains(' '), write) {
            (false, true) => &Self::AWS_WRITE,
            (false, false) => &Self::AWS_READ,
            (true, true) => &Self::CLUSTER_WRITE,
            (true, false) => &Self::CLUSTER_READ,
        }
    }

    /// How a plan's id calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::InternalError => "internal-error",
            Self::Throttled => "throttled",
            Self::Unsent => "unsent",
            Self::AnswerLost => "answer-lost",
            Self::Twice => "twice",
            Self::Late => "late",
            Self::ShownLate => "shown-late",
            Self::Stale => "stale",
            Self::Slow => "slow",
            Self::Conflict => "conflict",
            Self::CrashBefore => "crash-before",
            Self::CrashDuring => "crash-during",
            Self::CrashAfter => "crash-after",
            Self::LeaseLost => "lease-lost",
        }
    }
}

/// The n-th call of an operation, counted from 1.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Point {
    /// AWS's operation, or the verb and resource of a cluster call.
    pub operation: &'static str,
    /// Which of its calls.
    pub n: usize,
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.operation.replace(' ', "-"), self.n)
    }
}

/// Decides what happens to a call, beyond what is written down.
pub type Dice = Box<dyn FnMut(&Point, bool) -> Option<Trouble> + Send>;

/// What is to go wrong, and what has.
#[derive(Default)]
pub struct Script {
    troubles: BTreeMap<Point, Trouble>,
    dice: Option<Dice>,
    counts: BTreeMap<&'static str, usize>,
    happened: Vec<(Point, Trouble)>,
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Script")
            .field("troubles", &self.troubles)
            .field("happened", &self.happened)
            .finish_non_exhaustive()
    }
}

impl Script {
    /// What happens to the call that is about to be made.
    pub fn next(&mut self, operation: &'static str, write: bool) -> Option<Trouble> {
        let n = self.counts.entry(operation).or_default();
        *n += 1;
        let point = Point { operation, n: *n };
        let rolled = self.dice.as_mut().and_then(|dice| dice(&point, write));
        let trouble = self.troubles.remove(&point).or(rolled)?;
        self.happened.push((point, trouble));
        Some(trouble)
    }
}

impl Model {
    /// From now on, calls meet these troubles; they are counted from here.
    pub fn follow(&self, troubles: impl IntoIterator<Item = (Point, Trouble)>) {
        self.state().script = Script { troubles: troubles.into_iter().collect(), ..Script::default() };
    }

    /// From now on, dice decide; calls are counted from here.
    pub fn roll(&self, dice: Dice) {
        self.state().script = Script { dice: Some(dice), ..Script::default() };
    }

    /// Whether something has gone wrong by the script.
    pub fn has_met_trouble(&self) -> bool {
        !self.state().script.happened.is_empty()
    }

    /// Nothing goes wrong any more. What has, in order.
    pub fn calm(&self) -> Vec<(Point, Trouble)> {
        std::mem::take(&mut self.state().script).happened
    }
}
