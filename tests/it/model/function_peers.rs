//! What users of other controllers reported of functions, each tried on ours. The issues are those of
//! aws-controllers-k8s/community.

use k8s_openapi::api::core::v1::ConfigMap;
use privatelink_operator::{engine::reconcile::Outcome, kinds::lambda_function::spec::LambdaFunction};
use serde_json::{Value, json};

use crate::support::model::lambda::code_sha256;

use super::{
    function_fixture::{begin, model, put},
    harness::Run,
};

const LAYER: &str = "arn:aws:lambda:ap-northeast-1:123456789012:layer:one:1";

async fn converged(fields: &Value) -> Run<LambdaFunction> {
    let mut run = begin(model().await, fields);
    run.expect(Outcome::Converged).await;
    run
}

/// #1968, #2294, #2714: one edit of code and configuration loses the configuration, and puts the old value back into
/// the user's spec.
#[tokio::test(start_paused = true)]
async fn one_edit_of_code_and_configuration_lands_both() {
    let mut run = converged(&json!({ "memorySize": 128 })).await;
    let before = run.function().code_sha256;
    run.edit_spec(|spec| {
        spec["memorySize"] = json!(512);
        spec["code"] = json!({ "inline": { "index.js": "new" } });
    });
    let spec = run.object().unwrap()["spec"].clone();
    run.expect(Outcome::Converged).await;
    assert_eq!(run.function().settings.memory_size, Some(512));
    assert_ne!(run.function().code_sha256, before);
    assert_eq!(run.object().unwrap()["spec"], spec, "the spec is the user's");
}

/// #2067, #1550, #1689: another key or version in S3 is ignored while the object says that it is in sync.
#[tokio::test(start_paused = true)]
async fn another_key_in_s3_is_deployed() {
    let model = model().await;
    for key in ["one", "two"] {
        model.put_object("code", key, None, format!("PK {key}").as_bytes());
    }
    let mut run = begin(model, &json!({ "code": { "s3": { "bucket": "code", "key": "one" } } }));
    run.expect(Outcome::Converged).await;
    run.edit_spec(|spec| spec["code"]["s3"]["key"] = json!("two"));
    run.expect(Outcome::Converged).await;
    assert_eq!(run.function().code_sha256, code_sha256(b"PK two"));
}

/// #2551: a changed zip file is ignored.
#[tokio::test(start_paused = true)]
async fn a_changed_zip_file_is_deployed() {
    // Two zip files, each with one empty file: "a" and "b".
    let zip = |name: char| {
        use base64::{Engine as _, prelude::BASE64_STANDARD};
        let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        writer.start_file(name.to_string(), zip::write::SimpleFileOptions::default()).unwrap();
        let bytes = writer.finish().unwrap().into_inner();
        (json!({ "binaryData": { "code.zip": BASE64_STANDARD.encode(&bytes) } }), code_sha256(&bytes))
    };
    let ((one, first), (two, second)) = (zip('a'), zip('b'));
    let model = model().await;
    put::<ConfigMap>(&model, "code", one);
    let mut run = begin(model, &json!({ "code": { "configMapRef": { "name": "code" } } }));
    run.expect(Outcome::Converged).await;
    assert_eq!(run.function().code_sha256, first, "the zip file is used as it is");
    put::<ConfigMap>(&run.model, "code", two);
    run.expect(Outcome::Converged).await;
    assert_eq!(run.function().code_sha256, second);
}

/// #3010, #3014: the first layer of a function without any, and the removal of all, are ignored.
#[tokio::test(start_paused = true)]
async fn the_first_layer_is_added_and_the_last_removed() {
    let mut run = converged(&json!({})).await;
    run.edit_spec(|spec| spec["layers"] = json!([LAYER]));
    run.expect(Outcome::Converged).await;
    assert_eq!(run.function().settings.layers, Some(vec![LAYER.to_owned()]));
    assert_eq!(run.status("layers"), json!([LAYER]));
    run.edit_spec(|spec| spec["layers"] = json!([]));
    run.expect(Outcome::Converged).await;
    assert_eq!(run.function().settings.layers, Some(Vec::new()));
}

/// #2051, #1971: changes of imageConfig and architectures are not noticed.
#[tokio::test(start_paused = true)]
async fn image_config_and_architecture_are_changed() {
    let image = json!({ "runtime": null, "handler": null, "code": { "image": "repo:1" } });
    let mut run = converged(&image).await;
    run.edit_spec(|spec| {
        spec["imageConfig"] = json!({ "command": ["other"] });
        spec["architecture"] = json!("arm64");
    });
    run.expect(Outcome::Converged).await;
    let function = run.function();
    assert_eq!(function.settings.image_config.unwrap().command, ["other"]);
    assert_eq!(function.architecture, "arm64");
}

/// §0b: a memorySize that is taken out of the spec changes nothing, or sends 0.
#[tokio::test(start_paused = true)]
async fn a_field_taken_out_goes_back_to_its_default() {
    let mut run = converged(&json!({ "memorySize": 512, "timeoutSeconds": 30 })).await;
    run.edit_spec(|spec| {
        let spec = spec.as_object_mut().unwrap();
        spec.remove("memorySize");
        spec.remove("timeoutSeconds");
    });
    run.expect(Outcome::Converged).await;
    let settings = run.function().settings;
    assert_eq!((settings.memory_size, settings.timeout_seconds), (Some(128), Some(3)));
}

/// #1318: a missing Secret or `ConfigMap` is terminal, also once it is there.
#[tokio::test(start_paused = true)]
async fn a_config_map_that_comes_later_is_taken() {
    let mut run = begin(model().await, &json!({ "code": { "configMapRef": { "name": "code" } } }));
    run.engine.pass(super::harness::NAMESPACE, super::harness::NAME).await;
    assert_eq!(run.reason(), "ConfigMapNotFound");
    put::<ConfigMap>(&run.model, "code", json!({ "data": { "index.js": "" } }));
    run.expect(Outcome::Converged).await;
}

/// #1844: a terminal condition is never tried again, though its cause is gone.
#[tokio::test(start_paused = true)]
async fn what_was_refused_is_tried_again_once_the_cause_is_gone() {
    let mut run = begin(model().await, &json!({ "code": { "s3": { "bucket": "code", "key": "one" } } }));
    run.expect(Outcome::Refused).await;
    run.model.put_object("code", "one", None, b"PK one");
    run.expect(Outcome::Converged).await;
}
