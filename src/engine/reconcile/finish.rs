//! The end of a pass: status, memory, Events, and the time of the next one.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tracing::{debug, warn};

use crate::engine::{
    conditions::{self, Standing},
    contract::REQUESTED_AT_ANNOTATION,
    failure::{Class, Failure},
    kind::{Kind, KindStatus, Subject},
    memory::{Drift, Rest},
    objects::Event,
    observer::News,
    requeue, status,
};

use super::{Engine, NOT_LEADER, Outcome, Pass, SUPERSEDED, Work, annotation};

/// An object that has failed, or waited for the same, for this long without a break is no longer just "working".
const FAILING_AFTER: Duration = Duration::from_mins(2);

/// Why the work of a pass stopped, before it becomes a [`Pass`] and a status.
pub(super) enum Stop {
    Converged { message: String, fingerprint: u64, desired: u64, recheck: Recheck },
    Wait { reason: String, message: String, after: Duration },
    Refuse { reason: String, message: String },
    Planned,
    Superseded,
    NotLeader,
    Failed(Failure),
}

/// When a converged object is looked at again though no sweep wakes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recheck {
    Never,
    /// Records were kept of what AWS does not show, until it must.
    WhenSettled,
    /// It holds something that no sweep sees.
    Hourly,
}

impl Recheck {
    pub(super) fn of(keeps_records: bool, is_unswept: bool) -> Self {
        match (keeps_records, is_unswept) {
            (true, _) => Self::WhenSettled,
            (false, true) => Self::Hourly,
            (false, false) => Self::Never,
        }
    }
}

impl Stop {
    pub(super) fn nothing_left(message: &str) -> Self {
        Self::Converged { message: message.to_owned(), fingerprint: 0, desired: 0, recheck: Recheck::Never }
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        match failure.class {
            Class::Terminal => Self::Refuse { reason: failure.reason, message: failure.message },
            Class::NotLeader => Self::NotLeader,
            _ => Self::Failed(failure),
        }
    }
}

impl<K: Kind> Engine<K> {
    /// Turns the end of the work into status, memory and the time of the next pass.
    pub(super) async fn finish(&self, live: &Value, mut subject: Subject<K>, stop: Stop) -> Pass {
        let uid = subject.uid.clone();
        let jitter = (self.settings.jitter)();
        let early = matches!(&stop, Stop::Failed(failure) if failure.class == Class::Reference);
        let (outcome, standing, requeue_after) = match stop {
            Stop::Superseded => return Pass { outcome: Outcome::Superseded, requeue_after: Some(SUPERSEDED) },
            Stop::NotLeader => return NOT_LEADER,
            Stop::Converged { message, fingerprint, desired, recheck } => {
                subject.status.common_mut().plan = Vec::new();
                self.converged(live, &uid, fingerprint, desired);
                let requeue_after = match recheck {
                    Recheck::Never => None,
                    Recheck::WhenSettled => Some(self.settings.consistency_window),
                    Recheck::Hourly => Some(requeue::after_convergence(jitter)),
                };
                (Outcome::Converged, Standing::Ready { message }, requeue_after)
            }
            Stop::Wait { reason, message, after } => {
                let wait = self.memory.waited(&uid, &format!("{reason}: {message}"), FAILING_AFTER);
                if wait.overdue {
                    self.events.publish(live, Event::overdue(&reason, subject.deleting, &message)).await;
                }
                let after = requeue::after_wait(after, wait.before, jitter);
                (Outcome::Waiting, Standing::Working { reason, message }, Some(after))
            }
            Stop::Refuse { reason, message } => {
                self.memory.rests(&uid, Rest::Blocked);
                (Outcome::Refused, Standing::Stalled { reason, message }, Some(requeue::after_refusal(jitter)))
            }
            Stop::Planned => {
                self.memory.rests(&uid, Rest::Blocked);
                let message = "spec.managementPolicy is Plan: status.plan lists the steps that Manage would take";
                let standing = Standing::Stalled { reason: "PlanPending".into(), message: message.into() };
                (Outcome::Planned, standing, None)
            }
            Stop::Failed(failure) => {
                let (n, failing_for) = self.memory.failed(&uid, &failure);
                let after = requeue::after_failure(failure.class, n, failure.retry_after, jitter);
                debug!(kind = %K::kind(&()), object = %subject.key(), %failure, attempt = n, "pass failed");
                let retried = if failure.class == Class::Reference { "goes on when it is" } else { "retried" };
                let (reason, message) = (failure.reason, format!("{} ({retried})", failure.message));
                let standing = if failing_for >= FAILING_AFTER {
                    Standing::Failing { reason, message }
                } else {
                    Standing::Working { reason, message }
                };
                (Outcome::Failed, standing, Some(after))
            }
        };
        self.warn_of(live, &subject, &standing, early).await;
        let request = annotation(live, REQUESTED_AT_ANNOTATION).map(|token| token.chars().take(256).collect());
        subject.status.common_mut().last_handled_request = request;
        match self.write_status(live, &mut subject, &standing).await {
            Ok(()) => Pass { outcome, requeue_after },
            Err(failure) => self.kubernetes_failed(&failure),
        }
    }

    /// A Warning for what the user should look at, once for each new reason or message; `early` is for what only
    /// the user will mend.
    async fn warn_of(&self, live: &Value, subject: &Subject<K>, standing: &Standing, early: bool) {
        let (reason, message) = match standing {
            Standing::Stalled { reason, message } | Standing::Failing { reason, message } => (reason, message),
            Standing::Working { reason, message } if early => (reason, message),
            _ => return,
        };
        let known = conditions::ready(&subject.status.common().conditions)
            .is_some_and(|ready| conditions::says(ready, reason, message) && (early || ready.status == "False"));
        if !known {
            self.events.publish(live, Event::warning(reason, subject.deleting, message)).await;
        }
    }

    pub(super) async fn write_status(
        &self,
        live: &Value,
        subject: &mut Subject<K>,
        standing: &Standing,
    ) -> Result<(), Failure> {
        let generation = live["metadata"]["generation"].as_i64().unwrap_or_default();
        let common = subject.status.common_mut();
        common.observed_generation = Some(generation);
        conditions::set(&mut common.conditions, standing, generation, Timestamp::now());
        status::write(&*self.objects, &self.memory, live, subject).await
    }

    /// Whether the steps that are about to be taken repair drift.
    pub(super) fn drifts(&self, subject: &Subject<K>, work: &Work) -> bool {
        let drift =
            if subject.deleting { Drift::No } else { self.memory.drifts(&subject.uid, work.desired, work.was_ready) };
        if drift == Drift::Found {
            self.tell(News::DriftDetected);
        }
        drift != Drift::No
    }

    fn converged(&self, live: &Value, uid: &str, fingerprint: u64, desired: u64) {
        let (repaired, first) = self.memory.converged(uid, fingerprint, desired);
        if repaired {
            self.tell(News::DriftRepaired);
        }
        if first {
            self.tell(News::BecameReady(since(live["metadata"]["creationTimestamp"].as_str())));
        }
    }

    /// Tells the observer of the kind.
    pub fn tell(&self, news: News) {
        self.observer.tell(&K::kind(&()), news);
    }

    pub(super) fn kubernetes_failed(&self, failure: &Failure) -> Pass {
        match failure.class {
            Class::Conflict => return Pass { outcome: Outcome::Superseded, requeue_after: Some(SUPERSEDED) },
            Class::NotLeader => return NOT_LEADER,
            _ => {}
        }
        warn!(kind = %K::kind(&()), %failure, "Kubernetes API call failed");
        let after = requeue::after_failure(Class::Transient, 1, failure.retry_after, (self.settings.jitter)());
        Pass { outcome: Outcome::Failed, requeue_after: Some(after) }
    }
}

/// How long ago a time in an object's metadata was; nothing when clocks disagree.
pub(super) fn since(time: Option<&str>) -> Duration {
    let time = time.and_then(|time| time.parse::<Timestamp>().ok());
    time.and_then(|time| Timestamp::now().duration_since(time).try_into().ok()).unwrap_or_default()
}
