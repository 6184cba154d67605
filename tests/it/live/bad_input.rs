//! Bad input: by the apiserver with the field's name where the schema can tell, by a Stalled condition with
//! reason and field where only AWS or a look-up can.

use serde_json::json;

use super::{ENDPOINT, FUNCTION, ROLE};
use crate::support::live::{Live, condition};

/// (manifest, text to replace, replacement, what the apiserver's answer must contain)
const REJECTED: &[(&str, &str, &str, &str)] = &[
    (ENDPOINT, "type: Interface", "type: Tunnel", "spec.type"),
    (ENDPOINT, "type: Interface", "type: Gateway", "Gateway"),
    (ENDPOINT, "vpc: { id: $vpc }", "vpc: {}", "exactly one of id and tags"),
    (ENDPOINT, "vpc: { id: $vpc }", "vpc: { id: vpc-XYZ }", "spec.vpc.id"),
    (ENDPOINT, "[{ tags: { Name: $net } }]", "[{}]", "exactly one of id and tags"),
    (
        ENDPOINT,
        "securityGroups: [{ name: $net }]",
        "securityGroups: [{ id: sg-1, name: x }]",
        "id excludes name and tags",
    ),
    (ENDPOINT, "service: lambda", "service: ''", "spec.service"),
    (ENDPOINT, "privateDnsEnabled: false", "routeTables: [{ id: rtb-1 }]", "routeTables"),
    (ENDPOINT, "privateDnsEnabled: false", "tags: { 'privatelink.dev/uid': x }", "reserved"),
    (ROLE, "managedPolicies:", "roleName: 'has spaces'\n  managedPolicies:", "spec.roleName"),
    (ROLE, "managedPolicies:", "permissionsBoundary: not-an-arn\n  managedPolicies:", "spec.permissionsBoundary"),
    (ROLE, "{ id: $instance }", "{ id: i-XYZ }", "spec.instances[0].id"),
    (
        ROLE,
        "managedPolicies:",
        "trust: { services: [ec2.amazonaws.com], policy: { Version: '2012-10-17', Statement: [{ Effect: Allow }] } }\n  managedPolicies:",
        "trust",
    ),
    (FUNCTION, "  code:\n", "  code:\n    configMapRef: { name: x }\n", "code"),
    (
        FUNCTION,
        "  executionRole:\n",
        "  executionRole:\n    arn: 'arn:aws:iam::123456789012:role/x'\n",
        "executionRole",
    ),
    (FUNCTION, "create: { managedPolicies: [AWSLambdaBasicExecutionRole] }", "arn: nonsense", "spec.executionRole.arn"),
    (FUNCTION, "memorySize: 128", "memorySize: 64", "spec.memorySize"),
    (FUNCTION, "memorySize: 128", "timeoutSeconds: 0", "spec.timeoutSeconds"),
    (FUNCTION, "name: GREETING", "name: 1GREETING", "spec.env[0].name"),
    (FUNCTION, "name: hello", "name: 'a234567890123456789012345678901234567890123456789012345678901234'", "63"),
];

#[tokio::test]
async fn the_apiserver_rejects_and_names_the_field() {
    let live = Live::begin("reject").await;
    for (manifest, what, with, expected) in REJECTED {
        assert!(manifest.contains(what), "{what} is in the manifest");
        let error = match live.apply(&manifest.replacen(what, with, 1)).await {
            Ok(_) => panic!("{with} was accepted"),
            Err(error) => error.to_string(),
        };
        assert!(error.contains(expected), "{with}: the answer names {expected}: {error}");
    }
    for manifest in [ENDPOINT, ROLE, FUNCTION] {
        live.applied(manifest).await;
    }
    live.end().await;
}

#[tokio::test]
async fn immutable_fields_are_rejected_with_a_way_out() {
    let live = Live::begin("immutable").await;
    live.applied(ENDPOINT).await;
    live.applied(&ROLE.replace("spec:\n", "spec:\n  roleName: immutable-test\n")).await;
    live.applied(FUNCTION).await;
    for (manifest, what, with) in [
        (ENDPOINT, "service: lambda", "service: s3"),
        (ENDPOINT, "vpc: { id: $vpc }", "vpc: { tags: { Name: other } }"),
        (ENDPOINT, "privateDnsEnabled: false", "region: eu-west-1"),
        (ROLE, "spec:\n", "spec:\n  roleName: another\n"),
        (ROLE, "spec:\n", "spec:\n  roleName: immutable-test\n  path: /x/\n"),
        (FUNCTION, "spec:\n", "spec:\n  functionName: another\n"),
    ] {
        let error = match live.apply(&manifest.replacen(what, with, 1)).await {
            Ok(_) => panic!("{with} was accepted"),
            Err(error) => error.to_string(),
        };
        assert!(error.contains("immutable"), "{with}: {error}");
    }
    live.end().await;
}

#[tokio::test]
async fn what_only_a_look_up_can_tell_is_stalled_with_the_field_and_cleared_by_an_edit() {
    let live = Live::begin("stalled").await;
    let operator = live.operator(&["--resync-interval", "1h"]).await;
    live.applied(&ENDPOINT.replace("subnets: [{ tags: { Name: $net } }]", "subnets: [{ tags: { Name: nowhere } }]"))
        .await;
    let message = live.reason("VpcEndpoint", "lambda", "NoSubnetMatched").await;
    assert!(message.contains("spec.subnets") && message.contains("nowhere"), "{message}");
    let object = live.get("VpcEndpoint", "lambda").await;
    assert_eq!(condition(&object, "Stalled")["status"], "True");
    assert_eq!(condition(&object, "Ready")["status"], "False");
    live.applied(ENDPOINT).await;
    let object = live.ready("VpcEndpoint", "lambda").await;
    assert!(condition(&object, "Stalled").is_null());

    live.applied(&ROLE.replace("AWSLambdaExecute", "AWSLambdaExecut")).await;
    let message = live.reason("InstanceRole", "client", "UnknownManagedPolicy").await;
    assert!(message.contains("spec.managedPolicies") && message.contains("AWSLambdaExecut"), "{message}");
    live.applied(ROLE).await;
    live.ready("InstanceRole", "client").await;

    let broken = json!({ "spec": { "inlinePolicies": { "broken": {
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Action": "nonsense", "Resource": "*" }],
    } } } });
    live.patch("InstanceRole", "client", broken).await;
    let object =
        live.wait("InstanceRole", "client", "refused", |object| condition(object, "Stalled")["status"] == "True").await;
    let message = condition(&object, "Ready")["message"].as_str().unwrap();
    assert!(message.contains("spec.inlinePolicies") && message.contains("broken"), "{message}");
    live.patch("InstanceRole", "client", json!({ "spec": { "inlinePolicies": null } })).await;
    live.ready("InstanceRole", "client").await;
    live.end().await;
    drop(operator);
}
