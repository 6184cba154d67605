use std::{collections::BTreeMap, net::Ipv4Addr, sync::Arc};

use futures::{FutureExt, TryFutureExt};

use super::*;
use crate::{
    cloud::ec2::{Addresses, DnsEntry, DnsOptions},
    cloud::sdk::replay::{Answer, Replay, ec2_error, ok},
    engine::{failure::Class, fence},
};

fn ec2(answers: impl IntoIterator<Item = Answer>) -> (SdkEc2, Arc<Replay>) {
    let replay = Replay::new(answers);
    (SdkEc2::new(&replay.config(), replay.caller(), &fence::tests::open()), replay)
}

fn ids<const N: usize>(ids: [&str; N]) -> BTreeSet<String> {
    ids.map(str::to_owned).into()
}

const ENDPOINT: &str = "<vpcEndpointId>vpce-1</vpcEndpointId><vpcEndpointType>Interface</vpcEndpointType>\
    <vpcId>vpc-1</vpcId><serviceName>com.amazonaws.ap-northeast-1.lambda</serviceName>\
    <state>pendingAcceptance</state><policyDocument>{\"Statement\": \"100%25 +\"}</policyDocument>\
    <subnetIdSet><item>subnet-2</item><item>subnet-1</item></subnetIdSet>\
    <groupSet><item><groupId>sg-1</groupId><groupName>g</groupName></item></groupSet>\
    <privateDnsEnabled>true</privateDnsEnabled>\
    <networkInterfaceIdSet><item>eni-1</item></networkInterfaceIdSet>\
    <dnsEntrySet><item><dnsName>z-regional</dnsName><hostedZoneId>Z1</hostedZoneId></item><item><dnsName>a-zonal</dnsName></item></dnsEntrySet>\
    <tagSet><item><key>Name</key><value>x</value></item></tagSet>\
    <ipAddressType>dualstack</ipAddressType><dnsOptions><dnsRecordIpType>service-defined</dnsRecordIpType>\
    <privateDnsOnlyForInboundResolverEndpoint>true</privateDnsOnlyForInboundResolverEndpoint></dnsOptions>\
    <lastError><message>no room</message><code>InsufficientFreeAddresses</code></lastError>\
    <failureReason>given up</failureReason>";

fn endpoint_one() -> Endpoint {
    Endpoint {
        id: "vpce-1".to_owned(),
        endpoint_type: "Interface".to_owned(),
        state: "pendingacceptance".to_owned(),
        target: Target::Service("com.amazonaws.ap-northeast-1.lambda".to_owned()),
        service_region: None,
        vpc_id: "vpc-1".to_owned(),
        subnet_ids: ids(["subnet-1", "subnet-2"]),
        security_group_ids: ids(["sg-1"]),
        security_group_names: BTreeMap::from([("sg-1".to_owned(), "g".to_owned())]),
        route_table_ids: BTreeSet::new(),
        ip_address_type: Some("dualstack".to_owned()),
        private_dns_enabled: true,
        dns_options: DnsOptions {
            record_ip_type: Some("service-defined".to_owned()),
            private_dns_only_for_inbound_resolver_endpoint: Some(true),
            ..DnsOptions::default()
        },
        policy: Some("{\"Statement\": \"100%25 +\"}".to_owned()),
        dns_entries: vec![
            DnsEntry { name: "z-regional".to_owned(), hosted_zone_id: Some("Z1".to_owned()) },
            DnsEntry { name: "a-zonal".to_owned(), hosted_zone_id: None },
        ],
        network_interface_ids: ids(["eni-1"]),
        tags: Tags::from([("Name".to_owned(), "x".to_owned())]),
        last_error: Some("InsufficientFreeAddresses: no room; given up".to_owned()),
    }
}

fn described(endpoints: usize, token: &str) -> Answer {
    let items = format!("<item>{ENDPOINT}</item>").repeat(endpoints);
    ok(&format!(
        "<DescribeVpcEndpointsResponse><vpcEndpointSet>{items}</vpcEndpointSet><nextToken>{token}</nextToken>\
         </DescribeVpcEndpointsResponse>"
    ))
}

#[tokio::test]
async fn an_endpoint_by_id() {
    let (ec2, replay) = ec2([
        described(1, ""),
        described(0, ""),
        ec2_error("InvalidVpcEndpointId.NotFound", "The Vpc Endpoint Id 'vpce-1' does not exist"),
        ec2_error("InvalidVpcEndpointId.Malformed", "Malformed"),
    ]);
    assert_eq!(ec2.endpoint("vpce-1").await, Ok(Some(endpoint_one())));
    assert_eq!(ec2.endpoint("vpce-1").await, Ok(None));
    assert_eq!(ec2.endpoint("vpce-1").await, Ok(None));
    assert_eq!(ec2.endpoint("vpce-1").await.unwrap_err().class, Class::Terminal);
    let body = replay.bodies().remove(0);
    assert!(body.contains("VpcEndpointId.1=vpce-1") && !body.contains("MaxResults"), "{body}");
}

#[tokio::test]
async fn pages_are_read_to_the_end() {
    let (ec2, replay) = ec2([described(1, "two"), described(2, "")]);
    let filters = [Filter { name: "tag:a".to_owned(), values: vec!["1".to_owned(), "2".to_owned()] }];
    assert_eq!(ec2.endpoints(&filters).await.unwrap().len(), 3);
    let bodies = replay.bodies();
    assert!(!bodies[0].contains("NextToken"));
    assert!(bodies[1].contains("NextToken=two"));
    for body in bodies {
        assert!(body.contains("MaxResults=1000"), "{body}");
        assert!(body.contains("Filter.1.Name=tag:a&Filter.1.Value.1=1&Filter.1.Value.2=2"), "{body}");
    }
}

#[tokio::test]
async fn a_part_of_a_list_is_an_error() {
    let (ec2, _) = ec2([described(1, "two"), ec2_error("UnauthorizedOperation", "No")]);
    assert_eq!(ec2.endpoints(&[]).await.unwrap_err().code, "UnauthorizedOperation");
}

#[tokio::test]
async fn pages_in_a_circle_are_an_error() {
    for tokens in [&["a", "a"][..], &["a", "b", "a"]] {
        let (ec2, _) = ec2(tokens.iter().map(|token| described(1, token)));
        let fault = ec2.endpoints(&[]).await.unwrap_err();
        assert_eq!((fault.class, fault.code.as_str()), (Class::Transient, ""));
    }
}

#[tokio::test]
async fn a_create_says_only_what_is_asked_for() {
    let created =
        || ok(&format!("<CreateVpcEndpointResponse><vpcEndpoint>{ENDPOINT}</vpcEndpoint></CreateVpcEndpointResponse>"));
    let (ec2, replay) = ec2([created(), created(), ok("<CreateVpcEndpointResponse/>")]);
    let gateway = NewEndpoint {
        client_token: "token".to_owned(),
        endpoint_type: "Gateway".to_owned(),
        target: Target::Service("s".to_owned()),
        vpc_id: "vpc-1".to_owned(),
        tags: Tags::from([("k".to_owned(), "v".to_owned())]),
        ..NewEndpoint::default()
    };
    assert_eq!(ec2.create_endpoint(&gateway).await, Ok(endpoint_one()));
    let interface = NewEndpoint {
        private_dns_enabled: Some(false),
        subnet_ids: ids(["subnet-1"]),
        subnet_configurations: fixed("subnet-1"),
        service_region: Some("eu-west-1".to_owned()),
        ip_address_type: Some("ipv4".to_owned()),
        dns_options: DnsOptions {
            record_ip_type: Some("ipv4".to_owned()),
            private_dns_only_for_inbound_resolver_endpoint: Some(false),
            ..DnsOptions::default()
        },
        ..gateway.clone()
    };
    ec2.create_endpoint(&interface).await.unwrap();
    ec2.create_endpoint(&gateway).await.unwrap_err();
    let bodies = replay.bodies();
    assert_eq!(
        bodies[0],
        "Action=CreateVpcEndpoint&Version=2016-11-15&VpcEndpointType=Gateway&VpcId=vpc-1&ServiceName=s\
         &ClientToken=token&TagSpecification.1.ResourceType=vpc-endpoint&TagSpecification.1.Tag.1.Key=k\
         &TagSpecification.1.Tag.1.Value=v"
    );
    assert!(bodies[1].contains("&PrivateDnsEnabled=false&"), "{}", bodies[1]);
    for part in [
        "&SubnetId.1=subnet-1&",
        "&SubnetConfiguration.1.SubnetId=subnet-1&SubnetConfiguration.1.Ipv4=10.0.0.4&",
        "&IpAddressType=ipv4&",
        "&DnsOptions.DnsRecordIpType=ipv4&DnsOptions.PrivateDnsOnlyForInboundResolverEndpoint=false&",
        "&ServiceRegion=eu-west-1",
    ] {
        assert!(format!("{}&", bodies[1]).contains(part), "{part}: {}", bodies[1]);
    }
}

fn fixed(subnet: &str) -> BTreeMap<String, Addresses> {
    let addresses = Addresses { ipv4: Some(Ipv4Addr::new(10, 0, 0, 4)), ipv6: None };
    BTreeMap::from([(subnet.to_owned(), addresses)])
}

#[tokio::test]
async fn targets_of_vpc_lattice() {
    for (target, field, tag) in [
        (Target::ResourceConfiguration("arn:r".to_owned()), "ResourceConfigurationArn", "resourceConfigurationArn"),
        (Target::ServiceNetwork("arn:n".to_owned()), "ServiceNetworkArn", "serviceNetworkArn"),
    ] {
        let created = ok(&format!(
            "<CreateVpcEndpointResponse><vpcEndpoint><{tag}>{target}</{tag}></vpcEndpoint></CreateVpcEndpointResponse>"
        ));
        let (ec2, replay) = ec2([created]);
        let new = NewEndpoint { target: target.clone(), ..NewEndpoint::default() };
        assert_eq!(ec2.create_endpoint(&new).await.unwrap().target, target);
        let body = replay.bodies().remove(0);
        assert!(body.contains(&format!("&{field}=arn:")) && !body.contains("ServiceName"), "{body}");
    }
}

#[tokio::test]
async fn a_service_by_name_has_all_its_types() {
    let detail = |name: &str, kind: &str| {
        format!(
            "<item><serviceName>{name}</serviceName><serviceType><item><serviceType>{kind}</serviceType></item>\
             </serviceType><availabilityZoneSet><item>1a</item></availabilityZoneSet></item>"
        )
    };
    let details = [detail("s3", "Gateway"), detail("s3", "Interface"), detail("s3-other", "Interface")].concat();
    let answer = |details: &str| {
        ok(&format!(
            "<DescribeVpcEndpointServicesResponse><serviceDetailSet>{details}</serviceDetailSet>\
             </DescribeVpcEndpointServicesResponse>"
        ))
    };
    let (ec2, replay) = ec2([answer(&details), answer("")]);
    let expected = EndpointService { name: "s3".to_owned(), types: ids(["Gateway", "Interface"]), zones: ids(["1a"]) };
    assert_eq!(ec2.endpoint_service("s3").await, Ok(Some(expected)));
    assert_eq!(ec2.endpoint_service("s3").await, Ok(None));
    assert!(replay.bodies()[0].contains("Filter.1.Name=service-name&Filter.1.Value.1=s3"));
}

#[tokio::test]
async fn an_acceptance_is_not_believed_for_its_status() {
    let answer = |items: &str| {
        ok(&format!(
            "<AcceptVpcEndpointConnectionsResponse><unsuccessful>{items}</unsuccessful>\
             </AcceptVpcEndpointConnectionsResponse>"
        ))
    };
    let item = "<item><resourceId>vpce-1</resourceId><error><code>InvalidState</code></error></item>";
    let (ec2, replay) = ec2([answer(item), answer("")]);
    assert_eq!(ec2.accept_endpoint("vpce-svc-1", "vpce-1").await.unwrap_err().code, "InvalidState");
    assert_eq!(ec2.accept_endpoint("vpce-svc-1", "vpce-1").await, Ok(()));
    assert!(replay.bodies()[1].ends_with("ServiceId=vpce-svc-1&VpcEndpointId.1=vpce-1"));
}

#[tokio::test]
async fn network_interfaces_with_their_addresses() {
    let (ec2, _) = ec2([ok("<DescribeNetworkInterfacesResponse><networkInterfaceSet><item>\
        <networkInterfaceId>eni-1</networkInterfaceId><subnetId>subnet-1</subnetId><availabilityZone>1a</availabilityZone>\
        <privateIpAddress>10.0.0.4</privateIpAddress><ipv6AddressesSet><item><ipv6Address>2001:db8:0::4</ipv6Address>\
        </item></ipv6AddressesSet></item></networkInterfaceSet></DescribeNetworkInterfacesResponse>")]);
    let addresses = Addresses { ipv4: "10.0.0.4".parse().ok(), ipv6: "2001:db8::4".parse().ok() };
    let expected = NetworkInterface { id: "eni-1".into(), subnet_id: "subnet-1".into(), zone: "1a".into(), addresses };
    assert_eq!(ec2.network_interfaces(&[]).await, Ok(vec![expected]));
}

#[tokio::test]
async fn facts_of_the_surroundings() {
    let attribute = |name: &str, value: bool| {
        ok(&format!(
            "<DescribeVpcAttributeResponse><{name}><value>{value}</value></{name}></DescribeVpcAttributeResponse>"
        ))
    };
    let lists = |items: &str| {
        ok(&format!(
            "<DescribePrefixListsResponse><prefixListSet>{items}</prefixListSet></DescribePrefixListsResponse>"
        ))
    };
    let (ec2, replay) = ec2([
        attribute("enableDnsSupport", true),
        attribute("enableDnsHostnames", false),
        lists("<item><prefixListId>pl-1</prefixListId></item>"),
        lists(""),
    ]);
    assert_eq!(ec2.vpc_dns("vpc-1").await, Ok(VpcDns { support: true, hostnames: false }));
    assert_eq!(ec2.prefix_list("s3").await, Ok(Some("pl-1".to_owned())));
    assert_eq!(ec2.prefix_list("s3").await, Ok(None));
    assert!(replay.bodies()[0].contains("Attribute=enableDnsSupport&VpcId=vpc-1"));
}

#[tokio::test]
async fn a_change_says_only_what_changes() {
    let modified = || ok("<ModifyVpcEndpointResponse><return>true</return></ModifyVpcEndpointResponse>");
    let (ec2, replay) = ec2([modified(), modified()]);
    let change =
        EndpointChange { id: "vpce-1".to_owned(), remove_subnets: ids(["subnet-1"]), ..EndpointChange::default() };
    ec2.modify_endpoint(&change).await.unwrap();
    let inbound = DnsOptions { private_dns_only_for_inbound_resolver_endpoint: Some(true), ..DnsOptions::default() };
    let change = EndpointChange {
        id: "vpce-1".to_owned(),
        subnet_configurations: fixed("subnet-2"),
        ip_address_type: Some("dualstack".to_owned()),
        dns_options: inbound,
        ..EndpointChange::default()
    };
    ec2.modify_endpoint(&change).await.unwrap();
    assert_eq!(
        replay.bodies(),
        [
            "Action=ModifyVpcEndpoint&Version=2016-11-15&VpcEndpointId=vpce-1&RemoveSubnetId.1=subnet-1",
            "Action=ModifyVpcEndpoint&Version=2016-11-15&VpcEndpointId=vpce-1&IpAddressType=dualstack\
             &DnsOptions.PrivateDnsOnlyForInboundResolverEndpoint=true\
             &SubnetConfiguration.1.SubnetId=subnet-2&SubnetConfiguration.1.Ipv4=10.0.0.4",
        ]
    );
}

fn unsuccessful(code: &str) -> Answer {
    ok(&format!(
        "<DeleteVpcEndpointsResponse><unsuccessful><item><resourceId>vpce-1</resourceId><error>\
         <code>{code}</code><message>Because</message></error></item></unsuccessful></DeleteVpcEndpointsResponse>"
    ))
}

#[tokio::test]
async fn a_deletion_is_not_believed_for_its_status() {
    let (ec2, _) = ec2([
        unsuccessful("DependencyViolation"),
        unsuccessful("InvalidParameter"),
        unsuccessful("InvalidVpcEndpointId.NotFound"),
        ec2_error("InvalidVpcEndpointId.NotFound", ""),
        ok("<DeleteVpcEndpointsResponse><unsuccessful/></DeleteVpcEndpointsResponse>"),
    ]);
    let fault = ec2.delete_endpoint("vpce-1").await.unwrap_err();
    assert_eq!((fault.code.as_str(), fault.class), ("DependencyViolation", Class::Dependency));
    assert_eq!((fault.message.as_str(), fault.operation), ("Because", "DeleteVpcEndpoints"));
    assert_eq!(ec2.delete_endpoint("vpce-1").await.unwrap_err().class, Class::Terminal);
    for _ in 0..3 {
        assert_eq!(ec2.delete_endpoint("vpce-1").await, Ok(()));
    }
}

#[tokio::test]
async fn no_keys_delete_no_tags() {
    let (ec2, replay) = ec2([ok("<DeleteTagsResponse><return>true</return></DeleteTagsResponse>")]);
    ec2.delete_tags("vpce-1", &ids([])).await.unwrap();
    ec2.delete_tags("vpce-1", &ids(["k"])).await.unwrap();
    assert_eq!(
        replay.bodies(),
        ["Action=DeleteTags&Version=2016-11-15&ResourceId.1=vpce-1&Tag.1.Key=k"],
        "without a value, whatever the tag's value is"
    );
}

#[tokio::test]
async fn instances_of_all_reservations() {
    let (ec2, _) = ec2([ok("<DescribeInstancesResponse><reservationSet>\
        <item><instancesSet><item><instanceId>i-1</instanceId><instanceState><code>32</code><name>shutting-down</name>\
        </instanceState></item></instancesSet></item>\
        <item><instancesSet><item><instanceId>i-2</instanceId></item></instancesSet></item>\
        </reservationSet></DescribeInstancesResponse>")]);
    let instances = ec2.instances(&[]).await.unwrap();
    let found: Vec<_> = instances.iter().map(|i| (i.id.as_str(), i.state.as_str())).collect();
    assert_eq!(found, [("i-1", "shutting-down"), ("i-2", "")]);
}

#[tokio::test]
async fn an_association_that_is_gone_is_no_fault() {
    let (ec2, _) = ec2([ec2_error("InvalidAssociationID.NotFound", ""), ec2_error("IncorrectState", "")]);
    assert_eq!(ec2.disassociate_profile("iip-assoc-1").await, Ok(false));
    assert_eq!(ec2.disassociate_profile("iip-assoc-1").await.unwrap_err().class, Class::Dependency);
}

#[tokio::test(start_paused = true)]
async fn writes_are_sent_once_and_reads_three_times() {
    let replay = Replay::always(Answer::Http(500, None, String::new()));
    let ec2 = SdkEc2::new(&replay.config(), replay.caller(), &fence::tests::open());
    let (new, change, one) =
        (NewEndpoint::default(), EndpointChange { id: "x".to_owned(), ..EndpointChange::default() }, ids(["x"]));
    let tags = Tags::from([("k".to_owned(), "v".to_owned())]);
    for write in [
        ec2.create_endpoint(&new).map_ok(drop).boxed(),
        ec2.modify_endpoint(&change),
        ec2.delete_endpoint("x"),
        ec2.accept_endpoint("x", "x"),
        ec2.create_tags("x", &tags),
        ec2.delete_tags("x", &one),
        ec2.associate_profile("x", "x").map_ok(drop).boxed(),
        ec2.replace_profile("x", "x").map_ok(drop).boxed(),
        ec2.disassociate_profile("x").map_ok(drop).boxed(),
    ] {
        assert_eq!(replay.attempts(write).await, 1);
    }
    for read in [
        ec2.endpoints(&[]).map_ok(drop).boxed(),
        ec2.endpoint("x").map_ok(drop).boxed(),
        ec2.endpoint_service_names().map_ok(drop).boxed(),
        ec2.endpoint_service("x").map_ok(drop).boxed(),
        ec2.vpc_dns("x").map_ok(drop).boxed(),
        ec2.network_interfaces(&[]).map_ok(drop).boxed(),
        ec2.prefix_list("x").map_ok(drop).boxed(),
        ec2.vpcs(&[]).map_ok(drop).boxed(),
        ec2.subnets(&[]).map_ok(drop).boxed(),
        ec2.security_groups(&[]).map_ok(drop).boxed(),
        ec2.route_tables(&[]).map_ok(drop).boxed(),
        ec2.instances(&[]).map_ok(drop).boxed(),
        ec2.profile_associations(&[]).map_ok(drop).boxed(),
    ] {
        assert_eq!(replay.attempts(read).await, 3);
    }
}
