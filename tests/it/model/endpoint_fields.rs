//! Every field of a `VpcEndpoint` that can be changed: set at creation, changed, put right after somebody else
//! changed it, and taken out again.

use privatelink_operator::{
    cloud::ec2::{Endpoint, Target},
    engine::reconcile::Outcome,
    kinds::vpc_endpoint::spec::VpcEndpoint,
};
use serde_json::{Value, json};

use crate::support::model::{Model, drift::Drift, ec2::Network, replica::Lag};

use super::harness::{Case, Given, Run};

/// One field.
struct Field {
    /// What the spec has beside it.
    base: fn() -> Value,
    /// Its path in the spec.
    path: &'static [&'static str],
    /// Its first value.
    set: Value,
    /// Another one.
    changed: Value,
    /// What somebody else does to it.
    drift: Drift,
    /// What AWS has of it, in words.
    observed: fn(&Model, &Endpoint) -> String,
    /// What that should be at first, after the change, and after it was taken out.
    expected: [&'static str; 3],
    /// Writes to AWS that the change takes.
    writes: usize,
}

fn interface() -> Value {
    json!({ "type": "Interface", "service": "lambda", "vpc": { "id": Network::VPC }, "subnets": [{ "id": Network::SUBNETS[0] }] })
}

fn gateway() -> Value {
    json!({ "type": "Gateway", "service": "s3", "vpc": { "id": Network::VPC } })
}

fn s3() -> Value {
    json!({ "type": "Interface", "service": "s3", "vpc": { "id": Network::VPC }, "privateDnsEnabled": true })
}

fn words<'a>(words: impl IntoIterator<Item = &'a String>) -> String {
    words.into_iter().map(String::as_str).collect::<Vec<_>>().join(" ")
}

fn address(model: &Model, endpoint: &Endpoint) -> String {
    let state = model.state();
    let interfaces = endpoint.network_interface_ids.iter().filter_map(|id| state.ec2.interfaces.get(id));
    let addresses: Vec<_> =
        interfaces.filter_map(|interface| interface.addresses.ipv4).map(|ip| ip.to_string()).collect();
    addresses.join(" ")
}

fn action(_: &Model, endpoint: &Endpoint) -> String {
    let policy: Value = serde_json::from_str(endpoint.policy.as_deref().unwrap_or_default()).unwrap();
    let statement = &policy["Statement"];
    let statement = statement.get(0).unwrap_or(statement);
    statement["Action"].as_str().unwrap_or_default().to_owned()
}

fn allow(action: &str) -> Value {
    json!({ "Statement": [{ "Effect": "Allow", "Principal": "*", "Action": action, "Resource": "*" }] })
}

fn tag(_: &Model, endpoint: &Endpoint) -> String {
    endpoint.tags.get("team").cloned().unwrap_or_default()
}

/// The test of each field.
macro_rules! fields {
    ($($name:ident: $field:expr;)+) => {$(
        #[tokio::test(start_paused = true)]
        async fn $name() {
            set_changed_drifted_and_taken_out($field).await;
        }
    )+};
}

fields! {
    subnets: Field {
        base: || json!({ "type": "Interface", "service": "lambda", "vpc": { "id": Network::VPC } }),
        path: &["subnets"],
        set: json!([{ "id": Network::SUBNETS[0] }]),
        changed: json!([{ "id": Network::SUBNETS[0] }, { "id": Network::SUBNETS[1] }]),
        drift: Drift::RemoveSubnet,
        observed: |_, e| words(&e.subnet_ids),
        expected: ["subnet-0a", "subnet-0a subnet-0c", ""],
        writes: 1,
    };
    subnet_of_the_same_zone: Field {
        base: || json!({ "type": "Interface", "service": "lambda", "vpc": { "id": Network::VPC } }),
        path: &["subnets"],
        set: json!([{ "id": Network::SUBNETS[0] }]),
        changed: json!([{ "id": Network::SUBNETS[2] }]),
        drift: Drift::RemoveSubnet,
        observed: |_, e| words(&e.subnet_ids),
        expected: ["subnet-0a", "subnet-0aa", ""],
        writes: 2,
    };
    subnet_configurations: Field {
        base: interface,
        path: &["subnetConfigurations"],
        set: json!([{ "subnetId": Network::SUBNETS[0], "ipv4": "10.0.0.4" }]),
        changed: json!([{ "subnetId": Network::SUBNETS[0], "ipv4": "10.0.0.5" }]),
        drift: Drift::MoveAddress,
        observed: address,
        expected: ["10.0.0.4", "10.0.0.5", "10.0.0.5"],
        writes: 1,
    };
    security_groups: Field {
        base: interface,
        path: &["securityGroups"],
        set: json!([{ "id": Network::GROUP }]),
        changed: json!([{ "id": Network::GROUP }, { "id": Network::DEFAULT_GROUP }]),
        drift: Drift::ChangeGroups,
        observed: |_, e| words(&e.security_group_ids),
        expected: ["sg-0e", "sg-0d sg-0e", "sg-0d"],
        writes: 1,
    };
    route_tables: Field {
        base: gateway,
        path: &["routeTables"],
        set: json!([{ "id": Network::TABLES[0] }]),
        changed: json!([{ "id": Network::TABLES[1] }]),
        drift: Drift::RemoveRouteTables,
        observed: |_, e| words(&e.route_table_ids),
        expected: ["rtb-0a", "rtb-0b", ""],
        writes: 1,
    };
    ip_address_type: Field {
        base: interface,
        path: &["ipAddressType"],
        set: json!("dualstack"),
        changed: json!("ipv4"),
        drift: Drift::ChangeAddressType,
        observed: |_, e| words(&e.ip_address_type),
        expected: ["dualstack", "ipv4", "ipv4"],
        writes: 1,
    };
    dns_record_ip_type: Field {
        base: interface,
        path: &["dnsOptions", "dnsRecordIpType"],
        set: json!("service-defined"),
        changed: json!("dualstack"),
        drift: Drift::ChangeDnsRecords,
        observed: |_, e| words(&e.dns_options.record_ip_type),
        expected: ["service-defined", "dualstack", "ipv4"],
        writes: 1,
    };
    dns_record_ip_type_of_a_gateway: Field {
        base: gateway,
        path: &["dnsOptions", "dnsRecordIpType"],
        set: json!("ipv4"),
        changed: json!("dualstack"),
        drift: Drift::ChangeDnsRecords,
        observed: |_, e| words(&e.dns_options.record_ip_type),
        expected: ["ipv4", "dualstack", "service-defined"],
        writes: 1,
    };
    private_dns_only_for_inbound_resolver_endpoint: Field {
        base: s3,
        path: &["dnsOptions", "privateDnsOnlyForInboundResolverEndpoint"],
        set: json!(false),
        changed: json!(true),
        drift: Drift::ChangeInboundOnly,
        observed: |_, e| e.dns_options.private_dns_only_for_inbound_resolver_endpoint.unwrap().to_string(),
        expected: ["false", "true", "false"],
        writes: 1,
    };
    private_dns_enabled: Field {
        base: interface,
        path: &["privateDnsEnabled"],
        set: json!(false),
        changed: json!(true),
        drift: Drift::DisablePrivateDns,
        observed: |_, e| e.private_dns_enabled.to_string(),
        expected: ["false", "true", "false"],
        writes: 1,
    };
    policy: Field {
        base: interface,
        path: &["policy"],
        set: allow("lambda:Invoke*"),
        changed: allow("lambda:Get*"),
        drift: Drift::ChangeEndpointPolicy,
        observed: action,
        expected: ["lambda:Invoke*", "lambda:Get*", "*"],
        writes: 1,
    };
    policy_of_a_gateway: Field {
        base: gateway,
        path: &["policy"],
        set: allow("s3:Get*"),
        changed: allow("s3:Put*"),
        drift: Drift::ChangeEndpointPolicy,
        observed: action,
        expected: ["s3:Get*", "s3:Put*", "*"],
        writes: 1,
    };
    tags: Field {
        base: interface,
        path: &["tags"],
        set: json!({ "team": "a" }),
        changed: json!({ "team": "b" }),
        drift: Drift::RemoveTags,
        observed: tag,
        expected: ["a", "b", ""],
        writes: 1,
    };
}

async fn set_changed_drifted_and_taken_out(field: Field) {
    let case = Case {
        spec: field.base,
        updates: vec![],
        objects: &["endpoint"],
        drifts: &[],
        unmanaged: &[],
        given: &[Given::S3Gateway],
    };
    let mut run = Run::<VpcEndpoint>::begin(&case, Lag::NONE).await;
    let put = |value: &Value| {
        let (path, value) = (field.path, value.clone());
        move |object: &mut Value| place(&mut object["spec"], path, value)
    };

    run.edit(put(&field.set));
    run.expect(Outcome::Converged).await;
    assert_eq!(observed(&run, &field), field.expected[0], "set\n{}", run.story());
    let id = only_endpoint(&run).id;

    let mark = run.model.calls().len();
    run.edit(put(&field.changed));
    run.expect(Outcome::Converged).await;
    assert_eq!(observed(&run, &field), field.expected[1], "changed\n{}", run.story());
    assert_eq!(aws_writes(&run, mark), field.writes, "{}", run.story());

    run.model.drift(&run.uid, field.drift);
    run.expect(Outcome::Converged).await;
    assert_eq!(observed(&run, &field), field.expected[1], "put right\n{}", run.story());

    run.edit(|object| take_out(&mut object["spec"], field.path));
    run.expect(Outcome::Converged).await;
    assert_eq!(observed(&run, &field), field.expected[2], "taken out\n{}", run.story());
    assert_eq!(only_endpoint(&run).id, id, "all of it in place");

    let mark = run.model.calls().len();
    run.expect(Outcome::Converged).await;
    assert_eq!(run.model.writes_since(mark), [], "{}", run.story());
}

fn place(spec: &mut Value, path: &[&str], value: Value) {
    match path {
        [] => *spec = value,
        [first, rest @ ..] => place(&mut spec[*first], rest, value),
    }
}

/// The field goes, and what holds nothing else.
fn take_out(spec: &mut Value, path: &[&str]) {
    spec.as_object_mut().unwrap().remove(path[0]);
}

fn only_endpoint(run: &Run<VpcEndpoint>) -> Endpoint {
    let state = run.model.state();
    let is_given = |endpoint: &Endpoint| {
        endpoint.tags.is_empty() && endpoint.target == Target::Service("com.amazonaws.ap-northeast-1.s3".to_owned())
    };
    let all: Vec<_> = state.ec2.endpoints.all().map(|(_, record)| record.endpoint.clone()).collect();
    let [endpoint] = &all.into_iter().filter(|endpoint| !is_given(endpoint)).collect::<Vec<_>>()[..] else {
        panic!("one endpoint was expected")
    };
    endpoint.clone()
}

fn observed(run: &Run<VpcEndpoint>, field: &Field) -> String {
    (field.observed)(&run.model, &only_endpoint(run))
}

fn aws_writes(run: &Run<VpcEndpoint>, mark: usize) -> usize {
    run.model.writes_since(mark).iter().filter(|call| call.operation.starts_with(char::is_uppercase)).count()
}
