//! What AWS refuses, told with the field and the ids at fault.

use privatelink_operator::{
    cloud::ec2::{Ec2, NewEndpoint, Target, VpcDns},
    engine::reconcile::Outcome,
    kinds::vpc_endpoint::spec::VpcEndpoint,
};
use serde_json::{Value, json};

use crate::support::model::{Model, ec2::Network, replica::Lag};

use super::harness::{Case, Run};

fn lambda() -> Value {
    json!({ "type": "Interface", "service": "lambda", "vpc": { "id": Network::VPC } })
}

/// An endpoint that others have made, for a service of AWS.
async fn others(model: &Model, endpoint_type: &str, service: &str, tables: &[&str]) -> String {
    let new = NewEndpoint {
        endpoint_type: endpoint_type.to_owned(),
        target: Target::Service(format!("com.amazonaws.ap-northeast-1.{service}")),
        vpc_id: Network::VPC.to_owned(),
        route_table_ids: tables.iter().map(|id| (*id).to_owned()).collect(),
        ..NewEndpoint::default()
    };
    model.create_endpoint(&new).await.unwrap().id
}

/// The object is refused, and with what it goes through afterwards.
async fn refused(run: &mut Run<VpcEndpoint>, edit: impl FnOnce(&mut Value)) -> (String, String) {
    run.edit(|object| edit(&mut object["spec"]));
    run.expect(Outcome::Refused).await;
    let conditions = run.object().unwrap()["status"]["conditions"].clone();
    let ready = conditions.as_array().unwrap().iter().find(|c| c["type"] == "Ready").unwrap().clone();
    let text = |field: &str| ready[field].as_str().unwrap_or_default().to_owned();
    (text("reason"), text("message"))
}

/// What a user gets wrong.
type Edit = Box<dyn FnOnce(&mut Value)>;

async fn begun() -> Run<VpcEndpoint> {
    let case = Case { spec: lambda, updates: vec![], objects: &[], drifts: &[], unmanaged: &[], given: &[] };
    Run::begin(&case, Lag::NONE).await
}

fn assert_told((reason, message): (String, String), expected: &str, parts: &[&str]) {
    assert_eq!(reason, expected, "{message}");
    for part in parts {
        assert!(message.contains(part), "{part:?} in {message}");
    }
    assert!(message.starts_with("spec."), "{message}");
}

#[tokio::test(start_paused = true)]
async fn what_the_spec_gets_wrong() {
    let [other_vpc, other_subnet, other_group, other_table] = Network::OTHER_VPC;
    let [a, _, also_a] = Network::SUBNETS;
    let set = |field: &'static str, value: Value| -> Edit { Box::new(move |spec| spec[field] = value) };
    let gateway = |value: Value| -> Edit {
        Box::new(move |spec| {
            spec["type"] = json!("Gateway");
            spec["service"] = json!("s3");
            spec["routeTables"] = value;
        })
    };
    let cases: Vec<(Edit, &str, Vec<&str>)> = vec![
        (
            set("service", json!("lamda")),
            "UnknownService",
            vec!["spec.service: ", "did you mean com.amazonaws.ap-northeast-1.lambda?"],
        ),
        (
            set("service", json!("com.amazonaws.vpce.ap-northeast-1.vpce-svc-0f")),
            "RejectedByAWS",
            vec!["spec.service: ", "InvalidServiceName", "vpce-svc-0f"],
        ),
        (
            set("type", json!("Gateway")),
            "WrongEndpointType",
            vec!["spec.type: ", "takes Interface endpoints, not Gateway"],
        ),
        (set("vpc", json!({ "id": "vpc-0f" })), "NotFound", vec!["spec.vpc: vpc-0f does not exist"]),
        (
            set("subnets", json!([{ "id": a }, { "id": "subnet-0f" }])),
            "NotFound",
            vec!["spec.subnets: subnet-0f not found"],
        ),
        (
            set("subnets", json!([{ "id": a }, { "id": other_subnet }])),
            "InAnotherVpc",
            vec!["spec.subnets: ", other_subnet, other_vpc, "choose one of vpc-0a"],
        ),
        (
            set("subnets", json!([{ "id": a }, { "id": also_a }])),
            "SubnetsShareZone",
            vec!["spec.subnets: subnet-0a and subnet-0aa are in one availability zone (ap-northeast-1a)"],
        ),
        (set("securityGroups", json!([{ "id": "sg-0f" }])), "NotFound", vec!["spec.securityGroups: sg-0f not found"]),
        (
            set("securityGroups", json!([{ "id": Network::GROUP }, { "id": other_group }])),
            "InAnotherVpc",
            vec!["spec.securityGroups: ", other_group, other_vpc],
        ),
        (gateway(json!([{ "id": "rtb-0f" }])), "NotFound", vec!["spec.routeTables: rtb-0f not found"]),
        (gateway(json!([{ "id": other_table }])), "InAnotherVpc", vec!["spec.routeTables: ", other_table, other_vpc]),
        (
            Box::new(move |spec| {
                spec["type"] = json!("GatewayLoadBalancer");
                spec["service"] = json!(Network::GWLB_SERVICE);
                spec["subnets"] = json!([{ "tags": { "Name": "*" } }]);
            }),
            "TooManySubnets",
            vec!["spec.subnets: ", "subnet-0a, subnet-0c"],
        ),
        (
            Box::new(|spec| {
                spec["service"] = json!("s3");
                spec["privateDnsEnabled"] = json!(true);
                spec["dnsOptions"] = json!({ "privateDnsOnlyForInboundResolverEndpoint": true });
            }),
            "RejectedByAWS",
            vec!["spec.dnsOptions.privateDnsOnlyForInboundResolverEndpoint: ", "must have a Gateway endpoint"],
        ),
        (set("policy", json!({ "Statement": [] })), "RejectedByAWS", vec!["spec.policy: "]),
    ];
    for (edit, reason, parts) in cases {
        let mut run = begun().await;
        let told = refused(&mut run, edit).await;
        assert_told(told, reason, &parts);
        assert_eq!(run.model.holdings(), Vec::<String>::new());
    }
}

/// The schema does not let these through; AWS's own word names the field all the same.
#[tokio::test(start_paused = true)]
async fn fields_of_another_type() {
    let mut run = begun().await;
    let told = refused(&mut run, |spec| spec["routeTables"] = json!([{ "id": Network::TABLES[0] }])).await;
    assert_told(told, "RejectedByAWS", &["spec.routeTables: ", "only supported for Gateway"]);
    let mut run = begun().await;
    let told = refused(&mut run, |spec| {
        spec["type"] = json!("Gateway");
        spec["service"] = json!("s3");
        spec["subnets"] = json!([{ "id": Network::SUBNETS[0] }]);
    });
    assert_told(told.await, "RejectedByAWS", &["spec.subnets: ", "only supported for Interface"]);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_not_in_the_zone_of_a_subnet() {
    let mut run = begun().await;
    let zones = ["ap-northeast-1c".to_owned(), "ap-northeast-1d".to_owned()].into();
    run.model.state().ec2.service_zones.insert("com.amazonaws.ap-northeast-1.lambda".to_owned(), zones);
    let told = refused(&mut run, |spec| spec["subnets"] = json!([{ "id": "subnet-0a" }, { "id": "subnet-0c" }])).await;
    assert_told(
        told,
        "ServiceNotInZone",
        &["spec.subnets: ", "subnet-0a (ap-northeast-1a)", "it is in ap-northeast-1c, ap-northeast-1d"],
    );
}

#[tokio::test(start_paused = true)]
async fn private_dns_without_the_attributes_of_the_vpc() {
    let mut run = begun().await;
    run.model.state().ec2.vpc_dns.insert(Network::VPC.to_owned(), VpcDns { support: true, hostnames: false });
    let told = refused(&mut run, |spec| spec["privateDnsEnabled"] = json!(true)).await;
    assert_told(told, "VpcDnsDisabled", &["spec.privateDnsEnabled: ", Network::VPC, "enableDnsHostnames is off"]);
}

#[tokio::test(start_paused = true)]
async fn a_private_dns_name_that_is_taken_at_creation_and_at_a_change() {
    let mut run = begun().await;
    let other = others(&run.model, "Interface", "lambda", &[]).await;
    let told = refused(&mut run, |spec| spec["privateDnsEnabled"] = json!(true)).await;
    assert_told(told, "PrivateDnsConflict", &["spec.privateDnsEnabled: ", &other, Network::VPC]);
    run.edit(|object| object["spec"]["privateDnsEnabled"] = json!(false));
    run.expect(Outcome::Converged).await;
    let told = refused(&mut run, |spec| spec["privateDnsEnabled"] = json!(true)).await;
    assert_told(told, "PrivateDnsConflict", &["spec.privateDnsEnabled: ", &other]);
    run.model.delete_endpoint(&other).await.unwrap();
    run.expect(Outcome::Converged).await;
}

#[tokio::test(start_paused = true)]
async fn a_second_gateway_endpoint_of_a_route_table() {
    let mut run = begun().await;
    let other = others(&run.model, "Gateway", "s3", &[Network::TABLES[1]]).await;
    let told = refused(&mut run, |spec| {
        spec["type"] = json!("Gateway");
        spec["service"] = json!("s3");
        spec["routeTables"] = json!([{ "id": Network::TABLES[0] }, { "id": Network::TABLES[1] }]);
    });
    assert_told(told.await, "RouteTableConflict", &["spec.routeTables: ", Network::TABLES[1], &other]);
}

#[tokio::test(start_paused = true)]
async fn a_quota_that_is_used_up() {
    let mut run = begun().await;
    run.model.state().ec2.endpoint_quota = Some(0);
    let (reason, message) = refused(&mut run, |_| ()).await;
    assert_eq!(reason, "QuotaReached");
    assert!(message.contains("50 Interface and GatewayLoadBalancer endpoints in a VPC"), "{message}");
}

/// Nothing is read around an endpoint that AWS takes.
#[tokio::test(start_paused = true)]
async fn looks_around_are_for_refusals_only() {
    let mut run = begun().await;
    run.edit(|object| {
        object["spec"]["subnets"] = json!([{ "id": "subnet-0a" }]);
        object["spec"]["securityGroups"] = json!([{ "id": Network::GROUP }]);
        object["spec"]["privateDnsEnabled"] = json!(true);
    });
    run.expect(Outcome::Converged).await;
    for operation in
        ["DescribeSubnets", "DescribeSecurityGroups", "DescribeVpcAttribute", "DescribeVpcEndpointServices"]
    {
        assert!(run.model.calls().iter().all(|call| call.operation != operation), "{operation}");
    }
}
