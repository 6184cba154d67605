//! The smallest ModifyVpcEndpoint that brings an endpoint in line.

use std::collections::{BTreeMap, BTreeSet};

use crate::cloud::{
    ec2::{Addresses, DnsOptions, Endpoint, EndpointChange},
    policy,
};

use super::super::{
    desired::{Desired, Policy},
    observe::Observed,
    spec::{EndpointType, SubnetStatus, VpcEndpointStatus},
};

/// The smallest change, or `None` when there is none.
pub fn change(status: &VpcEndpointStatus, desired: &Desired, observed: &Observed) -> Option<EndpointChange> {
    let endpoint = &observed.endpoint;
    let (add_subnets, remove_subnets) = subnets(status, desired, endpoint);
    let (add_security_groups, remove_security_groups) =
        difference(desired.security_groups.as_ref(), &endpoint.security_group_ids);
    let (add_route_tables, remove_route_tables) = difference(desired.route_tables.as_ref(), &endpoint.route_table_ids);
    let private_dns_enabled = private_dns(desired, endpoint);
    let (policy, reset_policy) = policy_change(desired.policy.as_ref(), endpoint.policy.as_deref());
    let change = EndpointChange {
        id: endpoint.id.clone(),
        subnet_configurations: addresses(desired, observed, &add_subnets),
        add_subnets,
        remove_subnets,
        add_security_groups,
        remove_security_groups,
        add_route_tables,
        remove_route_tables,
        ip_address_type: unlike(desired.ip_address_type, endpoint.ip_address_type.as_deref()),
        dns_options: dns(desired, endpoint, private_dns_enabled == Some(true)),
        private_dns_enabled,
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

/// What is wanted where AWS shows something else. What AWS does not show cannot be compared.
fn unlike(wanted: Option<&str>, shown: Option<&str>) -> Option<String> {
    wanted.filter(|wanted| shown.is_some_and(|shown| shown != *wanted)).map(str::to_owned)
}

/// Subnets to add and to remove. AWS takes one subnet of a zone, so that the old one has to be gone before the new
/// one comes.
fn subnets(status: &VpcEndpointStatus, desired: &Desired, endpoint: &Endpoint) -> (BTreeSet<String>, BTreeSet<String>) {
    let (add, remove) = difference(desired.subnets.as_ref(), &endpoint.subnet_ids);
    if may_share_a_zone(&add, &remove, &zones(status, desired)) { (BTreeSet::new(), remove) } else { (add, remove) }
}

/// A subnet whose zone is not known may be in any.
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

/// Fixed addresses of the subnets that are added, and of those whose network interface has others.
fn addresses(desired: &Desired, observed: &Observed, added: &BTreeSet<String>) -> BTreeMap<String, Addresses> {
    let has_others = |subnet: &String, wanted: &Addresses| {
        let mut interfaces = observed.interfaces.values().filter(|interface| interface.subnet_id == *subnet);
        interfaces.any(|interface| {
            (wanted.ipv4.is_some() && wanted.ipv4 != interface.addresses.ipv4)
                || (wanted.ipv6.is_some() && wanted.ipv6 != interface.addresses.ipv6)
        })
    };
    let wanted = desired.addresses.iter();
    wanted
        .filter(|(subnet, wanted)| added.contains(*subnet) || has_others(subnet, wanted))
        .map(|(subnet, wanted)| (subnet.clone(), *wanted))
        .collect()
}

/// Only that of an Interface endpoint can be changed:
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyVpcEndpoint.html>.
fn private_dns(desired: &Desired, endpoint: &Endpoint) -> Option<bool> {
    desired
        .private_dns
        .filter(|wanted| desired.endpoint_type == EndpointType::Interface && *wanted != endpoint.private_dns_enabled)
}

/// Options of DNS that differ; all that are wanted when private DNS is turned on, because AWS then begins anew with
/// its defaults.
fn dns(desired: &Desired, endpoint: &Endpoint, turns_on: bool) -> DnsOptions {
    let wanted = desired.dns_options(desired.ip_address_type.or(endpoint.ip_address_type.as_deref()));
    if turns_on {
        return wanted;
    }
    let shown = &endpoint.dns_options;
    let only_for_inbound = shown.private_dns_only_for_inbound_resolver_endpoint.unwrap_or_default();
    DnsOptions {
        record_ip_type: unlike(wanted.record_ip_type.as_deref(), shown.record_ip_type.as_deref()),
        private_dns_only_for_inbound_resolver_endpoint: desired
            .dns
            .only_for_inbound_resolver
            .filter(|wanted| *wanted != only_for_inbound),
        ..DnsOptions::default()
    }
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
