//! Taking over an endpoint by its id.

use privatelink_operator::{
    cloud::{
        ec2::{Ec2, NewEndpoint, Target},
        ownership::{Tags, UID},
    },
    engine::reconcile::Outcome,
    kinds::vpc_endpoint::spec::VpcEndpoint,
};
use serde_json::{Value, json};

use crate::support::model::{ec2::Network, replica::Lag};

use super::harness::{Case, Run};

fn lambda() -> Value {
    json!({
        "type": "Interface", "service": "lambda", "vpc": { "id": Network::VPC },
        "securityGroups": [{ "id": Network::GROUP }], "adoptionPolicy": "Adopt",
    })
}

/// An endpoint of somebody else, and an object that asks for it. Its id.
async fn begun(allowed: bool, tags: Tags) -> (Run<VpcEndpoint>, String) {
    let case = Case { spec: lambda, updates: vec![], objects: &["endpoint"], drifts: &[], unmanaged: &[], given: &[] };
    let mut run = Run::begin(&case, Lag::NONE).await;
    let new = NewEndpoint {
        endpoint_type: "Interface".to_owned(),
        target: Target::Service("com.amazonaws.ap-northeast-1.lambda".to_owned()),
        vpc_id: Network::VPC.to_owned(),
        tags,
        ..NewEndpoint::default()
    };
    let id = run.model.create_endpoint(&new).await.unwrap().id;
    run.identity.allow_adoption = allowed;
    run.restart();
    run.edit(|object| object["spec"]["endpointId"] = json!(id));
    (run, id)
}

fn reason(run: &Run<VpcEndpoint>) -> String {
    let conditions = run.object().unwrap()["status"]["conditions"].clone();
    let ready = conditions.as_array().unwrap().iter().find(|c| c["type"] == "Ready").unwrap().clone();
    ready["reason"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_is_taken_over_and_brought_in_line() {
    let (mut run, id) = begun(true, Tags::from([("theirs".to_owned(), "x".to_owned())])).await;
    run.expect(Outcome::Converged).await;
    let endpoint = run.model.endpoint(&id).await.unwrap().unwrap();
    assert_eq!(endpoint.tags.get(UID), Some(&run.uid));
    assert!(endpoint.tags.contains_key("theirs"));
    assert_eq!(endpoint.security_group_ids, [Network::GROUP.to_owned()].into());
    assert_eq!(run.model.effects_of("CreateVpcEndpoint"), 1, "only the one of before");
    assert_eq!(run.object().unwrap()["status"]["id"], json!(id));
    run.delete();
    run.expect(Outcome::Gone).await;
    run.assert_gone();
}

/// At whatever moment the operator dies, the next one goes on.
#[tokio::test(start_paused = true)]
async fn an_adoption_survives_a_crash_at_each_effect() {
    for k in 1..6 {
        let (mut run, id) = begun(true, Tags::new()).await;
        run.model.crash_after(k);
        run.expect(Outcome::Converged).await;
        assert_eq!(run.object().unwrap()["status"]["id"], json!(id), "{k}");
        assert_eq!(run.model.effects_of("CreateVpcEndpoint"), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn without_leave_or_policy_it_is_left_alone_and_survives_the_object() {
    for (allowed, policy, expected) in [(false, "Adopt", "AdoptionNotAllowed"), (true, "Refuse", "AlreadyExists")] {
        let (mut run, id) = begun(allowed, Tags::new()).await;
        run.edit(|object| object["spec"]["adoptionPolicy"] = json!(policy));
        let content = run.model.content();
        run.expect(Outcome::Refused).await;
        assert_eq!(reason(&run), expected, "{}", run.story());
        run.delete();
        run.expect(Outcome::Gone).await;
        assert_eq!(run.model.content(), content);
        assert!(run.model.endpoint(&id).await.unwrap().is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn in_plan_mode_the_tags_stay_as_they_are() {
    let (mut run, _) = begun(true, Tags::new()).await;
    let content = run.model.content();
    run.edit(|object| object["spec"]["managementPolicy"] = json!("Plan"));
    run.expect(Outcome::Planned).await;
    assert_eq!(run.model.content(), content);
    let plan = run.object().unwrap()["status"]["plan"].to_string();
    assert!(plan.contains("set tags privatelink.dev/cluster"), "{plan}");
    run.edit(|object| object["spec"]["managementPolicy"] = json!("Manage"));
    run.expect(Outcome::Converged).await;
}

#[tokio::test(start_paused = true)]
async fn another_endpoint_than_the_spec_says_is_left_alone() {
    let (mut run, _) = begun(true, Tags::new()).await;
    let content = run.model.content();
    run.edit(|object| object["spec"]["service"] = json!("logs"));
    run.expect(Outcome::Refused).await;
    assert_eq!((reason(&run).as_str(), run.model.content()), ("EndpointDiffers", content));
}

#[tokio::test(start_paused = true)]
async fn one_that_is_not_there_is_not_made() {
    let (mut run, id) = begun(true, Tags::new()).await;
    run.expect(Outcome::Converged).await;
    run.edit(|object| object["spec"]["deletionPolicy"] = json!("Delete"));
    run.model.delete_endpoint(&id).await.unwrap();
    run.expect(Outcome::Refused).await;
    assert_eq!((reason(&run).as_str(), run.model.effects_of("CreateVpcEndpoint")), ("EndpointNotFound", 1));
    run.edit(|object| drop(object["spec"].as_object_mut().unwrap().remove("endpointId")));
    run.expect(Outcome::Converged).await;
    assert_eq!(run.model.effects_of("CreateVpcEndpoint"), 2);
}
