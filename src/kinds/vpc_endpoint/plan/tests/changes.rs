//! Every change is the smallest one.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    super::{
        super::{
            fixtures::{made, object, set, subject, wanted},
            spec::SubnetStatus,
        },
        *,
    },
    known,
};
use crate::cloud::{
    ec2::{Addresses, DnsOptions, EndpointChange, NetworkInterface},
    policy,
};

/// What is changed when AWS has what `before` asked for, all of it applied, and the spec is `after`.
fn change(before: Value, after: Value) -> Option<EndpointChange> {
    let (before, mut after) = (object(before), object(after));
    let status = VpcEndpointStatus { applied_fields: before.spec.given(), ..known("vpce-1", 1) };
    after.status = Some(status.clone());
    let observed = made(&wanted(&before));
    match plan(&subject(&after, status), &wanted(&after), Some(&observed)) {
        Plan::Converged => None,
        Plan::Act(steps) => match &steps[..] {
            [Step::Modify(change)] => Some((**change).clone()),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_change_is_the_smallest() {
    let id = || EndpointChange { id: "vpce-1".into(), ..EndpointChange::default() };
    let gateway = |tables: Value| json!({ "type": "Gateway", "service": "s3", "routeTables": tables });
    let policy = |action: Value| json!({ "policy": { "Statement": [{ "Effect": "Allow", "Principal": "*", "Action": action, "Resource": "*" }] } });
    let records = |records: &str| json!({ "dnsOptions": { "dnsRecordIpType": records } });
    let inbound = |on: bool| {
        json!({
            "service": "s3", "privateDnsEnabled": true,
            "dnsOptions": { "privateDnsOnlyForInboundResolverEndpoint": on },
        })
    };
    let dns = |records: Option<&str>, only: Option<bool>| DnsOptions {
        record_ip_type: records.map(str::to_owned),
        private_dns_only_for_inbound_resolver_endpoint: only,
        ..DnsOptions::default()
    };
    let text = r#"{"Statement":[{"Action":"s3:Get*","Effect":"Allow","Principal":"*","Resource":"*"}]}"#;
    for (before, after, expected) in [
        (
            json!({ "subnets": [{ "id": "subnet-1" }] }),
            json!({ "subnets": [{ "id": "subnet-1" }, { "id": "subnet-2" }] }),
            EndpointChange { add_subnets: set(["subnet-2"]), ..id() },
        ),
        (
            json!({ "subnets": [{ "id": "subnet-1" }] }),
            json!({ "subnets": [{ "id": "subnet-2" }] }),
            EndpointChange { remove_subnets: set(["subnet-1"]), ..id() },
        ),
        (
            json!({ "subnets": [{ "id": "subnet-1" }] }),
            json!({ "subnets": [] }),
            EndpointChange { remove_subnets: set(["subnet-1"]), ..id() },
        ),
        (
            json!({ "subnets": [{ "id": "subnet-1" }] }),
            json!({}),
            EndpointChange { remove_subnets: set(["subnet-1"]), ..id() },
        ),
        (
            json!({ "securityGroups": [{ "id": "sg-1" }] }),
            json!({ "securityGroups": [{ "id": "sg-2" }] }),
            EndpointChange { add_security_groups: set(["sg-2"]), remove_security_groups: set(["sg-1"]), ..id() },
        ),
        (
            gateway(json!([{ "id": "rtb-1" }])),
            gateway(json!([{ "id": "rtb-2" }])),
            EndpointChange { add_route_tables: set(["rtb-2"]), remove_route_tables: set(["rtb-1"]), ..id() },
        ),
        (
            gateway(json!([{ "id": "rtb-1" }])),
            json!({ "type": "Gateway", "service": "s3" }),
            EndpointChange { remove_route_tables: set(["rtb-1"]), ..id() },
        ),
        (
            json!({ "privateDnsEnabled": false }),
            json!({ "privateDnsEnabled": true }),
            EndpointChange { private_dns_enabled: Some(true), ..id() },
        ),
        (json!({ "privateDnsEnabled": true }), json!({}), EndpointChange { private_dns_enabled: Some(false), ..id() }),
        (
            json!({ "ipAddressType": "ipv4" }),
            json!({ "ipAddressType": "dualstack" }),
            EndpointChange { ip_address_type: Some("dualstack".into()), ..id() },
        ),
        (
            json!({ "ipAddressType": "dualstack" }),
            json!({}),
            EndpointChange { ip_address_type: Some("ipv4".into()), ..id() },
        ),
        (
            records("ipv4"),
            records("service-defined"),
            EndpointChange { dns_options: dns(Some("service-defined"), None), ..id() },
        ),
        (records("dualstack"), json!({}), EndpointChange { dns_options: dns(Some("ipv4"), None), ..id() }),
        (
            json!({ "type": "Gateway", "service": "s3", "dnsOptions": { "dnsRecordIpType": "ipv6" } }),
            json!({ "type": "Gateway", "service": "s3" }),
            EndpointChange { dns_options: dns(Some("service-defined"), None), ..id() },
        ),
        (inbound(false), inbound(true), EndpointChange { dns_options: dns(None, Some(true)), ..id() }),
        (
            inbound(true),
            json!({ "service": "s3", "privateDnsEnabled": true }),
            EndpointChange { dns_options: dns(None, Some(false)), ..id() },
        ),
        (
            json!({ "service": "s3" }),
            json!({ "service": "s3", "privateDnsEnabled": true, "dnsOptions": { "dnsRecordIpType": "ipv4" } }),
            EndpointChange { private_dns_enabled: Some(true), dns_options: dns(Some("ipv4"), Some(false)), ..id() },
        ),
        (policy(json!("*")), policy(json!("s3:Get*")), EndpointChange { policy: Some(text.into()), ..id() }),
        (policy(json!("s3:Get*")), json!({}), EndpointChange { reset_policy: true, ..id() }),
    ] {
        let found = change(before.clone(), after.clone()).unwrap();
        let (found_policy, expected_policy) = (found.policy.clone(), expected.policy.clone());
        assert_eq!(found_policy.as_deref().map(policy::normalise), expected_policy.as_deref().map(policy::normalise));
        assert_eq!(
            EndpointChange { policy: None, ..found },
            EndpointChange { policy: None, ..expected },
            "{before} -> {after}"
        );
    }
    assert_eq!(change(policy(json!(["s3:Get*"])), policy(json!("s3:get*"))), None);
    assert_eq!(change(policy(json!("*")), json!({})), None, "what was set is the default");
}

#[test]
fn subnets_of_known_different_zones_are_swapped_in_one_call() {
    let object = object(json!({}));
    let mut desired = wanted(&object);
    let mut observed = made(&desired);
    observed.endpoint.subnet_ids = set(["subnet-1"]);
    desired.subnets = Some(set(["subnet-2"]));
    let mut status = known("vpce-1", 1);
    status.subnets = vec![SubnetStatus { id: "subnet-1".into(), zone: Some("a".into()) }];
    let mut adds = |zone: Option<&str>| {
        desired.selection.subnets = Some(BTreeMap::from([("subnet-2".into(), zone.map(str::to_owned))]));
        let change = change::change(&status, &desired, &observed).unwrap();
        assert_eq!(change.remove_subnets, set(["subnet-1"]));
        change.add_subnets
    };
    assert_eq!(adds(Some("b")), set(["subnet-2"]));
    assert_eq!(adds(Some("a")), set([]));
    assert_eq!(adds(None), set([]));
}

#[test]
fn addresses_are_changed_where_the_interface_has_others() {
    let fixed = |subnets: &[(&str, &str)]| {
        let items: Vec<_> = subnets.iter().map(|(id, ipv4)| json!({ "subnetId": id, "ipv4": ipv4 })).collect();
        json!({ "subnetConfigurations": items })
    };
    let interface = |id: &str, subnet: &str, ipv4: &str| {
        let addresses = Addresses { ipv4: ipv4.parse().ok(), ipv6: None };
        (id.to_owned(), NetworkInterface { id: id.into(), subnet_id: subnet.into(), zone: "1a".into(), addresses })
    };
    let before = object(fixed(&[("subnet-1", "10.0.0.4")]));
    let mut observed = made(&wanted(&before));
    observed.interfaces = [interface("eni-1", "subnet-1", "10.0.0.4")].into();
    let changed = |after: Value| {
        let change = change::change(&known("vpce-1", 1), &wanted(&object(after)), &observed)?;
        let new = change.subnet_configurations.iter().map(|(subnet, new)| format!("{subnet} {}", new.ipv4.unwrap()));
        Some((change.add_subnets.clone(), new.collect::<Vec<_>>()))
    };
    assert_eq!(changed(fixed(&[("subnet-1", "10.0.0.4")])), None);
    assert_eq!(changed(json!({ "subnets": [{ "id": "subnet-1" }] })), None, "an address stays when it is taken out");
    assert_eq!(changed(fixed(&[("subnet-1", "10.0.0.5")])), Some((set([]), vec!["subnet-1 10.0.0.5".into()])));
    assert_eq!(
        changed(fixed(&[("subnet-1", "10.0.0.4"), ("subnet-2", "10.0.1.4")])),
        Some((set(["subnet-2"]), vec!["subnet-2 10.0.1.4".into()]))
    );
}
