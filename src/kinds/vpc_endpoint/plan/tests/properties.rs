//! The property that the steps lead where they should.

use std::collections::BTreeSet;

use proptest::{
    collection::{btree_map, btree_set},
    option,
    prelude::*,
    sample::select,
};
use serde_json::{Value, json};

use super::{
    super::{
        super::{
            fixtures::{FULL_ACCESS, made, object, observed as ours, subject, wanted},
            spec::Field,
            step::record,
        },
        *,
    },
    known,
};
use crate::cloud::{
    ec2::DnsOptions,
    ownership::{Tags, UID},
};

/// AWS, as far as these steps go.
fn take(step: &Step, endpoint: &mut Endpoint) {
    match step {
        Step::Tag { tags, .. } => endpoint.tags.extend(tags.clone()),
        Step::Untag { keys, .. } => endpoint.tags.retain(|key, _| !keys.contains(key)),
        Step::Modify(change) => {
            let alter = |set: &mut BTreeSet<String>, add: &BTreeSet<String>, remove: &BTreeSet<String>| {
                *set = &(&*set - remove) | add;
            };
            alter(&mut endpoint.subnet_ids, &change.add_subnets, &change.remove_subnets);
            alter(&mut endpoint.security_group_ids, &change.add_security_groups, &change.remove_security_groups);
            alter(&mut endpoint.route_table_ids, &change.add_route_tables, &change.remove_route_tables);
            if let Some(on) = change.private_dns_enabled {
                endpoint.private_dns_enabled = on;
            }
            if let Some(kind) = &change.ip_address_type {
                endpoint.ip_address_type = Some(kind.clone());
            }
            let dns = &change.dns_options;
            if let Some(records) = &dns.record_ip_type {
                endpoint.dns_options.record_ip_type = Some(records.clone());
            }
            if let Some(only) = dns.private_dns_only_for_inbound_resolver_endpoint {
                endpoint.dns_options.private_dns_only_for_inbound_resolver_endpoint = Some(only);
            }
            if let Some(policy) = &change.policy {
                endpoint.policy = Some(policy.clone());
            }
            if change.reset_policy {
                endpoint.policy = Some(FULL_ACCESS.into());
            }
        }
        Step::Create { .. } | Step::Accept { .. } | Step::Delete { .. } => panic!("{step}"),
    }
}

fn ids(prefix: &'static str) -> impl Strategy<Value = BTreeSet<String>> {
    btree_set(select(vec!["1", "2", "3"]).prop_map(move |n| format!("{prefix}-{n}")), 0..3)
}

fn terms(prefix: &'static str, least: usize) -> impl Strategy<Value = Option<Vec<Value>>> {
    option::of(ids(prefix).prop_filter("too few", move |ids| ids.len() >= least))
        .prop_map(|ids| ids.map(|ids| ids.into_iter().map(|id| json!({ "id": id })).collect()))
}

fn policy_value() -> impl Strategy<Value = Option<Value>> {
    let statement = |action| json!({ "Effect": "Allow", "Principal": "*", "Action": action, "Resource": "*" });
    option::of(select(vec!["*", "s3:*"]).prop_map(move |action| json!({ "Statement": [statement(action)] })))
}

fn tags() -> impl Strategy<Value = Option<Tags>> {
    let word = || select(vec!["a", "b", "c"]).prop_map(str::to_owned);
    option::of(btree_map(word(), word(), 0..3))
}

prop_compose! {
    fn spec()(
        subnets in terms("subnet", 0), groups in terms("sg", 1), dns: Option<bool>, policy in policy_value(), tags in tags(),
        addresses in option::of(select(vec!["ipv4", "dualstack"])), records in option::of(select(vec!["ipv4", "ipv6"])),
        only in option::of(Just(false)),
    ) -> Value {
        let options = json!({ "dnsRecordIpType": records, "privateDnsOnlyForInboundResolverEndpoint": only });
        let fields = [
            ("subnets", json!(subnets)), ("securityGroups", json!(groups)), ("privateDnsEnabled", json!(dns)),
            ("policy", json!(policy)), ("tags", json!(tags)), ("ipAddressType", json!(addresses)), ("dnsOptions", options),
            ("service", json!("s3")),
        ];
        fields.into_iter().filter(|(_, value)| !value.is_null()).map(|(key, value)| (key.to_owned(), value)).collect()
    }
}

prop_compose! {
    /// An endpoint of ours after anything has been done to it.
    fn drifted()(
        subnet_ids in ids("subnet"), security_group_ids in ids("sg"), private_dns_enabled: bool,
        policy in policy_value(), tags in tags(), stripped: bool, only: bool,
        addresses in select(vec!["ipv4", "dualstack"]), records in select(vec!["ipv4", "ipv6", "dualstack"]),
    ) -> Endpoint {
        let dns_options = DnsOptions {
            record_ip_type: Some(records.to_owned()),
            private_dns_only_for_inbound_resolver_endpoint: Some(only),
            ..DnsOptions::default()
        };
        let mut endpoint = Endpoint {
            subnet_ids, security_group_ids, private_dns_enabled, dns_options,
            ip_address_type: Some(addresses.to_owned()),
            policy: policy.map(|policy| policy.to_string()),
            ..made(&wanted(&object(json!({ "service": "s3" })))).endpoint
        };
        endpoint.tags.extend(tags.unwrap_or_default());
        if stripped {
            endpoint.tags.remove(UID);
        }
        endpoint
    }
}

fn applied() -> impl Strategy<Value = Vec<Field>> {
    use Field::{
        DnsRecordIpType, IpAddressType, Policy, PrivateDnsEnabled, PrivateDnsOnlyForInboundResolverEndpoint, Subnets,
    };
    let fields =
        [Subnets, PrivateDnsEnabled, Policy, IpAddressType, DnsRecordIpType, PrivateDnsOnlyForInboundResolverEndpoint];
    btree_set(select(fields.to_vec()), 0..3).prop_map(|fields| fields.into_iter().collect())
}

proptest! {
    #[test]
    fn the_steps_lead_to_what_is_desired(
        spec in spec(), endpoint in drifted(), applied_fields in applied(), managed in option::of(select(vec!["a", "b"])),
    ) {
        let mut object = object(spec);
        let mut status = VpcEndpointStatus { applied_fields, ..known("vpce-1", 1) };
        status.common.managed_tags = managed.map(str::to_owned).into_iter().collect();
        object.status = Some(status.clone());
        let desired = wanted(&object);
        let mut observed = ours(endpoint.clone());
        let mut subject = subject(&object, status);
        for round in 0.. {
            prop_assert!(round < 3, "{:?}", observed);
            match plan(&subject, &desired, Some(&observed)) {
                Plan::Converged => break,
                Plan::Act(steps) => for step in steps {
                    record(&step, &mut subject.status);
                    take(&step, &mut observed.endpoint);
                },
                other => prop_assert!(false, "{:?}", other),
            }
        }
        let after = &observed.endpoint;
        let new = desired.create("uid-1", 1);
        let untouched = |wanted: bool, same: bool| wanted || same;
        prop_assert!(desired.subnets.is_none() || after.subnet_ids == new.subnet_ids);
        prop_assert!(untouched(desired.subnets.is_some(), after.subnet_ids == endpoint.subnet_ids));
        prop_assert!(desired.security_groups.is_none() || after.security_group_ids == new.security_group_ids);
        prop_assert!(untouched(desired.security_groups.is_some(), after.security_group_ids == endpoint.security_group_ids));
        prop_assert_eq!(after.private_dns_enabled, desired.private_dns.unwrap_or(endpoint.private_dns_enabled));
        let (wants, has, had) = (&desired.dns, &after.dns_options, &endpoint.dns_options);
        prop_assert_eq!(after.ip_address_type.as_deref(), desired.ip_address_type.or(endpoint.ip_address_type.as_deref()));
        prop_assert!(untouched(wants.records.is_some(), has.record_ip_type == had.record_ip_type));
        let turned_on = after.private_dns_enabled && !endpoint.private_dns_enabled;
        let only = |options: &DnsOptions| options.private_dns_only_for_inbound_resolver_endpoint;
        prop_assert!(untouched(wants.only_for_inbound_resolver.is_some() || turned_on, only(has) == only(had)));
        prop_assert!(wants.only_for_inbound_resolver.is_none_or(|wanted| only(has) == Some(wanted)));
        prop_assert!(untouched(desired.policy.is_some(), after.policy == endpoint.policy));
        prop_assert!(desired.tags.iter().all(|(key, value)| after.tags.get(key) == Some(value)));
        let foreign = |key: &String| !desired.tags.contains_key(key) && managed != Some(key);
        prop_assert!(endpoint.tags.keys().filter(|key| foreign(key)).all(|key| after.tags.contains_key(key)));
    }
}
