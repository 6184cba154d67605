use futures::{FutureExt, TryFutureExt};

use super::*;
use crate::{
    cloud::sdk::replay::{Answer, Replay, ec2_error, ok},
    engine::failure::Class,
};

fn ec2(answers: impl IntoIterator<Item = Answer>) -> (SdkEc2, Arc<Replay>) {
    let replay = Replay::new(answers);
    (SdkEc2::new(&replay.config(), replay.clone()), replay)
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
    <dnsEntrySet><item><dnsName>z-regional</dnsName></item><item><dnsName>a-zonal</dnsName></item></dnsEntrySet>\
    <tagSet><item><key>Name</key><value>x</value></item></tagSet>\
    <lastError><message>no room</message><code>InsufficientFreeAddresses</code></lastError>";

fn endpoint_one() -> Endpoint {
    Endpoint {
        id: "vpce-1".to_owned(),
        endpoint_type: "Interface".to_owned(),
        state: "pendingacceptance".to_owned(),
        service_name: "com.amazonaws.ap-northeast-1.lambda".to_owned(),
        vpc_id: "vpc-1".to_owned(),
        subnet_ids: ids(["subnet-1", "subnet-2"]),
        security_group_ids: ids(["sg-1"]),
        route_table_ids: BTreeSet::new(),
        private_dns_enabled: true,
        policy: Some("{\"Statement\": \"100%25 +\"}".to_owned()),
        dns_names: vec!["z-regional".to_owned(), "a-zonal".to_owned()],
        network_interface_ids: ids(["eni-1"]),
        tags: Tags::from([("Name".to_owned(), "x".to_owned())]),
        last_error: Some("InsufficientFreeAddresses: no room".to_owned()),
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
        service_name: "s".to_owned(),
        vpc_id: "vpc-1".to_owned(),
        tags: Tags::from([("k".to_owned(), "v".to_owned())]),
        ..NewEndpoint::default()
    };
    assert_eq!(ec2.create_endpoint(&gateway).await, Ok(endpoint_one()));
    let interface = NewEndpoint { private_dns_enabled: Some(false), subnet_ids: ids(["subnet-1"]), ..gateway.clone() };
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
    assert!(bodies[1].contains("&SubnetId.1=subnet-1&"), "{}", bodies[1]);
}

#[tokio::test]
async fn a_change_says_only_what_changes() {
    let (ec2, replay) = ec2([ok("<ModifyVpcEndpointResponse><return>true</return></ModifyVpcEndpointResponse>")]);
    let change =
        EndpointChange { id: "vpce-1".to_owned(), remove_subnets: ids(["subnet-1"]), ..EndpointChange::default() };
    ec2.modify_endpoint(&change).await.unwrap();
    assert_eq!(
        replay.bodies(),
        ["Action=ModifyVpcEndpoint&Version=2016-11-15&VpcEndpointId=vpce-1&RemoveSubnetId.1=subnet-1"]
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
    assert_eq!(ec2.disassociate_profile("iip-assoc-1").await, Ok(()));
    assert_eq!(ec2.disassociate_profile("iip-assoc-1").await.unwrap_err().class, Class::Dependency);
}

#[tokio::test(start_paused = true)]
async fn writes_are_sent_once_and_reads_three_times() {
    let replay = Replay::always(Answer::Http(500, None, String::new()));
    let ec2 = SdkEc2::new(&replay.config(), replay.clone());
    let (new, change, one) =
        (NewEndpoint::default(), EndpointChange { id: "x".to_owned(), ..EndpointChange::default() }, ids(["x"]));
    let tags = Tags::from([("k".to_owned(), "v".to_owned())]);
    for write in [
        ec2.create_endpoint(&new).map_ok(drop).boxed(),
        ec2.modify_endpoint(&change),
        ec2.delete_endpoint("x"),
        ec2.create_tags("x", &tags),
        ec2.delete_tags("x", &one),
        ec2.associate_profile("x", "x").map_ok(drop).boxed(),
        ec2.replace_profile("x", "x").map_ok(drop).boxed(),
        ec2.disassociate_profile("x"),
    ] {
        assert_eq!(replay.attempts(write).await, 1);
    }
    for read in [
        ec2.endpoints(&[]).map_ok(drop).boxed(),
        ec2.endpoint("x").map_ok(drop).boxed(),
        ec2.endpoint_services().map_ok(drop).boxed(),
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
