//! The role that a function makes for itself: what it inherits, and how long it stays.

use privatelink_operator::{
    engine::contract::PAUSED_ANNOTATION,
    kinds::{instance_role::spec::InstanceRole, lambda_function::spec::LambdaFunction},
};
use serde_json::{Value, json};

use crate::support::model::replica::Lag;

use super::{function_fixture::spec, harness::NAMESPACE, together::Together};

const ROLE: &str = "hello-execution";

async fn running() -> Together {
    let mut world = Together::new(Lag::NONE);
    let create = json!({
        "executionRole": { "create": { "managedPolicies": ["AWSLambdaBasicExecutionRole"] } },
        "tags": { "team": "a" },
    });
    world.create::<LambdaFunction>("hello", &spec(&create));
    world.settle().await;
    world.assert_ready::<LambdaFunction>("hello");
    world
}

fn role(world: &Together) -> Value {
    world.model.object::<InstanceRole>(NAMESPACE, ROLE).unwrap()
}

fn edit(world: &Together, change: impl FnOnce(&mut Value)) {
    world.model.user_edit::<LambdaFunction>(NAMESPACE, "hello", change);
}

#[tokio::test(start_paused = true)]
async fn a_pause_reaches_the_role_and_ends_with_the_functions() {
    let mut world = running().await;
    edit(&world, |object| object["metadata"]["annotations"] = json!({ PAUSED_ANNOTATION: "true" }));
    world.settle().await;
    assert_eq!(role(&world)["metadata"]["annotations"][PAUSED_ANNOTATION], "true");
    edit(&world, |object| object["metadata"]["annotations"] = json!({}));
    world.settle().await;
    assert_eq!(role(&world)["metadata"]["annotations"][PAUSED_ANNOTATION], json!(null));
    world.assert_ready::<LambdaFunction>("hello");
}

/// With its function, as the garbage collector does it, or before it, as a deletion in the foreground does.
#[tokio::test(start_paused = true)]
async fn a_pause_that_ends_in_a_deletion_ends_for_the_role_too() {
    for role_goes_first in [false, true] {
        let mut world = running().await;
        edit(&world, |object| object["metadata"]["annotations"] = json!({ PAUSED_ANNOTATION: "true" }));
        world.settle().await;
        assert_eq!(role(&world)["metadata"]["annotations"][PAUSED_ANNOTATION], "true");
        if role_goes_first {
            world.model.user_delete::<InstanceRole>(NAMESPACE, ROLE);
        }
        world.model.user_delete::<LambdaFunction>(NAMESPACE, "hello");
        edit(&world, |object| object["metadata"]["annotations"] = json!({}));
        world.settle().await;
        world.assert_nothing_left();
    }
}

#[tokio::test(start_paused = true)]
async fn plan_mode_reaches_a_role_that_exists() {
    let mut world = running().await;
    let content = world.model.content();
    edit(&world, |object| object["spec"]["managementPolicy"] = json!("Plan"));
    world.settle().await;
    assert_eq!(role(&world)["spec"]["managementPolicy"], "Plan");
    edit(&world, |object| object["spec"]["executionRole"]["create"]["managedPolicies"] = json!(["AWSLambdaRole"]));
    world.settle().await;
    assert_eq!(world.model.content(), content, "nothing is written to AWS");
    edit(&world, |object| drop(object["spec"].as_object_mut().unwrap().remove("managementPolicy")));
    world.settle().await;
    assert_eq!(role(&world)["spec"]["managementPolicy"], json!(null));
    assert_ne!(world.model.content(), content);
}

/// Retain and the deletion come together, and no pass lies between them.
#[tokio::test(start_paused = true)]
async fn a_late_retain_keeps_the_role_too() {
    for policy in [("deletionPolicy", "Retain"), ("managementPolicy", "Plan")] {
        let mut world = running().await;
        let content = world.model.content();
        edit(&world, |object| object["spec"][policy.0] = json!(policy.1));
        world.model.user_delete::<LambdaFunction>(NAMESPACE, "hello");
        world.settle().await;
        assert_eq!(world.model.object::<LambdaFunction>(NAMESPACE, "hello"), None);
        assert_eq!(world.model.object::<InstanceRole>(NAMESPACE, ROLE), None);
        assert_eq!(world.model.content(), content, "{policy:?}: function and role stay in AWS");
    }
}

/// AWS needs the role for as long as the function is there.
#[tokio::test(start_paused = true)]
async fn the_role_goes_after_the_function() {
    let mut world = running().await;
    let mark = world.model.calls().len();
    world.model.user_delete::<LambdaFunction>(NAMESPACE, "hello");
    world.model.user_delete::<InstanceRole>(NAMESPACE, ROLE);
    world.settle().await;
    let writes: Vec<_> = world.model.writes_since(mark).iter().map(|call| call.operation).collect();
    let at = |operation: &str| writes.iter().position(|write| *write == operation).unwrap();
    assert!(at("DeleteFunction") < at("DetachRolePolicy") && at("DetachRolePolicy") < at("DeleteRole"), "{writes:?}");
    world.assert_nothing_left();
}
