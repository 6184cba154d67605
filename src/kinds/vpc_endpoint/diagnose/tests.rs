use super::{super::fixtures::set, *};
use crate::cloud::fault::Service;

fn refused(code: &str, message: &str) -> Fault {
    Fault::answered(Service::Ec2, "CreateVpcEndpoint", code, message)
}

#[test]
fn every_refusal_points_at_a_field() {
    use Check::{
        EndpointType, PrivateDnsTaken, RouteTables, RouteTaken, SecurityGroups, Service, SharedZone, Subnets, Vpc,
        VpcDns, Zones,
    };
    for (code, message, field, checks) in [
        ("InvalidServiceName", "", "spec.service", &[Service][..]),
        ("InvalidVpcId.NotFound", "", "spec.vpc", &[Vpc]),
        ("InvalidSubnetID.NotFound", "", "spec.subnets", &[Subnets, Zones]),
        ("DuplicateSubnetsInSameZone", "", "spec.subnets", &[SharedZone]),
        ("InvalidGroup.NotFound", "", "spec.securityGroups", &[SecurityGroups]),
        ("InvalidRouteTableId.NotFound", "", "spec.routeTables", &[RouteTables]),
        ("RouteAlreadyExists", "", "spec.routeTables", &[RouteTaken]),
        ("InvalidPolicyDocument", "", "spec.policy", &[]),
        (
            "InvalidParameter",
            "private-dns-enabled cannot be set because there is already a conflicting DNS domain for s3 in the VPC vpc-1",
            "spec.privateDnsEnabled",
            &[PrivateDnsTaken],
        ),
        (
            "InvalidParameter",
            "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to true for vpc-1",
            "spec.privateDnsEnabled",
            &[VpcDns],
        ),
        (
            "InvalidParameter",
            "Endpoint type (Gateway) does not match available service types ([Interface]).",
            "spec.type",
            &[EndpointType],
        ),
        (
            "InvalidParameter",
            "The VPC endpoint service s does not support the availability zone of the subnet: subnet-1.",
            "spec.subnets",
            &[Zones],
        ),
        (
            "InvalidParameter",
            "To set PrivateDnsOnlyForInboundResolverEndpoint to true, the VPC vpc-1 must have a Gateway endpoint for the service.",
            "spec.dnsOptions.privateDnsOnlyForInboundResolverEndpoint",
            &[],
        ),
        (
            "InvalidParameter",
            "Security group sg-1 and subnet subnet-1 are in different VPCs",
            "spec.securityGroups",
            &[SecurityGroups, Subnets],
        ),
        (
            "InvalidParameter",
            "Subnet IDs are only supported for Interface type VPC Endpoints.",
            "spec.subnets",
            &[Subnets, Zones],
        ),
        (
            "InvalidParameter",
            "Route table IDs are only supported for Gateway type VPC Endpoint.",
            "spec.routeTables",
            &[RouteTables],
        ),
    ] {
        let clue = Clue::of(&refused(code, message)).unwrap();
        assert_eq!((clue.field, clue.checks), (field, checks), "{code} {message}");
    }
    for code in ["RequestLimitExceeded", "VpcEndpointLimitExceeded", "UnauthorizedOperation", "SomethingNew"] {
        assert!(Clue::of(&refused(code, "subnet")).is_none(), "{code}");
    }
}

#[test]
fn failures_tell_the_field_and_what_aws_says() {
    let failure = pointed_at("spec.subnets", refused("InvalidSubnetID.NotFound", "no such subnet"));
    assert_eq!((failure.reason.as_str(), failure.class), ("NotFound", Class::Terminal));
    assert!(failure.message.starts_with("spec.subnets: ") && failure.message.contains("no such subnet"), "{failure}");

    let finding = Finding { field: "spec.subnets", reason: "SubnetsShareZone", message: "two in one".into() };
    let failure = found(finding, refused("DuplicateSubnetsInSameZone", "another"));
    assert_eq!((failure.reason.as_str(), failure.class), ("SubnetsShareZone", Class::Terminal));
    assert_eq!(failure.message, "spec.subnets: two in one (AWS says: DuplicateSubnetsInSameZone: another)");
    assert_eq!(failure.code.as_deref(), Some("DuplicateSubnetsInSameZone"));
}

#[test]
fn quotas_are_told_by_type() {
    for (endpoint_type, text) in [
        (EndpointType::Interface, "50 Interface"),
        (EndpointType::Gateway, "20 Gateway"),
        (EndpointType::Resource, "200 Resource"),
    ] {
        let asked = Asked { endpoint_type: Some(endpoint_type), ..Asked::default() };
        let failure = unexplained(&asked, refused("VpcEndpointLimitExceeded", "limit"));
        assert_eq!((failure.reason.as_str(), failure.class), ("QuotaReached", Class::Terminal));
        assert!(failure.message.contains(text) && failure.message.contains("limit"), "{failure}");
    }
    for (code, reason, class) in [
        ("IdempotentParameterMismatch", "WaitingForAWS", Class::Dependency),
        ("RequestLimitExceeded", "Throttled", Class::Throttled),
    ] {
        let failure = unexplained(&Asked::default(), refused(code, "text"));
        assert_eq!((failure.reason.as_str(), failure.class), (reason, class));
    }
}

#[test]
fn a_change_is_asked_for_with_what_stays() {
    use super::super::{
        fixtures::{object, subject},
        spec::{SubnetStatus, VpcEndpointStatus},
    };
    let at = |id: &str| SubnetStatus { id: id.into(), zone: None };
    let status = VpcEndpointStatus {
        vpc: Some("vpc-1".into()),
        service_name: Some("s3".into()),
        subnets: vec![at("subnet-1"), at("subnet-2")],
        ..VpcEndpointStatus::default()
    };
    let change = EndpointChange {
        id: "vpce-1".into(),
        add_subnets: set(["subnet-3"]),
        remove_subnets: set(["subnet-1"]),
        ..EndpointChange::default()
    };
    let asked = Asked::of_change(&change, &subject(&object(serde_json::json!({})), status));
    assert_eq!(asked.subnets, set(["subnet-2", "subnet-3"]));
    assert_eq!((asked.vpc.as_str(), asked.endpoint_type), ("vpc-1", Some(EndpointType::Interface)));
    assert_eq!((asked.id.as_deref(), asked.target), (Some("vpce-1"), Target::Service("s3".into())));
}
