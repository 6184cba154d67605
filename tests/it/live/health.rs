//! /livez and /readyz, and a kind that the cluster does not serve.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams},
    runtime::{conditions::is_crd_established, wait::await_condition},
};

use super::{ENDPOINT, ROLE};
use crate::support::live::{Live, eventually, operator::Operator};

/// The CustomResourceDefinition of roles, of which there are none while this test has its turn.
struct Definition {
    api: Api<CustomResourceDefinition>,
    crd: CustomResourceDefinition,
}

impl Definition {
    fn of(live: &Live) -> Self {
        let crds = privatelink_operator::kinds::crds();
        let crd = crds.into_iter().find(|crd| crd.spec.names.kind == "InstanceRole").unwrap();
        Self { api: Api::all(live.client.clone()), crd }
    }

    fn name(&self) -> &str {
        self.crd.metadata.name.as_deref().unwrap()
    }

    async fn remove(&self) {
        self.api.delete(self.name(), &DeleteParams::default()).await.unwrap();
        eventually(async || self.api.get_opt(self.name()).await.unwrap().is_none()).await.expect("it goes");
    }

    async fn restore(&self) {
        let params = PatchParams::apply("it").force();
        self.api.patch(self.name(), &params, &Patch::Apply(&self.crd)).await.unwrap();
        await_condition(self.api.clone(), self.name(), is_crd_established()).await.unwrap();
    }
}

const MISSING: &str = "CustomResourceDefinition of InstanceRole";

async fn readiness(operator: &Operator) -> (u16, String) {
    operator.get("/readyz").await.unwrap_or_default()
}

async fn misses_roles(operator: &Operator) -> bool {
    let (status, words) = readiness(operator).await;
    status == 503 && words.contains(MISSING)
}

#[tokio::test]
async fn a_kind_that_is_not_served_is_waited_for_while_the_others_work() {
    let live = Live::begin("no-crd").await;
    let definition = Definition::of(&live);
    definition.remove().await;
    let operator = Operator::spawn(live.release, &[]);
    eventually(async || misses_roles(&operator).await).await.expect("/readyz says what is missing");
    assert_eq!(operator.get("/livez").await, Some((200, "ok".to_owned())));
    live.applied(ENDPOINT).await;
    live.ready("VpcEndpoint", "lambda").await;
    let (_, words) = readiness(&operator).await;
    assert_eq!(words, format!("waiting for: {MISSING}, cache of InstanceRole\n"));
    let told = operator.log().matches("the CustomResourceDefinition is missing").count();
    assert_eq!(told, 1, "it is said once");

    definition.restore().await;
    eventually(async || readiness(&operator).await.0 == 200).await.expect("it goes on when the definition comes");
    live.applied(ROLE).await;
    live.ready("InstanceRole", "client").await;

    live.delete("InstanceRole", "client").await;
    definition.remove().await;
    eventually(async || misses_roles(&operator).await).await.expect("/readyz says that it is gone");
    definition.restore().await;
    eventually(async || readiness(&operator).await.0 == 200).await.expect("it goes on when the definition comes back");
    live.applied(ROLE).await;
    live.ready("InstanceRole", "client").await;
    live.end().await;
}

#[tokio::test]
async fn without_credentials_the_operator_is_alive_and_says_what_it_lacks() {
    let live = Live::begin("no-creds").await;
    let operator = Operator::spawn_without(live.release, &[], &["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]);
    let lacks = async || readiness(&operator).await == (503, "waiting for: AWS credentials\n".to_owned());
    eventually(lacks).await.expect("all but credentials comes");
    assert_eq!(operator.get("/livez").await, Some((200, "ok".to_owned())));
    let counted = async || {
        let text = operator.metrics().await;
        text.lines().any(|line| line.starts_with("aws_api_requests_total{") && line.contains("code=\"NoCredentials\""))
    };
    eventually(counted).await.expect("the calls are counted");
    live.end().await;
}
