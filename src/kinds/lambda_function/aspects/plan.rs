//! What to do next for the aspects of a function whose configuration and code are as they should be. A version is
//! published first, aliases come next since others lean on them, and what is no longer used goes last.

use std::collections::BTreeSet;

use crate::{cloud::lambda::Revision, engine::kind::Plan};

use super::{
    Step, View, aliases, code_signing, event_invoke, event_sources, permissions, provisioned_concurrency, recursion,
    reserved_concurrency, runtime_management, url, versions,
};

/// What has to be done before code is changed.
pub fn plan_before_code(view: &View<'_>) -> Vec<Step> {
    code_signing::plan(view).into_iter().map(Step::CodeSigning).collect()
}

/// Decides what to do.
pub fn plan(view: &View<'_>, code_sha256: &str, revision_id: &str) -> Plan<Step> {
    if let Some(plan) = versions::plan(view, code_sha256, revision_id) {
        return plan;
    }
    let steps = steps(view);
    if !steps.is_empty() {
        return Plan::Act(guarded(steps));
    }
    provisioned_concurrency::unready(view).or_else(|| event_sources::unready(view)).unwrap_or(Plan::Converged)
}

/// What to do while the object is being deleted, before its function goes, and when it is gone.
pub fn plan_delete(view: &View<'_>) -> Option<Plan<Step>> {
    let steps = event_sources::plan_delete(view);
    if steps.is_empty() {
        return event_sources::unready(view);
    }
    Some(Plan::Act(steps.into_iter().map(Step::EventSource).collect()))
}

/// Provisioned concurrency never exceeds what is reserved, so it falls before that and rises after it.
fn steps(view: &View<'_>) -> Vec<Step> {
    let (lower, raise) = provisioned_concurrency::plan(view);
    let mut steps = Vec::new();
    steps.extend(aliases::plan(view).into_iter().map(Step::Alias));
    steps.extend(permissions::plan(view).into_iter().map(Step::Permission));
    steps.extend(url::plan(view).into_iter().map(Step::Url));
    steps.extend(event_invoke::plan(view).into_iter().map(Step::EventInvoke));
    steps.extend(lower.into_iter().map(Step::ProvisionedConcurrency));
    steps.extend(reserved_concurrency::plan(view).into_iter().map(Step::ReservedConcurrency));
    steps.extend(raise.into_iter().map(Step::ProvisionedConcurrency));
    steps.extend(recursion::plan(view).into_iter().map(Step::Recursion));
    steps.extend(runtime_management::plan(view).into_iter().map(Step::RuntimeManagement));
    steps.extend(event_sources::plan(view).into_iter().map(Step::EventSource));
    steps.extend(aliases::plan_removals(view).into_iter().map(Step::Alias));
    steps.extend(versions::plan_removals(view).into_iter().map(Step::Version));
    steps
}

/// Each change of an alias or of a policy gives the alias or the function a new revision, so that only the first of
/// a plan can carry the one that was observed. The others follow it at once.
fn guarded(mut steps: Vec<Step>) -> Vec<Step> {
    let mut moved = BTreeSet::new();
    for step in &mut steps {
        let (scope, revision) = match step {
            Step::Alias(aliases::Step::Update(change)) => (Some(change.name.clone()), &mut change.revision_id),
            Step::Permission(permissions::Step::Add(new)) => (new.qualifier.clone(), &mut new.revision_id),
            Step::Permission(permissions::Step::Remove { qualifier, revision_id, .. }) => {
                (qualifier.clone(), revision_id)
            }
            _ => continue,
        };
        if !moved.insert(scope) {
            *revision = Revision::default();
        }
    }
    steps
}
