//! How many calls it takes, exactly.

use std::time::Duration;

use privatelink_operator::{engine::reconcile::Outcome, kinds::lambda_function::spec::LambdaFunction};
use serde_json::json;

use crate::support::model::{Model, replica::Lag};

use super::{
    function_fixture::{begin, model, spec},
    harness::NAMESPACE,
    together::Together,
};

/// AWS makes a zip function of this size ready, and applies an update to one, in a second.
const QUICK: Duration = Duration::from_millis(900);

fn quick(model: Model) -> Model {
    model.state().timing.function = QUICK;
    model
}

#[tokio::test(start_paused = true)]
async fn hello_is_ready_after_three_calls() {
    let mut run = begin(quick(model().await), &json!({}));
    let mark = run.mark();
    run.expect(Outcome::Converged).await;
    let calls = run.aws_calls_since(mark);
    assert_eq!(calls, ["GetCallerIdentity", "GetFunction", "CreateFunction", "GetFunction"]);
}

#[tokio::test(start_paused = true)]
async fn code_and_memory_in_one_edit_are_two_writes() {
    let mut run = begin(quick(model().await), &json!({ "memorySize": 128 }));
    run.expect(Outcome::Converged).await;
    let mark = run.mark();
    run.edit_spec(|spec| {
        spec["memorySize"] = json!(512);
        spec["code"] = json!({ "inline": { "index.js": "new" } });
    });
    run.expect(Outcome::Converged).await;
    assert_eq!(
        run.aws_calls_since(mark),
        ["GetFunction", "UpdateFunctionConfiguration", "GetFunction", "UpdateFunctionCode", "GetFunction"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_pass_at_rest_is_one_read() {
    let mut run = begin(quick(model().await), &json!({ "env": [], "tags": { "a": "b" } }));
    run.expect(Outcome::Converged).await;
    let mark = run.mark();
    run.expect(Outcome::Converged).await;
    assert_eq!(run.aws_calls_since(mark), ["GetFunction"]);
    assert_eq!(run.model.writes_since(mark), []);
    let mark = run.mark();
    assert!(!run.sweep_wakes().await);
    assert_eq!(run.aws_calls_since(mark), ["ListFunctions"]);
}

/// While the role is being made, the function is looked at once, to see that the name is free.
#[tokio::test(start_paused = true)]
async fn a_function_that_waits_for_its_own_role_is_not_looked_at() {
    let mut world = Together::new(Lag::NONE);
    world.model.state().timing.function = QUICK;
    let create = json!({ "executionRole": { "create": { "managedPolicies": ["AWSLambdaBasicExecutionRole"] } } });
    world.create::<LambdaFunction>("hello", &spec(&create));
    for _ in 0..5 {
        world.functions.pass(NAMESPACE, "hello").await;
        tokio::time::sleep(Duration::from_secs(20)).await;
    }
    let looks = |model: &Model| model.calls().iter().filter(|call| call.operation == "GetFunction").count();
    assert_eq!(looks(&world.model), 1);
    world.settle().await;
    world.assert_ready::<LambdaFunction>("hello");
}
