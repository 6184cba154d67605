//! Tables of every state.

mod changes;
mod properties;

use serde_json::json;

use super::{
    super::{
        desired::client_token,
        fixtures::{made, object, set, subject, wanted},
        step::record,
    },
    *,
};
use crate::cloud::{
    ec2::EndpointChange,
    ownership::{Tags, UID},
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
