//! What other controllers get wrong with an endpoint, shown on real components to go well here, as far as LocalStack
//! goes: it takes no change of security groups and deletes always. The rest stands in `model::endpoint_peers`.

use serde_json::json;

use super::ENDPOINT;
use crate::support::live::{Live, eventually};

/// There, an endpoint that others have deleted is never made anew, or the object can never be deleted.
#[tokio::test]
async fn one_deleted_by_others_is_made_anew_told_of_and_does_not_hold_the_object() {
    let live = Live::begin("peer-deleted").await;
    let operator = live.operator(&[]).await;
    live.applied(ENDPOINT).await;
    let before = live.ready("VpcEndpoint", "lambda").await["status"]["id"].clone();
    let old = before.as_str().unwrap();
    live.aws.ec2.delete_vpc_endpoints().vpc_endpoint_ids(old).send().await.unwrap();
    live.wait("VpcEndpoint", "lambda", "a new endpoint", |object| object["status"]["id"] != before).await;
    live.ready("VpcEndpoint", "lambda").await;
    let told =
        |(reason, note): &(String, String)| reason == "DriftRepaired" && note.contains(&format!("{old} is gone"));
    eventually(async || live.events("lambda").await.iter().any(told)).await.expect("an Event says why");

    let now = live.get("VpcEndpoint", "lambda").await["status"]["id"].as_str().unwrap().to_owned();
    live.patch("VpcEndpoint", "lambda", json!({ "metadata": { "annotations": { "privatelink.dev/paused": "true" } } }))
        .await;
    live.aws.ec2.delete_vpc_endpoints().vpc_endpoint_ids(&now).send().await.unwrap();
    live.begin_deletion("VpcEndpoint", "lambda").await;
    live.patch("VpcEndpoint", "lambda", json!({ "metadata": { "annotations": { "privatelink.dev/paused": null } } }))
        .await;
    live.gone("VpcEndpoint", "lambda").await;
    live.end().await;
    drop(operator);
}

/// There, an edit of the service or the type is taken, AWS stays as it was, and Ready is True.
#[tokio::test]
async fn service_type_and_vpc_cannot_be_edited() {
    let live = Live::begin("peer-immutable").await;
    live.applied(ENDPOINT).await;
    for (what, with, field) in [
        ("service: lambda", "service: s3", "service is immutable"),
        ("type: Interface", "type: Gateway", "type is immutable"),
        ("vpc: { id: $vpc }", "vpc: { id: vpc-0b }", "vpc is immutable"),
        ("service: lambda", "service: lambda\n  serviceRegion: eu-west-1", "serviceRegion is immutable"),
    ] {
        let error = live.apply(&ENDPOINT.replacen(what, with, 1)).await.expect_err(with).to_string();
        assert!(error.contains(field) && error.contains("delete the object"), "{with}: {error}");
    }
    live.end().await;
}

/// An endpoint id can be asked for while there is no endpoint, and not be exchanged for another afterwards.
#[tokio::test]
async fn the_id_to_take_over_is_immutable_once_there_is_an_endpoint() {
    let live = Live::begin("ep-id").await;
    let operator = live.operator(&["--resync-interval", "1h", "--allow-adoption"]).await;
    let make = live.aws.ec2.create_vpc_endpoint().vpc_id(&live.network.vpc);
    let make = make.vpc_endpoint_type("Interface".into()).service_name("com.amazonaws.ap-northeast-1.lambda");
    let make = make.security_group_ids(&live.network.group);
    let id = make.send().await.unwrap().vpc_endpoint.unwrap().vpc_endpoint_id.unwrap();
    let asking = |id: &str| format!("{ENDPOINT}  adoptionPolicy: Adopt\n  endpointId: {id}\n");
    live.applied(&asking("vpce-0f")).await;
    live.reason("VpcEndpoint", "lambda", "EndpointNotFound").await;
    live.applied(&asking(&id)).await;
    let object = live.ready("VpcEndpoint", "lambda").await;
    assert_eq!(object["status"]["id"], id.as_str());
    assert_eq!(live.aws.endpoints(&live.namespace).await, [id.as_str()]);
    let error = live.apply(&asking("vpce-0f")).await.expect_err("another id is rejected").to_string();
    assert!(error.contains("endpointId is immutable"), "{error}");
    live.applied(ENDPOINT).await;
    live.ready("VpcEndpoint", "lambda").await;
    live.end().await;
    drop(operator);
}
