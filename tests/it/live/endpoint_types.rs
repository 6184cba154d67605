//! Each type of endpoint that LocalStack has, with its facts in the status.

use serde_json::Value;

use super::ENDPOINT;
use crate::support::live::Live;

#[tokio::test]
async fn an_interface_endpoint_tells_its_network_interfaces_and_groups() {
    let live = Live::begin("ep-facts").await;
    let operator = live.operator(&["--resync-interval", "1h"]).await;
    live.applied(ENDPOINT).await;
    let status = live.ready("VpcEndpoint", "lambda").await["status"].clone();
    let interfaces = status["networkInterfaces"].as_array().unwrap();
    assert_eq!(interfaces.len(), 2, "{status:#}");
    for interface in interfaces {
        let address: std::net::Ipv4Addr = interface["ipv4"].as_str().unwrap().parse().unwrap();
        assert!(address.is_private(), "{interface}");
        let subnet = interface["subnet"].as_str().unwrap();
        assert!(live.network.subnets.iter().any(|id| id == subnet), "{interface}");
        assert!(interface["zone"].as_str().unwrap().starts_with("ap-northeast-1"), "{interface}");
    }
    assert!(status["dnsEntries"].as_array().is_some_and(|entries| !entries.is_empty()), "{status:#}");
    assert_eq!(status["securityGroups"][0]["id"], live.network.group.as_str());
    assert_eq!(status["vpc"], live.network.vpc.as_str());
    live.end().await;
    drop(operator);
}

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

#[tokio::test]
async fn a_gateway_endpoint_has_its_route_tables() {
    let live = Live::begin("ep-gateway").await;
    let operator = live.operator(&["--resync-interval", "1h"]).await;
    live.applied(GATEWAY).await;
    let status = live.ready("VpcEndpoint", "s3").await["status"].clone();
    assert_eq!(status["routeTables"], serde_json::json!([live.network.route_table]));
    assert_eq!(status["networkInterfaces"], Value::Null);
    live.end().await;
    drop(operator);
}
