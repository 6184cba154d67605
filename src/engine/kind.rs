//! What a kind tells the engine about itself. The engine names no kind and knows nothing of AWS.

use std::{collections::HashMap, fmt, future::Future, hash::Hash, sync::Arc, time::Duration};

use kube::{
    Resource,
    core::{ApiResource, NamespaceResourceScope},
};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    contract::{AdoptionPolicy, CommonSpec, CommonStatus, DeletionPolicy, ManagementPolicy},
    failure::Failure,
    references::Reference,
};

/// What to do next, decided from data alone: no client and no clock takes part.
#[derive(Clone, Debug, PartialEq)]
pub enum Plan<S> {
    /// Observed equals desired (or, while deleting, nothing of ours is left).
    Converged,
    /// Take these steps in this order, then look again.
    Act(Vec<S>),
    /// Nothing to do now; look again after this time, growing while nothing changes.
    Wait {
        /// CamelCase reason for the Ready condition.
        reason: &'static str,
        /// What is waited for, in words.
        message: String,
        /// When to look again at first.
        after: Duration,
    },
    /// Only a change of the spec or of the world can help.
    Refuse {
        /// CamelCase reason for the Ready condition.
        reason: &'static str,
        /// The field at fault and what to do, in words.
        message: String,
    },
}

/// How long a create whose answer is not known may take to become visible.
const CREATE_MAY_LAND: Duration = Duration::from_mins(2);
/// When to look again, at first, for what such a create may have made.
const LANDING: Duration = Duration::from_secs(10);

/// The reason of a [`Plan::Wait`] for AWS to show what it has accepted.
pub const AWAITING_CONSISTENCY: &str = "AwaitingConsistency";

impl<S> Plan<S> {
    /// Whether it could only be made because each step that was taken shows: nothing is left to do, or AWS is at it.
    pub fn shows_all_steps(&self) -> bool {
        match self {
            Self::Converged => true,
            Self::Wait { reason, .. } => *reason != AWAITING_CONSISTENCY,
            Self::Act(_) | Self::Refuse { .. } => false,
        }
    }
}

/// One write to AWS. `Display` is what plan mode, logs and events print, so it holds no secret.
pub trait Step: Clone + fmt::Debug + fmt::Display + PartialEq + Send + Sync + 'static {
    /// CamelCase reason of the Event that reports it, such as `Created`.
    fn reason(&self) -> &'static str;

    /// Whether this failure of the step says nothing about the steps after it, which are taken all the same.
    fn fails_alone(&self, _failure: &Failure) -> bool {
        false
    }

    /// For how long, once it was accepted, a look would show nothing but work under way. The engine saves that look.
    fn settles_after(&self) -> Duration {
        Duration::ZERO
    }
}

/// The Kubernetes object behind a pass: identity from its metadata, facts from its status, and what the
/// engine remembers of earlier passes. Deletion works from this alone.
#[derive(Clone, Debug)]
pub struct Subject<K: Kind> {
    /// Namespace of the object.
    pub namespace: String,
    /// Name of the object.
    pub name: String,
    /// uid of the object.
    pub uid: String,
    /// The object itself; absent when it could not be decoded (then it can only be deleted).
    pub object: Option<Arc<K>>,
    /// Its status as it stands in this pass, with what was recorded since.
    pub status: K::Status,
    /// Whether the object is being deleted.
    pub deleting: bool,
    /// No write of ours to AWS, and no start of this process, is younger than the consistency window, so
    /// that an absence which AWS reports can be believed.
    pub settled: bool,
    /// For how long observations have said, without a break, that nothing is there.
    pub absent_for: Duration,
    /// The last failure's AWS error code, and for how long each attempt has failed with that code.
    pub failing_with: Option<(String, Duration)>,
}

impl<K: Kind> Subject<K> {
    /// What a deletion waits for where a create was begun whose answer is not known, since what it makes would stay for
    /// ever. Nothing once look-ups have been empty for long enough.
    pub fn create_may_land(&self) -> Option<Plan<K::Step>> {
        (self.absent_for < CREATE_MAY_LAND).then(|| Plan::Wait {
            reason: "CreateMayLand",
            message: "a create was begun whose answer is not known; look-ups must stay empty for two minutes"
                .to_owned(),
            after: LANDING,
        })
    }

    /// The spec's common part; defaults when the object could not be decoded.
    pub fn common_spec(&self) -> CommonSpec {
        self.object.as_ref().map(|o| o.common_spec().clone()).unwrap_or_default()
    }

    /// The effective deletion policy. Plan mode never deletes, and neither does an object that can't be
    /// decoded lose the policy that it may have had: see [`super::reconcile`].
    pub fn deletion_policy(&self) -> DeletionPolicy {
        self.common_spec().deletion_policy.unwrap_or_default()
    }

    /// The effective management policy.
    pub fn management_policy(&self) -> ManagementPolicy {
        self.common_spec().management_policy.unwrap_or_default()
    }

    /// The effective adoption policy.
    pub fn adoption_policy(&self) -> AdoptionPolicy {
        self.common_spec().adoption_policy.unwrap_or_default()
    }

    /// `<namespace>/<name>`.
    pub fn key(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }
}

/// The status of a kind: its own facts beside the common ones.
pub trait KindStatus:
    Clone + fmt::Debug + Default + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static
{
    /// The part that all kinds share.
    fn common(&self) -> &CommonStatus;
    /// The part that all kinds share.
    fn common_mut(&mut self) -> &mut CommonStatus;
    /// Adds what `before` records as set by us in AWS and this does not record any more.
    fn keep_records(&mut self, before: &Self);
}

/// Adds those of `before` that `records` lacks, and sorts.
pub fn keep<T: Clone + Ord>(records: &mut Vec<T>, before: &[T]) {
    records.extend_from_slice(before);
    records.sort();
    records.dedup();
}

/// A custom resource that the engine can drive. All functions are associated ones: a kind has no state.
///
/// The pipeline of a pass is `resolve -> desired -> observe -> plan -> apply -> observe -> … -> report`.
pub trait Kind:
    Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + Clone
    + fmt::Debug
    + DeserializeOwned
    + Serialize
    + Send
    + Sync
    + 'static
{
    /// Everything outside the cluster, before it is known which account and region an object lives in.
    type World: Send + Sync + 'static;
    /// A connection to one account and region.
    type Cloud: Send + Sync + 'static;
    /// The kind's status.
    type Status: KindStatus;
    /// What references and selectors came to.
    type Resolved: Send + Sync;
    /// What AWS should hold, valid by construction. Its digest tells a change of it from drift.
    type Desired: fmt::Debug + Hash + Send + Sync;
    /// What AWS holds, by direct reads.
    type Observed: fmt::Debug + Send + Sync;
    /// One write.
    type Step: Step;

    /// The spec's common part.
    fn common_spec(&self) -> &CommonSpec;

    /// The status as the object carries it.
    fn status(&self) -> Self::Status;

    /// The objects in the cluster that this one names; a change of any wakes this one.
    fn references(&self) -> Vec<Reference>;

    /// The kinds of objects in the cluster that this one makes and deletes. They are kinds of ours too.
    fn makes() -> Vec<ApiResource> {
        Vec::new()
    }

    /// Passes on what the spec's common part and a pause mean for objects in the cluster that this one has made.
    /// Called where no step does it: when an object is paused, when it is in plan mode, and when it is being deleted.
    fn hand_down(
        _world: &Self::World,
        _subject: &Subject<Self>,
        _paused: bool,
    ) -> impl Future<Output = Result<(), Failure>> + Send {
        std::future::ready(Ok(()))
    }

    /// Connects to the object's account and region, and refuses when they are not those of its status.
    fn connect(
        world: &Self::World,
        subject: &Subject<Self>,
    ) -> impl Future<Output = Result<Arc<Self::Cloud>, Failure>> + Send;

    /// Reads what the spec refers to: objects in the cluster, and AWS things named by selector terms.
    fn resolve(
        cloud: &Self::Cloud,
        subject: &Subject<Self>,
        object: &Self,
    ) -> impl Future<Output = Result<Self::Resolved, Failure>> + Send;

    /// Spec and resolved references to what AWS should hold, within the administrator's guardrails.
    fn desired(
        cloud: &Self::Cloud,
        subject: &Subject<Self>,
        object: &Self,
        resolved: Self::Resolved,
    ) -> Result<Self::Desired, Failure>;

    /// Reads what AWS holds of this object, directly. `None` only when it is certain that the reads found
    /// nothing; whether that is to be believed, `plan` decides from the subject.
    fn observe(
        cloud: &Self::Cloud,
        subject: &Subject<Self>,
    ) -> impl Future<Output = Result<Option<Self::Observed>, Failure>> + Send;

    /// Decides what to do.
    fn plan(subject: &Subject<Self>, desired: &Self::Desired, observed: Option<&Self::Observed>) -> Plan<Self::Step>;

    /// Decides what to do while the object is being deleted. `Converged` lets the finalizer go.
    fn plan_delete(cloud: &Self::Cloud, subject: &Subject<Self>, observed: Option<&Self::Observed>)
    -> Plan<Self::Step>;

    /// Writes into the status what must be known after a crash in the middle of the step. The engine
    /// stores a changed status before it applies the step.
    fn record(step: &Self::Step, status: &mut Self::Status);

    /// Takes one step: one AWS write (or one change of an owned object). What AWS answered and later
    /// passes need goes into the status, which the engine stores at the end of the pass.
    fn apply(
        cloud: &Self::Cloud,
        subject: &Subject<Self>,
        step: &Self::Step,
        status: &mut Self::Status,
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Facts for the status. The engine itself fills conditions, generation and plan.
    fn report(
        cloud: &Self::Cloud,
        desired: Option<&Self::Desired>,
        observed: Option<&Self::Observed>,
        status: &mut Self::Status,
    );

    /// One line for the Ready condition of a converged object, such as `vpce-0a… is available`.
    fn summary(observed: &Self::Observed) -> String;

    /// A digest of what a sweep can see of a converged object, selector results included.
    fn fingerprint(desired: &Self::Desired, observed: &Self::Observed) -> u64;

    /// Whether a converged object holds something that no sweep sees. It is then looked at directly, once an hour.
    fn needs_recheck(_desired: &Self::Desired) -> bool {
        false
    }

    /// One paged look at all objects given: the fingerprint of each that AWS holds, by uid. An object left
    /// out is one that the sweep did not find.
    fn sweep(
        world: &Self::World,
        objects: &[&Self],
    ) -> impl Future<Output = Result<HashMap<String, u64>, Failure>> + Send;
}
