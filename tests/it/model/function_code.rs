//! Where code comes from, and what happens when it changes there.

use std::time::Duration;

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use privatelink_operator::{
    cloud::{guardrails::Guardrails, lambda::Function},
    engine::{kind::Kind, reconcile::Outcome, references::Reference},
    kinds::lambda_function::spec::LambdaFunction,
};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::support::model::{lambda::code_sha256, replica::Lag};

use super::{
    function_fixture::{FUNCTION, begin, model, put},
    harness::{NAMESPACE, Run},
};

const ONE: &[u8] = b"PK one";
const TWO: &[u8] = b"PK two";

fn in_s3(version: Option<&str>) -> Value {
    let mut object = json!({ "bucket": "code", "key": "a/function.zip" });
    if let Some(version) = version {
        object["versionId"] = json!(version);
    }
    json!({ "code": { "s3": object } })
}

async fn converged(run: &mut Run<LambdaFunction>) -> Vec<&'static str> {
    let mark = run.mark();
    run.expect(Outcome::Converged).await;
    run.aws_writes_since(mark)
}

/// Whether a change of this object wakes the function.
fn is_referenced<K: kube::Resource<DynamicType = ()>>(run: &Run<LambdaFunction>, name: &str) -> bool {
    let object: LambdaFunction = serde_json::from_value(run.object().unwrap()).unwrap();
    object.references().contains(&Reference::to::<K>(NAMESPACE, name))
}

#[tokio::test(start_paused = true)]
async fn a_config_map_and_a_secret_are_deployed_when_they_change() {
    let files = |text: &str| json!({ "data": { "index.js": text } });
    // The text in base64, as the API server serves the data of a Secret.
    let secret = |text: &str| json!({ "data": { "index.js": text } });
    let model = model().await;
    put::<ConfigMap>(&model, "code", files("one"));
    put::<Secret>(&model, "code", secret("b25l"));
    let mut run = begin(model, &json!({ "code": { "configMapRef": { "name": "code" } } }));
    run.expect(Outcome::Converged).await;
    assert!(is_referenced::<ConfigMap>(&run, "code"));
    let one = run.function().code_sha256;

    put::<ConfigMap>(&run.model, "code", files("two"));
    assert_eq!(converged(&mut run).await, ["UpdateFunctionCode"]);
    assert_ne!(run.function().code_sha256, one);

    run.edit_spec(|spec| spec["code"] = json!({ "secretRef": { "name": "code" } }));
    assert_eq!(converged(&mut run).await, ["UpdateFunctionCode"]);
    assert_eq!(run.function().code_sha256, one, "the same files are the same code, wherever they come from");
    assert!(is_referenced::<Secret>(&run, "code"));
    put::<Secret>(&run.model, "code", secret("dHdv"));
    assert_eq!(converged(&mut run).await, ["UpdateFunctionCode"]);
    assert_eq!(converged(&mut run).await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn what_is_missing_is_named_and_waited_for() {
    let run = |fields: Value| async move {
        let run = begin(model().await, &fields);
        run.engine.pass(NAMESPACE, super::harness::NAME).await;
        run
    };
    for (fields, ready) in [
        (
            json!({ "code": { "configMapRef": { "name": "code" } } }),
            "ConfigMapNotFound: spec.code.configMapRef: ConfigMap team/code does not exist yet (goes on when it is)",
        ),
        (
            json!({ "code": { "secretRef": { "name": "code" } } }),
            "SecretNotFound: spec.code.secretRef: Secret team/code does not exist yet (goes on when it is)",
        ),
        (
            in_s3(None),
            "CodeNotFound: spec.code.s3: bucket code has no object a/function.zip, or there is no such bucket",
        ),
    ] {
        assert_eq!(run(fields).await.told(), ready);
    }
}

#[tokio::test(start_paused = true)]
async fn secrets_of_other_namespaces_are_refused_with_what_helps() {
    let mut run = begin(model().await, &json!({ "code": { "secretRef": { "name": "code" } } }));
    run.engine = super::harness::engine_within(
        &run.model,
        &run.identity,
        Guardrails { secret_namespaces: vec!["elsewhere".to_owned()], ..Guardrails::default() },
    );
    put::<Secret>(&run.model, "code", json!({ "data": { "index.js": "b25l" } }));
    run.expect(Outcome::Refused).await;
    assert_eq!(
        run.told(),
        "SecretsNotPermitted: spec.code.secretRef: the operator may not read Secrets of namespace team; its \
         administrator allows that with --secret-namespaces (chart value secretNamespaces)"
    );
}

#[tokio::test(start_paused = true)]
async fn a_pinned_version_in_s3_is_never_looked_at() {
    let model = model().await;
    model.put_object("code", "a/function.zip", Some("v1"), ONE);
    model.put_object("code", "a/function.zip", Some("v2"), TWO);
    let mut run = begin(model, &in_s3(Some("v1")));
    run.expect(Outcome::Converged).await;
    assert_eq!(run.function().code_sha256, code_sha256(ONE));
    run.edit_spec(|spec| spec["code"]["s3"]["versionId"] = json!("v2"));
    run.expect(Outcome::Converged).await;
    assert_eq!(run.function().code_sha256, code_sha256(TWO));
    assert!(!run.aws_calls_since(0).contains(&"HeadObject"));
    let pass = run.engine.pass(NAMESPACE, super::harness::NAME).await;
    assert_eq!(pass.requeue_after, None, "nothing is to be looked at hourly");
}

#[tokio::test(start_paused = true)]
async fn the_latest_version_in_s3_is_followed_within_the_hour() {
    for versions in [[Some("v1"), Some("v2")], [None, None]] {
        let model = model().await;
        model.put_object("code", "a/function.zip", versions[0], ONE);
        let mut run = begin(model, &in_s3(None));
        run.expect(Outcome::Converged).await;
        assert_eq!(run.function().code_sha256, code_sha256(ONE));
        let pass = run.engine.pass(NAMESPACE, super::harness::NAME).await;
        let hour = Duration::from_hours(1);
        assert!(pass.requeue_after.is_some_and(|after| after <= hour && after >= hour * 9 / 10), "{pass:?}");
        assert_eq!(converged(&mut run).await, [""; 0]);

        run.model.put_object("code", "a/function.zip", versions[1], TWO);
        assert_eq!(converged(&mut run).await, ["UpdateFunctionCode", "TagResource"], "{versions:?}");
        assert_eq!(run.function().code_sha256, code_sha256(TWO));
        assert_eq!(converged(&mut run).await, [""; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn code_from_s3_is_deployed_once_though_aws_shows_it_late() {
    let model = model().await;
    model.put_object("code", "a/function.zip", Some("v1"), ONE);
    model.state().timing.lag = Lag::time(Duration::from_secs(3));
    let mut run = begin(model, &in_s3(Some("v1")));
    let mark = run.mark();
    run.expect(Outcome::Converged).await;
    assert_eq!(run.aws_writes_since(mark), ["CreateFunction", "TagResource"]);
}

#[tokio::test(start_paused = true)]
async fn code_from_s3_that_somebody_replaced_is_put_back() {
    let model = model().await;
    model.put_object("code", "a/function.zip", None, ONE);
    let mut run = begin(model, &in_s3(None));
    run.expect(Outcome::Converged).await;
    sleep(Duration::from_mins(2)).await;
    run.model.change_function(FUNCTION, |function| function.code_sha256 = code_sha256(TWO));
    assert!(run.sweep_wakes().await);
    assert_eq!(converged(&mut run).await, ["UpdateFunctionCode"]);
    assert_eq!(run.function().code_sha256, code_sha256(ONE));
}

/// The selection of nothing must not cause an outage: the function stays as it is.
#[tokio::test(start_paused = true)]
async fn code_that_vanished_from_s3_leaves_the_function_alone() {
    let model = model().await;
    model.put_object("code", "a/function.zip", None, ONE);
    let mut run = begin(model, &in_s3(None));
    run.expect(Outcome::Converged).await;
    let content = run.model.content();
    run.model.delete_object("code", "a/function.zip");
    run.expect(Outcome::Refused).await;
    assert_eq!(run.reason(), "CodeNotFound");
    assert_eq!(run.model.content(), content);
    run.model.put_object("code", "a/function.zip", None, TWO);
    run.expect(Outcome::Converged).await;
    assert_eq!(run.function().code_sha256, code_sha256(TWO));
}

#[tokio::test(start_paused = true)]
async fn an_image_is_deployed_by_its_uri() {
    let image = |uri: &str| json!({ "runtime": null, "handler": null, "code": { "image": uri } });
    let mut run = begin(model().await, &image("repo:1"));
    run.expect(Outcome::Converged).await;
    let Function { image_uri, resolved_image_uri, .. } = run.function();
    assert_eq!(image_uri.as_deref(), Some("repo:1"));
    assert_eq!(run.status("resolvedImageUri"), json!(resolved_image_uri));
    run.edit_spec(|spec| spec["code"]["image"] = json!("repo@sha256:2"));
    assert_eq!(converged(&mut run).await, ["UpdateFunctionCode"]);
    assert_eq!(run.function().image_uri.as_deref(), Some("repo@sha256:2"));
}

#[tokio::test(start_paused = true)]
async fn limits_are_told_before_the_call_with_their_numbers() {
    for (fields, ready) in [
        (
            json!({ "code": { "inline": { "a": "x".repeat(204_801) } } }),
            "InvalidCode: spec.code.inline: the files have 204801 bytes in all, 204800 are allowed; put larger code \
             into a ConfigMap",
        ),
        (
            json!({ "env": [{ "name": "AB", "value": "x".repeat(4094) }, { "name": "CD", "value": "y" }] }),
            "InvalidSpec: spec.env: names and values have 4099 bytes in all, with those of spec.envFrom; 4096 are \
             allowed; AB has 4096 of them",
        ),
    ] {
        let mut run = begin(model().await, &fields);
        let mark = run.mark();
        run.expect(Outcome::Refused).await;
        assert_eq!(run.told(), ready);
        assert_eq!(run.aws_writes_since(mark), [""; 0]);
    }
}
