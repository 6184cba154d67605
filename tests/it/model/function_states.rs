//! States of a function, failures of AWS's, and adoption.

use std::time::Duration;

use privatelink_operator::{
    cloud::{
        iam::{Iam, NewRole},
        lambda::{CodeSource, ConfigurationChange, Functions, NewFunction, Settings},
        ownership::Tags,
        sensitive::Sensitive,
    },
    engine::reconcile::Outcome,
};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::support::model::replica::Lag;

use super::{
    function_fixture::{FUNCTION, ROLE, begin, model},
    harness::{NAME, NAMESPACE},
};

#[tokio::test(start_paused = true)]
async fn states_and_their_reasons_are_shown() {
    let mut run = begin(model().await, &json!({}));
    run.expect(Outcome::Converged).await;
    assert_eq!(run.told(), "Available: function team-demo is Active");
    for (state, reason, outcome, ready) in [
        (
            "Inactive",
            ("Idle", "The function is idle."),
            Outcome::Converged,
            "Available: function team-demo is Inactive: Idle: The function is idle.",
        ),
        (
            "ActiveNonInvocable",
            ("CapacityProviderScalingLimitExceeded", "No capacity."),
            Outcome::Converged,
            "Available: function team-demo is ActiveNonInvocable: CapacityProviderScalingLimitExceeded: No capacity.",
        ),
        (
            "Failed",
            ("KMSKeyNotFound", "The key is gone."),
            Outcome::Refused,
            "FunctionFailed: function team-demo cannot be used: KMSKeyNotFound: The key is gone.",
        ),
    ] {
        run.model.put_function_into(FUNCTION, Some((state, reason)));
        run.expect(outcome).await;
        assert_eq!(run.told(), ready);
        assert_eq!((run.status("state"), run.status("stateReasonCode")), (json!(state), json!(reason.0)));
        assert_eq!(run.status("stateReason"), json!(reason.1));
    }
    for state in ["Deactivating", "Deactivated"] {
        run.model.put_function_into(FUNCTION, Some((state, ("Idle", "Idle for long."))));
        let pass = run.engine.pass(NAMESPACE, NAME).await;
        assert_eq!(pass.outcome, Outcome::Waiting);
        assert_eq!(run.told(), format!("NotActive: function team-demo is {state}: Idle: Idle for long."));
    }
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html>: a creation that failed can only be made anew.
#[tokio::test(start_paused = true)]
async fn a_creation_that_failed_is_told_and_made_anew() {
    let model = model().await;
    model.state().lambda.failing_creations = Some(("SubnetOutOfIPAddresses", "No addresses left."));
    let mut run = begin(model, &json!({}));
    run.expect(Outcome::Refused).await;
    assert_eq!(
        run.told(),
        "CreateFailed: AWS could not create function team-demo (correct the spec, or set the annotation \
         privatelink.dev/requested-at to try again): SubnetOutOfIPAddresses: No addresses left."
    );
    run.model.state().lambda.failing_creations = None;
    let mark = run.mark();
    run.expect(Outcome::Converged).await;
    assert_eq!(run.aws_writes_since(mark), ["DeleteFunction", "CreateFunction"]);
}

/// What AWS could not apply is not sent again in a loop, and a new spec is applied at once.
#[tokio::test(start_paused = true)]
async fn an_update_that_failed_is_told_with_reason_and_code() {
    let mut run = begin(model().await, &json!({ "memorySize": 128 }));
    run.expect(Outcome::Converged).await;
    run.model.state().lambda.failing_updates = Some(("EniLimitExceeded", "Too many interfaces."));
    let mark = run.mark();
    run.edit_spec(|spec| spec["memorySize"] = json!(256));
    run.expect(Outcome::Refused).await;
    assert_eq!(
        run.told(),
        "UpdateFailed: AWS could not apply the last change of function team-demo: EniLimitExceeded: Too many interfaces."
    );
    assert_eq!(run.aws_writes_since(mark), ["UpdateFunctionConfiguration"]);
    run.model.state().lambda.failing_updates = None;
    sleep(Duration::from_mins(5)).await;
    run.edit_spec(|spec| spec["memorySize"] = json!(512));
    run.expect(Outcome::Converged).await;
    assert_eq!(run.function().settings.memory_size, Some(512));
}

/// Somebody else's change that our read did not show yet: with the revision we read nothing of theirs is overwritten, and
/// while AWS still works on theirs we wait.
#[tokio::test(start_paused = true)]
async fn another_revision_is_read_again_and_an_update_in_progress_waited_for() {
    for (function, refused_as) in [(Duration::ZERO, "Conflict"), (Duration::from_secs(5), "UpdateInProgress")] {
        let mut run = begin(model().await, &json!({ "memorySize": 128 }));
        run.expect(Outcome::Converged).await;
        {
            let timing = &mut run.model.state().timing;
            (timing.lag, timing.function) = (Lag::time(Duration::from_secs(3)), function);
        }
        let theirs = ConfigurationChange {
            name: FUNCTION.to_owned(),
            settings: Settings { timeout_seconds: Some(77), ..Settings::default() },
            ..ConfigurationChange::default()
        };
        run.model.update_configuration(&theirs).await.unwrap();
        run.edit_spec(|spec| spec["memorySize"] = json!(256));
        let pass = run.engine.pass(NAMESPACE, NAME).await;
        assert_eq!((pass.outcome, run.reason().as_str()), (Outcome::Failed, refused_as));
        run.expect(Outcome::Converged).await;
        let settings = run.function().settings;
        assert_eq!((settings.memory_size, settings.timeout_seconds), (Some(256), Some(77)));
    }
}

fn trust(service: &str) -> String {
    json!({ "Statement": [{
        "Effect": "Allow", "Principal": { "Service": service }, "Action": "sts:AssumeRole",
    }] })
    .to_string()
}

/// A new role needs seconds; a wrong one is told after minutes, with what is wrong with it.
#[tokio::test(start_paused = true)]
async fn a_role_that_lambda_never_can_assume_is_told_after_minutes() {
    let arn = |name: &str| format!("arn:aws:iam::123456789012:role/{name}");
    let model = model().await;
    let wrong = NewRole {
        name: "wrong".into(),
        path: "/".into(),
        trust_policy: trust("ec2.amazonaws.com"),
        ..NewRole::default()
    };
    model.create_role(&wrong).await.unwrap();
    for (name, wrong) in [
        (
            "wrong",
            "the trust policy of arn:aws:iam::123456789012:role/wrong does not let lambda.amazonaws.com call sts:AssumeRole",
        ),
        ("none", "there is no role arn:aws:iam::123456789012:role/none"),
    ] {
        let began = Instant::now();
        let mut run = begin(model.clone(), &json!({ "executionRole": { "arn": arn(name) } }));
        run.engine.pass(NAMESPACE, NAME).await;
        assert_eq!(run.reason(), "RoleNotYetAssumable");
        run.expect(Outcome::Refused).await;
        assert!(began.elapsed() > Duration::from_mins(3), "{:?}", began.elapsed());
        assert_eq!(run.told(), format!("RoleNotAssumable: spec.executionRole: {wrong}"));
        run.expect(Outcome::Refused).await;
        assert_eq!(run.reason(), "RoleNotAssumable", "and it stays so while nothing changes");
        run.edit_spec(|spec| spec["executionRole"]["arn"] = json!(ROLE));
        run.expect(Outcome::Converged).await;
        run.delete();
        run.expect(Outcome::Gone).await;
    }
}

/// With a role that is only young, nothing is Stalled and the role is not read.
#[tokio::test(start_paused = true)]
async fn a_young_role_is_waited_for() {
    let model = model().await;
    let young = NewRole {
        name: "young".into(),
        path: "/".into(),
        trust_policy: trust("lambda.amazonaws.com"),
        ..NewRole::default()
    };
    let role = model.create_role(&young).await.unwrap();
    let mut run = begin(model, &json!({ "executionRole": { "arn": role.arn } }));
    let mark = run.mark();
    run.expect(Outcome::Converged).await;
    assert!(!run.aws_calls_since(mark).contains(&"GetRole"));
}

/// Absent is unmanaged: a minimal manifest that adopts a function leaves everything that it does not name.
#[tokio::test(start_paused = true)]
async fn a_minimal_manifest_that_adopts_leaves_all_that_it_does_not_name() {
    let model = model().await;
    let text = |text: &str| Some(text.to_owned());
    let settings = Settings {
        description: text("by hand"),
        runtime: text("nodejs22.x"),
        handler: text("index.handler"),
        memory_size: Some(1024),
        timeout_seconds: Some(60),
        ephemeral_storage_size: Some(2048),
        layers: Some(vec!["layer".to_owned()]),
        environment: Some(Sensitive([("LEVEL".to_owned(), "debug".to_owned())].into())),
        tracing: text("Active"),
        kms_key_arn: text("key"),
        dead_letter_target_arn: text("queue"),
        snap_start: text("PublishedVersions"),
        role: text(ROLE),
        ..Settings::default()
    };
    let existing = NewFunction {
        name: FUNCTION.to_owned(),
        settings,
        architecture: text("arm64"),
        code: CodeSource::Zip(Sensitive(b"PK by hand".to_vec())),
        source_kms_key_arn: text("source-key"),
        code_signing_config_arn: None,
        tags: Tags::from([("team".to_owned(), "theirs".to_owned())]),
    };
    model.create_function(&existing).await.unwrap();
    sleep(Duration::from_mins(2)).await;
    let before = model.only_function();
    let mut run = begin(model, &json!({ "adoptionPolicy": "Adopt" }));
    run.identity.allow_adoption = true;
    run.restart();
    let mark = run.mark();
    run.expect(Outcome::Converged).await;
    assert_eq!(run.aws_writes_since(mark), ["TagResource", "UpdateFunctionCode"]);
    let after = run.function();
    assert_eq!(after.settings, before.settings);
    assert_eq!((after.architecture, after.source_kms_key_arn), (before.architecture, before.source_kms_key_arn));
    assert_eq!(after.tags.unwrap()["team"], "theirs");
}
