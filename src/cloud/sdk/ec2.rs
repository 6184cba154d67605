//! The port [`Ec2`] over aws-sdk-ec2.

use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_ec2::{
    Client,
    types::{self, IamInstanceProfileSpecification, ResourceType, TagSpecification, VpcEndpointType},
};

use crate::cloud::{
    ec2::{
        Ec2, Endpoint, EndpointChange, Filter, Instance, NewEndpoint, ProfileAssociation, RouteTable, SecurityGroup,
        Subnet, Vpc,
    },
    fault::{Fault, Service},
    ownership::Tags,
};

use super::call::{self, CallObserver, Caller, each, unless_empty, unless_gone};

/// The most items that a page of the Describe calls may have. AWS refuses `MaxResults` beside ids, and some calls
/// return everything at once without it.
const PAGE: i32 = 1000;
/// The same for DescribeRouteTables:
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeRouteTables.html>.
const ROUTE_TABLE_PAGE: i32 = 100;

/// Codes of <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html>; AWS itself uses both
/// spellings.
const NO_ENDPOINT: &[&str] = &["InvalidVpcEndpointId.NotFound", "InvalidVpcEndpoint.NotFound"];
const NO_ASSOCIATION: &[&str] = &["InvalidAssociationID.NotFound"];

/// Amazon EC2 in one region.
pub struct SdkEc2 {
    reads: Client,
    writes: Client,
    caller: Caller,
}

impl SdkEc2 {
    /// With the configuration's region and credentials.
    pub fn new(config: &SdkConfig, observer: Arc<dyn CallObserver>) -> Self {
        Self {
            reads: Client::new(&call::reads(config)),
            writes: Client::new(&call::writes(config)),
            caller: Caller::new(Service::Ec2, observer),
        }
    }

    fn associated(
        &self,
        operation: &'static str,
        association: Option<types::IamInstanceProfileAssociation>,
    ) -> Result<ProfileAssociation, Fault> {
        association
            .map(profile_association)
            .ok_or_else(|| self.caller.unusable(operation, "no instance profile association in it"))
    }
}

#[async_trait]
impl Ec2 for SdkEc2 {
    async fn endpoints(&self, filters: &[Filter]) -> Result<Vec<Endpoint>, Fault> {
        let call = self.reads.describe_vpc_endpoints().max_results(PAGE).set_filters(wire_filters(filters));
        self.caller
            .pages(
                "DescribeVpcEndpoints",
                |token| call.clone().set_next_token(token).send(),
                |page| (each(page.vpc_endpoints, endpoint), page.next_token),
            )
            .await
    }

    async fn endpoint(&self, id: &str) -> Result<Option<Endpoint>, Fault> {
        let call = self.reads.describe_vpc_endpoints().vpc_endpoint_ids(id);
        let answer = unless_gone(self.caller.run("DescribeVpcEndpoints", call.send()).await, NO_ENDPOINT)?;
        Ok(answer.and_then(|answer| answer.vpc_endpoints?.pop()).map(endpoint))
    }

    async fn create_endpoint(&self, new: &NewEndpoint) -> Result<Endpoint, Fault> {
        const OPERATION: &str = "CreateVpcEndpoint";
        let tags =
            TagSpecification::builder().resource_type(ResourceType::VpcEndpoint).set_tags(wire_tags(&new.tags)).build();
        let call = self
            .writes
            .create_vpc_endpoint()
            .client_token(&new.client_token)
            .vpc_endpoint_type(VpcEndpointType::from(new.endpoint_type.as_str()))
            .service_name(&new.service_name)
            .vpc_id(&new.vpc_id)
            .set_subnet_ids(wire_ids(&new.subnet_ids))
            .set_security_group_ids(wire_ids(&new.security_group_ids))
            .set_route_table_ids(wire_ids(&new.route_table_ids))
            .set_private_dns_enabled(new.private_dns_enabled)
            .set_policy_document(new.policy.clone())
            .tag_specifications(tags);
        let answer = self.caller.run(OPERATION, call.send()).await?;
        answer.vpc_endpoint.map(endpoint).ok_or_else(|| self.caller.unusable(OPERATION, "no endpoint in it"))
    }

    async fn modify_endpoint(&self, change: &EndpointChange) -> Result<(), Fault> {
        let call = self
            .writes
            .modify_vpc_endpoint()
            .vpc_endpoint_id(&change.id)
            .set_add_subnet_ids(wire_ids(&change.add_subnets))
            .set_remove_subnet_ids(wire_ids(&change.remove_subnets))
            .set_add_security_group_ids(wire_ids(&change.add_security_groups))
            .set_remove_security_group_ids(wire_ids(&change.remove_security_groups))
            .set_add_route_table_ids(wire_ids(&change.add_route_tables))
            .set_remove_route_table_ids(wire_ids(&change.remove_route_tables))
            .set_private_dns_enabled(change.private_dns_enabled)
            .set_policy_document(change.policy.clone())
            .set_reset_policy(change.reset_policy.then_some(true));
        self.caller.run("ModifyVpcEndpoint", call.send()).await.map(drop)
    }

    async fn delete_endpoint(&self, id: &str) -> Result<(), Fault> {
        const OPERATION: &str = "DeleteVpcEndpoints";
        let call = self.writes.delete_vpc_endpoints().vpc_endpoint_ids(id);
        let result = self.caller.run(OPERATION, call.send()).await.and_then(|answer| {
            let Some(item) = answer.unsuccessful.unwrap_or_default().pop() else { return Ok(()) };
            let (code, message) = item.error.map(|error| (error.code, error.message)).unwrap_or_default();
            let (code, message) = (code.unwrap_or_default(), message.unwrap_or_default());
            Err(self.caller.refused(OPERATION, &code, &message))
        });
        unless_gone(result, NO_ENDPOINT).map(drop)
    }

    async fn endpoint_services(&self) -> Result<BTreeSet<String>, Fault> {
        let call = self.reads.describe_vpc_endpoint_services().max_results(PAGE);
        let names = self.caller.pages(
            "DescribeVpcEndpointServices",
            |token| call.clone().set_next_token(token).send(),
            |page| (page.service_names.unwrap_or_default(), page.next_token),
        );
        Ok(names.await?.into_iter().collect())
    }

    async fn create_tags(&self, id: &str, tags: &Tags) -> Result<(), Fault> {
        let call = self.writes.create_tags().resources(id).set_tags(wire_tags(tags));
        self.caller.run("CreateTags", call.send()).await.map(drop)
    }

    async fn delete_tags(&self, id: &str, keys: &BTreeSet<String>) -> Result<(), Fault> {
        let Some(tags) = unless_empty(keys.iter().map(|key| types::Tag::builder().key(key).build())) else {
            // AWS would take a call without keys for one that deletes all tags:
            // https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteTags.html.
            return Ok(());
        };
        let call = self.writes.delete_tags().resources(id).set_tags(Some(tags));
        self.caller.run("DeleteTags", call.send()).await.map(drop)
    }

    async fn vpcs(&self, filters: &[Filter]) -> Result<Vec<Vpc>, Fault> {
        let call = self.reads.describe_vpcs().max_results(PAGE).set_filters(wire_filters(filters));
        self.caller
            .pages(
                "DescribeVpcs",
                |token| call.clone().set_next_token(token).send(),
                |page| (each(page.vpcs, vpc), page.next_token),
            )
            .await
    }

    async fn subnets(&self, filters: &[Filter]) -> Result<Vec<Subnet>, Fault> {
        let call = self.reads.describe_subnets().max_results(PAGE).set_filters(wire_filters(filters));
        self.caller
            .pages(
                "DescribeSubnets",
                |token| call.clone().set_next_token(token).send(),
                |page| (each(page.subnets, subnet), page.next_token),
            )
            .await
    }

    async fn security_groups(&self, filters: &[Filter]) -> Result<Vec<SecurityGroup>, Fault> {
        let call = self.reads.describe_security_groups().max_results(PAGE).set_filters(wire_filters(filters));
        self.caller
            .pages(
                "DescribeSecurityGroups",
                |token| call.clone().set_next_token(token).send(),
                |page| (each(page.security_groups, security_group), page.next_token),
            )
            .await
    }

    async fn route_tables(&self, filters: &[Filter]) -> Result<Vec<RouteTable>, Fault> {
        let call = self.reads.describe_route_tables().max_results(ROUTE_TABLE_PAGE).set_filters(wire_filters(filters));
        self.caller
            .pages(
                "DescribeRouteTables",
                |token| call.clone().set_next_token(token).send(),
                |page| (each(page.route_tables, route_table), page.next_token),
            )
            .await
    }

    async fn instances(&self, filters: &[Filter]) -> Result<Vec<Instance>, Fault> {
        let call = self.reads.describe_instances().max_results(PAGE).set_filters(wire_filters(filters));
        let reservations = self.caller.pages(
            "DescribeInstances",
            |token| call.clone().set_next_token(token).send(),
            |page| (each(page.reservations, |reservation| each(reservation.instances, instance)), page.next_token),
        );
        Ok(reservations.await?.into_iter().flatten().collect())
    }

    async fn profile_associations(&self, filters: &[Filter]) -> Result<Vec<ProfileAssociation>, Fault> {
        let call = self
            .reads
            .describe_iam_instance_profile_associations()
            .max_results(PAGE)
            .set_filters(wire_filters(filters));
        self.caller
            .pages(
                "DescribeIamInstanceProfileAssociations",
                |token| call.clone().set_next_token(token).send(),
                |page| (each(page.iam_instance_profile_associations, profile_association), page.next_token),
            )
            .await
    }

    async fn associate_profile(&self, instance_id: &str, profile_arn: &str) -> Result<ProfileAssociation, Fault> {
        const OPERATION: &str = "AssociateIamInstanceProfile";
        let call = self
            .writes
            .associate_iam_instance_profile()
            .instance_id(instance_id)
            .iam_instance_profile(profile(profile_arn));
        let answer = self.caller.run(OPERATION, call.send()).await?;
        self.associated(OPERATION, answer.iam_instance_profile_association)
    }

    async fn replace_profile(&self, association_id: &str, profile_arn: &str) -> Result<ProfileAssociation, Fault> {
        const OPERATION: &str = "ReplaceIamInstanceProfileAssociation";
        let call = self
            .writes
            .replace_iam_instance_profile_association()
            .association_id(association_id)
            .iam_instance_profile(profile(profile_arn));
        let answer = self.caller.run(OPERATION, call.send()).await?;
        self.associated(OPERATION, answer.iam_instance_profile_association)
    }

    async fn disassociate_profile(&self, association_id: &str) -> Result<(), Fault> {
        let call = self.writes.disassociate_iam_instance_profile().association_id(association_id);
        let result = self.caller.run("DisassociateIamInstanceProfile", call.send()).await;
        unless_gone(result, NO_ASSOCIATION).map(drop)
    }
}

fn wire_filters(filters: &[Filter]) -> Option<Vec<types::Filter>> {
    unless_empty(
        filters
            .iter()
            .map(|filter| types::Filter::builder().name(&filter.name).set_values(Some(filter.values.clone())).build()),
    )
}

fn wire_tags(tags: &Tags) -> Option<Vec<types::Tag>> {
    unless_empty(tags.iter().map(|(key, value)| types::Tag::builder().key(key).value(value).build()))
}

fn wire_ids(ids: &BTreeSet<String>) -> Option<Vec<String>> {
    unless_empty(ids.iter().cloned())
}

fn profile(arn: &str) -> IamInstanceProfileSpecification {
    IamInstanceProfileSpecification::builder().arn(arn).build()
}

fn endpoint(from: types::VpcEndpoint) -> Endpoint {
    Endpoint {
        id: from.vpc_endpoint_id.unwrap_or_default(),
        endpoint_type: from.vpc_endpoint_type.map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
        state: from.state.map(|state| normal_state(state.as_str())).unwrap_or_default(),
        service_name: from.service_name.unwrap_or_default(),
        vpc_id: from.vpc_id.unwrap_or_default(),
        subnet_ids: set(from.subnet_ids),
        security_group_ids: from.groups.into_iter().flatten().filter_map(|group| group.group_id).collect(),
        route_table_ids: set(from.route_table_ids),
        private_dns_enabled: from.private_dns_enabled.unwrap_or_default(),
        policy: from.policy_document,
        dns_names: from.dns_entries.into_iter().flatten().filter_map(|entry| entry.dns_name).collect(),
        network_interface_ids: set(from.network_interface_ids),
        tags: tags(from.tags),
        last_error: from.last_error.map(last_error).or(from.failure_reason),
    }
}

/// AWS documents `PendingAcceptance` and sends `pendingAcceptance`.
fn normal_state(state: &str) -> String {
    state.chars().filter(char::is_ascii_alphabetic).map(|letter| letter.to_ascii_lowercase()).collect()
}

fn last_error(from: types::LastError) -> String {
    [from.code, from.message].into_iter().flatten().collect::<Vec<_>>().join(": ")
}

fn vpc(from: types::Vpc) -> Vpc {
    Vpc { id: from.vpc_id.unwrap_or_default(), tags: tags(from.tags) }
}

fn subnet(from: types::Subnet) -> Subnet {
    Subnet {
        id: from.subnet_id.unwrap_or_default(),
        vpc_id: from.vpc_id.unwrap_or_default(),
        zone: from.availability_zone.unwrap_or_default(),
        tags: tags(from.tags),
    }
}

fn security_group(from: types::SecurityGroup) -> SecurityGroup {
    SecurityGroup {
        id: from.group_id.unwrap_or_default(),
        name: from.group_name.unwrap_or_default(),
        vpc_id: from.vpc_id.unwrap_or_default(),
        tags: tags(from.tags),
    }
}

fn route_table(from: types::RouteTable) -> RouteTable {
    RouteTable {
        id: from.route_table_id.unwrap_or_default(),
        vpc_id: from.vpc_id.unwrap_or_default(),
        tags: tags(from.tags),
    }
}

fn instance(from: types::Instance) -> Instance {
    Instance {
        id: from.instance_id.unwrap_or_default(),
        state: from.state.and_then(|state| state.name).map(|name| name.as_str().to_owned()).unwrap_or_default(),
        tags: tags(from.tags),
    }
}

fn profile_association(from: types::IamInstanceProfileAssociation) -> ProfileAssociation {
    ProfileAssociation {
        id: from.association_id.unwrap_or_default(),
        instance_id: from.instance_id.unwrap_or_default(),
        profile_arn: from.iam_instance_profile.and_then(|profile| profile.arn).unwrap_or_default(),
        state: from.state.map(|state| state.as_str().to_owned()).unwrap_or_default(),
    }
}

fn tags(from: Option<Vec<types::Tag>>) -> Tags {
    from.into_iter().flatten().filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default()))).collect()
}

fn set(from: Option<Vec<String>>) -> BTreeSet<String> {
    from.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
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
        let created = || {
            ok(&format!("<CreateVpcEndpointResponse><vpcEndpoint>{ENDPOINT}</vpcEndpoint></CreateVpcEndpointResponse>"))
        };
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
        let interface =
            NewEndpoint { private_dns_enabled: Some(false), subnet_ids: ids(["subnet-1"]), ..gateway.clone() };
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
}
