//! What the engine remembers of each object between passes. All of it may be lost at any time: it saves
//! calls and smooths over AWS's eventual consistency, and nothing relies on it for correctness.

use std::{collections::HashMap, sync::Mutex, time::Duration};

use tokio::time::Instant;

use super::{failure::Failure, kind::Step};

/// What is remembered of one object.
#[derive(Debug)]
struct Entry<S> {
    /// Steps that AWS answered with success and whose effect no read has shown yet.
    unseen: Vec<Applied<S>>,
    last_write: Option<Instant>,
    /// The last write without an answer that says that it was done.
    last_attempt: Option<Instant>,
    absent_since: Option<Instant>,
    failures: u32,
    failing_since: Option<Instant>,
    code: Option<(String, Instant)>,
    waiting: Option<Waiting>,
    rest: Rest,
    last_status: Option<u64>,
    newborn: bool,
    aim: Aim,
    drifting: bool,
}

/// A step, what it was on the way to (the digest of what AWS should hold), and when AWS answered.
#[derive(Debug)]
struct Applied<S> {
    step: S,
    aim: u64,
    at: Instant,
}

#[derive(Debug)]
struct Waiting {
    what: String,
    since: Instant,
    passes: u32,
    overdue: bool,
}

/// What the object is on its way to, by the digest of what AWS should hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Aim {
    /// This process has not seen it converge.
    #[default]
    Unknown,
    /// Something that it has not converged to yet.
    Ahead,
    /// What it last converged to.
    Reached(u64),
}

/// What a wait comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// How many passes waited for the same before this one in a row.
    pub before: u32,
    /// It has lasted longer than it should. Said once.
    pub overdue: bool,
}

/// Whether steps are due because AWS no longer holds what it held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drift {
    /// The object is on its way to something new.
    No,
    /// It has drifted, and this is the first pass to see it.
    Found,
    /// It is known to have drifted.
    Known,
}

/// How an object rests after its last pass, which decides whether a sweep wakes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rest {
    /// A pass is due by timer or by watch.
    #[default]
    Busy,
    /// Converged, with this fingerprint.
    Converged(u64),
    /// Refused or waiting for the world: each sweep wakes it.
    Blocked,
}

impl<S> Default for Entry<S> {
    fn default() -> Self {
        Self {
            unseen: Vec::new(),
            last_write: None,
            last_attempt: None,
            absent_since: None,
            failures: 0,
            failing_since: None,
            code: None,
            waiting: None,
            rest: Rest::Busy,
            last_status: None,
            newborn: false,
            aim: Aim::Unknown,
            drifting: false,
        }
    }
}

/// What a pass wants to know of earlier ones.
#[derive(Clone, Debug, PartialEq)]
pub struct Recollection {
    /// See [`super::kind::Subject::settled`].
    pub settled: bool,
    /// See [`super::kind::Subject::absent_for`].
    pub absent_for: Duration,
    /// See [`super::kind::Subject::failing_with`].
    pub failing_with: Option<(String, Duration)>,
}

/// The memory of one kind's engine, by uid.
pub struct Memory<S> {
    started: Instant,
    window: Duration,
    entries: Mutex<HashMap<String, Entry<S>>>,
}

impl<S: Step> Memory<S> {
    /// An empty memory. For `window` after a write AWS may still show what was before.
    pub fn new(window: Duration) -> Self {
        Self { started: Instant::now(), window, entries: Mutex::default() }
    }

    fn with<T>(&self, uid: &str, f: impl FnOnce(&mut Entry<S>) -> T) -> T {
        let mut entries = self.entries.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        f(entries.entry(uid.to_owned()).or_default())
    }

    /// Forgets an object.
    pub fn forget(&self, uid: &str) {
        self.entries.lock().unwrap_or_else(std::sync::PoisonError::into_inner).remove(uid);
    }

    /// What a pass wants to know.
    pub fn recall(&self, uid: &str) -> Recollection {
        let now = Instant::now();
        self.with(uid, |entry| Recollection {
            settled: now.duration_since(entry.last_write.unwrap_or(self.started).max(self.started)) >= self.window,
            absent_for: entry.absent_since.map(|since| now.duration_since(since)).unwrap_or_default(),
            failing_with: entry.code.as_ref().map(|(code, since)| (code.clone(), now.duration_since(*since))),
        })
    }

    /// Notes what a direct observation said about existence.
    pub fn observed(&self, uid: &str, absent: bool) {
        self.with(uid, |entry| {
            entry.absent_since = absent.then(|| entry.absent_since.unwrap_or_else(Instant::now));
        });
    }

    /// Notes a step that AWS answered with success, on the way to what has this digest.
    pub fn applied(&self, uid: &str, step: S, aim: u64) {
        let now = Instant::now();
        self.with(uid, |entry| {
            entry.last_write = Some(now);
            entry.unseen.push(Applied { step, aim, at: now });
        });
    }

    /// Notes a write whose outcome is unknown or refused: reads may be behind all the same.
    pub fn attempted(&self, uid: &str) {
        let now = Some(Instant::now());
        self.with(uid, |entry| (entry.last_write, entry.last_attempt) = (now, now));
    }

    /// Whether what no read shows will not turn up any more. A write that AWS has answered shows within the window; one
    /// without an answer, such as an earlier process may have made, can be on its way for as long again before.
    pub fn shows_all(&self, uid: &str) -> bool {
        let (now, started, window) = (Instant::now(), self.started, self.window);
        let passed = |at: Option<Instant>, time| now.duration_since(at.unwrap_or(started).max(started)) >= time;
        self.with(uid, |entry| passed(entry.last_write, window) && passed(entry.last_attempt, 2 * window))
    }

    /// A step that AWS has answered within the window, and that no read has shown since, on the way to something else than
    /// now. Whether a read shows it cannot be told any more: what is read may be what was before it.
    pub fn unsure(&self, uid: &str, aim: u64) -> Option<S> {
        let window = self.window;
        self.with(uid, |entry| {
            entry.forget_old_steps(window);
            entry.unseen.iter().find(|applied| applied.aim != aim).map(|applied| applied.step.clone())
        })
    }

    /// All steps have been seen in effect.
    pub fn seen(&self, uid: &str) {
        self.with(uid, |entry| entry.unseen.clear());
    }

    /// Which of the planned steps AWS has answered already, within the window, without showing it yet. Steps
    /// no longer planned have been seen in effect and are forgotten, so that later drift is repaired at once.
    pub fn unseen(&self, uid: &str, planned: &[S]) -> Option<S> {
        let window = self.window;
        self.with(uid, |entry| {
            entry.forget_old_steps(window);
            entry.unseen.retain(|applied| planned.contains(&applied.step));
            entry.unseen.first().map(|applied| applied.step.clone())
        })
    }

    /// Notes a failed pass; returns how many failed before it in a row, and since when.
    pub fn failed(&self, uid: &str, failure: &Failure) -> (u32, Duration) {
        let now = Instant::now();
        self.with(uid, |entry| {
            let before = entry.failures;
            entry.failures = entry.failures.saturating_add(1);
            let since = *entry.failing_since.get_or_insert(now);
            entry.code = failure.code.as_ref().map(|code| match entry.code.take() {
                Some((old, since)) if &old == code => (old, since),
                _ => (code.clone(), now),
            });
            entry.rest = Rest::Busy;
            (before, now.duration_since(since))
        })
    }

    /// Notes a pass that waits for `what`, which should not take longer than `patience`.
    pub fn waited(&self, uid: &str, what: &str, patience: Duration) -> Wait {
        let now = Instant::now();
        self.with(uid, |entry| {
            entry.forget_failures();
            entry.rest = Rest::Busy;
            let mut waiting = entry.waiting.take().filter(|waiting| waiting.what == what).unwrap_or_else(|| Waiting {
                what: what.to_owned(),
                since: now,
                passes: 0,
                overdue: false,
            });
            let overdue = !waiting.overdue && now.duration_since(waiting.since) >= patience;
            let wait = Wait { before: waiting.passes, overdue };
            waiting.passes = waiting.passes.saturating_add(1);
            waiting.overdue |= overdue;
            entry.waiting = Some(waiting);
            wait
        })
    }

    /// Notes that nobody has had a pass over the object before.
    pub fn newborn(&self, uid: &str) {
        self.with(uid, |entry| entry.newborn = true);
    }

    /// Whether steps towards `desired`, a digest, mean that AWS has drifted from what the object converged to. After a
    /// start of the process the object's own word counts: `was_ready` for its current generation.
    pub fn drifts(&self, uid: &str, desired: u64, was_ready: bool) -> Drift {
        self.with(uid, |entry| {
            let reached = match entry.aim {
                Aim::Unknown => was_ready,
                Aim::Ahead => false,
                Aim::Reached(digest) => digest == desired,
            };
            let known = entry.drifting;
            entry.aim = if reached { Aim::Reached(desired) } else { Aim::Ahead };
            entry.drifting = reached;
            match (reached, known) {
                (false, _) => Drift::No,
                (true, false) => Drift::Found,
                (true, true) => Drift::Known,
            }
        })
    }

    /// Notes that AWS holds `desired`, a digest; returns whether that ends a drift, and whether it is the first time
    /// for an object that was new.
    pub fn converged(&self, uid: &str, fingerprint: u64, desired: u64) -> (bool, bool) {
        self.rests(uid, Rest::Converged(fingerprint));
        self.with(uid, |entry| {
            entry.aim = Aim::Reached(desired);
            (std::mem::take(&mut entry.drifting), std::mem::take(&mut entry.newborn))
        })
    }

    /// Notes how the object rests after a pass that did not fail.
    pub fn rests(&self, uid: &str, rest: Rest) {
        self.with(uid, |entry| {
            entry.forget_failures();
            entry.waiting = None;
            entry.rest = rest;
        });
    }

    /// Whether a sweep that began at `began` and saw this fingerprint (or nothing) should wake the object.
    /// What was read before the object's last write says nothing about it.
    pub fn differs(&self, uid: &str, began: Instant, seen: Option<u64>) -> bool {
        let window = self.window;
        self.with(uid, |entry| {
            // An object at rest has no pass that would.
            entry.forget_old_steps(window);
            match entry.rest {
                Rest::Busy => false,
                Rest::Blocked => true,
                Rest::Converged(fingerprint) => {
                    seen != Some(fingerprint) && entry.last_write.is_none_or(|write| write < began)
                }
            }
        })
    }

    /// Whether the object was refused and only the world can help.
    pub fn is_blocked(&self, uid: &str) -> bool {
        self.with(uid, |entry| entry.rest == Rest::Blocked)
    }

    /// Notes the digest of the status that is about to be written.
    pub fn writes_status(&self, uid: &str, digest: u64) {
        self.with(uid, |entry| entry.last_status = Some(digest));
    }

    /// Whether this digest is that of the status last written, or nothing was written yet.
    pub fn is_own_status(&self, uid: &str, digest: u64) -> bool {
        self.with(uid, |entry| entry.last_status.is_none_or(|last| last == digest))
    }
}

impl<S> Entry<S> {
    fn forget_old_steps(&mut self, window: Duration) {
        self.unseen.retain(|applied| applied.at.elapsed() < window);
        self.unseen.shrink_to_fit();
    }

    fn forget_failures(&mut self) {
        self.failures = 0;
        self.failing_since = None;
        self.code = None;
    }
}

#[cfg(test)]
mod tests {
    use std::fmt;

    use super::*;
    use crate::engine::failure::Class;

    #[derive(Clone, Debug, PartialEq)]
    struct Do(&'static str);

    impl fmt::Display for Do {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Step for Do {
        fn reason(&self) -> &'static str {
            "Done"
        }
    }

    const WINDOW: Duration = Duration::from_mins(1);

    #[tokio::test(start_paused = true)]
    async fn a_step_is_not_repeated_before_its_effect_shows_or_the_window_ends() {
        let memory = Memory::new(WINDOW);
        memory.applied("u", Do("create"), 1);
        assert_eq!(memory.unseen("u", &[Do("create")]), Some(Do("create")));
        tokio::time::advance(WINDOW).await;
        assert_eq!(memory.unseen("u", &[Do("create")]), None);
    }

    #[tokio::test(start_paused = true)]
    async fn whether_a_step_shows_cannot_be_told_once_something_else_is_wanted() {
        let memory = Memory::new(WINDOW);
        memory.applied("u", Do("attach"), 1);
        assert_eq!(memory.unsure("u", 1), None);
        assert_eq!(memory.unsure("u", 2), Some(Do("attach")));
        tokio::time::advance(WINDOW).await;
        assert_eq!(memory.unsure("u", 2), None, "by now it shows");
        memory.applied("u", Do("attach"), 1);
        memory.seen("u");
        assert_eq!(memory.unsure("u", 2), None);
    }

    #[tokio::test(start_paused = true)]
    async fn drift_after_the_effect_was_seen_is_repaired_at_once() {
        let memory = Memory::new(WINDOW);
        memory.applied("u", Do("attach"), 1);
        assert_eq!(memory.unseen("u", &[]), None);
        assert_eq!(memory.unseen("u", &[Do("attach")]), None);
    }

    #[tokio::test(start_paused = true)]
    async fn settled_counts_from_the_last_write_and_from_the_start_of_the_process() {
        let memory = Memory::<Do>::new(WINDOW);
        assert!(!memory.recall("u").settled);
        tokio::time::advance(WINDOW).await;
        assert!(memory.recall("u").settled);
        memory.attempted("u");
        assert!(!memory.recall("u").settled);
    }

    #[tokio::test(start_paused = true)]
    async fn absence_counts_without_a_break() {
        let memory = Memory::<Do>::new(WINDOW);
        let second = Duration::from_secs(1);
        memory.observed("u", true);
        tokio::time::advance(second).await;
        memory.observed("u", true);
        assert_eq!(memory.recall("u").absent_for, second);
        memory.observed("u", false);
        memory.observed("u", true);
        assert_eq!(memory.recall("u").absent_for, Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_sweep_older_than_the_last_write_says_nothing() {
        let memory = Memory::<Do>::new(WINDOW);
        let began = Instant::now();
        memory.rests("u", Rest::Converged(7));
        assert!(!memory.differs("u", began, Some(7)));
        assert!(memory.differs("u", began, Some(8)));
        assert!(memory.differs("u", began, None));
        memory.attempted("u");
        assert!(!memory.differs("u", began, Some(8)));
        assert!(!memory.is_blocked("u"));
        memory.rests("v", Rest::Blocked);
        assert!(memory.is_blocked("v"));
        assert!(memory.differs("v", began, None));
        assert!(!memory.differs("unknown", began, None));
    }

    #[tokio::test(start_paused = true)]
    async fn failures_and_waits_are_counted_in_a_row() {
        let memory = Memory::<Do>::new(WINDOW);
        let failure = Failure { code: Some("X".into()), ..Failure::new(Class::Transient, "R", "m") };
        assert_eq!(memory.failed("u", &failure).0, 0);
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(memory.failed("u", &failure), (1, Duration::from_secs(3)));
        assert_eq!(memory.recall("u").failing_with, Some(("X".into(), Duration::from_secs(3))));
        let wait = |what| memory.waited("u", what, WINDOW);
        assert_eq!(wait("a"), Wait { before: 0, overdue: false });
        assert_eq!(memory.recall("u").failing_with, None);
        tokio::time::advance(WINDOW).await;
        assert_eq!(wait("a"), Wait { before: 1, overdue: true });
        assert_eq!(wait("a"), Wait { before: 2, overdue: false }, "it is said once");
        assert_eq!(wait("b"), Wait { before: 0, overdue: false });
    }

    #[tokio::test(start_paused = true)]
    async fn steps_are_drift_only_towards_what_was_reached() {
        let memory = Memory::<Do>::new(WINDOW);
        assert_eq!(memory.drifts("u", 1, false), Drift::No);
        assert_eq!(memory.drifts("u", 1, true), Drift::No, "it is on its way there since before");
        memory.newborn("u");
        assert_eq!(memory.converged("u", 0, 1), (false, true));
        assert_eq!(memory.drifts("u", 1, false), Drift::Found);
        assert_eq!(memory.drifts("u", 1, false), Drift::Known);
        assert_eq!(memory.converged("u", 0, 1), (true, false));
        assert_eq!(memory.drifts("u", 2, true), Drift::No, "what the spec refers to has changed");
        assert_eq!(memory.drifts("u", 1, true), Drift::No, "and has changed back on the way");
        assert_eq!(memory.drifts("after a start", 1, true), Drift::Found);
    }
}
