//! Eventual consistency: after a write, reads of the object show what was there before, for a while. Reads
//! of one object never go back in time.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;

use super::script::UNSEEN;

/// For how long reads are stale after a write: while either lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lag {
    /// For so many reads of the object, within [`CONSISTENT`].
    pub reads: u32,
    /// For so long.
    pub time: Duration,
}

impl Lag {
    /// Reads see every write at once.
    pub const NONE: Self = Self { reads: 0, time: Duration::ZERO };

    /// Stale for a number of reads.
    pub fn reads(reads: u32) -> Self {
        Self { reads, ..Self::NONE }
    }

    /// Stale for a time.
    pub fn time(time: Duration) -> Self {
        Self { time, ..Self::NONE }
    }
}

/// By then reads show a write in any case: the operator's consistency window.
const CONSISTENT: Duration = Duration::from_mins(1);

#[derive(Debug)]
struct Replica<T> {
    current: Option<T>,
    before: Option<T>,
    stale_reads: u32,
    stale_until: Option<Instant>,
    written: Instant,
}

/// Objects by key, each with what lagging readers see of it.
#[derive(Debug)]
pub struct Store<T> {
    replicas: BTreeMap<String, Replica<T>>,
    rewound: bool,
}

impl<T> Default for Store<T> {
    fn default() -> Self {
        Self { replicas: BTreeMap::new(), rewound: false }
    }
}

impl<T: Clone> Store<T> {
    /// Writes, or removes.
    pub fn put(&mut self, key: &str, value: Option<T>, lag: Lag) {
        let before = self.replicas.remove(key).and_then(|replica| replica.current);
        self.replicas.insert(
            key.to_owned(),
            Replica {
                current: value,
                before,
                stale_reads: lag.reads,
                stale_until: (!lag.time.is_zero()).then(|| Instant::now() + lag.time),
                written: Instant::now(),
            },
        );
    }

    /// What is there, whatever readers see.
    pub fn current(&self, key: &str) -> Option<&T> {
        self.replicas.get(key).and_then(|replica| replica.current.as_ref())
    }

    /// All that is there, whatever readers see.
    pub fn all(&self) -> impl Iterator<Item = (&String, &T)> {
        self.replicas.iter().filter_map(|(key, replica)| Some((key, replica.current.as_ref()?)))
    }

    /// What a read sees.
    pub fn read(&mut self, key: &str) -> Option<T> {
        let rewound = self.rewound;
        self.replicas.get_mut(key).and_then(|replica| replica.read(rewound))
    }

    /// What a list sees.
    pub fn list(&mut self) -> Vec<T> {
        let rewound = self.rewound;
        self.replicas.values_mut().filter_map(|replica| replica.read(rewound)).collect()
    }

    /// Whether reads show what was there before the last write, if that was within [`UNSEEN`].
    pub fn rewind(&mut self, yes: bool) {
        self.rewound = yes;
    }

    /// What a write works on: nothing when the object is gone, or when its creation is not visible yet.
    pub fn target(&mut self, key: &str) -> Option<T> {
        let visible = self.read(key).is_some();
        self.current(key).filter(|_| visible).cloned()
    }
}

impl<T: Clone> Replica<T> {
    fn read(&mut self, rewound: bool) -> Option<T> {
        let since = self.written.elapsed();
        let stale = (rewound && since < UNSEEN)
            || (self.stale_reads > 0 && since < CONSISTENT)
            || self.stale_until.is_some_and(|until| Instant::now() < until);
        self.stale_reads = self.stale_reads.saturating_sub(1);
        if stale { self.before.clone() } else { self.current.clone() }
    }
}
