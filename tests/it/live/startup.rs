//! What the operator says when it can't start, and what one bad object does to the others: nothing.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{CustomResourceDefinition, JSONSchemaProps};
use kube::{
    Api,
    api::{Patch, PatchParams},
};

use super::ENDPOINT;
use crate::support::live::{CLUSTER_ID, Live, eventually};

#[tokio::test]
async fn the_cluster_id_is_required_and_pinned() {
    let live = Live::begin("pinned").await;
    let running = live.operator(&[]).await;
    let output =
        tokio::process::Command::new(env!("CARGO_BIN_EXE_privatelink-operator")).arg("run").output().await.unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("--cluster-id"));

    let output = live
        .release
        .command()
        .args(["--cluster-id", "another", "--http-address", "127.0.0.1:0"])
        .output()
        .await
        .unwrap();
    assert!(!output.status.success());
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains(&format!("start with --cluster-id {CLUSTER_ID}")), "{error}");
    live.end().await;
    drop(running);
}

#[tokio::test]
async fn an_object_that_cannot_be_decoded_is_counted_and_leaves_the_others_working() {
    let live = Live::begin("decode").await;
    let crds = Api::<CustomResourceDefinition>::all(live.client.clone());
    let strict =
        privatelink_operator::kinds::crds().into_iter().find(|crd| crd.spec.names.kind == "VpcEndpoint").unwrap();
    let name = strict.metadata.name.clone().unwrap();
    let params = PatchParams::apply("it").force();
    crds.patch(&name, &params, &Patch::Apply(relaxed(strict.clone()))).await.unwrap();
    let nonsense = ENDPOINT.replace("name: lambda }", "name: nonsense }").replace("type: Interface", "type: 7");
    eventually(async || live.apply(&nonsense).await.is_ok()).await.expect("the relaxed schema lets it in");
    crds.patch(&name, &params, &Patch::Apply(strict)).await.unwrap();

    let operator = live.operator(&[]).await;
    let counted = |metrics: &str| {
        metrics.lines().any(|line| line.starts_with("privatelink_undecodable_objects{controller=\"VpcEndpoint\"} 1"))
    };
    eventually(async || counted(&operator.metrics().await)).await.expect("it is counted");
    assert!(operator.log().contains("can't be decoded"));
    live.applied(ENDPOINT).await;
    live.ready("VpcEndpoint", "lambda").await;
    live.end().await;
    drop(operator);
}

fn relaxed(mut crd: CustomResourceDefinition) -> CustomResourceDefinition {
    for version in &mut crd.spec.versions {
        let schema = version.schema.as_mut().and_then(|schema| schema.open_api_v3_schema.as_mut()).unwrap();
        schema.x_kubernetes_validations = None;
        let any = JSONSchemaProps {
            type_: Some("object".to_owned()),
            x_kubernetes_preserve_unknown_fields: Some(true),
            ..JSONSchemaProps::default()
        };
        schema.properties.as_mut().unwrap().insert("spec".to_owned(), any);
    }
    crd
}
