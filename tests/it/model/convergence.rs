//! Every kind, run through everything that can go wrong.

use serde_json::json;

use crate::support::model::{drift, ec2::Network};

use super::harness::{Case, Given};

/// One module for each case, with one test for each scenario.
macro_rules! cases {
    ($($name:ident: $kind:ty = $case:expr;)+) => {$(
        mod $name {
            #[allow(unused_imports, reason = "not every case uses all")]
            use super::*;

            cases!(@ $kind, $case, from_nothing faults_while_creating faults_while_updating deleted_while_creating
                faults_while_deleting status_wiped tags_stripped second_owner taken_back drift plan_mode paused
                undecodable throttled killed_again_and_again);
        }
    )+};
    (@ $kind:ty, $case:expr, $($scenario:ident)+) => {$(
        #[tokio::test(start_paused = true)]
        async fn $scenario() {
            crate::model::scenarios::$scenario::<$kind>($case).await;
        }
    )+};
}

cases! {
    interface_endpoint: privatelink_operator::kinds::vpc_endpoint::spec::VpcEndpoint = Case {
        spec: || json!({
            "type": "Interface",
            "service": "lambda",
            "vpc": { "id": Network::VPC },
            "subnets": [{ "tags": { "Name": Network::SUBNETS[0] } }, { "id": Network::SUBNETS[1] }],
            "securityGroups": [{ "name": "web" }],
            "privateDnsEnabled": true,
            "policy": { "Statement": [
                { "Effect": "Allow", "Principal": "*", "Action": ["lambda:InvokeFunction"], "Resource": "*" },
            ] },
            "tags": { "team": "a", "stage": "test" },
        }),
        updates: vec![
            |spec| spec["tags"] = json!({ "team": "b" }),
            |spec| spec["subnets"] = json!([{ "id": Network::SUBNETS[1] }]),
            |spec| spec["subnets"] = json!([{ "id": Network::SUBNETS[2] }, { "id": Network::SUBNETS[1] }]),
            |spec| {
                spec["privateDnsEnabled"] = json!(false);
                spec["securityGroups"] = json!([{ "id": Network::DEFAULT_GROUP }]);
                spec.as_object_mut().unwrap().remove("policy");
                spec.as_object_mut().unwrap().remove("tags");
            },
        ],
        objects: &["endpoint"],
        drifts: drift::ENDPOINT,
        given: &[],
    };

    gateway_endpoint: privatelink_operator::kinds::vpc_endpoint::spec::VpcEndpoint = Case {
        spec: || json!({
            "type": "Gateway",
            "service": "com.amazonaws.ap-northeast-1.s3",
            "vpc": { "tags": { "Name": "demo" } },
            "routeTables": [{ "id": Network::TABLES[0] }],
            "tags": { "team": "a" },
        }),
        updates: vec![|spec| spec["routeTables"] = json!([{ "tags": { "Name": "*" } }])],
        objects: &["endpoint"],
        drifts: drift::ENDPOINT,
        given: &[],
    };

    load_balancer_endpoint: privatelink_operator::kinds::vpc_endpoint::spec::VpcEndpoint = Case {
        spec: || json!({
            "type": "GatewayLoadBalancer",
            "service": Network::GWLB_SERVICE,
            "vpc": { "id": Network::VPC },
            "subnets": [{ "id": Network::SUBNETS[0] }],
        }),
        updates: vec![|spec| spec["tags"] = json!({ "team": "b" })],
        objects: &["endpoint"],
        drifts: &drift::ENDPOINT[..1],
        given: &[],
    };
}
