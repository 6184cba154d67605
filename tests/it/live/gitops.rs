//! What kubectl and the tools built on it see: a wait answers when it is true, and what was applied stays as it was.

use std::{
    collections::BTreeSet,
    process::{Output, Stdio},
};

use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, process::Command};

use super::{ENDPOINT, FUNCTION, ROLE};
use crate::support::live::{Live, condition};

/// Kind and name of what the manifests make, and an edit of each that AWS is to show.
const OBJECTS: &[(&str, &str, &str)] = &[
    ("InstanceRole", "client", r#"{ "spec": { "managedPolicies": ["AWSLambdaExecute"] } }"#),
    ("VpcEndpoint", "lambda", r#"{ "spec": { "subnets": [{ "id": "$subnet0" }] } }"#),
    ("LambdaFunction", "hello", r#"{ "spec": { "memorySize": 256 } }"#),
];

const PAUSED: &str = "privatelink.dev/paused";

/// Runs kubectl in the test's namespace with this on its input.
async fn kubectl(live: &Live, arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new("kubectl");
    command.arg("--namespace").arg(&live.namespace).args(arguments).kill_on_drop(true);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("kubectl is there");
    child.stdin.take().unwrap().write_all(input.as_bytes()).await.unwrap();
    child.wait_with_output().await.unwrap()
}

/// What kubectl prints when it succeeds, which it must.
async fn printed(live: &Live, arguments: &[&str], input: &str) -> String {
    let output = kubectl(live, arguments, input).await;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "kubectl {arguments:?}: {out}{err}");
    out.into_owned()
}

async fn wait_for(live: &Live, kind: &str, name: &str, what: &str) {
    printed(live, &["wait", &format!("{kind}/{name}"), &format!("--for={what}"), "--timeout=120s"], "").await;
}

/// That kubectl, asked now, does not answer that it is so.
async fn is_not(live: &Live, kind: &str, name: &str, what: &str) {
    let arguments = ["wait", &format!("{kind}/{name}"), &format!("--for={what}"), "--timeout=1s"];
    let output = kubectl(live, &arguments, "").await;
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && error.contains("timed out"), "{kind} {what}: {output:?}");
}

async fn pause(live: &Live, kind: &str, name: &str, paused: Value) {
    live.patch(kind, name, json!({ "metadata": { "annotations": { PAUSED: paused } } })).await;
}

/// What AWS has of the fields that are edited.
async fn in_aws(live: &Live, kind: &str, object: &Value) -> Value {
    let status = &object["status"];
    match kind {
        "VpcEndpoint" => {
            let describe = live.aws.ec2.describe_vpc_endpoints().vpc_endpoint_ids(status["id"].as_str().unwrap());
            let endpoint = describe.send().await.unwrap().vpc_endpoints.unwrap().remove(0);
            let state = endpoint.state().unwrap().as_str().to_lowercase();
            let subnets: BTreeSet<_> = endpoint.subnet_ids().iter().collect();
            json!({ "state": state, "subnets": subnets })
        }
        "InstanceRole" => {
            let list = live.aws.iam.list_attached_role_policies().role_name(status["roleName"].as_str().unwrap());
            let attached = list.send().await.unwrap().attached_policies.unwrap();
            let mut names: Vec<_> = attached.into_iter().map(|policy| policy.policy_name.unwrap()).collect();
            names.sort();
            json!({ "policies": names })
        }
        _ => {
            let get = live.aws.lambda.get_function_configuration();
            let function = get.function_name(status["functionName"].as_str().unwrap()).send().await.unwrap();
            let (state, update) = (function.state.unwrap(), function.last_update_status.unwrap());
            json!({ "state": state.as_str(), "update": update.as_str(), "memory": function.memory_size })
        }
    }
}

/// What AWS is to have, as the manifests make it, or after the edit.
fn wanted(live: &Live, kind: &str, edited: bool) -> Value {
    let [first, second] = &live.network.subnets;
    match (kind, edited) {
        ("VpcEndpoint", false) => json!({ "state": "available", "subnets": BTreeSet::from([first, second]) }),
        ("VpcEndpoint", true) => json!({ "state": "available", "subnets": [first] }),
        ("InstanceRole", false) => json!({ "policies": ["AWSLambdaExecute", "AWSLambdaRole"] }),
        ("InstanceRole", true) => json!({ "policies": ["AWSLambdaExecute"] }),
        (_, edited) => {
            json!({ "state": "Active", "update": "Successful", "memory": if edited { 256 } else { 128 } })
        }
    }
}

/// That the object is Ready for its generation, and AWS has what it says.
async fn assert_true(live: &Live, kind: &str, name: &str, edited: bool) {
    let object = live.get(kind, name).await;
    let ready = condition(&object, "Ready");
    assert_eq!(ready["observedGeneration"], object["metadata"]["generation"], "{object:#}");
    assert_eq!(ready["status"], "True", "{object:#}");
    assert_eq!(in_aws(live, kind, &object).await, wanted(live, kind, edited), "{object:#}");
}

#[tokio::test]
async fn kubectl_wait_answers_when_aws_holds_what_the_spec_says() {
    let live = Live::begin("wait").await;
    for manifest in [ROLE, ENDPOINT, FUNCTION] {
        live.applied(manifest).await;
    }
    for (kind, name, _) in OBJECTS {
        is_not(&live, kind, name, "condition=Ready").await;
    }
    let operator = live.operator(&[]).await;
    for (kind, name, edit) in OBJECTS {
        wait_for(&live, kind, name, "condition=Ready").await;
        assert_true(&live, kind, name, false).await;

        pause(&live, kind, name, json!("true")).await;
        live.patch(kind, name, serde_json::from_str(&live.network.fill(edit)).unwrap()).await;
        is_not(&live, kind, name, "condition=Ready").await;
        pause(&live, kind, name, Value::Null).await;
        wait_for(&live, kind, name, "condition=Ready").await;
        assert_true(&live, kind, name, true).await;
    }
    live.end().await;
    drop(operator);
}

#[tokio::test]
async fn kubectl_wait_answers_right_after_create_edit_and_deletion() {
    let live = Live::begin("wait-now").await;
    let operator = live.operator(&[]).await;
    for (manifest, (kind, name, edit)) in [ROLE, ENDPOINT, FUNCTION].into_iter().zip(OBJECTS) {
        live.applied(manifest).await;
        wait_for(&live, kind, name, "condition=Ready").await;
        assert_true(&live, kind, name, false).await;
        live.patch(kind, name, serde_json::from_str(&live.network.fill(edit)).unwrap()).await;
        wait_for(&live, kind, name, "condition=Ready").await;
        assert_true(&live, kind, name, true).await;
    }
    for (kind, name, _) in OBJECTS.iter().rev() {
        pause(&live, kind, name, json!("true")).await;
        live.begin_deletion(kind, name).await;
        is_not(&live, kind, name, "delete").await;
        pause(&live, kind, name, Value::Null).await;
        wait_for(&live, kind, name, "delete").await;
        let own = format!("{}-{name}", live.namespace);
        let is_own = |id: &&String| if *kind == "VpcEndpoint" { id.starts_with("vpce-") } else { id.ends_with(&own) };
        let left = live.aws.owned(&live.namespace).await;
        assert_eq!(left.iter().find(is_own), None, "{kind} {name} is gone, and AWS still has it");
    }
    live.end().await;
    drop(operator);
}

#[tokio::test]
async fn what_was_applied_stays_as_it_was() {
    let live = Live::begin("apply").await;
    let operator = live.operator(&[]).await;
    let manifests = live.network.fill(&[ROLE, ENDPOINT, FUNCTION].join("\n---\n"));
    printed(&live, &["apply", "-f", "-"], &manifests).await;
    for (kind, name, _) in OBJECTS {
        live.ready(kind, name).await;
    }
    let versions = async || {
        let mut versions = Vec::new();
        for (kind, name, _) in OBJECTS {
            versions.push(live.get(kind, name).await["metadata"]["resourceVersion"].clone());
        }
        versions
    };

    let at_rest = versions().await;
    let again = printed(&live, &["apply", "-f", "-"], &manifests).await;
    assert_eq!(again.matches(" unchanged").count(), OBJECTS.len(), "{again}");
    assert_eq!(printed(&live, &["diff", "-f", "-"], &manifests).await, "");
    assert_eq!(versions().await, at_rest, "a second apply changes nothing");

    // The first takes the fields over from the apply before, which is a change of managedFields.
    printed(&live, &["apply", "--server-side", "-f", "-"], &manifests).await;
    let at_rest = versions().await;
    printed(&live, &["apply", "--server-side", "-f", "-"], &manifests).await;
    assert_eq!(printed(&live, &["diff", "--server-side", "-f", "-"], &manifests).await, "");
    assert_eq!(versions().await, at_rest, "a second server-side apply changes nothing");

    for manifest in [ROLE, ENDPOINT, FUNCTION] {
        let sent: Value = serde_saphyr::from_str(&live.network.fill(manifest)).unwrap();
        let (kind, name) = (sent["kind"].as_str().unwrap(), sent["metadata"]["name"].as_str().unwrap());
        let object = live.get(kind, name).await;
        assert_eq!(object["spec"].to_string(), sent["spec"].to_string(), "{kind}: the spec is as it was sent");
        assert_eq!(fields_of_the_operator(&object), ["metadata.finalizers", "status"], "{kind}");
    }
    live.end().await;
    drop(operator);
}

/// The fields that the operator manages: of metadata each, of what else there is the whole.
fn fields_of_the_operator(object: &Value) -> Vec<String> {
    let mut fields = Vec::new();
    for entry in object["metadata"]["managedFields"].as_array().unwrap() {
        if entry["manager"] != "privatelink-operator" {
            continue;
        }
        for (field, below) in entry["fieldsV1"].as_object().unwrap() {
            let field = field.trim_start_matches("f:");
            if field == "metadata" {
                fields.extend(below.as_object().unwrap().keys().map(|name| name.replace("f:", "metadata.")));
            } else {
                fields.push(field.to_owned());
            }
        }
    }
    fields.sort();
    fields
}
