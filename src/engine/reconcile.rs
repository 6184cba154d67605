//! One pass over one object: `finalizer -> connect -> resolve -> desired -> (observe -> plan -> apply)* ->
//! report -> one status write`. Deletion skips resolve and desired, so that it goes through when what the
//! spec refers to is gone already.

mod finish;

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    panic::AssertUnwindSafe,
    sync::Arc,
    time::Duration,
};

use futures::FutureExt;
use serde_json::Value;
use tokio::time::Instant;
use tracing::{error, info, warn};

use super::{
    conditions::{self, Standing},
    contract::{DeletionPolicy, ManagementPolicy, PAUSED_ANNOTATION},
    failure::{Class, Failure},
    finalizer,
    kind::{AWAITING_CONSISTENCY, Kind, KindStatus, Plan, Step, Subject},
    memory::{Memory, Rest},
    objects::{Event, Events, Objects},
    observer::{News, Observer},
    priority::Priority,
    tenure::Tenure,
};

use self::finish::{Recheck, Stop, since};

/// Observations in one pass; a plan that needs more goes on in the next.
const ROUNDS: usize = 8;
/// How long after a panic the next pass over the object is made.
const AFTER_PANIC: Duration = Duration::from_mins(1);
/// How soon a pass is repeated that saw the object change under it.
const SUPERSEDED: Duration = Duration::from_millis(200);

/// Settings of an engine.
#[derive(Clone, Copy, Debug)]
pub struct EngineSettings {
    /// For how long after a write AWS may still show what was before.
    pub consistency_window: Duration,
    /// A pass starts no further step after this time.
    pub pass_deadline: Duration,
    /// Draws from 0..1, so that what has failed together is not tried again together.
    pub jitter: fn() -> f64,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self { consistency_window: Duration::from_mins(1), pass_deadline: Duration::from_mins(5), jitter: rand::random }
    }
}

/// How a pass ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// AWS holds what the spec says.
    Converged,
    /// Something is under way.
    Waiting,
    /// Only a change of the spec or of the world helps.
    Refused,
    /// A step failed and will be tried again.
    Failed,
    /// In plan mode, with steps left.
    Planned,
    /// The object is paused.
    Paused,
    /// The object changed during the pass, which starts anew.
    Superseded,
    /// The object can't be decoded.
    Undecodable,
    /// A defect of the operator ended the pass.
    Panicked,
    /// There is no object, or nothing left to do for it.
    Gone,
    /// The lease has run out.
    NotLeader,
}

/// The result of a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pass {
    /// How it ended.
    pub outcome: Outcome,
    /// When to make the next one; absent when only a wake-up should.
    pub requeue_after: Option<Duration>,
}

/// Nothing is said of it anywhere, since nothing may be written; the next leader begins with a pass of its own.
const NOT_LEADER: Pass = Pass { outcome: Outcome::NotLeader, requeue_after: None };

/// The engine of one kind.
pub struct Engine<K: Kind> {
    /// Everything outside the cluster.
    pub world: Arc<K::World>,
    /// What is remembered between passes.
    pub memory: Memory<K::Step>,
    objects: Arc<dyn Objects>,
    events: Arc<dyn Events>,
    /// Is told of the work.
    pub observer: Arc<dyn Observer>,
    settings: EngineSettings,
    tenure: Tenure,
}

/// What the rounds of a pass share.
struct Work {
    started: Instant,
    /// The live object was found to be the one that the plan is made for.
    confirmed: bool,
    /// A digest of what AWS should hold.
    desired: u64,
    /// The object said of its current generation that it is ready.
    was_ready: bool,
}

impl<K: Kind> Engine<K> {
    /// An engine that remembers nothing and takes steps in this tenure alone.
    pub fn new(
        world: Arc<K::World>,
        objects: Arc<dyn Objects>,
        events: Arc<dyn Events>,
        observer: Arc<dyn Observer>,
        settings: EngineSettings,
        tenure: Tenure,
    ) -> Self {
        Self { world, memory: Memory::new(settings.consistency_window), objects, events, observer, settings, tenure }
    }

    /// One pass over the object of this name. Never fails: every failure is an outcome, a panic too.
    pub async fn pass(&self, namespace: &str, name: &str) -> Pass {
        AssertUnwindSafe(self.try_pass(namespace, name)).catch_unwind().await.unwrap_or_else(|_| {
            error!(kind = %K::kind(&()), object = %format!("{namespace}/{name}"), "a defect ended the pass");
            Pass { outcome: Outcome::Panicked, requeue_after: Some(AFTER_PANIC) }
        })
    }

    async fn try_pass(&self, namespace: &str, name: &str) -> Pass {
        let live = match self.objects.get(namespace, name).await {
            Ok(Some(live)) => live,
            Ok(None) => return Pass { outcome: Outcome::Gone, requeue_after: None },
            Err(failure) => return self.kubernetes_failed(&failure),
        };
        let (subject, decoding) = self.subject(&live);
        if annotation(&live, PAUSED_ANNOTATION) == Some("true") {
            return self.paused(&live, &subject).await;
        }
        let at_rest = !subject.deleting && is_ready(&live, &subject);
        let priority = if at_rest { Priority::Background } else { Priority::Foreground };
        match (subject.deleting, decoding) {
            (true, _) => priority.scope(Box::pin(self.delete_pass(live, subject))).await,
            (false, Ok(object)) => priority.scope(Box::pin(self.manage_pass(live, subject, &object))).await,
            (false, Err(error)) => {
                warn!(kind = %K::kind(&()), object = %subject.key(), %error, "object can't be decoded; it is left alone");
                let note = format!("the operator can't decode the object and leaves it alone: {error}");
                self.events.publish(&live, Event::warning("Undecodable", false, &note)).await;
                Pass { outcome: Outcome::Undecodable, requeue_after: None }
            }
        }
    }

    async fn paused(&self, live: &Value, subject: &Subject<K>) -> Pass {
        self.memory.rests(&subject.uid, Rest::Busy);
        if let Err(failure) = K::hand_down(&self.world, subject, true).await {
            return self.kubernetes_failed(&failure);
        }
        if subject.deleting {
            let note = format!("deletion waits: the annotation {PAUSED_ANNOTATION} is \"true\"");
            self.events.publish(live, Event::warning("Paused", true, &note)).await;
        }
        Pass { outcome: Outcome::Paused, requeue_after: None }
    }

    fn subject(&self, live: &Value) -> (Subject<K>, Result<Arc<K>, serde_json::Error>) {
        let text = |field: &str| live["metadata"][field].as_str().unwrap_or_default().to_owned();
        let decoding = serde_json::from_value::<K>(live.clone()).map(Arc::new);
        let uid = text("uid");
        let recollection = self.memory.recall(&uid);
        let subject = Subject {
            namespace: text("namespace"),
            name: text("name"),
            uid,
            object: decoding.as_ref().ok().cloned(),
            status: serde_json::from_value(live["status"].clone()).unwrap_or_default(),
            deleting: live["metadata"]["deletionTimestamp"].is_string(),
            settled: recollection.settled,
            absent_for: recollection.absent_for,
            failing_with: recollection.failing_with,
        };
        (subject, decoding)
    }

    async fn manage_pass(&self, live: Value, mut subject: Subject<K>, object: &K) -> Pass {
        let live = match finalizer::ensure(&*self.objects, live).await {
            Ok(live) => live,
            Err(failure) => return self.kubernetes_failed(&failure),
        };
        if subject.status.common().conditions.is_empty() {
            self.memory.newborn(&subject.uid);
        }
        let stop = self.manage(&live, &mut subject, object).await.unwrap_or_else(Stop::from);
        self.finish(&live, subject, stop).await
    }

    async fn manage(&self, live: &Value, subject: &mut Subject<K>, object: &K) -> Result<Stop, Failure> {
        let mut work = Work::begin(live, subject);
        if subject.management_policy() == ManagementPolicy::Plan {
            K::hand_down(&self.world, subject, false).await?;
        }
        let cloud = K::connect(&self.world, subject).await?;
        let resolved = K::resolve(&cloud, subject, object).await?;
        let desired = K::desired(&cloud, subject, object, resolved)?;
        work.desired = digest(&desired);
        for _ in 0..ROUNDS {
            let observed = self.observe(&cloud, subject).await?;
            if let Some(step) = self.memory.unsure(&subject.uid, work.desired) {
                return Ok(not_shown_yet(&step));
            }
            let keeps = self.report(&cloud, &desired, observed.as_ref(), subject);
            let plan = K::plan(subject, &desired, observed.as_ref());
            if plan.shows_all_steps() {
                self.memory.seen(&subject.uid);
            }
            let steps = match (plan, observed) {
                (Plan::Converged, Some(observed)) => {
                    return Ok(Stop::Converged {
                        message: K::summary(&observed),
                        fingerprint: K::fingerprint(&desired, &observed),
                        desired: work.desired,
                        recheck: Recheck::of(keeps, K::needs_recheck(&desired)),
                    });
                }
                (Plan::Converged, None) => {
                    return Ok(Stop::nothing_left("nothing to do"));
                }
                (Plan::Wait { reason, message, after }, _) => {
                    return Ok(Stop::Wait { reason: reason.to_owned(), message, after });
                }
                (Plan::Refuse { reason, message }, _) => {
                    return Ok(Stop::Refuse { reason: reason.to_owned(), message });
                }
                (Plan::Act(steps), _) => steps,
            };
            if subject.management_policy() == ManagementPolicy::Plan {
                subject.status.common_mut().plan = steps.iter().take(64).map(ToString::to_string).collect();
                return Ok(Stop::Planned);
            }
            if let Some(stop) = self.act(&cloud, live, subject, &steps, &mut work).await? {
                return Ok(stop);
            }
        }
        Ok(progressing("more steps follow"))
    }

    /// Facts for the status. While AWS may not show all yet, a record of what we have set there is kept though
    /// no read shows the thing: it may turn up, and would be nobody's. Whether one was kept.
    fn report(
        &self,
        cloud: &K::Cloud,
        desired: &K::Desired,
        observed: Option<&K::Observed>,
        subject: &mut Subject<K>,
    ) -> bool {
        let before = subject.status.clone();
        K::report(cloud, Some(desired), observed, &mut subject.status);
        if self.memory.shows_all(&subject.uid) {
            return false;
        }
        let reported = subject.status.clone();
        subject.status.keep_records(&before);
        subject.status != reported
    }

    async fn delete_pass(&self, live: Value, mut subject: Subject<K>) -> Pass {
        if !finalizer::present(&live) {
            self.memory.forget(&subject.uid);
            return Pass { outcome: Outcome::Gone, requeue_after: None };
        }
        let keeps = keeps_aws_object(&live);
        let stop = match K::hand_down(&self.world, &subject, false).await {
            // A manifest that the cluster refuses must not hold up the deletion of what it is about.
            Err(failure) if keeps || failure.class != Class::Terminal => Stop::from(failure),
            _ if keeps => Stop::nothing_left(""),
            _ => self.delete(&live, &mut subject).await.unwrap_or_else(Stop::from),
        };
        if !matches!(stop, Stop::Converged { .. }) {
            return self.finish(&live, subject, stop).await;
        }
        match finalizer::remove(&*self.objects, &live).await {
            Ok(()) => {
                info!(kind = %K::kind(&()), object = %subject.key(), "finalizer removed");
                self.tell(News::Deleted(since(live["metadata"]["deletionTimestamp"].as_str())));
                self.memory.forget(&subject.uid);
                Pass { outcome: Outcome::Gone, requeue_after: None }
            }
            Err(failure) => self.kubernetes_failed(&failure),
        }
    }

    async fn delete(&self, live: &Value, subject: &mut Subject<K>) -> Result<Stop, Failure> {
        let mut work = Work::begin(live, subject);
        let cloud = K::connect(&self.world, subject).await?;
        for _ in 0..ROUNDS {
            let observed = self.observe(&cloud, subject).await?;
            K::report(&cloud, None, observed.as_ref(), &mut subject.status);
            let steps = match K::plan_delete(&cloud, subject, observed.as_ref()) {
                Plan::Converged => return Ok(Stop::nothing_left("")),
                Plan::Wait { reason, message, after } => {
                    return Ok(Stop::Wait { reason: reason.to_owned(), message, after });
                }
                Plan::Refuse { reason, message } => return Ok(Stop::Refuse { reason: reason.to_owned(), message }),
                Plan::Act(steps) => steps,
            };
            if let Some(stop) = self.act(&cloud, live, subject, &steps, &mut work).await? {
                return Ok(stop);
            }
        }
        Ok(progressing("more steps follow"))
    }

    async fn observe(&self, cloud: &K::Cloud, subject: &mut Subject<K>) -> Result<Option<K::Observed>, Failure> {
        let observed = K::observe(cloud, subject).await?;
        self.memory.observed(&subject.uid, observed.is_none());
        let recollection = self.memory.recall(&subject.uid);
        subject.settled = recollection.settled;
        subject.absent_for = recollection.absent_for;
        Ok(observed)
    }

    /// Takes the steps in order. `Some` ends the pass.
    async fn act(
        &self,
        cloud: &Arc<K::Cloud>,
        live: &Value,
        subject: &mut Subject<K>,
        steps: &[K::Step],
        work: &mut Work,
    ) -> Result<Option<Stop>, Failure> {
        if let Some(step) = self.memory.unseen(&subject.uid, steps) {
            return Ok(Some(not_shown_yet(&step)));
        }
        if !work.confirmed {
            if !self.unchanged(live, subject).await? {
                return Ok(Some(Stop::Superseded));
            }
            work.confirmed = true;
        }
        let drift = self.drifts(subject, work);
        let mut failures = Vec::new();
        for step in steps {
            if work.started.elapsed() > self.settings.pass_deadline {
                return Ok(Some(progressing("the pass took long; more steps follow")));
            }
            if self.tenure.is_over() {
                return Ok(Some(progressing("more steps follow")));
            }
            match self.take(cloud, live, subject, step, drift, work.desired).await {
                Err(failure) if step.fails_alone(&failure) => failures.push(failure),
                outcome => outcome?,
            }
        }
        if let Some(failure) = Failure::all(failures) {
            return Err(failure);
        }
        let settling = steps.iter().max_by_key(|step| step.settles_after());
        Ok(settling.filter(|step| !step.settles_after().is_zero()).map(|step| Stop::Wait {
            reason: "Progressing".to_owned(),
            message: format!("AWS has accepted to {step}"),
            after: step.settles_after(),
        }))
    }

    /// Whether the object is still the one that the plan was made for.
    async fn unchanged(&self, live: &Value, subject: &Subject<K>) -> Result<bool, Failure> {
        let now = self.objects.get(&subject.namespace, &subject.name).await?;
        let same = |field: &str| now.as_ref().is_some_and(|now| now["metadata"][field] == live["metadata"][field]);
        Ok(same("uid") && same("generation") && same("deletionTimestamp"))
    }

    async fn take(
        &self,
        cloud: &Arc<K::Cloud>,
        live: &Value,
        subject: &mut Subject<K>,
        step: &K::Step,
        drift: bool,
        aim: u64,
    ) -> Result<(), Failure> {
        let before = subject.status.clone();
        K::record(step, &mut subject.status);
        if subject.status != before {
            let standing = Standing::Working { reason: step.reason().to_owned(), message: format!("about to {step}") };
            self.write_status(live, subject, &standing).await?;
        }
        info!(kind = %K::kind(&()), object = %subject.key(), %step, "apply");
        // In a task of its own, so that nothing that cancels the pass can cut a write in two.
        let task = tokio::spawn({
            let (cloud, subject, step) = (cloud.clone(), subject.clone(), step.clone());
            Priority::current().scope(async move {
                let mut status = subject.status.clone();
                let result = K::apply(&cloud, &subject, &step, &mut status).await;
                (result, status)
            })
        });
        let (result, status) =
            task.await.map_err(|error| Failure::new(Class::Transient, "InternalError", format!("{step}: {error}")))?;
        subject.status = status;
        match result {
            Ok(()) => {
                self.memory.applied(&subject.uid, step.clone(), aim);
                self.events.publish(live, Event::of_step(step, subject.deleting, drift)).await;
                Ok(())
            }
            Err(failure) => {
                self.memory.attempted(&subject.uid);
                Err(failure)
            }
        }
    }
}

impl Work {
    fn begin<K: Kind>(live: &Value, subject: &Subject<K>) -> Self {
        Self { started: Instant::now(), confirmed: false, desired: 0, was_ready: is_ready(live, subject) }
    }
}

/// Whether the object says of its current generation that it is ready.
fn is_ready<K: Kind>(live: &Value, subject: &Subject<K>) -> bool {
    let common = subject.status.common();
    let is_current = common.observed_generation == live["metadata"]["generation"].as_i64();
    is_current && conditions::ready(&common.conditions).is_some_and(|ready| ready.status == "True")
}

fn digest(desired: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    desired.hash(&mut hasher);
    hasher.finish()
}

fn not_shown_yet(step: &impl Step) -> Stop {
    Stop::Wait {
        reason: AWAITING_CONSISTENCY.to_owned(),
        message: format!("AWS accepted to {step}, and does not show it yet"),
        after: Duration::from_secs(1),
    }
}

fn progressing(message: &str) -> Stop {
    Stop::Wait { reason: "Progressing".to_owned(), message: message.to_owned(), after: Duration::from_millis(100) }
}

/// Read from the raw object, since one that can't be decoded has a deletion policy all the same.
fn keeps_aws_object(live: &Value) -> bool {
    let is = |field: &str, value: &str| live["spec"][field].as_str() == Some(value);
    is("deletionPolicy", &format!("{:?}", DeletionPolicy::Retain))
        || is("managementPolicy", &format!("{:?}", ManagementPolicy::Plan))
}

fn annotation<'a>(live: &'a Value, key: &str) -> Option<&'a str> {
    live["metadata"]["annotations"][key].as_str()
}
