//! What users of other operators report as bugs of their roles and instance profiles, each run against ours. The name
//! of a test says which behaviour it guards.

use std::time::Duration;

use kube::core::cel::validate_cel_update;
use privatelink_operator::{
    cloud::{
        guardrails::Guardrails,
        iam::{Iam, NewRole},
    },
    engine::reconcile::Outcome,
    kinds::instance_role::spec::InstanceRole,
};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::support::model::{Model, replica::Lag};

use super::harness::Run;

fn begin(spec: &Value) -> Run<InstanceRole> {
    Run::on(Model::with_network(), Guardrails::default(), false, spec)
}

fn document(resource: &str) -> Value {
    json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": resource }] })
}

fn object(spec: Value) -> InstanceRole {
    InstanceRole::new("demo", serde_json::from_value(spec).unwrap())
}

/// There the key goes with its old value and stays away until the next resync.
#[tokio::test(start_paused = true)]
async fn a_changed_tag_value_never_takes_the_tag_away() {
    let mut run = begin(&json!({ "tags": { "team": "a", "stage": "test" } }));
    run.expect(Outcome::Converged).await;
    let mark = run.model.calls().len();
    run.edit(|object| object["spec"]["tags"] = json!({ "team": "b", "stage": "test" }));
    run.expect(Outcome::Converged).await;
    let writes: Vec<_> = run
        .model
        .writes_since(mark)
        .into_iter()
        .map(|call| call.operation)
        .filter(|name| !name.contains(' '))
        .collect();
    assert_eq!(writes, ["TagRole", "TagInstanceProfile"], "no tag is removed on the way");
    let state = run.model.state();
    assert_eq!(state.iam.roles.current("team-demo").unwrap().role.tags["team"], "b");
    assert_eq!(state.iam.profiles.current("team-demo").unwrap().profile.tags["team"], "b");
}

/// There an edit of the path is accepted, reported as synced, and never done.
#[test]
fn an_edit_that_aws_cannot_do_is_rejected_and_not_ignored() {
    for (old, new) in [
        (json!({ "path": "/a/" }), json!({ "path": "/b/" })),
        (json!({ "roleName": "a" }), json!({ "roleName": "b" })),
        (json!({}), json!({ "roleName": "b" })),
        (json!({ "instanceProfile": { "path": "/a/" } }), json!({ "instanceProfile": { "path": "/b/" } })),
    ] {
        let rejected = validate_cel_update(&object(new.clone()), &object(old.clone()));
        assert!(rejected.unwrap_err().to_string().contains("immutable"), "{old} to {new}");
    }
}

/// There a changed name makes a second role, orphans the first, and deletes one of that name that was never managed.
#[tokio::test(start_paused = true)]
async fn a_changed_name_neither_takes_nor_deletes_a_role_that_was_there_before() {
    let mut run = begin(&json!({}));
    run.expect(Outcome::Converged).await;
    let trust = json!({ "Statement": [{
        "Effect": "Allow", "Principal": { "Service": "ec2.amazonaws.com" }, "Action": "sts:AssumeRole",
    }] });
    let theirs =
        NewRole { name: "theirs".into(), path: "/".into(), trust_policy: trust.to_string(), ..NewRole::default() };
    run.model.create_role(&theirs).await.unwrap();
    let content = run.model.content();
    // As if the apiserver had let it through.
    run.edit(|object| object["spec"]["roleName"] = json!("theirs"));
    run.expect(Outcome::Refused).await;
    assert_eq!(run.model.content(), content);
    run.delete();
    run.expect(Outcome::Refused).await;
    assert_eq!(run.model.content(), content);
    run.edit(|object| drop(object["spec"].as_object_mut().unwrap().remove("roleName")));
    run.expect(Outcome::Gone).await;
    assert_eq!(run.model.holdings(), ["role theirs"], "ours is not orphaned, theirs is not deleted");
}

/// There the order of a list, or a list of one for a string, is written again every few seconds.
#[tokio::test(start_paused = true)]
async fn another_spelling_of_the_same_policies_is_no_difference() {
    let spec = json!({
        "trust": { "services": ["lambda.amazonaws.com", "ec2.amazonaws.com"] },
        "inlinePolicies": { "p": document("arn:aws:s3:::a/*") },
        "managedPolicies": ["AWSLambdaRole", "AWSLambdaExecute"],
    });
    let mut run = begin(&spec);
    run.expect(Outcome::Converged).await;
    {
        let mut state = run.model.state();
        let mut record = state.iam.roles.current("team-demo").unwrap().clone();
        record.role.trust_policy = json!({ "Statement": {
            "Action": ["sts:AssumeRole"],
            "Effect": "Allow",
            "Principal": { "Service": ["ec2.amazonaws.com", "lambda.amazonaws.com"] },
        }, "Version": "2012-10-17" })
        .to_string();
        let spelled = json!({ "Statement": { "Resource": ["arn:aws:s3:::a/*"], "Action": ["s3:putobject", "s3:getobject"], "Effect": "Allow" }, "Version": "2012-10-17" });
        record.inline.insert("p".to_owned(), spelled.to_string());
        state.iam.roles.put("team-demo", Some(record), Lag::NONE);
    }
    sleep(Duration::from_mins(2)).await;
    assert!(!run.sweep_wakes().await);
    let mark = run.model.calls().len();
    run.restart();
    run.expect(Outcome::Converged).await;
    assert_eq!(run.model.writes_since(mark), []);
}

/// There no map and an empty map differ for ever.
#[tokio::test(start_paused = true)]
async fn no_inline_policies_and_an_empty_map_of_them_both_rest() {
    for spec in [json!({}), json!({ "inlinePolicies": {}, "managedPolicies": [] })] {
        let mut run = begin(&spec);
        run.expect(Outcome::Converged).await;
        sleep(Duration::from_mins(2)).await;
        assert!(!run.sweep_wakes().await);
        let mark = run.model.calls().len();
        run.restart();
        run.expect(Outcome::Converged).await;
        assert_eq!(run.model.writes_since(mark), []);
    }
}

/// There inline policies vanish now and then, when a read came back short.
#[tokio::test(start_paused = true)]
async fn inline_policies_survive_stale_and_failing_reads() {
    let spec = json!({ "inlinePolicies": { "a": document("*"), "b": document("arn:aws:s3:::b") } });
    for lag in [Lag::reads(1), Lag::time(Duration::from_secs(5))] {
        let model = Model::with_network();
        model.state().timing.lag = lag;
        let mut run = Run::<InstanceRole>::on(model, Guardrails::default(), false, &spec);
        run.expect(Outcome::Converged).await;
        for n in 0..10 {
            run.model.refuse_next("ListRolePolicies", n % 3, "ServiceFailure", "try again");
            run.edit(|object| object["spec"]["tags"] = json!({ "n": n.to_string() }));
            run.expect(Outcome::Converged).await;
        }
        let calls = run.model.calls();
        assert!(!calls.iter().any(|call| call.operation == "DeleteRolePolicy"), "{}", run.story());
        assert_eq!(run.model.state().iam.roles.current("team-demo").unwrap().inline.len(), 2);
    }
}

/// There a role that is in an instance profile can never be deleted.
#[tokio::test(start_paused = true)]
async fn a_role_in_its_instance_profile_is_deleted_with_it() {
    let mut run = begin(&json!({ "managedPolicies": ["AWSLambdaExecute"] }));
    run.expect(Outcome::Converged).await;
    run.delete();
    run.expect(Outcome::Gone).await;
    run.assert_gone();
    let calls = run.model.calls();
    assert!(!calls.iter().any(|call| call.operation == "DeleteRole" && !call.effect), "no DeleteConflict on the way");
}

/// There a document is decoded as a URL before it is sent.
#[tokio::test(start_paused = true)]
async fn plus_signs_and_percent_signs_in_a_document_reach_aws_as_they_are() {
    let resource = "arn:aws:s3:::bucket/a+b%20c%2Bd/*";
    let mut run = begin(&json!({ "inlinePolicies": { "p": document(resource) } }));
    run.expect(Outcome::Converged).await;
    let state = run.model.state();
    let kept: Value = serde_json::from_str(&state.iam.roles.current("team-demo").unwrap().inline["p"]).unwrap();
    assert_eq!(kept["Statement"][0]["Resource"], resource);
}

/// There a profile whose role could not be added is ready without it for ever, and one that can be takes half a minute.
#[tokio::test(start_paused = true)]
async fn a_profile_without_its_role_is_not_ready_and_gets_it() {
    let model = Model::with_network();
    model.refuse_next("AddRoleToInstanceProfile", 5, "NoSuchEntity", "The role with name team-demo cannot be found.");
    let mut run = Run::<InstanceRole>::on(model, Guardrails::default(), false, &json!({ "path": "/app/" }));
    let pass = run.engine.pass(super::harness::NAMESPACE, super::harness::NAME).await;
    assert_eq!(pass.outcome, Outcome::Failed);
    assert_ne!(run.ready()["status"], "True");
    run.expect(Outcome::Converged).await;
    assert_eq!(run.model.state().iam.profiles.current("team-demo").unwrap().profile.roles, ["team-demo"]);
    let run = begin(&json!({ "path": "/app/" }));
    let pass = run.engine.pass(super::harness::NAMESPACE, super::harness::NAME).await;
    assert_eq!(pass.outcome, Outcome::Converged, "ready in one pass, its path given or not");
}
