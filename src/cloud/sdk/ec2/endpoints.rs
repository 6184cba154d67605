//! Endpoints to and from the SDK's types.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types;

use crate::cloud::ec2::{Addresses, DnsEntry, DnsOptions, Endpoint, EndpointService, NetworkInterface, Target};

use super::{each, set, tags, unless_empty};

/// Options for a request: absent when none is given.
pub fn wire_dns(options: &DnsOptions) -> Option<types::DnsOptionsSpecification> {
    if *options == DnsOptions::default() {
        return None;
    }
    Some(
        types::DnsOptionsSpecification::builder()
            .set_dns_record_ip_type(options.record_ip_type.as_deref().map(types::DnsRecordIpType::from))
            .set_private_dns_only_for_inbound_resolver_endpoint(options.private_dns_only_for_inbound_resolver_endpoint)
            .set_private_dns_preference(options.private_dns_preference.clone())
            .set_private_dns_specified_domains(unless_empty(options.private_dns_specified_domains.iter().cloned()))
            .build(),
    )
}

/// Fixed addresses for a request: absent when none is given.
pub fn wire_addresses(by_subnet: &BTreeMap<String, Addresses>) -> Option<Vec<types::SubnetConfiguration>> {
    unless_empty(by_subnet.iter().map(|(subnet, addresses)| {
        types::SubnetConfiguration::builder()
            .subnet_id(subnet)
            .set_ipv4(addresses.ipv4.map(|address| address.to_string()))
            .set_ipv6(addresses.ipv6.map(|address| address.to_string()))
            .build()
    }))
}

/// An address type for a request.
pub fn wire_address_type(address_type: Option<&str>) -> Option<types::IpAddressType> {
    address_type.map(types::IpAddressType::from)
}

pub fn endpoint(from: types::VpcEndpoint) -> Endpoint {
    let groups: BTreeMap<_, _> = from
        .groups
        .into_iter()
        .flatten()
        .filter_map(|group| Some((group.group_id?, group.group_name.unwrap_or_default())))
        .collect();
    Endpoint {
        id: from.vpc_endpoint_id.unwrap_or_default(),
        endpoint_type: from.vpc_endpoint_type.map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
        state: from.state.map(|state| normal_state(state.as_str())).unwrap_or_default(),
        target: target(from.resource_configuration_arn, from.service_network_arn, from.service_name),
        service_region: from.service_region,
        vpc_id: from.vpc_id.unwrap_or_default(),
        subnet_ids: set(from.subnet_ids),
        security_group_ids: groups.keys().cloned().collect(),
        security_group_names: groups.into_iter().filter(|(_, name)| !name.is_empty()).collect(),
        route_table_ids: set(from.route_table_ids),
        ip_address_type: from.ip_address_type.map(|kind| kind.as_str().to_ascii_lowercase()),
        private_dns_enabled: from.private_dns_enabled.unwrap_or_default(),
        dns_options: from.dns_options.map(dns_options).unwrap_or_default(),
        policy: from.policy_document,
        dns_entries: each(from.dns_entries, dns_entry),
        network_interface_ids: set(from.network_interface_ids),
        tags: tags(from.tags),
        last_error: last_error(from.last_error, from.failure_reason),
    }
}

fn target(resource: Option<String>, network: Option<String>, service: Option<String>) -> Target {
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let resource = given(resource).map(Target::ResourceConfiguration);
    let network = given(network).map(Target::ServiceNetwork);
    resource.or(network).unwrap_or_else(|| Target::Service(service.unwrap_or_default()))
}

fn dns_options(from: types::DnsOptions) -> DnsOptions {
    DnsOptions {
        record_ip_type: from.dns_record_ip_type.map(|kind| kind.as_str().to_ascii_lowercase()),
        private_dns_only_for_inbound_resolver_endpoint: from.private_dns_only_for_inbound_resolver_endpoint,
        private_dns_preference: from.private_dns_preference,
        private_dns_specified_domains: set(from.private_dns_specified_domains),
    }
}

fn dns_entry(from: types::DnsEntry) -> DnsEntry {
    DnsEntry { name: from.dns_name.unwrap_or_default(), hosted_zone_id: from.hosted_zone_id }
}

/// AWS documents `PendingAcceptance` and sends `pendingAcceptance`.
fn normal_state(state: &str) -> String {
    state.chars().filter(char::is_ascii_alphabetic).map(|letter| letter.to_ascii_lowercase()).collect()
}

fn last_error(error: Option<types::LastError>, reason: Option<String>) -> Option<String> {
    let error = error.map(|error| [error.code, error.message].into_iter().flatten().collect::<Vec<_>>().join(": "));
    let parts: BTreeSet<_> = error.into_iter().chain(reason).filter(|text| !text.is_empty()).collect();
    (!parts.is_empty()).then(|| parts.into_iter().collect::<Vec<_>>().join("; "))
}

pub fn endpoint_service(from: types::ServiceDetail) -> EndpointService {
    let types = from.service_type.into_iter().flatten().filter_map(|detail| detail.service_type);
    EndpointService {
        name: from.service_name.unwrap_or_default(),
        types: types.map(|kind| kind.as_str().to_owned()).collect(),
        zones: set(from.availability_zones),
    }
}

pub fn network_interface(from: types::NetworkInterface) -> NetworkInterface {
    let ipv6 = from.ipv6_addresses.into_iter().flatten().find_map(|address| address.ipv6_address?.parse().ok());
    NetworkInterface {
        id: from.network_interface_id.unwrap_or_default(),
        subnet_id: from.subnet_id.unwrap_or_default(),
        zone: from.availability_zone.unwrap_or_default(),
        addresses: Addresses { ipv4: from.private_ip_address.and_then(|address| address.parse().ok()), ipv6 },
    }
}
