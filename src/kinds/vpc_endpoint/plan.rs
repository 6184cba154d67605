//! What to do next, decided from data alone.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use crate::{
    cloud::{
        ec2::{Endpoint, EndpointChange},
        ownership::tag_change,
        policy,
    },
    engine::kind::{Plan, Subject},
};

use super::{
    desired::{Desired, Policy},
    observe::Observed,
    spec::{DELETING, SubnetStatus, VpcEndpoint, VpcEndpointStatus},
    step::Step,
};

/// How long look-ups must stay empty after `IdempotentParameterMismatch` until the token counts as dead.
const MISMATCH_PATIENCE: Duration = Duration::from_mins(5);
/// How long a create whose answer is not known may take to become visible.
const CREATE_MAY_LAND: Duration = Duration::from_mins(2);
/// AWS's state changes within seconds.
const SOON: Duration = Duration::from_secs(1);
/// Somebody else's doing takes longer.
const LATER: Duration = Duration::from_secs(10);

/// What to do so that AWS holds what is desired.
pub fn plan(subject: &Subject<VpcEndpoint>, desired: &Desired, observed: Option<&Observed>) -> Plan<Step> {
    let Some(observed) = observed else { return create(subject, desired) };
    let endpoint = &observed.endpoint;
    let id = &endpoint.id;
    if endpoint.state == DELETING {
        return wait("Deleting", format!("{id} is being deleted; a new one is made once it is gone"), SOON);
    }
    if let Some(message) = another(desired, endpoint) {
        return refuse("EndpointDiffers", message);
    }
    let mut steps = tag_steps(&subject.status, desired, endpoint);
    if endpoint.state == "available" {
        steps.extend(modify(&subject.status, desired, endpoint).map(Step::Modify));
    }
    if !steps.is_empty() {
        return Plan::Act(steps);
    }
    let error = endpoint.last_error.as_deref().unwrap_or("AWS gives no reason");
    match endpoint.state.as_str() {
        "available" => Plan::Converged,
        "pending" => wait("Pending", format!("{id} is being set up by AWS"), SOON),
        "pendingacceptance" => wait(
            "PendingAcceptance",
            format!("{id} waits for the owner of {} to accept the connection", endpoint.service_name),
            LATER,
        ),
        "partial" => wait("Partial", format!("{id} is available in part: {error}"), LATER),
        "failed" => refuse("EndpointFailed", format!("{id} has failed: {error}")),
        "rejected" => {
            refuse("EndpointRejected", format!("the owner of {} has rejected {id}: {error}", endpoint.service_name))
        }
        "expired" => refuse(
            "EndpointExpired",
            format!("the owner of {} has not accepted {id} in time: {error}", endpoint.service_name),
        ),
        other => wait("UnknownState", format!("{id} is in the state {other}, which is not known here"), LATER),
    }
}

/// What to do until nothing of ours is left. `observed` is ours.
pub fn plan_delete(subject: &Subject<VpcEndpoint>, observed: Option<&Observed>) -> Plan<Step> {
    let status = &subject.status;
    match (observed, &status.id) {
        (Some(Observed { endpoint, .. }), _) if endpoint.state == DELETING => {
            wait("Deleting", format!("{} is being deleted by AWS", endpoint.id), SOON)
        }
        (Some(Observed { endpoint, .. }), _) => Plan::Act(vec![Step::Delete { id: endpoint.id.clone() }]),
        (None, Some(id)) if !is_gone(subject) => not_visible(id),
        (None, None) if status.create_attempt.is_some() && subject.absent_for < CREATE_MAY_LAND => wait(
            "CreateMayLand",
            "a create was begun whose answer is not known; look-ups must stay empty for two minutes".to_owned(),
            LATER,
        ),
        (None, _) => Plan::Converged,
    }
}

/// Where the endpoint differs in what AWS cannot change: it was kept by `Retain` for another spec, or the term of
/// `spec.vpc` has come to select another VPC.
fn another(desired: &Desired, endpoint: &Endpoint) -> Option<String> {
    [
        ("spec.type", &endpoint.endpoint_type, desired.endpoint_type.as_str()),
        ("spec.service", &endpoint.service_name, desired.service.as_str()),
        ("spec.vpc", &endpoint.vpc_id, desired.selection.vpc.as_str()),
    ]
    .into_iter()
    .find(|(_, observed, wanted)| observed != wanted)
    .map(|(field, observed, wanted)| {
        format!(
            "{field}: {} has {observed}, the spec comes to {wanted}, and AWS cannot change it; delete the endpoint, or correct the spec",
            endpoint.id,
        )
    })
}

/// Whether AWS has all that is desired.
pub fn is_applied(status: &VpcEndpointStatus, desired: &Desired, endpoint: &Endpoint) -> bool {
    tag_steps(status, desired, endpoint).is_empty() && modify(status, desired, endpoint).is_none()
}

/// The endpoint is not there. A token is used again until it is certain that no endpoint came, or will come,
/// of it, so that no second one is ever made.
fn create(subject: &Subject<VpcEndpoint>, desired: &Desired) -> Plan<Step> {
    let last = subject.status.create_attempt.unwrap_or(0);
    let attempt = match &subject.status.id {
        Some(id) if !is_gone(subject) => return not_visible(id),
        // One was made, even if a lost status no longer knows by which attempt.
        Some(_) => last.max(1).saturating_add(1),
        None if token_is_dead(subject) => last.saturating_add(1),
        None => last,
    };
    let attempt = attempt.max(1);
    let endpoint = Box::new(desired.create(&subject.uid, attempt));
    Plan::Act(vec![Step::Create { attempt, endpoint }])
}

/// Whether the absence of the endpoint with the known id can be believed: after a while without writes, or
/// because it was last seen on its way out.
fn is_gone(subject: &Subject<VpcEndpoint>) -> bool {
    subject.settled || subject.status.state.as_deref() == Some(DELETING)
}

fn token_is_dead(subject: &Subject<VpcEndpoint>) -> bool {
    subject
        .failing_with
        .as_ref()
        .is_some_and(|(code, since)| code == "IdempotentParameterMismatch" && *since >= MISMATCH_PATIENCE)
}

fn not_visible(id: &str) -> Plan<Step> {
    wait("AwaitingConsistency", format!("AWS does not show {id}, which may be too early to tell"), SOON)
}

/// Ownership tags come with the others, and before anything else is done.
fn tag_steps(status: &VpcEndpointStatus, desired: &Desired, endpoint: &Endpoint) -> Vec<Step> {
    let change = tag_change(&desired.tags, &status.common.managed_tags, &endpoint.tags);
    let id = &endpoint.id;
    let set = (!change.set.is_empty()).then(|| Step::Tag { id: id.clone(), tags: change.set });
    let remove = (!change.remove.is_empty()).then(|| Step::Untag { id: id.clone(), keys: change.remove });
    set.into_iter().chain(remove).collect()
}

/// The smallest change, or `None` when there is none.
fn modify(status: &VpcEndpointStatus, desired: &Desired, endpoint: &Endpoint) -> Option<EndpointChange> {
    let (mut add_subnets, remove_subnets) = difference(desired.subnets.as_ref(), &endpoint.subnet_ids);
    let (add_security_groups, remove_security_groups) =
        difference(desired.security_groups.as_ref(), &endpoint.security_group_ids);
    let (add_route_tables, remove_route_tables) = difference(desired.route_tables.as_ref(), &endpoint.route_table_ids);
    if may_share_a_zone(&add_subnets, &remove_subnets, &zones(status, desired)) {
        add_subnets.clear();
    }
    let (policy, reset_policy) = policy_change(desired.policy.as_ref(), endpoint.policy.as_deref());
    let change = EndpointChange {
        id: endpoint.id.clone(),
        add_subnets,
        remove_subnets,
        add_security_groups,
        remove_security_groups,
        add_route_tables,
        remove_route_tables,
        private_dns_enabled: desired.private_dns.filter(|wanted| *wanted != endpoint.private_dns_enabled),
        policy,
        reset_policy,
    };
    let nothing = EndpointChange { id: endpoint.id.clone(), ..EndpointChange::default() };
    (change != nothing).then_some(change)
}

fn difference(wanted: Option<&BTreeSet<String>>, observed: &BTreeSet<String>) -> (BTreeSet<String>, BTreeSet<String>) {
    let Some(wanted) = wanted else { return Default::default() };
    (wanted - observed, observed - wanted)
}

/// AWS takes one subnet of a zone, so that the old one has to be gone before the new one comes. A subnet whose
/// zone is not known may be in any.
fn may_share_a_zone(add: &BTreeSet<String>, remove: &BTreeSet<String>, zones: &BTreeMap<&str, &str>) -> bool {
    let zone = |id: &String| zones.get(id.as_str());
    add.iter().any(|a| remove.iter().any(|r| zone(a).is_none() || zone(r).is_none() || zone(a) == zone(r)))
}

fn zones<'a>(status: &'a VpcEndpointStatus, desired: &'a Desired) -> BTreeMap<&'a str, &'a str> {
    let known = |SubnetStatus { id, zone }: &'a SubnetStatus| Some((id.as_str(), zone.as_deref()?));
    let selected = desired.selection.subnets.iter().flatten();
    let selected = selected.filter_map(|(id, zone)| Some((id.as_str(), zone.as_deref()?)));
    status.subnets.iter().filter_map(known).chain(selected).collect()
}

/// A new policy, and whether to go back to AWS's default.
fn policy_change(wanted: Option<&Policy>, observed: Option<&str>) -> (Option<String>, bool) {
    let full_access = observed.is_none_or(policy::is_full_access);
    match wanted {
        Some(Policy::Document(text)) => {
            let same = match observed {
                Some(observed) => policy::equivalent(text, observed),
                None => policy::is_full_access(text),
            };
            ((!same).then(|| text.clone()), false)
        }
        Some(Policy::FullAccess) => (None, !full_access),
        None => (None, false),
    }
}

fn wait(reason: &'static str, message: String, after: Duration) -> Plan<Step> {
    Plan::Wait { reason, message, after }
}

fn refuse(reason: &'static str, message: String) -> Plan<Step> {
    Plan::Refuse { reason, message }
}

#[cfg(test)]
mod tests;
