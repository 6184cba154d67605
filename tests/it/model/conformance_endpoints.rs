//! The traps of VPC endpoints that the model sets, one test for each, with the page that it comes from.

use privatelink_operator::cloud::ec2::{
    Addresses, DnsOptions, Ec2, Endpoint, EndpointChange, Filter, NewEndpoint, VpcDns,
};
use tokio::time::sleep;

use crate::support::model::{Model, ec2::Network};

use super::conformance::{LAMBDA_SERVICE, S3_SERVICE, code, gateway, interface, seconds, service, set, text};

fn change(id: &str) -> EndpointChange {
    EndpointChange { id: id.to_owned(), ..EndpointChange::default() }
}

/// <https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html>
#[tokio::test(start_paused = true)]
async fn a_client_token_makes_one_endpoint() {
    let model = Model::with_network();
    let first = model.create_endpoint(&interface("t")).await.unwrap();
    let second = model.create_endpoint(&interface("t")).await.unwrap();
    assert_eq!(first.id, second.id);
    assert_eq!(model.holdings().len(), 1);
    let other = NewEndpoint { private_dns_enabled: Some(false), ..interface("t") };
    assert_eq!(code(model.create_endpoint(&other).await), "IdempotentParameterMismatch");
}

/// The same page: a token outlives its endpoint.
#[tokio::test(start_paused = true)]
async fn a_token_of_a_deleted_endpoint_answers_the_dead_id() {
    let model = Model::with_network();
    let first = model.create_endpoint(&interface("t")).await.unwrap();
    model.delete_endpoint(&first.id).await.unwrap();
    sleep(seconds(120)).await;
    let again = model.create_endpoint(&interface("t")).await.unwrap();
    assert_eq!((again.id, again.state.as_str()), (first.id.clone(), "deleted"));
    assert_eq!(model.endpoint(&first.id).await.unwrap(), None);
}

/// <https://docs.aws.amazon.com/vpc/latest/privatelink/concepts.html>: endpoint states.
#[tokio::test(start_paused = true)]
async fn an_endpoint_is_pending_then_available_then_deleting_then_deleted_then_unknown() {
    let model = Model::with_network();
    let id = model.create_endpoint(&interface("t")).await.unwrap().id;
    let mut seen = vec![];
    for round in 0..200 {
        if round == 60 {
            model.delete_endpoint(&id).await.unwrap();
        }
        let state = model.endpoint(&id).await.unwrap().map_or("unknown".to_owned(), |e| e.state);
        if seen.last() != Some(&state) {
            seen.push(state);
        }
        sleep(seconds(1)).await;
    }
    assert_eq!(seen, ["pending", "available", "deleting", "deleted", "unknown"]);
}

/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVpcEndpoint.html> and its errors in
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html>.
#[tokio::test(start_paused = true)]
async fn create_endpoint_validates() {
    let model = Model::with_network();
    let base = || interface("");
    for (new, expected) in [
        (NewEndpoint { target: service("com.amazonaws.ap-northeast-1.nope"), ..base() }, "InvalidServiceName"),
        (NewEndpoint { endpoint_type: "Gateway".into(), ..base() }, "InvalidParameter"),
        (NewEndpoint { vpc_id: "vpc-0f".into(), ..base() }, "InvalidVpcId.NotFound"),
        (NewEndpoint { subnet_ids: set(&["subnet-0f"]), ..base() }, "InvalidSubnetID.NotFound"),
        (NewEndpoint { security_group_ids: set(&["sg-0f"]), ..base() }, "InvalidGroup.NotFound"),
        (
            NewEndpoint { subnet_ids: set(&[Network::SUBNETS[0], Network::SUBNETS[2]]), ..base() },
            "DuplicateSubnetsInSameZone",
        ),
        (NewEndpoint { route_table_ids: set(&[Network::TABLES[0]]), ..base() }, "InvalidParameter"),
        (NewEndpoint { subnet_ids: set(&[Network::SUBNETS[0]]), ..gateway() }, "InvalidParameter"),
        (NewEndpoint { private_dns_enabled: Some(true), ..gateway() }, "InvalidParameter"),
        (NewEndpoint { route_table_ids: set(&["rtb-0f"]), ..gateway() }, "InvalidRouteTableId.NotFound"),
        (NewEndpoint { policy: Some("{".into()), ..base() }, "InvalidPolicyDocument"),
        (
            NewEndpoint {
                endpoint_type: "GatewayLoadBalancer".into(),
                target: service(Network::GWLB_SERVICE),
                private_dns_enabled: None,
                subnet_ids: set(&Network::SUBNETS[..2]),
                ..base()
            },
            "InvalidParameter",
        ),
    ] {
        assert_eq!(code(model.create_endpoint(&new).await), expected, "{new:?}");
    }
    assert_eq!((model.holdings().len(), model.effects()), (0, 0));
}

/// <https://docs.aws.amazon.com/vpc/latest/privatelink/gateway-endpoints.html>: one route for a service in a
/// route table, free again once the endpoint is deleted.
#[tokio::test(start_paused = true)]
async fn a_route_table_takes_one_gateway_endpoint_of_a_service() {
    let model = Model::with_network();
    let first = model.create_endpoint(&gateway()).await.unwrap();
    assert_eq!(first.state, "available");
    assert_eq!(code(model.create_endpoint(&gateway()).await), "RouteAlreadyExists");
    model.delete_endpoint(&first.id).await.unwrap();
    model.create_endpoint(&gateway()).await.unwrap();
}

/// <https://docs.aws.amazon.com/vpc/latest/privatelink/manage-dns-names.html>: one private DNS name in a VPC.
#[tokio::test(start_paused = true)]
async fn a_private_dns_name_has_one_endpoint_in_a_vpc() {
    let model = Model::with_network();
    model.create_endpoint(&interface("a")).await.unwrap();
    assert!(text(model.create_endpoint(&interface("b")).await).contains("conflicting DNS domain"));
    let without = NewEndpoint { private_dns_enabled: Some(false), ..interface("c") };
    model.create_endpoint(&without).await.unwrap();
}

/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVpcEndpoint.html>: what is not given.
#[tokio::test(start_paused = true)]
async fn an_endpoint_has_the_default_group_and_a_full_access_policy_unless_told() {
    let model = Model::with_network();
    let endpoint = model.create_endpoint(&interface("")).await.unwrap();
    assert_eq!(endpoint.security_group_ids, set(&[Network::DEFAULT_GROUP]));
    assert!(endpoint.policy.unwrap().contains(r#""Action":"*""#));
}

/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyVpcEndpoint.html>
#[tokio::test(start_paused = true)]
async fn an_endpoint_is_modified_by_additions_and_removals_and_only_when_available() {
    let model = Model::with_network();
    let id = model.create_endpoint(&interface("")).await.unwrap().id;
    let plain = || EndpointChange { id: id.clone(), ..EndpointChange::default() };
    let swap = EndpointChange {
        add_subnets: set(&[Network::SUBNETS[1]]),
        remove_subnets: set(&[Network::SUBNETS[0]]),
        add_security_groups: set(&[Network::GROUP]),
        remove_security_groups: set(&[Network::DEFAULT_GROUP]),
        ..plain()
    };
    assert_eq!(code(model.modify_endpoint(&swap).await), "IncorrectState");
    sleep(seconds(60)).await;
    model.modify_endpoint(&swap).await.unwrap();
    let Endpoint { subnet_ids, security_group_ids, network_interface_ids, .. } =
        model.endpoint(&id).await.unwrap().unwrap();
    assert_eq!(subnet_ids, set(&[Network::SUBNETS[1]]));
    assert_eq!(security_group_ids, set(&[Network::GROUP]));
    assert_eq!(network_interface_ids.len(), 1);
    sleep(seconds(60)).await;
    model.modify_endpoint(&EndpointChange { add_subnets: set(&[Network::SUBNETS[0]]), ..plain() }).await.unwrap();
    sleep(seconds(60)).await;
    let in_zone = EndpointChange {
        add_subnets: set(&[Network::SUBNETS[2]]),
        remove_subnets: set(&[Network::SUBNETS[0]]),
        ..plain()
    };
    assert_eq!(code(model.modify_endpoint(&in_zone).await), "DuplicateSubnetsInSameZone");
    let absent = EndpointChange { id: "vpce-0f".into(), ..EndpointChange::default() };
    assert_eq!(code(model.modify_endpoint(&absent).await), "InvalidVpcEndpointId.NotFound");
}

/// <https://docs.aws.amazon.com/vpc/latest/privatelink/create-endpoint-service.html>: a connection that has to be
/// accepted has no private DNS before, and can be accepted by the service's owner only.
#[tokio::test(start_paused = true)]
async fn private_dns_of_an_endpoint_service_waits_for_its_acceptance() {
    let model = Model::with_network();
    let ours = NewEndpoint { target: service(Network::OUR_SERVICE), ..interface("t") };
    assert!(text(model.create_endpoint(&ours).await).contains("after the endpoint connection is accepted"));
    let id = model.create_endpoint(&NewEndpoint { private_dns_enabled: Some(false), ..ours }).await.unwrap().id;
    sleep(seconds(60)).await;
    assert_eq!(model.endpoint(&id).await.unwrap().unwrap().state, "pendingacceptance");
    let turn_on = EndpointChange { private_dns_enabled: Some(true), ..change(&id) };
    assert_eq!(code(model.modify_endpoint(&turn_on).await), "IncorrectState");
    assert_eq!(code(model.accept_endpoint("vpce-svc-0b", &id).await), "InvalidVpcEndpointServiceId.NotFound");
    model.accept_endpoint("vpce-svc-0a", &id).await.unwrap();
    assert_eq!(model.endpoint(&id).await.unwrap().unwrap().state, "pending");
    assert_eq!(code(model.accept_endpoint("vpce-svc-0a", &id).await), "InvalidState");
    sleep(seconds(60)).await;
    model.modify_endpoint(&turn_on).await.unwrap();
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/privatelink-interface-endpoints.html>: private DNS of S3 is
/// for inbound Resolver endpoints only unless told otherwise, and that needs a Gateway endpoint.
#[tokio::test(start_paused = true)]
async fn private_dns_of_s3_asks_for_a_gateway_endpoint_unless_told_otherwise() {
    let model = Model::with_network();
    let only = |on| DnsOptions { private_dns_only_for_inbound_resolver_endpoint: Some(on), ..DnsOptions::default() };
    let s3 = || NewEndpoint { target: service(S3_SERVICE), ..interface("") };
    assert!(text(model.create_endpoint(&s3()).await).contains("must have a Gateway endpoint"));
    let created = model.create_endpoint(&NewEndpoint { dns_options: only(false), ..s3() }).await.unwrap();
    assert_eq!(created.dns_options.private_dns_only_for_inbound_resolver_endpoint, Some(false));
    sleep(seconds(60)).await;
    model.modify_endpoint(&EndpointChange { private_dns_enabled: Some(false), ..change(&created.id) }).await.unwrap();
    sleep(seconds(60)).await;
    let turn_on = || EndpointChange { private_dns_enabled: Some(true), ..change(&created.id) };
    assert!(text(model.modify_endpoint(&turn_on()).await).contains("must have a Gateway endpoint"), "asked for anew");
    model.modify_endpoint(&EndpointChange { dns_options: only(false), ..turn_on() }).await.unwrap();
    let other = NewEndpoint { dns_options: only(true), ..interface("") };
    assert!(text(model.create_endpoint(&other).await).contains("PrivateDnsOnlyForInboundResolverEndpoint"));
}

/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVpcEndpoint.html>, PrivateDnsEnabled: what the VPC
/// must have, and that it is on where nothing is said.
#[tokio::test(start_paused = true)]
async fn private_dns_is_on_unless_told_otherwise_and_needs_the_dns_of_the_vpc() {
    let model = Model::with_network();
    let unsaid = NewEndpoint { private_dns_enabled: None, ..interface("") };
    assert!(model.create_endpoint(&unsaid).await.unwrap().private_dns_enabled);
    for dns in [VpcDns { support: true, hostnames: false }, VpcDns { support: false, hostnames: true }] {
        let model = Model::with_network();
        model.state().ec2.vpc_dns.insert(Network::VPC.to_owned(), dns);
        assert!(text(model.create_endpoint(&interface("")).await).contains("enableDnsSupport and enableDnsHostnames"));
    }
}

/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_SubnetConfiguration.html>: another address is another
/// network interface.
#[tokio::test(start_paused = true)]
async fn a_fixed_address_replaces_the_network_interface() {
    let model = Model::with_network();
    let fixed = |last| {
        let addresses = Addresses { ipv4: Some(std::net::Ipv4Addr::new(10, 0, 0, last)), ipv6: None };
        [(Network::SUBNETS[0].to_owned(), addresses)].into()
    };
    let new = NewEndpoint { subnet_configurations: fixed(4), ..interface("") };
    let before = model.create_endpoint(&new).await.unwrap();
    sleep(seconds(60)).await;
    let same = EndpointChange { subnet_configurations: fixed(4), ..change(&before.id) };
    model.modify_endpoint(&same).await.unwrap();
    let unchanged = model.endpoint(&before.id).await.unwrap().unwrap();
    assert_eq!(unchanged.network_interface_ids, before.network_interface_ids);
    model.modify_endpoint(&EndpointChange { subnet_configurations: fixed(5), ..change(&before.id) }).await.unwrap();
    let after = model.endpoint(&before.id).await.unwrap().unwrap();
    assert_ne!(after.network_interface_ids, before.network_interface_ids);
    assert_eq!(after.state, "pending");
    let ids = Filter::any("network-interface-id", &after.network_interface_ids);
    let interfaces = model.network_interfaces(&[ids]).await.unwrap();
    assert_eq!(interfaces[0].addresses.ipv4, Some(std::net::Ipv4Addr::new(10, 0, 0, 5)));
    let elsewhere = NewEndpoint { subnet_ids: set(&[Network::SUBNETS[1]]), private_dns_enabled: Some(false), ..new };
    assert_eq!(code(model.create_endpoint(&elsewhere).await), "InvalidParameter");
}

/// <https://docs.aws.amazon.com/vpc/latest/privatelink/gateway-load-balancer-endpoints.html>: the subnet stays.
#[tokio::test(start_paused = true)]
async fn what_cannot_be_changed() {
    let model = Model::with_network();
    let balancer = NewEndpoint {
        endpoint_type: "GatewayLoadBalancer".to_owned(),
        target: service(Network::GWLB_SERVICE),
        private_dns_enabled: None,
        ..interface("")
    };
    let id = model.create_endpoint(&balancer).await.unwrap().id;
    sleep(seconds(60)).await;
    for change in [
        EndpointChange { add_subnets: set(&[Network::SUBNETS[1]]), ..change(&id) },
        EndpointChange { private_dns_enabled: Some(true), ..change(&id) },
        EndpointChange {
            dns_options: DnsOptions { private_dns_preference: Some("ALL_DOMAINS".into()), ..DnsOptions::default() },
            ..change(&id)
        },
    ] {
        assert_eq!(code(model.modify_endpoint(&change).await), "InvalidParameter");
    }
}

/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteVpcEndpoints.html>: an item in `Unsuccessful[]`,
/// though the call as such succeeds.
#[tokio::test(start_paused = true)]
async fn a_deletion_may_be_unsuccessful() {
    let model = Model::with_network();
    let id = model.create_endpoint(&interface("")).await.unwrap().id;
    model.state().ec2.undeletable.insert(id.clone(), ("InvalidParameter", "in use"));
    assert_eq!(code(model.delete_endpoint(&id).await), "InvalidParameter");
    assert_eq!(model.holdings().len(), 1);
}

/// <https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-limits-endpoints.html>
#[tokio::test(start_paused = true)]
async fn endpoints_have_a_quota() {
    let model = Model::with_network();
    model.state().ec2.endpoint_quota = Some(1);
    model.create_endpoint(&interface("")).await.unwrap();
    let second = NewEndpoint { private_dns_enabled: Some(false), ..interface("") };
    assert_eq!(code(model.create_endpoint(&second).await), "VpcEndpointLimitExceeded");
}

/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVpcEndpointServices.html>: services of other
/// accounts can be used and are not listed, and each is in some zones only.
#[tokio::test(start_paused = true)]
async fn services_are_in_zones_and_those_of_others_are_not_listed() {
    let model = Model::with_network();
    let names = model.endpoint_service_names().await.unwrap();
    assert!(names.contains(Network::OUR_SERVICE) && !names.contains(Network::THEIR_SERVICE));
    assert_eq!(model.endpoint_service(Network::THEIR_SERVICE).await.unwrap(), None);
    let s3 = model.endpoint_service(S3_SERVICE).await.unwrap().unwrap();
    assert_eq!(s3.types, set(&["Gateway", "Interface"]));
    model.state().ec2.service_zones.insert(LAMBDA_SERVICE.to_owned(), set(&["ap-northeast-1c"]));
    assert!(text(model.create_endpoint(&interface("")).await).contains("does not support the availability zone"));
}

/// <https://docs.aws.amazon.com/vpc/latest/privatelink/gateway-endpoints.html>: prefix lists of Gateway services.
#[tokio::test(start_paused = true)]
async fn services_with_gateways_have_a_prefix_list() {
    let model = Model::with_network();
    assert!(model.prefix_list(S3_SERVICE).await.unwrap().is_some_and(|id| id.starts_with("pl-")));
    assert_eq!(model.prefix_list(LAMBDA_SERVICE).await.unwrap(), None);
}
