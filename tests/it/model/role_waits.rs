//! AWS's refusals: which are waited for, which are told, and what is told with them.

use std::time::Duration;

use privatelink_operator::{
    cloud::{
        guardrails::Guardrails,
        iam::{Iam, NewRole},
        ownership::Tags,
    },
    engine::reconcile::Outcome,
    kinds::instance_role::spec::InstanceRole,
};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::support::model::{Model, ec2::Network, replica::Lag};

use super::harness::{NAME, NAMESPACE, Run};

const READ_ONLY: &str = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";

fn full() -> Value {
    json!({
        "managedPolicies": ["AWSLambdaExecute"],
        "inlinePolicies": { "p": statement("s3:GetObject") },
        "permissionsBoundary": READ_ONLY,
        "instances": [{ "id": Network::INSTANCES[0] }],
    })
}

fn statement(action: &str) -> Value {
    json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": action, "Resource": "*" }] })
}

fn begin(model: Model, spec: &Value) -> Run<InstanceRole> {
    Run::on(model, Guardrails::default(), false, spec)
}

fn other_role(name: &str, tags: Tags) -> NewRole {
    let trust = json!({ "Statement": [{
        "Effect": "Allow", "Principal": { "Service": "ec2.amazonaws.com" }, "Action": "sts:AssumeRole",
    }] });
    NewRole { name: name.to_owned(), path: "/".to_owned(), trust_policy: trust.to_string(), tags, ..NewRole::default() }
}

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency>, and
/// the texts that Terraform's AWS provider retries for minutes.
#[tokio::test(start_paused = true)]
async fn every_not_yet_of_iam_and_ec2_is_waited_for_and_never_stalled() {
    for (operation, code, message) in [
        ("AttachRolePolicy", "NoSuchEntity", "The role with name team-demo cannot be found."),
        ("PutRolePolicy", "NoSuchEntity", "The role with name team-demo cannot be found."),
        ("AddRoleToInstanceProfile", "NoSuchEntity", "The role with name team-demo cannot be found."),
        ("AddRoleToInstanceProfile", "NoSuchEntity", "Instance Profile team-demo cannot be found."),
        ("CreateRole", "MalformedPolicyDocument", "Invalid principal in policy: \"AWS\":\"arn:aws:iam::1:role/new\""),
        ("CreateRole", "ConcurrentModification", "Request rejected due to concurrent modification"),
        ("AttachRolePolicy", "ConcurrentModification", "Request rejected due to concurrent modification"),
        ("CreateInstanceProfile", "EntityTemporarilyUnmodifiable", "Try again later"),
        (
            "AssociateIamInstanceProfile",
            "InvalidParameterValue",
            "Value (team-demo) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name",
        ),
        (
            "AssociateIamInstanceProfile",
            "InvalidParameterValue",
            "IAM Instance Profile \"team-demo\" has no associated IAM Roles",
        ),
        ("AssociateIamInstanceProfile", "InvalidInstanceID.NotFound", "The instance ID 'i-0a' does not exist"),
        ("AssociateIamInstanceProfile", "IncorrectInstanceState", "The instance is not in a valid state"),
    ] {
        let model = Model::with_network();
        model.refuse_next(operation, 8, code, message);
        let mut run = begin(model, &full());
        let began = Instant::now();
        let outcome = run.settle_until(|_| false).await;
        assert_eq!(outcome, Outcome::Converged, "{operation} {message}\n{}", run.story());
        assert!(began.elapsed() > Duration::from_secs(1), "{operation} was refused for a while");
        let stalled = run.model.events().into_iter().filter(|(_, event)| event.warning).collect::<Vec<_>>();
        assert!(stalled.is_empty(), "{operation} {message}: {stalled:?}");
    }
}

/// For a moment a new role is shown with its unique id where the ARN belongs.
#[tokio::test(start_paused = true)]
async fn a_role_whose_arn_is_not_shown_yet_is_waited_for() {
    let model = Model::with_network();
    model.state().iam.arn_shown_after = Duration::from_secs(5);
    let mut run = begin(model, &full());
    run.expect(Outcome::Converged).await;
    assert_eq!(run.object().unwrap()["status"]["arn"], "arn:aws:iam::123456789012:role/team-demo");
}

#[tokio::test(start_paused = true)]
async fn what_was_just_made_and_is_not_visible_is_not_made_again() {
    let model = Model::with_network();
    model.state().timing.lag = Lag::time(Duration::from_secs(10));
    let mut run = begin(model, &full());
    run.expect(Outcome::Converged).await;
    let calls = run.model.calls();
    assert_eq!(calls.iter().filter(|call| call.operation == "CreateRole" && call.effect).count(), 1);
}

/// A principal that IAM does not know is waited for, because it may just have been made; after minutes it is told, and
/// tried with each sweep, not in a loop.
#[tokio::test(start_paused = true)]
async fn an_unknown_principal_is_waited_for_then_told_and_seldom_tried_again() {
    let principal = "arn:aws:iam::123456789012:role/caller";
    let trust = json!({ "policy": { "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": { "AWS": principal }, "Action": "sts:AssumeRole",
    }] } });
    let mut run = begin(Model::with_network(), &json!({ "trust": trust }));
    let began = Instant::now();
    run.expect(Outcome::Refused).await;
    assert!(began.elapsed() > Duration::from_mins(4), "{:?}", began.elapsed());
    let ready = run.ready();
    assert_eq!(ready["reason"], "InvalidPrincipal");
    let message = ready["message"].as_str().unwrap();
    assert!(message.starts_with("spec.trust.policy: ") && message.contains(principal), "{message}");
    let mark = run.model.calls().len();
    run.expect(Outcome::Refused).await;
    assert_eq!(run.model.writes_since(mark).len(), 1, "one attempt for each look");
    run.model.create_role(&other_role("caller", Tags::new())).await.unwrap();
    run.expect(Outcome::Converged).await;
}

/// A deleted principal leaves its unique id in the trust policy. That is drift; to write the ARN again fails until the
/// principal is back.
#[tokio::test(start_paused = true)]
async fn the_unique_id_of_a_deleted_principal_is_drift_but_no_hot_loop() {
    let model = Model::with_network();
    let caller = model.create_role(&other_role("caller", Tags::new())).await.unwrap();
    let trust = json!({ "policy": { "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": { "AWS": caller.arn }, "Action": "sts:AssumeRole",
    }] } });
    let mut run = begin(model, &json!({ "trust": trust }));
    run.expect(Outcome::Converged).await;
    sleep(Duration::from_mins(2)).await;
    {
        let mut state = run.model.state();
        state.iam.roles.put("caller", None, Lag::NONE);
        let mut record = state.iam.roles.current("team-demo").unwrap().clone();
        record.role.trust_policy = record.role.trust_policy.replace(&caller.arn, &caller.id);
        state.iam.roles.put("team-demo", Some(record), Lag::NONE);
    }
    assert!(run.sweep_wakes().await);
    run.expect(Outcome::Refused).await;
    assert_eq!(run.ready()["reason"], "InvalidPrincipal");
    run.model.create_role(&other_role("caller", Tags::new())).await.unwrap();
    run.expect(Outcome::Converged).await;
    assert!(run.model.content().iter().any(|text| text.contains("role/caller")), "the ARN is back");
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountSummary.html>
#[tokio::test(start_paused = true)]
async fn a_quota_is_told_with_usage_and_limit() {
    let many = |count: usize| (0..count).map(|n| format!("arn:aws:iam::123456789012:policy/p{n}")).collect::<Vec<_>>();
    let wide = json!({ "policy": { "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": { "AWS": "123456789012" }, "Action": "sts:AssumeRole",
        "Condition": { "StringEquals": { "sts:ExternalId": "x".repeat(3000) } },
    }] } });
    for (quota, spec, expected) in [
        (1, json!({ "instanceProfile": {} }), "1 of 1 are in use (RolesQuota)"),
        (1000, json!({ "managedPolicies": many(11) }), "spec.managedPolicies: AttachRolePolicy: LimitExceeded"),
        (1000, json!({ "managedPolicies": many(11) }), "10 of 10 are in use (AttachedPoliciesPerRoleQuota)"),
        (1000, json!({ "trust": wide }), "LimitExceeded"),
    ] {
        let model = Model::with_network();
        model.create_role(&other_role("other", Tags::new())).await.unwrap();
        {
            let mut state = model.state();
            state.iam.quota = quota;
            state.iam.policies.extend(many(11));
        }
        let mut run = begin(model, &spec);
        run.expect(Outcome::Refused).await;
        let message = run.ready()["message"].as_str().unwrap().to_owned();
        assert!(message.contains(expected), "{message}");
        let asked = run.model.calls().iter().filter(|call| call.operation == "GetAccountSummary").count();
        assert_eq!(asked, 1, "only when AWS refused");
    }
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteRole.html>: what still holds a role is found and told.
#[tokio::test(start_paused = true)]
async fn a_delete_conflict_is_tried_again_and_told_with_what_holds_the_role() {
    let mut run = begin(Model::with_network(), &full());
    run.expect(Outcome::Converged).await;
    run.model.refuse_next("DeleteRole", 3, "DeleteConflict", "Cannot delete entity, must detach all policies first.");
    run.delete();
    run.expect(Outcome::Gone).await;
    run.assert_gone();

    let mut run = begin(Model::with_network(), &json!({ "managedPolicies": [] }));
    run.expect(Outcome::Converged).await;
    run.delete();
    run.model.refuse_next("DeleteRole", 1, "DeleteConflict", "Cannot delete entity, must detach all policies first.");
    run.model.attach_policy("team-demo", READ_ONLY).await.unwrap();
    run.model.refuse_next("DetachRolePolicy", 1, "NoSuchEntity", "Policy was not found.");
    run.settle_until(|model| model.calls().iter().any(|call| call.operation == "DeleteRole")).await;
    let message = run.ready()["message"].as_str().unwrap().to_owned();
    assert!(message.contains(&format!("the role is still held by {READ_ONLY}")), "{message}");
    run.expect(Outcome::Gone).await;
    run.assert_gone();
}

/// A foreign instance profile that holds the role, and a function that runs with it, are waited for by name.
#[tokio::test(start_paused = true)]
async fn a_foreign_profile_that_holds_the_role_is_named_and_left() {
    let mut run = begin(Model::with_network(), &json!({ "trust": { "services": ["lambda.amazonaws.com"] } }));
    run.expect(Outcome::Converged).await;
    run.model.create_instance_profile("foreign", "/", &Tags::new()).await.unwrap();
    run.model.add_role_to_profile("foreign", "team-demo").await.unwrap();
    run.delete();
    for _ in 0..10 {
        assert_eq!(run.engine.pass(NAMESPACE, NAME).await.outcome, Outcome::Waiting);
    }
    assert_eq!(run.ready()["reason"], "RoleInUse");
    assert!(run.ready()["message"].as_str().unwrap().contains("foreign"));
    run.model.remove_role_from_profile("foreign", "team-demo").await.unwrap();
    run.expect(Outcome::Gone).await;
}

/// AWS's words with the field that they are about.
#[tokio::test(start_paused = true)]
async fn a_malformed_document_is_told_with_its_field_and_mended_by_an_edit() {
    let broken = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "s3:*" }] });
    let no_principal = json!({ "policy": { "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "sts:AssumeRole" }] } });
    for (spec, field) in [
        (
            json!({ "inlinePolicies": { "good": statement("s3:*"), "read": broken } }),
            "spec.inlinePolicies[read]: PutRolePolicy: MalformedPolicyDocument: ",
        ),
        (json!({ "trust": no_principal }), "spec.trust.policy: CreateRole: MalformedPolicyDocument: "),
    ] {
        let mut run = begin(Model::with_network(), &spec);
        run.expect(Outcome::Refused).await;
        assert!(run.ready()["message"].as_str().unwrap().starts_with(field), "{}", run.ready());
        run.edit(|object| object["spec"] = json!({}));
        run.expect(Outcome::Converged).await;
    }
}

/// IAM tells names apart without case, so a role of another owner is in the way whatever its case.
#[tokio::test(start_paused = true)]
async fn a_name_that_is_taken_in_another_case_is_refused_with_its_owner() {
    let owner = Tags::from([
        ("privatelink.dev/cluster".to_owned(), "it".to_owned()),
        ("privatelink.dev/owner".to_owned(), "payments/client".to_owned()),
    ]);
    for (tags, adopts, reason, told) in [
        (
            owner,
            false,
            "OwnedByAnother",
            "role Team-Demo, to IAM the same name as team-demo, belongs to payments/client of cluster it",
        ),
        (Tags::new(), false, "AlreadyExists", "role Team-Demo, to IAM the same name as team-demo, exists"),
        (
            Tags::new(),
            true,
            "AlreadyExists",
            "spec.roleName: role Team-Demo, to IAM the same name as team-demo, exists",
        ),
    ] {
        let model = Model::with_network();
        model.create_role(&other_role("Team-Demo", tags)).await.unwrap();
        let content = model.content();
        let spec = if adopts { json!({ "adoptionPolicy": "Adopt" }) } else { json!({}) };
        let mut run = Run::<InstanceRole>::on(model, Guardrails::default(), adopts, &spec);
        run.expect(Outcome::Refused).await;
        assert_eq!(run.ready()["reason"], reason);
        assert!(run.ready()["message"].as_str().unwrap().starts_with(told), "{}", run.ready());
        assert_eq!(run.model.content(), content);
    }
}

#[tokio::test(start_paused = true)]
async fn a_policy_name_that_aws_and_the_account_both_have_is_refused_with_both() {
    let model = Model::with_network();
    let own = "arn:aws:iam::123456789012:policy/team/AWSLambdaExecute";
    model.state().iam.policies.insert(own.to_owned());
    let mut run = begin(model, &json!({ "managedPolicies": ["AWSLambdaExecute"] }));
    run.expect(Outcome::Refused).await;
    assert_eq!(run.ready()["reason"], "AmbiguousManagedPolicy");
    let message = run.ready()["message"].as_str().unwrap().to_owned();
    assert!(
        message.contains(&format!("{own} (the account's)")) && message.contains("policy/AWSLambdaExecute (AWS's)"),
        "{message}"
    );
    run.edit(|object| object["spec"]["managedPolicies"] = json!(["team/AWSLambdaExecute"]));
    run.expect(Outcome::Converged).await;
    assert_eq!(
        run.object().unwrap()["status"]["resolvedPolicies"],
        json!([{ "policy": "team/AWSLambdaExecute", "arn": own }])
    );
}

/// The role, its profile and its association come back after they were deleted by others.
#[tokio::test(start_paused = true)]
async fn what_others_delete_comes_back_with_its_associations() {
    let mut run = begin(Model::with_network(), &full());
    run.expect(Outcome::Converged).await;
    let content = run.model.content();
    sleep(Duration::from_mins(2)).await;
    run.model.drift(&run.uid, crate::support::model::drift::Drift::DeleteRole);
    assert!(run.sweep_wakes().await);
    run.expect(Outcome::Converged).await;
    assert_eq!(run.model.content(), content, "{}", run.story());
}
