//! Facts for the status.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
};

use crate::cloud::{Connection, ec2::Endpoint, ownership::UID, policy};

use super::{
    desired::Desired,
    observe::Observed,
    plan,
    resolve::Selection,
    spec::{SecurityGroupStatus, SubnetStatus, VpcEndpointStatus},
};

/// Writes what is known into the status. The id of an endpoint that AWS does not show stays: it is needed to
/// tell an absence from a delay. An earlier endpoint on its way out says nothing of the one that follows it.
pub fn report(
    connection: &Connection,
    desired: Option<&Desired>,
    observed: Option<&Observed>,
    status: &mut VpcEndpointStatus,
) {
    status.common.account_id = Some(connection.account.clone());
    status.common.region = Some(connection.region.clone());
    let Some(observed) = observed else {
        status.state = None;
        return;
    };
    let endpoint = &observed.endpoint;
    if endpoint.state == "deleting" && status.id.as_ref() != Some(&endpoint.id) {
        return;
    }
    status.state = Some(endpoint.state.clone());
    status.id = Some(endpoint.id.clone());
    status.common.arn = Some(arn(connection, &endpoint.id));
    if !observed.claim {
        status.common.owner_uid = endpoint.tags.get(UID).cloned();
    }
    if let Some(desired) = desired
        && plan::is_applied(status, desired, endpoint)
    {
        status.common.managed_tags = desired.tag_keys();
        status.applied_fields.clone_from(&desired.given);
    }
    describe(endpoint, desired.map(|desired| &desired.selection), status);
}

fn arn(Connection { partition, region, account, .. }: &Connection, id: &str) -> String {
    format!("arn:{partition}:ec2:{region}:{account}:vpc-endpoint/{id}")
}

/// The endpoint's own facts, cut to the bounds of the schema, which are above AWS's quotas.
fn describe(endpoint: &Endpoint, selection: Option<&Selection>, status: &mut VpcEndpointStatus) {
    status.service_name = Some(endpoint.service_name.clone());
    status.vpc = Some(endpoint.vpc_id.clone());
    let zones = known(
        status.subnets.drain(..).map(|subnet| (subnet.id, subnet.zone)),
        selection.and_then(|selection| selection.subnets.as_ref()),
    );
    status.subnets =
        cut(&endpoint.subnet_ids, 64).map(|id| SubnetStatus { zone: zones.get(&id).cloned(), id }).collect();
    let names = known(
        status.security_groups.drain(..).map(|group| (group.id, group.name)),
        selection.and_then(|selection| selection.security_groups.as_ref()),
    );
    status.security_groups = cut(&endpoint.security_group_ids, 64)
        .map(|id| SecurityGroupStatus { name: names.get(&id).cloned(), id })
        .collect();
    if let Some(selection) = selection {
        status.unused_subnets = cut(&selection.unused_subnets, 256).collect();
    }
    status.route_tables = cut(&endpoint.route_table_ids, 512).collect();
    status.dns_names = cut(&endpoint.dns_names, 64).collect();
    status.network_interfaces = cut(&endpoint.network_interface_ids, 64).collect();
    status.failure = endpoint.last_error.as_ref().map(|error| error.chars().take(1024).collect());
}

fn cut<'a>(list: impl IntoIterator<Item = &'a String>, bound: usize) -> impl Iterator<Item = String> {
    list.into_iter().take(bound).cloned()
}

/// What was known of each id before, and what the selection tells now.
fn known(
    before: impl Iterator<Item = (String, Option<String>)>,
    now: Option<&BTreeMap<String, Option<String>>>,
) -> BTreeMap<String, String> {
    let now = now.into_iter().flatten().map(|(id, fact)| (id.clone(), fact.clone()));
    before.chain(now).filter_map(|(id, fact)| Some((id, fact?))).collect()
}

/// A digest of an endpoint and of what its object selects. Whatever changes it, wakes the object.
pub fn fingerprint(selection: &Selection, endpoint: &Endpoint) -> u64 {
    let mut hasher = DefaultHasher::new();
    selection.hash(&mut hasher);
    (&endpoint.id, &endpoint.state, &endpoint.last_error).hash(&mut hasher);
    (&endpoint.subnet_ids, &endpoint.security_group_ids, &endpoint.route_table_ids).hash(&mut hasher);
    (endpoint.private_dns_enabled, endpoint.policy.as_deref().map(policy::normalise)).hash(&mut hasher);
    (&endpoint.network_interface_ids, &endpoint.tags).hash(&mut hasher);
    hasher.finish()
}
