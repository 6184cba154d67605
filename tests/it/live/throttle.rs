//! AWS asks everybody to slow down for a minute.

use std::time::Duration;

use futures::{StreamExt, stream};
use kube::api::{ListParams, PostParams};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use crate::support::live::{Live, condition, operator::unlimited_rates};

const KINDS: [&str; 3] = ["VpcEndpoint", "InstanceRole", "LambdaFunction"];
/// ACK's three controllers made 58 calls for 50 objects in such a minute with one worker each, and 750 with 16.
const MOST_CALLS: usize = 60;

/// `make torture` takes 300 objects; the sample has as many as there are workers at least.
fn objects_of_each_kind() -> usize {
    if std::env::var("PRIVATELINK_TORTURE").is_ok() { 100 } else { 20 }
}

fn object(live: &Live, role: &str, kind: &str, number: usize) -> Value {
    let spec = match kind {
        "VpcEndpoint" => json!({
            "type": "Interface",
            "service": "lambda",
            "vpc": { "id": live.network.vpc },
            "subnets": [{ "id": live.network.subnets[0] }],
            "securityGroups": [{ "id": live.network.group }],
        }),
        "InstanceRole" => json!({ "trust": { "services": ["ec2.amazonaws.com"] } }),
        _ => json!({
            "runtime": "nodejs22.x",
            "handler": "index.handler",
            "code": { "inline": { "index.mjs": "export const handler = async () => 'hello';" } },
            "executionRole": { "arn": role },
        }),
    };
    let metadata = json!({ "name": format!("o-{number}") });
    json!({ "apiVersion": "privatelink.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec })
}

async fn create(live: &Live, role: &str, numbers: std::ops::Range<usize>) {
    let all = numbers.flat_map(|number| KINDS.map(|kind| (kind, number)));
    let made = stream::iter(all).map(|(kind, number)| async move {
        let object = serde_json::from_value(object(live, role, kind, number)).unwrap();
        live.api(kind).create(&PostParams::default(), &object).await.unwrap();
    });
    made.buffer_unordered(8).collect::<()>().await;
}

/// Waits until all are ready. How long it takes is LocalStack's affair, so the patience is with each step forward.
async fn all_ready(live: &Live, count: usize) {
    let mut progress = (0, Instant::now());
    loop {
        let mut ready = 0;
        for kind in KINDS {
            let list = live.api(kind).list(&ListParams::default()).await.unwrap();
            let objects = list.items.iter().map(|object| serde_json::to_value(object).unwrap());
            ready += objects.filter(|object| condition(object, "Ready")["status"] == "True").count();
        }
        if ready == count {
            return;
        }
        if ready > progress.0 {
            progress = (ready, Instant::now());
        }
        assert!(
            progress.1.elapsed() < Duration::from_mins(2),
            "{ready} of {count} are ready, and for two minutes no more"
        );
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

#[tokio::test]
async fn a_minute_of_throttles_costs_few_calls_and_starves_nobody() {
    let live = Live::begin("throttle").await;
    let role = live.aws.make_lambda_role(&format!("x-{}", live.namespace)).await;
    let operator = live.operator(&["--aws-rate", &unlimited_rates()]).await;
    create(&live, &role, 0..1).await;
    all_ready(&live, KINDS.len()).await;

    let count = objects_of_each_kind();
    operator.proxy().throttle(true);
    let before = operator.calls().len();
    let over = Instant::now() + Duration::from_mins(1);
    create(&live, &role, 1..count).await;
    sleep_until(over).await;
    let sent = operator.calls().len() - before;
    assert!(sent <= MOST_CALLS, "{sent} calls in a minute: {:#?}", &operator.calls()[before..]);
    assert!(sent > 0, "it has to find out when it is over");
    let message = live.reason("VpcEndpoint", "o-1", "Throttled").await;
    assert!(message.contains("RequestLimitExceeded") || message.contains("not sent: the budget ec2-read"), "{message}");

    operator.proxy().throttle(false);
    all_ready(&live, KINDS.len() * count).await;
    println!("{} objects: {sent} calls in a minute of throttles", KINDS.len() * count);
    live.end().await;
}
