//! Changes of code, and of what goes together with it.

use super::*;

#[test]
fn a_package_type_cannot_be_changed() {
    let mut model = Model::with(&desired(json!({ "code": { "image": "repo:1" }, "runtime": null, "handler": null })));
    let zip = desired(json!({}));
    assert_eq!(
        told(decide(LambdaFunctionStatus::default(), &zip, &model)),
        "PackageTypeDiffers: spec.code: function default-hello has code of type Image, and the spec gives Zip, which \
         AWS cannot change: delete the function, or choose another functionName in a new object"
    );
    model.function().tags.as_mut().unwrap().clear();
    assert!(told(decide(LambdaFunctionStatus::default(), &zip, &model)).starts_with("PackageTypeDiffers"));
}

#[test]
fn an_image_is_known_by_its_uri() {
    let image = |uri: &str| desired(json!({ "code": { "image": uri }, "runtime": null, "handler": null }));
    let (mut model, mut status) = (Model::default(), LambdaFunctionStatus::default());
    assert_eq!(model.converge(&mut status, &image("repo:1")), ["create function default-hello (repo:1)"]);
    assert_eq!(model.converge(&mut status, &image("repo:1")), [""; 0]);
    assert_eq!(
        model.converge(&mut status, &image("repo:2")),
        ["update the code of function default-hello from image repo:2"]
    );
}

#[test]
fn an_object_in_s3_is_deployed_once_and_again_when_it_changes() {
    let version =
        |version: &str| desired(json!({ "code": { "s3": { "bucket": "b", "key": "k", "versionId": version } } }));
    let tagged = "tag function default-hello: privatelink.dev/code";
    let (mut model, mut known) = (Model::default(), LambdaFunctionStatus::default());
    let created = "create function default-hello (nodejs22.x, index.handler)";
    assert_eq!(model.converge(&mut known, &version("1")), [created, tagged]);
    assert_eq!(model.converge(&mut known, &version("1")), [""; 0]);
    let deployed = "update the code of function default-hello from s3://b/k version 2";
    assert_eq!(model.converge(&mut known, &version("2")), [deployed, tagged]);

    let mut forgotten = LambdaFunctionStatus::default();
    assert_eq!(model.converge(&mut forgotten, &version("2")), [""; 0], "the tag is enough");
    for mut status in [known.clone(), forgotten] {
        model.function().code_sha256 = "somebody's".to_owned();
        assert_eq!(model.converge(&mut status, &version("2")), [deployed], "other code is noticed");
    }
    model.function().tags.as_mut().unwrap().remove(CODE_TAG);
    assert_eq!(model.converge(&mut known, &version("2")), [tagged], "a lost tag is not lost code");

    let inline = model.converge(&mut known, &desired(json!({})));
    assert_eq!(
        inline,
        ["update the code of function default-hello", "remove tags of function default-hello: privatelink.dev/code"]
    );
}

#[test]
fn variables_are_sent_again_with_a_new_key() {
    let env = json!([{ "name": "LEVEL", "value": "a" }]);
    let key = "arn:aws:kms:eu-west-1:123456789012:key/1";
    let mut model = Model::with(&desired(json!({ "env": env })));
    for (fields, expected) in [
        (json!({ "env": env, "kmsKeyArn": key }), 1),
        (json!({ "kmsKeyArn": key }), 1),
        (json!({ "env": [], "kmsKeyArn": key }), 0),
    ] {
        let Plan::Act(steps) = decide(LambdaFunctionStatus::default(), &desired(fields), &model) else { panic!() };
        let [Step::Configure { change, .. }] = &steps[..] else { panic!("{steps:?}") };
        assert_eq!(change.settings.environment.as_ref().map(|env| env.len()), Some(expected));
    }
    model.function().settings.kms_key_arn = Some(key.to_owned());
    assert_eq!(decide(LambdaFunctionStatus::default(), &desired(json!({ "kmsKeyArn": key })), &model), Plan::Converged);
}

#[test]
fn what_aws_does_not_show_is_not_compared() {
    let mut model = Model::with(&desired(json!({})));
    model.function().settings.environment = None;
    model.function().hidden = Some("AccessDeniedException".to_owned());
    assert_eq!(decide(LambdaFunctionStatus::default(), &desired(json!({})), &model), Plan::Converged);
    let env = desired(json!({ "env": [{ "name": "LEVEL", "value": "a" }] }));
    assert!(told(decide(LambdaFunctionStatus::default(), &env, &model)).starts_with("SettingsHidden: GetFunction: "));
}
