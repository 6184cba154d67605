//! kill -9 at random moments leads to one AWS object per custom resource.

use std::time::Duration;

use super::{ENDPOINT, FUNCTION, ROLE};
use crate::support::live::{Live, operator::Operator};

#[tokio::test]
async fn one_of_each_after_many_kills() {
    let live = Live::begin("crash").await;
    for manifest in [ROLE, ENDPOINT, FUNCTION] {
        live.applied(manifest).await;
    }
    for _ in 0..20 {
        let operator = Operator::spawn(live.release, &[]);
        // The moment is what is tested: any point of start-up or creation.
        let moment = Duration::from_millis(u64::from(rand::random::<u16>()) % 800 + 50);
        tokio::time::sleep(moment).await;
        operator.kill().await;
    }
    let operator = live.operator(&[]).await;
    live.ready("VpcEndpoint", "lambda").await;
    live.ready("InstanceRole", "client").await;
    live.ready("LambdaFunction", "hello").await;
    let mut owned = live.aws.owned(&live.namespace).await;
    owned.retain(|name| !name.starts_with("vpce-"));
    owned.sort();
    let ns = &live.namespace;
    let expected = [
        format!("{ns}-client"),
        format!("{ns}-hello"),
        format!("{ns}-hello-execution"),
        format!("profile {ns}-client"),
    ];
    assert_eq!(owned, expected);
    assert_eq!(live.aws.endpoints(ns).await.len(), 1);
    live.end().await;
    drop(operator);
}
