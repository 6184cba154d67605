//! `watchNamespaces`: some namespaces are worked on as if they were all, by a Role in each; the others are left alone.

use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams},
};
use serde_json::{Value, json};

use crate::support::live::{Live, condition, eventually};

const ROLE: &str = "InstanceRole";

#[tokio::test]
async fn only_the_namespaces_listed_are_worked_on() {
    let live = Live::begin("watched").await;
    let (second, other) = (format!("{}-second", live.namespace), format!("{}-other", live.namespace));
    for namespace in [&second, &other] {
        make(&live, namespace).await;
    }
    let values = json!({ "watchNamespaces": [live.namespace, second] });
    let operator = live.operator_with(&values, &[]).await;
    for namespace in [&other, &live.namespace, &second] {
        apply_role(&live, namespace).await;
    }
    for namespace in [&live.namespace, &second] {
        eventually(async || condition(&role(&live, namespace).await, "Ready")["status"] == "True")
            .await
            .unwrap_or_else(|()| panic!("the role of {namespace} is made; the log:\n{}", operator.log()));
    }
    let left_alone = role(&live, &other).await;
    assert_eq!(left_alone["status"], json!({ "observedGeneration": -1 }), "no status is written elsewhere");
    assert_eq!(left_alone["metadata"]["finalizers"], Value::Null);
    assert_eq!(live.aws.owned(&other).await, Vec::<String>::new());
    assert!(!operator.log().contains("watch failed"), "nothing is asked for that the Roles don't give");

    for namespace in [&second, &other] {
        let api = live.api_in(namespace, ROLE);
        api.delete("client", &DeleteParams::default()).await.unwrap();
        eventually(async || api.get_opt("client").await.unwrap().is_none()).await.expect("the role goes");
        Api::<Namespace>::all(live.client.clone()).delete(namespace, &DeleteParams::default()).await.unwrap();
    }
    live.end().await;
    drop(operator);
}

async fn make(live: &Live, name: &str) {
    let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
    let api = Api::<Namespace>::all(live.client.clone());
    api.patch(name, &PatchParams::apply("it"), &Patch::Apply(&namespace)).await.unwrap();
}

async fn apply_role(live: &Live, namespace: &str) {
    let object = json!({
        "apiVersion": "privatelink.dev/v1alpha1",
        "kind": ROLE,
        "metadata": { "name": "client" },
        "spec": { "managedPolicies": ["AWSLambdaRole"] },
    });
    live.api_in(namespace, ROLE).patch("client", &PatchParams::apply("it"), &Patch::Apply(&object)).await.unwrap();
}

async fn role(live: &Live, namespace: &str) -> Value {
    serde_json::to_value(live.api_in(namespace, ROLE).get("client").await.unwrap()).unwrap()
}
