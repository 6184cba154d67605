//! The story that must always work: an instance's role calls a function through a private endpoint.

use aws_sdk_lambda::config::Credentials;

use super::{ENDPOINT, FUNCTION, ROLE};
use crate::support::live::{Live, aws};

const GATEWAY: &str = "
apiVersion: privatelink.dev/v1alpha1
kind: VpcEndpoint
metadata: { name: s3 }
spec:
  type: Gateway
  service: s3
  vpc: { tags: { Name: $net } }
  routeTables: [{ tags: { Name: $net } }]
";

const GATEWAY_LOAD_BALANCER: &str = "
apiVersion: privatelink.dev/v1alpha1
kind: VpcEndpoint
metadata: { name: inspection }
spec:
  type: GatewayLoadBalancer
  service: com.amazonaws.vpce.ap-northeast-1.vpce-svc-0123456789abcdef0
  vpc: { id: $vpc }
  subnets: [{ id: $subnet0 }]
";

#[tokio::test]
async fn three_manifests_make_a_private_path() {
    let live = Live::begin("story").await;
    let operator = live.operator(&[]).await;
    for manifest in [ROLE, ENDPOINT, GATEWAY, GATEWAY_LOAD_BALANCER, FUNCTION] {
        live.applied(manifest).await;
    }
    for name in ["lambda", "s3", "inspection"] {
        live.ready("VpcEndpoint", name).await;
    }
    let role = live.ready("InstanceRole", "client").await;
    let function = live.ready("LambdaFunction", "hello").await;
    assert_eq!(live.aws.endpoints(&live.namespace).await.len(), 3);

    let associations = live.aws.ec2.describe_iam_instance_profile_associations().send().await.unwrap();
    let associated = associations
        .iam_instance_profile_associations()
        .iter()
        .find(|association| association.instance_id() == Some(&live.network.instance));
    assert!(associated.is_some(), "the instance carries the profile");

    let role_arn = role["status"]["arn"].as_str().unwrap();
    let session = live.aws.sts.assume_role().role_arn(role_arn).role_session_name("story").send().await.unwrap();
    let session = session.credentials().unwrap();
    let credentials = Credentials::new(
        session.access_key_id(),
        session.secret_access_key(),
        Some(session.session_token().to_owned()),
        None,
        "story",
    );
    let config = live.aws.lambda.config().to_builder().credentials_provider(credentials).build();
    let name = function["status"]["functionName"].as_str().unwrap();
    let answer = aws_sdk_lambda::Client::from_conf(config).invoke().function_name(name).send().await.unwrap();
    assert_eq!(answer.status_code(), 200);
    assert_eq!(answer.executed_version(), Some("$LATEST"));
    let payload = String::from_utf8(answer.payload().unwrap().as_ref().to_vec()).unwrap();
    assert!(payload.contains("Hello from Lambda!"), "{payload}");

    let (reasons, _): (Vec<_>, Vec<_>) = live.events("lambda").await.into_iter().unzip();
    assert!(!reasons.is_empty(), "the endpoint's creation is an Event");
    assert!(endpoint_is_tagged(&live).await, "ownership tags are on the endpoint");
    live.end().await;
    drop(operator);
}

async fn endpoint_is_tagged(live: &Live) -> bool {
    let ids = live.aws.endpoints(&live.namespace).await;
    let answer = live.aws.ec2.describe_vpc_endpoints().set_vpc_endpoint_ids(Some(ids)).send().await.unwrap();
    answer.vpc_endpoints().iter().all(|endpoint| {
        ["cluster", "owner", "uid", "cluster-uid"]
            .iter()
            .all(|key| endpoint.tags().iter().any(|tag| tag.key() == Some(&format!("privatelink.dev/{key}"))))
    })
}

#[tokio::test]
async fn values_of_the_environment_appear_nowhere() {
    let live = Live::begin("canary").await;
    let operator = live.operator(&["--log-level", "trace"]).await;
    live.applied(&FUNCTION.replace("value: Hello", "value: canary-7f3a9c")).await;
    live.ready("LambdaFunction", "hello").await;
    live.patch(
        "LambdaFunction",
        "hello",
        serde_json::json!({ "spec": { "env": [{ "name": "GREETING", "value": "canary-7f3a9d" }] } }),
    )
    .await;
    live.ready("LambdaFunction", "hello").await;
    let object = live.get("LambdaFunction", "hello").await;
    let told =
        format!("{}{}{:?}{}", operator.log(), object["status"], live.events("hello").await, operator.metrics().await);
    assert!(told.contains(aws::REGION), "the operator has told something");
    assert!(!told.contains("canary-7f3a9"), "no value of the environment is told");
    live.end().await;
}
