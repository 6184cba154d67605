//! What to do next, decided from data alone.

mod change;

use std::{collections::BTreeSet, time::Duration};

use crate::{
    cloud::{
        ec2::{Endpoint, Target},
        ownership::tag_change,
    },
    engine::{
        conditions,
        kind::{AWAITING_CONSISTENCY, Plan, Subject},
    },
};

use self::change::change;
use super::{
    desired::Desired,
    observe::Observed,
    spec::{DELETING, EndpointType, VpcEndpoint, VpcEndpointStatus},
    step::Step,
};

/// How long look-ups must stay empty after `IdempotentParameterMismatch` until the token counts as dead.
const MISMATCH_PATIENCE: Duration = Duration::from_mins(5);
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
    if matches!(endpoint.state.as_str(), "available" | "partial") {
        steps.extend(change(&subject.status, desired, observed).map(|change| Step::Modify(Box::new(change))));
    }
    if !steps.is_empty() {
        return Plan::Act(steps);
    }
    as_it_stands(subject, desired, endpoint)
}

/// What the state of an endpoint calls for in which there is nothing to change.
/// <https://docs.aws.amazon.com/vpc/latest/privatelink/concepts.html>
fn as_it_stands(subject: &Subject<VpcEndpoint>, desired: &Desired, endpoint: &Endpoint) -> Plan<Step> {
    let Endpoint { id, target, .. } = endpoint;
    match endpoint.state.as_str() {
        "available" => Plan::Converged,
        "pending" => wait("Pending", format!("{id} is being set up by AWS"), SOON),
        "pendingacceptance" => acceptance(desired, endpoint),
        "partial" => wait("Partial", with_error(format!("{id} is available in part"), endpoint), LATER),
        "failed" => failed(subject, endpoint),
        "rejected" => refuse(
            "EndpointRejected",
            with_error(
                format!(
                    "the owner of {target} has rejected {id}; ask the owner to accept it after all, or delete the object and apply it again"
                ),
                endpoint,
            ),
        ),
        "expired" => refuse(
            "EndpointExpired",
            with_error(
                format!("the owner of {target} has not accepted {id} in time; delete the object and apply it again"),
                endpoint,
            ),
        ),
        other => wait("UnknownState", format!("{id} is in the state {other}, which is not known here"), LATER),
    }
}

fn acceptance(desired: &Desired, endpoint: &Endpoint) -> Plan<Step> {
    let Endpoint { id, target, .. } = endpoint;
    let Some(service_id) = target.endpoint_service_id() else {
        return wait(
            "PendingAcceptance",
            format!("{id} waits for the owner of {target} to accept the connection"),
            LATER,
        );
    };
    if desired.auto_accept {
        return Plan::Act(vec![Step::Accept { id: id.clone(), service_id: service_id.to_owned() }]);
    }
    wait(
        "PendingAcceptance",
        format!(
            "{id} waits for the owner of {target} to accept the connection \
             (aws ec2 accept-vpc-endpoint-connections --service-id {service_id} --vpc-endpoint-ids {id})"
        ),
        LATER,
    )
}

/// An endpoint that AWS could not set up can only be made anew. That is not done in the pass that first saw the
/// failure but in one that found it reported, so that what cannot succeed is not tried in a loop.
fn failed(subject: &Subject<VpcEndpoint>, endpoint: &Endpoint) -> Plan<Step> {
    const REASON: &str = "EndpointFailed";
    if conditions::ready(&subject.status.common.conditions).is_some_and(|ready| ready.reason == REASON) {
        return Plan::Act(vec![Step::Delete { id: endpoint.id.clone(), failed: true }]);
    }
    refuse(
        REASON,
        with_error(
            format!(
                "AWS could not set up {}; it will be deleted and made anew (correct the spec, or set the annotation \
                 privatelink.dev/requested-at to have that now)",
                endpoint.id
            ),
            endpoint,
        ),
    )
}

fn with_error(message: String, endpoint: &Endpoint) -> String {
    match &endpoint.last_error {
        Some(error) => format!("{message}; AWS says: {error}"),
        None => message,
    }
}

/// What to do until nothing of ours is left. `observed` is ours.
pub fn plan_delete(subject: &Subject<VpcEndpoint>, observed: Option<&Observed>) -> Plan<Step> {
    let status = &subject.status;
    match (observed, &status.id) {
        (Some(Observed { endpoint, .. }), _) if endpoint.state == DELETING => {
            wait("Deleting", format!("{} is being deleted by AWS", endpoint.id), SOON)
        }
        (Some(Observed { endpoint, .. }), _) => {
            Plan::Act(vec![Step::Delete { id: endpoint.id.clone(), failed: false }])
        }
        (None, Some(id)) if !is_gone(subject) => not_visible(id),
        (None, None) if status.create_attempt.is_some() => subject.create_may_land().unwrap_or(Plan::Converged),
        (None, _) => Plan::Converged,
    }
}

/// Where the endpoint differs in what AWS cannot change: it was kept by `Retain` or adopted for another spec, or
/// terms of the spec have come to select something else.
fn another(desired: &Desired, endpoint: &Endpoint) -> Option<String> {
    let (field, observed, wanted) = immutable(desired, endpoint).into_iter().find(|(_, has, wants)| has != wants)?;
    Some(format!(
        "{field}: {} has {observed}, the spec comes to {wanted}, and AWS cannot change it; delete the endpoint, or correct the spec",
        endpoint.id,
    ))
}

/// Field, what AWS has, and what is wanted. What AWS does not show cannot be compared.
fn immutable(desired: &Desired, endpoint: &Endpoint) -> Vec<(&'static str, String, String)> {
    let list = |ids: &BTreeSet<String>| ids.iter().cloned().collect::<Vec<_>>().join(", ");
    let target_field = match desired.target {
        Target::Service(_) => "spec.service",
        Target::ResourceConfiguration(_) => "spec.resourceConfigurationArn",
        Target::ServiceNetwork(_) => "spec.serviceNetworkArn",
    };
    let mut fields = vec![
        ("spec.type", endpoint.endpoint_type.clone(), desired.endpoint_type.as_str().to_owned()),
        (target_field, endpoint.target.to_string(), desired.target.to_string()),
        ("spec.vpc", endpoint.vpc_id.clone(), desired.selection.vpc.clone()),
    ];
    let shown = |field, has: Option<&String>, wants: Option<&str>| Some((field, has?.clone(), wants?.to_owned()));
    fields.extend(shown("spec.serviceRegion", endpoint.service_region.as_ref(), desired.service_region.as_deref()));
    let preference = endpoint.dns_options.private_dns_preference.as_ref();
    fields.extend(shown("spec.dnsOptions.privateDnsPreference", preference, desired.dns.preference));
    let domains = &endpoint.dns_options.private_dns_specified_domains;
    if !domains.is_empty() && !desired.dns.specified_domains.is_empty() {
        let wanted = list(&desired.dns.specified_domains);
        fields.push(("spec.dnsOptions.privateDnsSpecifiedDomains", list(domains), wanted));
    }
    if let (EndpointType::GatewayLoadBalancer, Some(subnets)) = (desired.endpoint_type, &desired.subnets) {
        fields.push(("spec.subnets", list(&endpoint.subnet_ids), list(subnets)));
    }
    if let (EndpointType::Resource | EndpointType::ServiceNetwork, Some(on)) =
        (desired.endpoint_type, desired.private_dns)
    {
        fields.push(("spec.privateDnsEnabled", endpoint.private_dns_enabled.to_string(), on.to_string()));
    }
    fields
}

/// Whether AWS has all that is desired.
pub fn is_applied(status: &VpcEndpointStatus, desired: &Desired, observed: &Observed) -> bool {
    tag_steps(status, desired, &observed.endpoint).is_empty() && change(status, desired, observed).is_none()
}

/// The endpoint is not there. A token is used again until it is certain that no endpoint came, or will come,
/// of it, so that no second one is ever made.
fn create(subject: &Subject<VpcEndpoint>, desired: &Desired) -> Plan<Step> {
    let known = subject.status.id.as_ref();
    if let (Some(id), true) = (&desired.endpoint_id, known.is_none() || is_gone(subject)) {
        return refuse(
            "EndpointNotFound",
            format!(
                "spec.endpointId: AWS has no endpoint {id} in this account and region; correct it, or take it out to have a new one made"
            ),
        );
    }
    let last = subject.status.create_attempt.unwrap_or(0);
    let attempt = match known {
        Some(id) if !is_gone(subject) => return not_visible(id),
        // One was made, even if a lost status no longer knows by which attempt.
        Some(_) => last.max(1).saturating_add(1),
        None if token_is_dead(subject) => last.saturating_add(1),
        None => last,
    };
    let attempt = attempt.max(1);
    let endpoint = Box::new(desired.create(&subject.uid, attempt));
    Plan::Act(vec![Step::Create { attempt, endpoint, replaces: known.cloned() }])
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
    wait(AWAITING_CONSISTENCY, format!("AWS does not show {id}, which may be too early to tell"), SOON)
}

/// Ownership tags come with the others, and before anything else is done.
fn tag_steps(status: &VpcEndpointStatus, desired: &Desired, endpoint: &Endpoint) -> Vec<Step> {
    let change = tag_change(&desired.tags, &status.common.managed_tags, &endpoint.tags);
    let id = &endpoint.id;
    let set = (!change.set.is_empty()).then(|| Step::Tag { id: id.clone(), tags: change.set });
    let remove = (!change.remove.is_empty()).then(|| Step::Untag { id: id.clone(), keys: change.remove });
    set.into_iter().chain(remove).collect()
}

fn wait(reason: &'static str, message: String, after: Duration) -> Plan<Step> {
    Plan::Wait { reason, message, after }
}

fn refuse(reason: &'static str, message: String) -> Plan<Step> {
    Plan::Refuse { reason, message }
}

#[cfg(test)]
mod tests;
