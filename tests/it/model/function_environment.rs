//! Environment variables from where Kubernetes keeps them; and that no value of one is ever seen outside of AWS.

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use privatelink_operator::engine::{kind::Kind, reconcile::Outcome, references::Reference};
use serde_json::{Value, json};

use super::{
    function_fixture::{FUNCTION, begin, model, put},
    harness::{NAME, NAMESPACE},
};

const CANARY: &str = "canary-in-a-coal-mine";
/// The same in base64.
const CANARY_ENCODED: &str = "Y2FuYXJ5LWluLWEtY29hbC1taW5l";

fn key_of(kind: &str, name: &str, key: &str) -> Value {
    json!({ kind: { "name": name, "key": key } })
}

#[tokio::test(start_paused = true)]
async fn variables_come_from_config_maps_and_secrets_and_follow_them() {
    let model = model().await;
    put::<ConfigMap>(&model, "settings", json!({ "data": { "LEVEL": "info", "SHARED": "config" } }));
    put::<Secret>(&model, "credentials", json!({ "data": { "TOKEN": CANARY_ENCODED, "SHARED": "c2VjcmV0" } }));
    let fields = json!({
        "envFrom": [{ "configMapRef": { "name": "settings" } }, { "secretRef": { "name": "credentials" }, "prefix": "S_" }],
        "env": [
            { "name": "LEVEL", "value": "debug" },
            { "name": "CITY", "valueFrom": key_of("secretKeyRef", "credentials", "TOKEN") },
            { "name": "COPY", "valueFrom": key_of("configMapKeyRef", "settings", "SHARED") },
        ],
    });
    let mut run = begin(model, &fields);
    run.expect(Outcome::Converged).await;
    let environment = json!({
        "LEVEL": "debug", "SHARED": "config", "S_TOKEN": CANARY, "S_SHARED": "secret", "CITY": CANARY, "COPY": "config",
    });
    assert_eq!(run.environment(), environment);
    let object: privatelink_operator::kinds::lambda_function::spec::LambdaFunction =
        serde_json::from_value(run.object().unwrap()).unwrap();
    let references = object.references();
    assert!(references.contains(&Reference::to::<ConfigMap>(NAMESPACE, "settings")));
    assert!(references.contains(&Reference::to::<Secret>(NAMESPACE, "credentials")));

    put::<Secret>(&run.model, "credentials", json!({ "data": { "TOKEN": "bmV3" } }));
    let mark = run.mark();
    run.expect(Outcome::Converged).await;
    assert_eq!(run.aws_writes_since(mark), ["UpdateFunctionConfiguration"]);
    assert_eq!(run.environment()["CITY"], "new");
    assert_eq!(run.environment()["S_SHARED"], json!(null), "a key that is gone is gone in AWS too");
}

#[tokio::test(start_paused = true)]
async fn what_is_optional_may_be_missing_and_the_rest_is_waited_for() {
    let optional = |mut source: Value| {
        source.as_object_mut().unwrap().values_mut().for_each(|selector| selector["optional"] = json!(true));
        source
    };
    let env = |source: Value| json!({ "env": [{ "name": "LEVEL", "valueFrom": source }] });
    let from = |source: Value| json!({ "envFrom": [source] });
    let key = |kind: &str, name: &str| key_of(kind, name, "none");
    for (fields, reason) in [
        (env(key("configMapKeyRef", "none")), "ConfigMapNotFound"),
        (env(key("configMapKeyRef", "some")), "ConfigMapKeyNotFound"),
        (env(key("secretKeyRef", "none")), "SecretNotFound"),
        (env(key("secretKeyRef", "some")), "SecretKeyNotFound"),
        (from(json!({ "configMapRef": { "name": "none" } })), "ConfigMapNotFound"),
        (from(json!({ "secretRef": { "name": "none" } })), "SecretNotFound"),
        (env(optional(key("configMapKeyRef", "none"))), "Available"),
        (env(optional(key("configMapKeyRef", "some"))), "Available"),
        (env(optional(key("secretKeyRef", "none"))), "Available"),
        (env(optional(key("secretKeyRef", "some"))), "Available"),
        (from(optional(json!({ "configMapRef": { "name": "none" } }))), "Available"),
        (from(optional(json!({ "secretRef": { "name": "none" } }))), "Available"),
    ] {
        let model = model().await;
        put::<ConfigMap>(&model, "some", json!({ "data": { "OTHER": "x" } }));
        put::<Secret>(&model, "some", json!({ "data": { "OTHER": "eA==" } }));
        let mut run = begin(model, &fields);
        if reason == "Available" {
            run.expect(Outcome::Converged).await;
            assert_eq!(run.environment(), json!({}), "{fields}");
        } else {
            run.engine.pass(NAMESPACE, NAME).await;
        }
        assert_eq!(run.reason(), reason, "{fields}");
    }
}

#[tokio::test(start_paused = true)]
async fn keys_that_are_no_names_and_values_that_are_no_text_are_named() {
    for (data, ready) in [
        (
            json!({ "data": { "index.js": "" } }),
            "InvalidEnvironment: spec.envFrom[0]: key index.js of ConfigMap data gives \"index.js\", which Lambda does \
             not take as the name of a variable: a letter, then letters, digits and '_'",
        ),
        (
            json!({ "binaryData": { "LEVEL": "/w==" } }),
            "InvalidEnvironment: spec.envFrom[0]: key LEVEL of ConfigMap data is not text in UTF-8",
        ),
    ] {
        let model = model().await;
        put::<ConfigMap>(&model, "data", data);
        let mut run = begin(model, &json!({ "envFrom": [{ "configMapRef": { "name": "data" } }] }));
        run.expect(Outcome::Refused).await;
        assert_eq!(run.told(), ready);
    }
}

/// A value in the spec's own field, in a Secret's, and in code; created, changed, drifted, planned, failed, refused and
/// deleted: nothing that the operator writes to the cluster shows it.
#[tokio::test(start_paused = true)]
async fn no_value_is_written_to_the_cluster() {
    let model = model().await;
    put::<Secret>(&model, "credentials", json!({ "data": { "TOKEN": CANARY_ENCODED } }));
    put::<Secret>(&model, "code", json!({ "data": { "index.js": CANARY_ENCODED } }));
    let fields = json!({
        "env": [{ "name": "CITY", "valueFrom": key_of("secretKeyRef", "credentials", "TOKEN") }],
        "code": { "secretRef": { "name": "code" } },
    });
    let mut run = begin(model, &fields);
    run.expect(Outcome::Converged).await;
    run.model.change_function(FUNCTION, |function| {
        function.settings.environment = None;
        function.code_sha256.clear();
    });
    run.model.change_function(FUNCTION, |function| {
        function.settings.environment =
            Some(privatelink_operator::cloud::sensitive::Sensitive([("THEIRS".to_owned(), CANARY.to_owned())].into()));
    });
    run.edit_spec(|spec| spec["managementPolicy"] = json!("Plan"));
    run.expect(Outcome::Planned).await;
    assert!(run.status("plan").to_string().contains("env (CITY, THEIRS)"), "{}", run.status("plan"));
    run.edit_spec(|spec| drop(spec.as_object_mut().unwrap().remove("managementPolicy")));
    run.model.state().lambda.failing_updates = Some(("InternalError", "something"));
    run.expect(Outcome::Refused).await;
    run.model.state().lambda.failing_updates = None;
    run.expect(Outcome::Converged).await;
    put::<Secret>(&run.model, "credentials", json!({ "data": { "TOKEN": CANARY_ENCODED, "MORE": CANARY_ENCODED } }));
    run.edit_spec(|spec| {
        spec["env"][0]["value"] = json!(null);
        spec["envFrom"] = json!([{ "secretRef": { "name": "credentials" } }]);
    });
    run.expect(Outcome::Converged).await;

    let written = format!("{:?} {}", run.model.events(), run.object().unwrap()["status"]);
    assert!(written.contains("CITY"), "the names are told: {written}");
    for secret in [CANARY, CANARY_ENCODED] {
        assert!(!written.contains(secret), "{written}");
    }
    run.delete();
    run.expect(Outcome::Gone).await;
}
