//! Nothing is touched that is not ours, and nothing beyond the administrator's guardrails is made.

use super::{FUNCTION, ROLE};
use crate::support::live::{CLUSTER_ID, Live};

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

#[tokio::test]
async fn a_foreign_role_is_refused_and_adopted_only_if_both_sides_agree() {
    let live = Live::begin("foreign").await;
    let name = format!("{}-client", live.namespace);
    live.aws.iam.create_role().role_name(&name).assume_role_policy_document(TRUST).send().await.unwrap();
    let operator = live.operator(&[]).await;
    live.applied(ROLE).await;
    let message = live.reason("InstanceRole", "client", "AlreadyExists").await;
    assert!(message.contains(&name) && message.contains("spec.adoptionPolicy"), "{message}");
    let adopting = format!("{ROLE}  adoptionPolicy: Adopt\n");
    live.applied(&adopting).await;
    let message = live.reason("InstanceRole", "client", "AdoptionNotAllowed").await;
    assert!(message.contains("--allow-adoption"), "{message}");
    let tags = live.aws.iam.list_role_tags().role_name(&name).send().await.unwrap();
    assert!(tags.tags().is_empty(), "nothing was written to it");
    operator.kill().await;

    let operator = live.operator(&["--allow-adoption"]).await;
    live.ready("InstanceRole", "client").await;
    live.end().await;
    drop(operator);
}

#[tokio::test]
async fn deleting_an_object_that_was_refused_leaves_the_foreign_role() {
    let live = Live::begin("leave").await;
    let name = format!("{}-client", live.namespace);
    live.aws.iam.create_role().role_name(&name).assume_role_policy_document(TRUST).send().await.unwrap();
    let operator = live.operator(&[]).await;
    live.applied(ROLE).await;
    live.reason("InstanceRole", "client", "AlreadyExists").await;
    live.delete("InstanceRole", "client").await;
    live.aws.iam.get_role().role_name(&name).send().await.expect("the foreign role is still there");
    live.aws.iam.delete_role().role_name(&name).send().await.unwrap();
    live.end().await;
    drop(operator);
}

#[tokio::test]
async fn guardrails_refuse_what_the_administrator_does_not_allow() {
    let live = Live::begin("guard").await;
    let flags = [
        "--allowed-managed-policies=arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole",
        "--allowed-execution-roles=arn:aws:iam::*:role/functions/*",
        "--allowed-trust-services=ec2.amazonaws.com",
    ];
    let operator = live.operator(&flags).await;
    live.applied(ROLE).await;
    let message = live.reason("InstanceRole", "client", "NotAllowed").await;
    assert!(message.contains("spec.managedPolicies"), "{message}");
    live.applied(FUNCTION).await;
    let message = live.reason("InstanceRole", "hello-execution", "NotAllowed").await;
    assert!(message.contains("spec.trust"), "{message}");
    let role = "arn: 'arn:aws:iam::000000000000:role/admin'";
    live.applied(
        &FUNCTION
            .replace("name: hello", "name: other")
            .replace("create: { managedPolicies: [AWSLambdaBasicExecutionRole] }", role),
    )
    .await;
    let message = live.reason("LambdaFunction", "other", "NotAllowed").await;
    assert!(message.contains("spec.executionRole.arn"), "{message}");
    assert_eq!(live.aws.owned(&live.namespace).await, Vec::<String>::new());
    live.end().await;
    drop(operator);
}

#[tokio::test]
async fn a_function_is_adopted_only_with_the_tag_that_the_administrator_asks_for() {
    let live = Live::begin("allow").await;
    let name = format!("{}-hello", live.namespace);
    let role = Box::pin(live.aws.make_function(&name)).await;
    let operator = live.operator(&["--allow-adoption", "--require-allow-tag"]).await;
    live.applied(&format!("{FUNCTION}  adoptionPolicy: Adopt\n")).await;
    let message = live.reason("LambdaFunction", "hello", "NotAllowed").await;
    let tag = format!("privatelink.dev/allow={CLUSTER_ID}/{}", live.namespace);
    assert!(message.contains("spec.adoptionPolicy") && message.contains(&tag), "{message}");
    let function = live.aws.lambda.get_function_configuration().function_name(&name).send().await.unwrap();
    let arn = function.function_arn.unwrap();
    let (key, value) = tag.split_once('=').unwrap();
    live.aws.lambda.tag_resource().resource(&arn).tags(key, value).send().await.unwrap();
    live.ready("LambdaFunction", "hello").await;
    live.aws.iam.delete_role().role_name(role).send().await.unwrap();
    live.end().await;
    drop(operator);
}
