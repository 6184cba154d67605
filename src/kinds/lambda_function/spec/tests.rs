use std::collections::BTreeMap;

use kube::{
    CustomResourceExt,
    core::cel::{validate_cel, validate_cel_update},
};
use serde_json::{Value, json};

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
        (json!({ "code": {} }), "code: give exactly one of inline, configMapRef, secretRef, s3 and image"),
        (
            json!({ "code": { "inline": { "a": "" }, "configMapRef": { "name": "a" } } }),
            "code: give exactly one of inline, configMapRef, secretRef, s3 and image",
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

#[test]
fn a_zip_file_needs_what_an_image_has_itself() {
    let image = |mut fields: Value| {
        let image = json!({ "code": { "image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/a@sha256:0" }, "runtime": null, "handler": null });
        let mut all = image.as_object().unwrap().clone();
        all.append(fields.as_object_mut().unwrap());
        json!(all)
    };
    let layer = json!(["arn:aws:lambda:eu-west-1:123456789012:layer:a:1"]);
    let key = "arn:aws:kms:eu-west-1:123456789012:key/1";
    for (fields, expected) in [
        (json!({ "runtime": null }), "runtime and handler are required, unless code.image is given"),
        (json!({ "handler": null }), "runtime and handler are required, unless code.image is given"),
        (image(json!({ "runtime": "python3.13" })), "runtime, handler and layers go with a zip file"),
        (image(json!({ "handler": "a.b" })), "runtime, handler and layers go with a zip file"),
        (image(json!({ "layers": layer })), "runtime, handler and layers go with a zip file"),
        (
            image(json!({ "code": { "image": "a", "sourceKmsKeyArn": key } })),
            "code.sourceKmsKeyArn: goes with a zip file",
        ),
        (json!({ "imageConfig": {} }), "imageConfig goes with code.image"),
    ] {
        let errors = validate_cel(&object(fields.clone())).unwrap_err().to_string();
        assert!(errors.contains(expected), "{fields}: {errors}");
    }
    validate_cel(&object(image(json!({ "imageConfig": { "command": ["a"] } })))).unwrap();
    validate_cel(&object(json!({ "layers": layer, "code": { "inline": { "a": "" }, "sourceKmsKeyArn": key } })))
        .unwrap();
}

#[test]
fn a_package_type_is_immutable() {
    let zip = object(json!({}));
    let image = object(json!({ "code": { "image": "a" }, "runtime": null, "handler": null }));
    for (after, before) in [(&image, &zip), (&zip, &image)] {
        let errors = validate_cel_update(after, before).unwrap_err().to_string();
        assert!(errors.contains("code.image: whether a function is an image or a zip file is immutable"), "{errors}");
    }
    validate_cel_update(&object(json!({ "code": { "secretRef": { "name": "a" } } })), &zip).unwrap();
    validate_cel_update(&object(json!({ "code": { "image": "b" }, "runtime": null, "handler": null })), &image)
        .unwrap();
}

#[test]
fn variables_come_from_one_place_each() {
    let reference = json!({ "name": "a", "key": "b" });
    let from = |from: Value| json!({ "env": [{ "name": "AB", "valueFrom": from }] });
    for (fields, expected) in [
        (
            json!({ "env": [{ "name": "AB", "value": "", "valueFrom": { "secretKeyRef": reference } }] }),
            "env: give value or valueFrom, not both",
        ),
        (from(json!({})), "valueFrom: give exactly one of configMapKeyRef and secretKeyRef"),
        (
            from(json!({ "configMapKeyRef": reference, "secretKeyRef": reference })),
            "valueFrom: give exactly one of configMapKeyRef and secretKeyRef",
        ),
        (json!({ "envFrom": [{}] }), "envFrom: give exactly one of configMapRef and secretRef"),
        (
            json!({ "envFrom": [{ "configMapRef": { "name": "a" }, "secretRef": { "name": "a" } }] }),
            "envFrom: give exactly one of configMapRef and secretRef",
        ),
    ] {
        let errors = validate_cel(&object(fields.clone())).unwrap_err().to_string();
        assert!(errors.contains(expected), "{fields}: {errors}");
    }
    for fields in [
        from(json!({ "configMapKeyRef": reference })),
        from(json!({ "secretKeyRef": reference })),
        json!({ "env": [{ "name": "AB" }], "envFrom": [{ "prefix": "P_", "secretRef": { "name": "a" } }] }),
    ] {
        validate_cel(&object(fields.clone())).unwrap();
    }
}

#[test]
fn a_vpc_has_subnets_and_groups_or_neither() {
    let vpc = |subnets: Value, groups: Value| json!({ "vpc": { "subnets": subnets, "securityGroups": groups } });
    let (subnet, group) = (json!([{ "id": "subnet-1" }]), json!([{ "id": "sg-1" }]));
    for fields in [vpc(json!([]), group.clone()), vpc(subnet.clone(), json!([]))] {
        let errors = validate_cel(&object(fields.clone())).unwrap_err().to_string();
        assert!(errors.contains("vpc: give both subnets and securityGroups"), "{fields}: {errors}");
    }
    validate_cel(&object(vpc(json!([]), json!([])))).unwrap();
    validate_cel(&object(vpc(subnet, group))).unwrap();
}

#[test]
fn log_levels_go_with_json() {
    for logging in [json!({ "systemLogLevel": "WARN" }), json!({ "format": "Text", "applicationLogLevel": "INFO" })] {
        let errors = validate_cel(&object(json!({ "logging": logging }))).unwrap_err().to_string();
        assert!(errors.contains("logging: applicationLogLevel and systemLogLevel go with format JSON"), "{errors}");
    }
    for logging in [json!({ "format": "JSON", "systemLogLevel": "WARN" }), json!({ "logGroup": "/a" }), json!({})] {
        validate_cel(&object(json!({ "logging": logging }))).unwrap();
    }
}
