//! Tables of every state and every change, and the property that the steps lead where they should.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{
    collection::{btree_map, btree_set},
    option,
    prelude::*,
    sample::select,
};
use serde_json::{Value, json};

use super::{
    super::{
        desired::client_token,
        fixtures::{FULL_ACCESS, made, object, observed as ours, set, subject, wanted},
        spec::{Field, SubnetStatus},
        step::record,
    },
    *,
};
use crate::cloud::{
    ec2::{Addresses, DnsOptions, EndpointChange, NetworkInterface},
    ownership::{Tags, UID},
    policy,
};

fn known(id: &str, attempt: i32) -> VpcEndpointStatus {
    VpcEndpointStatus { id: Some(id.into()), create_attempt: Some(attempt), ..VpcEndpointStatus::default() }
}

fn attempt(plan: &Plan<Step>) -> Option<i32> {
    match plan {
        Plan::Act(steps) => match &steps[..] {
            [Step::Create { attempt, endpoint, .. }] => {
                assert_eq!(endpoint.client_token, client_token("uid-1", *attempt));
                Some(*attempt)
            }
            other => panic!("{other:?}"),
        },
        _ => None,
    }
}

fn reason<S: std::fmt::Debug>(plan: Plan<S>) -> &'static str {
    match plan {
        Plan::Converged => "Converged",
        Plan::Wait { reason, .. } | Plan::Refuse { reason, .. } => reason,
        Plan::Act(steps) => panic!("{steps:?}"),
    }
}

#[test]
fn a_create_uses_its_token_until_the_endpoint_is_dead() {
    let object = object(json!({}));
    let desired = wanted(&object);
    let mismatch = |secs| Some(("IdempotentParameterMismatch".to_owned(), Duration::from_secs(secs)));
    let begun = |n| VpcEndpointStatus { create_attempt: Some(n), ..VpcEndpointStatus::default() };
    let gone = |n| VpcEndpointStatus { state: Some(DELETING.into()), ..known("vpce-1", n) };
    for (status, settled, failing_with, expected) in [
        (VpcEndpointStatus::default(), false, None, Some(1)),
        (begun(3), false, None, Some(3)),
        (begun(3), true, None, Some(3)),
        (begun(3), true, mismatch(299), Some(3)),
        (begun(3), true, mismatch(300), Some(4)),
        (begun(3), true, Some(("InternalError".to_owned(), MISMATCH_PATIENCE)), Some(3)),
        (known("vpce-1", 3), false, None, None),
        (known("vpce-1", 3), true, None, Some(4)),
        (gone(3), false, None, Some(4)),
        (VpcEndpointStatus { id: Some("vpce-1".into()), ..Default::default() }, true, None, Some(2)),
    ] {
        let subject = Subject { settled, failing_with, ..subject(&object, status) };
        let plan = plan(&subject, &desired, None);
        assert_eq!(attempt(&plan), expected, "{subject:?}");
        if expected.is_none() {
            assert_eq!(reason(plan), "AwaitingConsistency");
        }
    }
}

#[test]
fn a_crash_after_the_record_does_not_raise_the_attempt_again() {
    let object = object(json!({}));
    let desired = wanted(&object);
    let mut subject = subject(&object, known("vpce-dead", 1));
    let first = plan(&subject, &desired, None);
    let Plan::Act(steps) = &first else { panic!() };
    assert!(steps[0].to_string().ends_with(", because vpce-dead is gone"), "{}", steps[0]);
    record(&steps[0], &mut subject.status);
    assert_eq!(attempt(&plan(&subject, &desired, None)), attempt(&first));
}

#[test]
fn every_state_of_an_endpoint_as_desired() {
    let object = object(json!({}));
    let desired = wanted(&object);
    for (state, expected) in [
        ("available", "Converged"),
        ("pending", "Pending"),
        ("pendingacceptance", "PendingAcceptance"),
        ("deleting", "Deleting"),
        ("partial", "Partial"),
        ("failed", "EndpointFailed"),
        ("rejected", "EndpointRejected"),
        ("expired", "EndpointExpired"),
        ("brandnew", "UnknownState"),
    ] {
        let mut observed = made(&desired);
        observed.endpoint.state = state.into();
        observed.endpoint.last_error = Some("Code: text".into());
        let plan = plan(&subject(&object, known("vpce-1", 1)), &desired, Some(&observed));
        if let Plan::Refuse { message, .. } = &plan {
            assert!(message.contains("Code: text") && message.contains("vpce-1"), "{message}");
        }
        assert_eq!(reason(plan), expected);
    }
}

#[test]
fn only_an_available_endpoint_is_modified_and_tags_come_first() {
    let object = object(json!({ "subnets": [{ "id": "subnet-1" }] }));
    let desired = wanted(&object);
    let mut observed = made(&desired);
    observed.claim = true;
    observed.endpoint.tags.insert(UID.into(), "uid-0".into());
    observed.endpoint.subnet_ids.clear();
    let tag = Step::Tag { id: "vpce-1".into(), tags: Tags::from([(UID.into(), "uid-1".into())]) };
    let modify = Step::Modify(Box::new(EndpointChange {
        id: "vpce-1".into(),
        add_subnets: set(["subnet-1"]),
        ..EndpointChange::default()
    }));
    let subject = subject(&object, known("vpce-1", 1));
    let mut steps = |state: &str| {
        observed.endpoint.state = state.into();
        plan(&subject, &desired, Some(&observed))
    };
    assert_eq!(steps("available"), Plan::Act(vec![tag.clone(), modify]));
    assert_eq!(steps("partial"), steps("available"));
    for state in ["pending", "pendingacceptance", "failed"] {
        assert_eq!(steps(state), Plan::Act(vec![tag.clone()]));
    }
    assert_eq!(reason(steps("deleting")), "Deleting");
}

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

#[test]
fn private_dns_of_an_endpoint_service_comes_after_its_acceptance() {
    let spec = json!({ "service": "com.amazonaws.vpce.eu-west-1.vpce-svc-0a", "privateDnsEnabled": true });
    let object = object(spec);
    let desired = wanted(&object);
    assert_eq!(desired.create("uid-1", 1).private_dns_enabled, Some(false));
    let mut observed = made(&desired);
    let subject = subject(&object, known("vpce-1", 1));
    observed.endpoint.state = "pendingacceptance".into();
    let Plan::Wait { reason: "PendingAcceptance", message, .. } = plan(&subject, &desired, Some(&observed)) else {
        panic!()
    };
    assert!(message.contains("--service-id vpce-svc-0a --vpc-endpoint-ids vpce-1"), "{message}");
    observed.endpoint.state = "available".into();
    let on = EndpointChange { id: "vpce-1".into(), private_dns_enabled: Some(true), ..EndpointChange::default() };
    assert_eq!(plan(&subject, &desired, Some(&observed)), Plan::Act(vec![Step::Modify(Box::new(on))]));
}

#[test]
fn a_connection_is_accepted_only_when_asked_for_and_pending() {
    let object = object(json!({ "service": "com.amazonaws.vpce.eu-west-1.vpce-svc-0a", "autoAccept": true }));
    let desired = wanted(&object);
    let mut observed = made(&desired);
    let subject = subject(&object, known("vpce-1", 1));
    let mut steps = |state: &str| {
        observed.endpoint.state = state.into();
        plan(&subject, &desired, Some(&observed))
    };
    let accept = Step::Accept { id: "vpce-1".into(), service_id: "vpce-svc-0a".into() };
    assert_eq!(steps("pendingacceptance"), Plan::Act(vec![accept]));
    assert_eq!(steps("available"), Plan::Converged);
    assert_eq!(reason(steps("rejected")), "EndpointRejected", "its owner has said no");
}

#[test]
fn a_failed_endpoint_is_replaced_once_its_failure_was_reported() {
    use crate::engine::conditions::{self, Standing};
    let object = object(json!({}));
    let desired = wanted(&object);
    let mut observed = made(&desired);
    observed.endpoint.state = "failed".into();
    let mut status = known("vpce-1", 1);
    let first = plan(&subject(&object, status.clone()), &desired, Some(&observed));
    let Plan::Refuse { reason: "EndpointFailed", message } = first else { panic!("{first:?}") };
    let standing = Standing::Stalled { reason: "EndpointFailed".into(), message };
    conditions::set(&mut status.common.conditions, &standing, 1, jiff::Timestamp::UNIX_EPOCH);
    assert_eq!(
        plan(&subject(&object, status), &desired, Some(&observed)),
        Plan::Act(vec![Step::Delete { id: "vpce-1".into(), failed: true }])
    );
}

#[test]
fn an_endpoint_that_was_asked_for_by_id_is_never_made() {
    let object = object(json!({ "endpointId": "vpce-9", "adoptionPolicy": "Adopt" }));
    let desired = wanted(&object);
    for (status, settled, expected) in [
        (VpcEndpointStatus::default(), false, "EndpointNotFound"),
        (known("vpce-9", 1), false, "AwaitingConsistency"),
        (known("vpce-9", 1), true, "EndpointNotFound"),
    ] {
        let subject = Subject { settled, ..subject(&object, status) };
        assert_eq!(reason(plan(&subject, &desired, None)), expected);
    }
}

#[test]
fn what_was_never_in_the_spec_is_left_alone() {
    let object = object(json!({}));
    let desired = wanted(&object);
    let mut observed = made(&desired);
    let endpoint = &mut observed.endpoint;
    endpoint.subnet_ids = set(["subnet-9"]);
    endpoint.security_group_ids = set(["sg-9"]);
    endpoint.route_table_ids = set(["rtb-9"]);
    endpoint.private_dns_enabled = true;
    endpoint.ip_address_type = Some("dualstack".into());
    endpoint.dns_options.record_ip_type = Some("ipv6".into());
    endpoint.dns_options.private_dns_only_for_inbound_resolver_endpoint = Some(true);
    endpoint.policy = Some(r#"{"Statement":[]}"#.into());
    endpoint.tags.insert("theirs".into(), "x".into());
    assert_eq!(plan(&subject(&object, known("vpce-1", 1)), &desired, Some(&observed)), Plan::Converged);
}

#[test]
fn a_tag_taken_out_of_the_spec_is_removed_and_a_foreign_one_is_not() {
    let object = object(json!({ "tags": { "a": "1" } }));
    let desired = wanted(&object);
    let mut observed = made(&desired);
    observed.endpoint.tags.extend([("b".into(), "2".into()), ("theirs".into(), "3".into())]);
    let mut status = known("vpce-1", 1);
    status.common.managed_tags = vec!["a".into(), "b".into()];
    assert_eq!(
        plan(&subject(&object, status), &desired, Some(&observed)),
        Plan::Act(vec![Step::Untag { id: "vpce-1".into(), keys: set(["b"]) }])
    );
}

#[test]
fn deletion() {
    let object = object(json!({}));
    let desired = wanted(&object);
    let in_state = |state: &str| {
        let mut observed = made(&desired);
        observed.endpoint.state = state.into();
        Some(observed)
    };
    let begun = VpcEndpointStatus { create_attempt: Some(1), ..VpcEndpointStatus::default() };
    let going = VpcEndpointStatus { state: Some(DELETING.into()), ..known("vpce-1", 1) };
    for (status, observed, settled, absent_secs, expected) in [
        (known("vpce-1", 1), in_state("deleting"), true, 0, "Deleting"),
        (VpcEndpointStatus::default(), in_state("deleting"), true, 0, "Deleting"),
        (known("vpce-1", 1), None, false, 0, "AwaitingConsistency"),
        (known("vpce-1", 1), None, true, 0, "Converged"),
        (going, None, false, 0, "Converged"),
        (begun.clone(), None, true, 119, "CreateMayLand"),
        (begun, None, true, 120, "Converged"),
        (VpcEndpointStatus::default(), None, false, 0, "Converged"),
    ] {
        let absent_for = Duration::from_secs(absent_secs);
        let subject = Subject { settled, absent_for, deleting: true, ..subject(&object, status) };
        assert_eq!(reason(plan_delete(&subject, observed.as_ref())), expected, "{subject:?}");
    }
    for state in ["available", "pending", "pendingacceptance", "failed", "rejected", "expired", "partial"] {
        for status in [known("vpce-1", 1), VpcEndpointStatus::default()] {
            assert_eq!(
                plan_delete(&subject(&object, status), in_state(state).as_ref()),
                Plan::Act(vec![Step::Delete { id: "vpce-1".into(), failed: false }])
            );
        }
    }
}

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

#[test]
fn an_endpoint_that_differs_in_what_cannot_change_is_left_alone() {
    let object = object(json!({ "tags": { "team": "a" } }));
    let desired = wanted(&object);
    for field in ["spec.type", "spec.service", "spec.vpc"] {
        let mut observed = Observed { claim: true, ..made(&desired) };
        observed.endpoint.tags.clear();
        match field {
            "spec.type" => observed.endpoint.endpoint_type = "Gateway".into(),
            "spec.service" => observed.endpoint.target = Target::Service("com.amazonaws.ap-northeast-1.s3".into()),
            _ => observed.endpoint.vpc_id = "vpc-2".into(),
        }
        match plan(&subject(&object, VpcEndpointStatus::default()), &desired, Some(&observed)) {
            Plan::Refuse { reason: "EndpointDiffers", message } => assert!(message.starts_with(field), "{message}"),
            other => panic!("{field}: {other:?}"),
        }
    }
}
