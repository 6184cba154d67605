//! What a role costs in calls to AWS.

use std::{collections::BTreeMap, time::Duration};

use privatelink_operator::{
    cloud::guardrails::Guardrails, engine::reconcile::Outcome, kinds::instance_role::spec::InstanceRole,
};
use serde_json::json;
use tokio::time::sleep;

use crate::support::model::{Call, Model, ec2::Network};

use super::harness::Run;

/// Calls to AWS by operation; those to the cluster are in words.
fn counted(calls: &[Call], write: bool) -> BTreeMap<&'static str, usize> {
    let mut counted = BTreeMap::new();
    for call in calls.iter().filter(|call| call.write == write && !call.operation.contains(' ')) {
        *counted.entry(call.operation).or_default() += 1;
    }
    counted
}

/// Two managed policies by name, one inline policy, a profile and one instance. IAM reaches EC2 in no time here.
#[tokio::test(start_paused = true)]
async fn from_apply_to_ready_nothing_is_written_needlessly_or_read_more_than_once_before_and_after() {
    let model = Model::with_network();
    model.state().timing.iam_propagation = Duration::ZERO;
    model.state().timing.association = Duration::ZERO;
    let spec = json!({
        "managedPolicies": ["AWSLambdaExecute", "AWSLambdaRole"],
        "inlinePolicies": { "invoke": { "Version": "2012-10-17", "Statement": [
            { "Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "*" },
        ] } },
        "instances": [{ "id": Network::INSTANCES[0] }],
        "tags": { "team": "a" },
    });
    let mut run = Run::<InstanceRole>::on(model, Guardrails::default(), false, &spec);
    run.expect(Outcome::Converged).await;
    let calls = run.model.calls();
    assert_eq!(
        counted(&calls, true),
        BTreeMap::from([
            ("CreateRole", 1),
            ("AttachRolePolicy", 2),
            ("PutRolePolicy", 1),
            ("CreateInstanceProfile", 1),
            ("AddRoleToInstanceProfile", 1),
            ("AssociateIamInstanceProfile", 1),
        ]),
    );
    assert_eq!(
        counted(&calls, false),
        BTreeMap::from([
            ("GetCallerIdentity", 1),
            ("ListPolicies", 1),
            ("DescribeInstances", 1),
            ("GetRole", 2),
            ("GetInstanceProfile", 2),
            ("ListAttachedRolePolicies", 1),
            ("ListRolePolicies", 1),
            ("DescribeIamInstanceProfileAssociations", 2),
        ]),
    );
}

/// While EC2 waits for IAM, and an instance for its association, IAM is not read again.
#[tokio::test(start_paused = true)]
async fn waiting_for_ec2_reads_no_iam() {
    let spec = json!({ "managedPolicies": ["AWSLambdaExecute"], "instances": [{ "id": Network::INSTANCES[0] }] });
    let mut run = Run::<InstanceRole>::on(Model::with_network(), Guardrails::default(), false, &spec);
    run.expect(Outcome::Converged).await;
    let calls = run.model.calls();
    let (reads, writes) = (counted(&calls, false), counted(&calls, true));
    assert!(writes["AssociateIamInstanceProfile"] > 2, "EC2 was waited for: {writes:?}");
    assert!(reads["DescribeIamInstanceProfileAssociations"] > 4, "and so was the association: {reads:?}");
    let iam = ["GetRole", "GetInstanceProfile", "ListAttachedRolePolicies", "ListRolePolicies", "ListPolicies"];
    assert_eq!(iam.map(|operation| reads[operation]), [2, 2, 1, 1, 1], "{reads:?}");
}

/// At rest a role has no calls of its own: a sweep of the account, shared by all, sees that it is as it was.
#[tokio::test(start_paused = true)]
async fn a_role_at_rest_costs_nothing_of_its_own() {
    let spec = json!({
        "managedPolicies": ["AWSLambdaExecute"],
        "description": "d",
        "maxSessionDurationSeconds": 7200,
        "instances": [{ "tags": { "app": "client" } }],
    });
    let mut run = Run::<InstanceRole>::on(Model::with_network(), Guardrails::default(), false, &spec);
    run.expect(Outcome::Converged).await;
    sleep(Duration::from_mins(2)).await;
    let mark = run.model.calls().len();
    for _ in 0..12 {
        assert!(!run.sweep_wakes().await);
        sleep(Duration::from_mins(5)).await;
    }
    let calls = run.model.calls().split_off(mark);
    assert_eq!(counted(&calls, true), BTreeMap::new());
    let shared =
        ["GetAccountAuthorizationDetails", "ListRoles", "DescribeInstances", "DescribeIamInstanceProfileAssociations"];
    assert_eq!(counted(&calls, false), shared.map(|operation| (operation, 12)).into());
}

/// An edit of one field writes that field.
#[tokio::test(start_paused = true)]
async fn an_edit_writes_what_it_changes() {
    let spec = json!({ "managedPolicies": ["AWSLambdaExecute"], "description": "a", "tags": { "team": "a" } });
    let mut run = Run::<InstanceRole>::on(Model::with_network(), Guardrails::default(), false, &spec);
    run.expect(Outcome::Converged).await;
    for (edit, writes) in [
        (json!({ "description": "b", "maxSessionDurationSeconds": 7200 }), vec![("UpdateRole", 1)]),
        (json!({ "tags": { "team": "b" } }), vec![("TagInstanceProfile", 1), ("TagRole", 1)]),
        (json!({ "managedPolicies": ["AWSLambdaRole"] }), vec![("AttachRolePolicy", 1), ("DetachRolePolicy", 1)]),
        (
            json!({ "trust": { "services": ["ec2.amazonaws.com", "ecs.amazonaws.com"] } }),
            vec![("UpdateAssumeRolePolicy", 1)],
        ),
    ] {
        let mark = run.model.calls().len();
        run.edit(|object| {
            object["spec"].as_object_mut().unwrap().extend(edit.as_object().unwrap().clone());
        });
        run.expect(Outcome::Converged).await;
        assert_eq!(counted(&run.model.calls().split_off(mark), true), writes.into_iter().collect(), "{edit}");
    }
}
