//! Instances that carry the profile: many of them, in all states, each on its own.

use std::time::Duration;

use privatelink_operator::{
    cloud::{
        ec2::{Ec2, Instance},
        guardrails::Guardrails,
        iam::{Iam, NewRole},
        ownership::Tags,
    },
    engine::reconcile::Outcome,
    kinds::instance_role::spec::InstanceRole,
};
use serde_json::json;
use tokio::time::sleep;

use crate::support::model::{Model, drift::Drift, ec2::Network};

use super::harness::{NAME, NAMESPACE, Run};

fn launch(model: &Model, ids: impl Iterator<Item = usize>, state: &str) {
    for n in ids {
        let instance = Instance {
            id: format!("i-{n:08x}"),
            state: state.to_owned(),
            tags: Tags::from([("fleet".to_owned(), "web".to_owned())]),
        };
        model.state().ec2.instances.insert(instance.id.clone(), instance);
    }
}

fn fleet(model: Model) -> Run<InstanceRole> {
    Run::on(model, Guardrails::default(), false, &json!({ "instances": [{ "tags": { "fleet": "web" } }] }))
}

/// Two instances that carry the profile, and have for a while.
async fn two_at_rest() -> Run<InstanceRole> {
    let mut run = fleet(Model::with_network());
    launch(&run.model, 0..2, "running");
    run.expect(Outcome::Converged).await;
    sleep(Duration::from_mins(2)).await;
    run
}

/// How many instances carry a profile.
fn associated(model: &Model) -> usize {
    model.state().ec2.associations.all().filter(|(_, record)| record.ended_at.is_none()).count()
}

fn status(run: &Run<InstanceRole>) -> serde_json::Value {
    run.object().unwrap()["status"].clone()
}

/// Makes a role, a profile that holds it, and puts it on the instance. The profile's ARN.
async fn carry_another(model: &Model, instance: &str, tags: &Tags) -> String {
    let trust = json!({ "Statement": [{
        "Effect": "Allow", "Principal": { "Service": "ec2.amazonaws.com" }, "Action": "sts:AssumeRole",
    }] });
    let role = NewRole {
        name: "other".to_owned(),
        path: "/".to_owned(),
        trust_policy: trust.to_string(),
        ..NewRole::default()
    };
    model.create_role(&role).await.unwrap();
    let profile = model.create_instance_profile("other", "/", tags).await.unwrap();
    model.add_role_to_profile("other", "other").await.unwrap();
    sleep(Duration::from_mins(1)).await;
    model.associate_profile(instance, &profile.arn).await.unwrap();
    sleep(Duration::from_mins(1)).await;
    profile.arn
}

#[tokio::test(start_paused = true)]
async fn two_hundred_instances_that_are_launched_are_all_associated_after_the_next_sweep() {
    let mut run = fleet(Model::with_network());
    run.expect(Outcome::Converged).await;
    assert_eq!(status(&run)["instancesAssociated"], "0/0", "nobody has launched any yet, which is no fault");
    sleep(Duration::from_mins(2)).await;
    assert!(!run.sweep_wakes().await);
    launch(&run.model, 0..200, "running");
    assert!(run.sweep_wakes().await);
    let mark = run.model.calls().len();
    run.expect(Outcome::Converged).await;
    assert_eq!(associated(&run.model), 200);
    assert_eq!(status(&run)["instancesAssociated"], "200/200");
    let writes = run.model.writes_since(mark);
    assert_eq!(writes.iter().filter(|call| call.operation == "AssociateIamInstanceProfile").count(), 200);
    assert!(!run.sweep_wakes().await);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_instances_are_served_and_the_status_is_bounded() {
    let model = Model::with_network();
    launch(&model, 0..1000, "running");
    let mut run = fleet(model);
    run.expect(Outcome::Converged).await;
    assert_eq!(associated(&run.model), 1000);
    let bounded = status(&run);
    assert_eq!(
        (bounded["instanceCount"].as_u64(), bounded["instancesAssociated"].as_str()),
        (Some(1000), Some("1000/1000"))
    );
    assert_eq!(bounded["instances"].as_array().map(Vec::len), Some(200));
    assert!(bounded.to_string().len() < 64 * 1024, "{} bytes", bounded.to_string().len());
    run.delete();
    run.expect(Outcome::Gone).await;
    run.assert_gone();

    let model = Model::with_network();
    launch(&model, 0..1001, "running");
    let mut run = fleet(model);
    run.expect(Outcome::Refused).await;
    assert!(run.ready()["message"].as_str().unwrap().contains("1001 instances are selected"));
    assert_eq!(associated(&run.model), 0);
}

#[tokio::test(start_paused = true)]
async fn instances_are_served_or_waited_for_by_their_state() {
    let model = Model::with_network();
    for (n, state) in ["running", "stopped", "pending", "stopping", "shutting-down", "terminated"].iter().enumerate() {
        launch(&model, n..=n, state);
    }
    let mut run = fleet(model);
    for _ in 0..20 {
        let pass = run.engine.pass(NAMESPACE, NAME).await;
        sleep(pass.requeue_after.unwrap()).await;
    }
    assert_eq!(status(&run)["instancesAssociated"], "2/4");
    assert_eq!(run.ready()["reason"], "WaitingForInstances");
    let message = run.ready()["message"].as_str().unwrap().to_owned();
    assert!(message.contains("i-00000002 is pending") && message.contains("i-00000003 is stopping"), "{message}");
    launch(&run.model, 2..=2, "running");
    launch(&run.model, 3..=3, "stopped");
    run.expect(Outcome::Converged).await;
    assert_eq!(status(&run)["instancesAssociated"], "4/4");
}

/// AWS ends the association of an instance that is terminated.
#[tokio::test(start_paused = true)]
async fn a_fleet_may_shrink_to_nothing_and_grow_again() {
    let model = Model::with_network();
    launch(&model, 0..3, "running");
    let mut run = fleet(model);
    run.expect(Outcome::Converged).await;
    sleep(Duration::from_mins(2)).await;
    run.model.drift(&run.uid, Drift::Disassociate);
    launch(&run.model, 0..3, "terminated");
    sleep(Duration::from_mins(1)).await;
    assert!(run.sweep_wakes().await);
    run.expect(Outcome::Converged).await;
    assert_eq!(status(&run)["instancesAssociated"], "0/0");
    launch(&run.model, 3..5, "running");
    assert!(run.sweep_wakes().await);
    run.expect(Outcome::Converged).await;
    assert_eq!(status(&run)["instancesAssociated"], "2/2");
}

#[tokio::test(start_paused = true)]
async fn one_instances_fault_holds_up_no_other_and_is_told_with_its_id() {
    let model = Model::with_network();
    model.state().timing.iam_propagation = Duration::ZERO;
    launch(&model, 0..5, "running");
    model.refuse_next("AssociateIamInstanceProfile", 1, "UnauthorizedOperation", "You are not authorized");
    let mut run = fleet(model);
    run.expect(Outcome::Refused).await;
    assert_eq!(associated(&run.model), 4);
    let ready = run.ready();
    assert_eq!(
        (ready["reason"].as_str(), status(&run)["instancesAssociated"].as_str()),
        (Some("AccessDenied"), Some("0/5"))
    );
    assert!(ready["message"].as_str().unwrap().contains("spec.instances: i-00000000: "), "{ready}");
    run.expect(Outcome::Converged).await;
    assert_eq!((associated(&run.model), status(&run)["instancesAssociated"].as_str()), (5, Some("5/5")));
}

/// One that EC2 cannot serve for the profile's sake would be met by all, so no more are tried.
#[tokio::test(start_paused = true)]
async fn a_profile_that_ec2_does_not_know_yet_is_tried_on_one_instance_at_a_time() {
    let model = Model::with_network();
    launch(&model, 0..100, "running");
    let mut run = fleet(model);
    run.expect(Outcome::Converged).await;
    let calls = run.model.calls();
    let tried = calls.iter().filter(|call| call.operation == "AssociateIamInstanceProfile").count();
    assert!((101..120).contains(&tried), "{tried} calls for 100 instances");
}

#[tokio::test(start_paused = true)]
async fn another_profile_is_named_and_left_and_other_instances_are_served() {
    let model = Model::with_network();
    launch(&model, 0..3, "running");
    let theirs = carry_another(&model, "i-00000001", &Tags::new()).await;
    let mut run = fleet(model);
    run.expect(Outcome::Refused).await;
    let ready = run.ready();
    assert_eq!(ready["reason"], "InstanceHasAnotherProfile");
    let message = ready["message"].as_str().unwrap();
    assert!(message.contains("i-00000001") && message.contains(&theirs), "{message}");
    let status = status(&run);
    assert_eq!(status["instancesAssociated"], "2/3");
    let listed = &status["instances"][0];
    assert_eq!(
        (listed["id"].as_str(), listed["otherProfileArn"].as_str()),
        (Some("i-00000001"), Some(theirs.as_str()))
    );
    run.delete();
    run.expect(Outcome::Gone).await;
    assert_eq!(associated(&run.model), 1, "theirs stays");
}

#[tokio::test(start_paused = true)]
async fn replace_needs_the_administrator_and_never_displaces_the_profile_of_another_object() {
    let spec = json!({ "instances": [{ "tags": { "fleet": "web" } }], "onConflict": "Replace" });
    let owned = Tags::from([("privatelink.dev/owner".to_owned(), "team/other".to_owned())]);
    for (allowed, tags, outcome, reason) in [
        (false, Tags::new(), Outcome::Refused, "NotAllowed"),
        (true, owned, Outcome::Refused, "InstanceHasAnotherProfile"),
        (true, Tags::new(), Outcome::Converged, "Available"),
    ] {
        for state in ["running", "stopped"] {
            let model = Model::with_network();
            launch(&model, 0..1, "running");
            carry_another(&model, "i-00000000", &tags).await;
            launch(&model, 0..1, state);
            let guardrails = Guardrails { allow_profile_replace: allowed, ..Guardrails::default() };
            let mut run = Run::<InstanceRole>::on(model, guardrails, false, &spec);
            run.expect(outcome).await;
            assert_eq!(run.ready()["reason"], reason);
            let carried =
                run.model.content().into_iter().filter(|text| text.ends_with(" on i-00000000")).collect::<Vec<_>>();
            let name = if outcome == Outcome::Converged { "team-demo" } else { "other" };
            assert_eq!(carried, [format!("arn:aws:iam::123456789012:instance-profile/{name} on i-00000000")]);
        }
    }
}

/// A running instance never goes without a profile: one association takes the place of the other.
#[tokio::test(start_paused = true)]
async fn a_profile_made_again_by_others_and_a_renamed_one_reach_running_instances_without_a_gap() {
    let spec = json!({ "instances": [{ "id": Network::INSTANCES[0] }] });
    for rename in [false, true] {
        let mut run = Run::<InstanceRole>::on(Model::with_network(), Guardrails::default(), false, &spec);
        run.expect(Outcome::Converged).await;
        sleep(Duration::from_mins(2)).await;
        if rename {
            run.edit(|object| object["spec"]["instanceProfile"] = json!({ "name": "renamed" }));
        } else {
            run.model.drift(&run.uid, Drift::RecreateProfile);
            assert!(run.sweep_wakes().await, "a sweep sees the profile's other id");
        }
        let mark = run.model.calls().len();
        run.expect(Outcome::Converged).await;
        let effects = run.model.writes_since(mark).into_iter().filter(|call| call.effect).map(|call| call.operation);
        let on_instances: Vec<_> = effects.filter(|operation| operation.contains("IamInstanceProfile")).collect();
        assert_eq!(on_instances, ["ReplaceIamInstanceProfileAssociation"]);
        assert_eq!(associated(&run.model), 1);
        assert!(!run.model.content().iter().any(|text| text.contains("(deleted)")), "{}", run.story());
        run.delete();
        run.expect(Outcome::Gone).await;
        run.assert_gone();
    }
}

#[tokio::test(start_paused = true)]
async fn what_left_the_selection_is_disassociated_only_if_we_associated_it() {
    let model = Model::with_network();
    launch(&model, 0..2, "running");
    let mut run = fleet(model);
    run.expect(Outcome::Converged).await;
    let arn = status(&run)["instanceProfileArn"].as_str().unwrap().to_owned();
    run.model.associate_profile(Network::INSTANCES[0], &arn).await.unwrap();
    run.model.state().ec2.instances.get_mut("i-00000001").unwrap().tags.clear();
    sleep(Duration::from_mins(1)).await;
    assert!(run.sweep_wakes().await);
    run.expect(Outcome::Converged).await;
    let carrying: Vec<_> = run.model.content().into_iter().filter(|text| text.contains(" on i-")).collect();
    assert_eq!(carrying.len(), 2, "{carrying:?}");
    assert!(carrying.iter().any(|text| text.ends_with(Network::INSTANCES[0])), "{carrying:?}");
    assert!(carrying.iter().any(|text| text.ends_with("i-00000000")), "{carrying:?}");
    run.delete();
    for _ in 0..20 {
        assert_eq!(run.engine.pass(NAMESPACE, NAME).await.outcome, Outcome::Waiting);
        sleep(Duration::from_secs(10)).await;
    }
    assert_eq!(run.ready()["reason"], "ProfileInUse");
    assert!(run.ready()["message"].as_str().unwrap().contains(Network::INSTANCES[0]));
}

#[tokio::test(start_paused = true)]
async fn a_profile_that_is_gone_gives_way_to_one_of_another_name() {
    let mut run = two_at_rest().await;
    run.model.drift(&run.uid, Drift::DeleteProfile);
    run.edit(|object| object["spec"]["instanceProfile"] = json!({ "name": "renamed" }));
    run.expect(Outcome::Converged).await;
    assert_eq!(status(&run)["instancesAssociated"], "2/2");
    assert_eq!(associated(&run.model), 2);
}

#[tokio::test(start_paused = true)]
async fn a_deletion_leaves_no_association_with_a_profile_that_is_gone() {
    let mut run = two_at_rest().await;
    run.model.drift(&run.uid, Drift::DeleteRole);
    run.delete();
    run.expect(Outcome::Gone).await;
    assert_eq!(associated(&run.model), 0);
}
