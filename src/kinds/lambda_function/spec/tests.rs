use kube::{
    CustomResourceExt,
    core::cel::{validate_cel, validate_cel_update},
};
use serde_json::{Value, json};

use std::collections::BTreeMap;

use super::{super::fixtures::object, *};

#[test]
fn the_schema_builds_with_bounds_and_columns() {
    let crd = json!(LambdaFunction::crd());
    let version = &crd["spec"]["versions"][0];
    let spec = &version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"];
    assert_eq!(spec["env"]["x-kubernetes-list-type"], "map");
    assert_eq!(spec["env"]["x-kubernetes-list-map-keys"], json!(["name"]));
    assert_eq!(spec["architecture"]["enum"], json!(["x86_64", "arm64"]));
    assert_eq!(spec["memorySize"]["maximum"].as_f64(), Some(32768.0));
    assert_eq!(spec["code"]["properties"]["inline"]["maxProperties"], 100);
    let columns: Vec<_> =
        version["additionalPrinterColumns"].as_array().unwrap().iter().map(|column| &column["name"]).collect();
    assert_eq!(columns, ["Ready", "Reason", "Function", "Age", "State", "Message"]);
    assert!(!crd.to_string().contains(r#""default":"#), "no defaults in the schema");
}

#[test]
fn exactly_one_source_and_one_role() {
    let files = |names: &[&str]| -> Value {
        let files: BTreeMap<_, _> = names.iter().map(|name| (*name, "")).collect();
        json!({ "code": { "inline": files } })
    };
    let role = json!({ "arn": "arn:aws:iam::123456789012:role/x", "create": {} });
    for (fields, expected) in [
        (json!({ "code": {} }), "code: give exactly one of inline and configMapRef"),
        (
            json!({ "code": { "inline": { "a": "" }, "configMapRef": { "name": "a" } } }),
            "code: give exactly one of inline and configMapRef",
        ),
        (json!({ "executionRole": {} }), "executionRole: give exactly one of"),
        (json!({ "executionRole": role }), "executionRole: give exactly one of"),
        (files(&["/a"]), "code.inline: file names are relative paths"),
        (files(&["a/../b"]), "code.inline: file names are relative paths"),
        (files(&["a//b"]), "code.inline: file names are relative paths"),
        (files(&[&"a".repeat(256)]), "code.inline: a file name has 1 to 255 characters"),
    ] {
        let errors = validate_cel(&object(fields.clone())).unwrap_err().to_string();
        assert!(errors.contains(expected), "{fields}: {errors}");
    }
    for fields in [
        files(&["index.js", "lib/a.b/c..d.js"]),
        json!({ "code": { "configMapRef": { "name": "a" } }, "executionRole": { "create": {} } }),
        json!({ "executionRole": { "instanceRoleRef": { "name": "a" } } }),
    ] {
        validate_cel(&object(fields.clone())).unwrap();
    }
}

#[test]
fn immutable_fields() {
    let before = object(json!({ "region": "ap-northeast-1", "functionName": "a" }));
    for (change, field) in [
        (json!({ "region": "ap-northeast-1", "functionName": "b" }), "functionName"),
        (json!({ "region": "ap-northeast-1" }), "functionName"),
        (json!({ "region": "eu-west-1", "functionName": "a" }), "region"),
        (json!({ "functionName": "a" }), "region"),
    ] {
        let errors = validate_cel_update(&object(change), &before).unwrap_err().to_string();
        assert!(errors.contains(&format!("{field} is immutable")), "{errors}");
    }
    let after = object(json!({ "region": "ap-northeast-1", "functionName": "a", "memorySize": 256 }));
    validate_cel_update(&after, &before).unwrap();
}

#[test]
fn neither_values_nor_code_are_printed() {
    let printed = format!(
        "{:?}",
        object(json!({
            "env": [{ "name": "TOKEN", "value": "hunter2" }],
            "code": { "inline": { "index.js": "very secret" } },
        }))
    );
    assert!(printed.contains("TOKEN") && printed.contains("index.js"), "{printed}");
    assert!(!printed.contains("hunter2") && !printed.contains("very secret"), "{printed}");
}
