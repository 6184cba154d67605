use kube::{
    CustomResourceExt,
    core::cel::{validate_cel, validate_cel_update},
};
use serde_json::{Value, json};

use super::*;

fn object(spec: &Value) -> InstanceRole {
    InstanceRole::new("r", serde_json::from_value(spec.clone()).unwrap())
}

#[test]
fn the_schema_builds_with_bounds_and_columns() {
    let crd = json!(InstanceRole::crd());
    let version = &crd["spec"]["versions"][0];
    let spec = &version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"];
    assert_eq!(spec["maxSessionDurationSeconds"]["minimum"].as_f64(), Some(3600.0));
    assert_eq!(spec["maxSessionDurationSeconds"]["maximum"].as_f64(), Some(43200.0));
    assert_eq!(spec["description"]["maxLength"], 1000);
    assert_eq!(spec["managedPolicies"]["x-kubernetes-list-type"], "set");
    let columns: Vec<_> =
        version["additionalPrinterColumns"].as_array().unwrap().iter().map(|column| &column["name"]).collect();
    assert_eq!(columns, ["Ready", "Reason", "Role", "Age", "Profile", "Instances", "Managed", "Inline", "Message"]);
    assert!(!crd.to_string().contains(r#""default":"#), "no defaults in the schema");
}

#[test]
fn the_documents_of_all_statements_are_accepted() {
    let document =
        json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "s3:*", "Resource": "*" }] });
    let trust = json!({ "Statement": [{ "Effect": "Allow", "Principal": { "AWS": "123456789012" }, "Action": "sts:AssumeRole" }] });
    for spec in [
        json!({}),
        json!({ "description": "ünïcode\n", "maxSessionDurationSeconds": 7200, "tags": { "a": "b" } }),
        json!({ "trust": { "policy": trust }, "inlinePolicies": { "p": document }, "foreignPolicies": "Keep" }),
        json!({ "instances": [{ "id": "i-1" }, { "tags": { "a": "*" } }], "onConflict": "Replace" }),
        json!({ "trust": { "services": ["lambda.amazonaws.com", "ec2.amazonaws.com"] }, "instances": [{ "id": "i-1" }] }),
        json!({ "trust": { "services": ["lambda.amazonaws.com"] }, "instances": [] }),
        json!({ "trust": { "services": ["ecs.amazonaws.com"] }, "instanceProfile": {}, "instances": [{ "id": "i-1" }] }),
    ] {
        validate_cel(&object(&spec)).unwrap_or_else(|errors| panic!("{spec}: {errors}"));
    }
}

#[test]
fn contradictions_are_rejected_with_the_field() {
    let policy = json!({ "Statement": [{ "Effect": "Allow" }] });
    for (spec, expected) in [
        (json!({ "trust": {} }), "trust: exactly one of services and policy"),
        (json!({ "trust": { "services": ["ec2.amazonaws.com"], "policy": policy } }), "trust: exactly one of"),
        (json!({ "onConflict": "Refuse" }), "onConflict: needs instances"),
        (
            json!({ "trust": { "services": ["lambda.amazonaws.com"] }, "instances": [{ "id": "i-1" }] }),
            "instances: the role has no instance profile; trust ec2.amazonaws.com or give instanceProfile",
        ),
        (json!({ "instances": [{}] }), "a term has exactly one of id and tags"),
        (json!({ "inlinePolicies": { "": policy } }), "inlinePolicies: a name has 1 to 128 characters"),
        (json!({ "tags": { "privatelink.dev/uid": "x" } }), "reserved"),
    ] {
        let errors = validate_cel(&object(&spec)).unwrap_err().to_string();
        assert!(errors.contains(expected), "{spec}: {errors}");
    }
}

#[test]
fn what_aws_cannot_change_is_immutable() {
    let named = |name: &str, path: &str| json!({ "instanceProfile": { "name": name, "path": path } });
    for (old, new, expected) in [
        (json!({}), json!({ "region": "eu-west-1" }), Some("region is immutable")),
        (json!({}), json!({ "roleName": "x" }), Some("roleName is immutable")),
        (json!({ "roleName": "x" }), json!({ "roleName": "y" }), Some("roleName is immutable")),
        (json!({ "path": "/a/" }), json!({}), Some("path is immutable")),
        (named("p", "/a/"), named("p", "/b/"), Some("instanceProfile.path is immutable")),
        (json!({}), json!({ "instanceProfile": { "path": "/b/" } }), Some("instanceProfile.path is immutable")),
        (named("p", "/a/"), named("q", "/b/"), None),
        (json!({}), json!({ "instanceProfile": { "name": "q" } }), None),
        (json!({ "description": "a" }), json!({ "maxSessionDurationSeconds": 3600 }), None),
    ] {
        let outcome = validate_cel_update(&object(&new), &object(&old));
        match expected {
            None => outcome.unwrap_or_else(|errors| panic!("{old} to {new}: {errors}")),
            Some(expected) => {
                let errors = outcome.unwrap_err().to_string();
                assert!(errors.contains(expected), "{old} to {new}: {errors}");
            }
        }
    }
}
