//! The IAM policy, against the requests that reached LocalStack.

use std::collections::BTreeSet;

use privatelink_operator::{cloud::operation::Operation, permissions::besides::BESIDES};
use serde::Deserialize;
use serde_json::Value;

use super::{file, recorded};

/// An operation that no live test comes to, why, and the test that covers it instead.
struct Unreached {
    operation: Operation,
    because: &'static str,
    file: &'static str,
    test: &'static str,
}

/// What LocalStack cannot do, or never gives a reason to do.
const UNREACHED: &[Unreached] = &[
    Unreached {
        operation: Operation::AcceptVpcEndpointConnections,
        because: "LocalStack has no endpoint services",
        file: "src/cloud/sdk/ec2/tests.rs",
        test: "an_acceptance_is_not_believed_for_its_status",
    },
    Unreached {
        operation: Operation::DescribeVpcAttribute,
        because: "it explains a refusal of private DNS, which LocalStack never refuses",
        file: "tests/it/model/endpoint_diagnosis.rs",
        test: "private_dns_without_the_attributes_of_the_vpc",
    },
    Unreached {
        operation: Operation::DescribeVpcEndpointServices,
        because: "it explains a refusal of a service, and LocalStack takes any name for one",
        file: "tests/it/model/endpoint_diagnosis.rs",
        test: "what_the_spec_gets_wrong",
    },
    Unreached {
        operation: Operation::GetAccountSummary,
        because: "it explains a quota that is used up, and LocalStack has none",
        file: "tests/it/model/role_waits.rs",
        test: "a_quota_is_told_with_usage_and_limit",
    },
    Unreached {
        operation: Operation::GetRuntimeManagementConfig,
        because: "LocalStack does not have it",
        file: "tests/it/model/aspect_fields.rs",
        test: "every_field_is_set_changed_repaired_and_taken_back",
    },
    Unreached {
        operation: Operation::PutRuntimeManagementConfig,
        because: "LocalStack does not have it",
        file: "tests/it/model/aspect_fields.rs",
        test: "every_field_is_set_changed_repaired_and_taken_back",
    },
];

#[derive(Deserialize)]
struct Call {
    service: String,
    operation: String,
}

/// The operations that the operator called, by `service:operation`.
fn called() -> BTreeSet<String> {
    let calls: Vec<Call> = recorded("calls.jsonl");
    assert!(calls.len() > 1000, "{} calls are too few for a whole run", calls.len());
    calls.into_iter().map(|call| format!("{}:{}", call.service, call.operation)).collect()
}

fn named(operation: Operation) -> String {
    format!("{}:{}", operation.service().prefix(), operation.name())
}

#[test]
fn the_operations_are_those_that_are_called() {
    let called = called();
    let unreached: BTreeSet<_> = UNREACHED.iter().map(|unreached| named(unreached.operation)).collect();
    let known: BTreeSet<_> = Operation::ALL.iter().copied().map(named).collect();
    let unknown: Vec<_> = called.difference(&known).collect();
    assert!(unknown.is_empty(), "called, and not an Operation: {unknown:?}");
    let reached: BTreeSet<_> = known.difference(&unreached).cloned().collect();
    let idle: Vec<_> = reached.difference(&called).collect();
    assert!(idle.is_empty(), "an Operation, and never called: {idle:?}");
    let stale: Vec<_> = unreached.intersection(&called).collect();
    assert!(stale.is_empty(), "UNREACHED, and called: {stale:?}");
}

#[test]
fn the_policy_allows_what_is_called_and_what_aws_asks_for_besides() {
    let called = called();
    let used = Operation::ALL.iter().filter(|&&operation| {
        called.contains(&named(operation)) || UNREACHED.iter().any(|unreached| unreached.operation == operation)
    });
    let besides = BESIDES.iter().flat_map(|besides| besides.actions).map(|&action| action.to_owned());
    let needed: BTreeSet<String> = used.filter_map(|operation| operation.action()).chain(besides).collect();
    let policy: Value = serde_json::from_str(&file("docs/iam-policy.json")).unwrap();
    let statements = policy["Statement"].as_array().unwrap().iter();
    let actions = statements.flat_map(|statement| statement["Action"].as_array().unwrap());
    let allowed: BTreeSet<String> = actions.map(|action| action.as_str().unwrap().to_owned()).collect();
    let denied: Vec<_> = needed.difference(&allowed).collect();
    assert!(denied.is_empty(), "needed, and docs/iam-policy.json does not allow it: {denied:?}");
    let spare: Vec<_> = allowed.difference(&needed).collect();
    assert!(spare.is_empty(), "docs/iam-policy.json allows it, and nothing needs it: {spare:?}");
}

#[test]
fn what_localstack_does_not_reach_has_a_test() {
    for Unreached { operation, because, file: path, test } in UNREACHED {
        let text = file(path);
        assert!(text.contains(&format!("fn {test}(")), "{operation:?} ({because}): {path} has no {test}");
    }
}
