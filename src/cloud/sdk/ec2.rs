//! The port [`Ec2`] over aws-sdk-ec2.

mod endpoints;

use std::collections::BTreeSet;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_ec2::{
    Client,
    config::Builder,
    types::{self, IamInstanceProfileSpecification, ResourceType, TagSpecification, VpcAttributeName, VpcEndpointType},
};

use crate::{
    cloud::{
        ec2::{
            Ec2, Endpoint, EndpointChange, EndpointService, Filter, Instance, NetworkInterface, NewEndpoint,
            ProfileAssociation, RouteTable, SecurityGroup, Subnet, Target, Vpc, VpcDns,
        },
        fault::Fault,
        operation::Operation,
        ownership::Tags,
    },
    engine::fence::Fence,
};

use self::endpoints::{endpoint, endpoint_service, network_interface, wire_address_type, wire_addresses, wire_dns};
use super::call::{self, Caller, ThrottlesAreForTheBudget, each, refused, unless_empty, unless_gone, unusable};

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
    /// With the configuration's region and credentials; writes only while the fence is open.
    pub fn new(config: &SdkConfig, caller: Caller, fence: &Fence) -> Self {
        let fenced = |config: &SdkConfig| Client::from_conf(Builder::from(config).interceptor(fence.clone()).build());
        Self {
            reads: Client::from_conf(
                Builder::from(&call::reads(config)).retry_classifier(ThrottlesAreForTheBudget).build(),
            ),
            writes: fenced(&call::writes(config)),
            caller,
        }
    }
}

/// What one item of `Unsuccessful[]` says, if there is one: such calls answer with success whatever came of it.
fn successful(operation: Operation, unsuccessful: Option<Vec<types::UnsuccessfulItem>>) -> Result<(), Fault> {
    let Some(item) = unsuccessful.unwrap_or_default().pop() else { return Ok(()) };
    let (code, message) = item.error.map(|error| (error.code, error.message)).unwrap_or_default();
    Err(refused(operation, &code.unwrap_or_default(), &message.unwrap_or_default()))
}

fn associated(
    operation: Operation,
    association: Option<types::IamInstanceProfileAssociation>,
) -> Result<ProfileAssociation, Fault> {
    association.map(profile_association).ok_or_else(|| unusable(operation, "no instance profile association in it"))
}

#[async_trait]
impl Ec2 for SdkEc2 {
    async fn endpoints(&self, filters: &[Filter]) -> Result<Vec<Endpoint>, Fault> {
        let call = self.reads.describe_vpc_endpoints().max_results(PAGE).set_filters(wire_filters(filters));
        self.caller
            .pages(
                Operation::DescribeVpcEndpoints,
                |token| call.clone().set_next_token(token).send(),
                |page| (each(page.vpc_endpoints, endpoint), page.next_token),
            )
            .await
    }

    async fn endpoint(&self, id: &str) -> Result<Option<Endpoint>, Fault> {
        let call = self.reads.describe_vpc_endpoints().vpc_endpoint_ids(id);
        let answer = unless_gone(self.caller.run(Operation::DescribeVpcEndpoints, call.send()).await, NO_ENDPOINT)?;
        Ok(answer.and_then(|answer| answer.vpc_endpoints?.pop()).map(endpoint))
    }

    async fn create_endpoint(&self, new: &NewEndpoint) -> Result<Endpoint, Fault> {
        const OPERATION: Operation = Operation::CreateVpcEndpoint;
        let tags =
            TagSpecification::builder().resource_type(ResourceType::VpcEndpoint).set_tags(wire_tags(&new.tags)).build();
        let call = self
            .writes
            .create_vpc_endpoint()
            .client_token(&new.client_token)
            .vpc_endpoint_type(VpcEndpointType::from(new.endpoint_type.as_str()))
            .set_service_name(new.target.service().map(str::to_owned))
            .set_resource_configuration_arn(match &new.target {
                Target::ResourceConfiguration(arn) => Some(arn.clone()),
                Target::Service(_) | Target::ServiceNetwork(_) => None,
            })
            .set_service_network_arn(match &new.target {
                Target::ServiceNetwork(arn) => Some(arn.clone()),
                Target::Service(_) | Target::ResourceConfiguration(_) => None,
            })
            .set_service_region(new.service_region.clone())
            .vpc_id(&new.vpc_id)
            .set_subnet_ids(wire_ids(&new.subnet_ids))
            .set_subnet_configurations(wire_addresses(&new.subnet_configurations))
            .set_security_group_ids(wire_ids(&new.security_group_ids))
            .set_route_table_ids(wire_ids(&new.route_table_ids))
            .set_ip_address_type(wire_address_type(new.ip_address_type.as_deref()))
            .set_private_dns_enabled(new.private_dns_enabled)
            .set_dns_options(wire_dns(&new.dns_options))
            .set_policy_document(new.policy.clone())
            .tag_specifications(tags);
        let answer = self.caller.run(OPERATION, call.send()).await?;
        answer.vpc_endpoint.map(endpoint).ok_or_else(|| unusable(OPERATION, "no endpoint in it"))
    }

    async fn modify_endpoint(&self, change: &EndpointChange) -> Result<(), Fault> {
        let call = self
            .writes
            .modify_vpc_endpoint()
            .vpc_endpoint_id(&change.id)
            .set_add_subnet_ids(wire_ids(&change.add_subnets))
            .set_remove_subnet_ids(wire_ids(&change.remove_subnets))
            .set_subnet_configurations(wire_addresses(&change.subnet_configurations))
            .set_add_security_group_ids(wire_ids(&change.add_security_groups))
            .set_remove_security_group_ids(wire_ids(&change.remove_security_groups))
            .set_add_route_table_ids(wire_ids(&change.add_route_tables))
            .set_remove_route_table_ids(wire_ids(&change.remove_route_tables))
            .set_ip_address_type(wire_address_type(change.ip_address_type.as_deref()))
            .set_private_dns_enabled(change.private_dns_enabled)
            .set_dns_options(wire_dns(&change.dns_options))
            .set_policy_document(change.policy.clone())
            .set_reset_policy(change.reset_policy.then_some(true));
        self.caller.run(Operation::ModifyVpcEndpoint, call.send()).await.map(drop)
    }

    async fn delete_endpoint(&self, id: &str) -> Result<(), Fault> {
        const OPERATION: Operation = Operation::DeleteVpcEndpoints;
        let call = self.writes.delete_vpc_endpoints().vpc_endpoint_ids(id);
        let answer = self.caller.run(OPERATION, call.send()).await;
        let result = answer.and_then(|answer| successful(OPERATION, answer.unsuccessful));
        unless_gone(result, NO_ENDPOINT).map(drop)
    }

    async fn accept_endpoint(&self, service_id: &str, endpoint_id: &str) -> Result<(), Fault> {
        const OPERATION: Operation = Operation::AcceptVpcEndpointConnections;
        let call = self.writes.accept_vpc_endpoint_connections().service_id(service_id).vpc_endpoint_ids(endpoint_id);
        let answer = self.caller.run(OPERATION, call.send()).await?;
        successful(OPERATION, answer.unsuccessful)
    }

    async fn endpoint_service_names(&self) -> Result<BTreeSet<String>, Fault> {
        let call = self.reads.describe_vpc_endpoint_services().max_results(PAGE);
        let names = self.caller.pages(
            Operation::DescribeVpcEndpointServices,
            |token| call.clone().set_next_token(token).send(),
            |page| (page.service_names.unwrap_or_default(), page.next_token),
        );
        Ok(names.await?.into_iter().collect())
    }

    async fn endpoint_service(&self, name: &str) -> Result<Option<EndpointService>, Fault> {
        let filters = wire_filters(&[Filter::new("service-name", name)]);
        let call = self.reads.describe_vpc_endpoint_services().max_results(PAGE).set_filters(filters);
        let services = self.caller.pages(
            Operation::DescribeVpcEndpointServices,
            |token| call.clone().set_next_token(token).send(),
            |page| (each(page.service_details, endpoint_service), page.next_token),
        );
        // A name may come once for each type of endpoint: https://docs.aws.amazon.com/vpc/latest/privatelink/aws-services-privatelink-support.html.
        Ok(services.await?.into_iter().filter(|service| service.name == name).reduce(|mut one, other| {
            one.types.extend(other.types);
            one.zones.extend(other.zones);
            one
        }))
    }

    async fn create_tags(&self, id: &str, tags: &Tags) -> Result<(), Fault> {
        let call = self.writes.create_tags().resources(id).set_tags(wire_tags(tags));
        self.caller.run(Operation::CreateTags, call.send()).await.map(drop)
    }

    async fn delete_tags(&self, id: &str, keys: &BTreeSet<String>) -> Result<(), Fault> {
        let Some(tags) = unless_empty(keys.iter().map(|key| types::Tag::builder().key(key).build())) else {
            // AWS would take a call without keys for one that deletes all tags:
            // https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteTags.html.
            return Ok(());
        };
        let call = self.writes.delete_tags().resources(id).set_tags(Some(tags));
        self.caller.run(Operation::DeleteTags, call.send()).await.map(drop)
    }

    async fn vpcs(&self, filters: &[Filter]) -> Result<Vec<Vpc>, Fault> {
        let call = self.reads.describe_vpcs().max_results(PAGE).set_filters(wire_filters(filters));
        self.caller
            .pages(
                Operation::DescribeVpcs,
                |token| call.clone().set_next_token(token).send(),
                |page| (each(page.vpcs, vpc), page.next_token),
            )
            .await
    }

    async fn vpc_dns(&self, vpc_id: &str) -> Result<VpcDns, Fault> {
        let attribute = |name| self.reads.describe_vpc_attribute().vpc_id(vpc_id).attribute(name).send();
        let is_on =
            |value: Option<types::AttributeBooleanValue>| value.and_then(|value| value.value).unwrap_or_default();
        let support =
            self.caller.run(Operation::DescribeVpcAttribute, attribute(VpcAttributeName::EnableDnsSupport)).await?;
        let hostnames =
            self.caller.run(Operation::DescribeVpcAttribute, attribute(VpcAttributeName::EnableDnsHostnames)).await?;
        Ok(VpcDns { support: is_on(support.enable_dns_support), hostnames: is_on(hostnames.enable_dns_hostnames) })
    }

    async fn subnets(&self, filters: &[Filter]) -> Result<Vec<Subnet>, Fault> {
        let call = self.reads.describe_subnets().max_results(PAGE).set_filters(wire_filters(filters));
        self.caller
            .pages(
                Operation::DescribeSubnets,
                |token| call.clone().set_next_token(token).send(),
                |page| (each(page.subnets, subnet), page.next_token),
            )
            .await
    }

    async fn security_groups(&self, filters: &[Filter]) -> Result<Vec<SecurityGroup>, Fault> {
        let call = self.reads.describe_security_groups().max_results(PAGE).set_filters(wire_filters(filters));
        self.caller
            .pages(
                Operation::DescribeSecurityGroups,
                |token| call.clone().set_next_token(token).send(),
                |page| (each(page.security_groups, security_group), page.next_token),
            )
            .await
    }

    async fn route_tables(&self, filters: &[Filter]) -> Result<Vec<RouteTable>, Fault> {
        let call = self.reads.describe_route_tables().max_results(ROUTE_TABLE_PAGE).set_filters(wire_filters(filters));
        self.caller
            .pages(
                Operation::DescribeRouteTables,
                |token| call.clone().set_next_token(token).send(),
                |page| (each(page.route_tables, route_table), page.next_token),
            )
            .await
    }

    async fn network_interfaces(&self, filters: &[Filter]) -> Result<Vec<NetworkInterface>, Fault> {
        let call = self.reads.describe_network_interfaces().max_results(PAGE).set_filters(wire_filters(filters));
        self.caller
            .pages(
                Operation::DescribeNetworkInterfaces,
                |token| call.clone().set_next_token(token).send(),
                |page| (each(page.network_interfaces, network_interface), page.next_token),
            )
            .await
    }

    async fn prefix_list(&self, service_name: &str) -> Result<Option<String>, Fault> {
        let filters = wire_filters(&[Filter::new("prefix-list-name", service_name)]);
        let call = self.reads.describe_prefix_lists().max_results(PAGE).set_filters(filters);
        let ids = self.caller.pages(
            Operation::DescribePrefixLists,
            |token| call.clone().set_next_token(token).send(),
            |page| (page.prefix_lists.unwrap_or_default(), page.next_token),
        );
        Ok(ids.await?.into_iter().find_map(|list| list.prefix_list_id))
    }

    async fn instances(&self, filters: &[Filter]) -> Result<Vec<Instance>, Fault> {
        let call = self.reads.describe_instances().max_results(PAGE).set_filters(wire_filters(filters));
        let reservations = self.caller.pages(
            Operation::DescribeInstances,
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
                Operation::DescribeIamInstanceProfileAssociations,
                |token| call.clone().set_next_token(token).send(),
                |page| (each(page.iam_instance_profile_associations, profile_association), page.next_token),
            )
            .await
    }

    async fn associate_profile(&self, instance_id: &str, profile_arn: &str) -> Result<ProfileAssociation, Fault> {
        const OPERATION: Operation = Operation::AssociateIamInstanceProfile;
        let call = self
            .writes
            .associate_iam_instance_profile()
            .instance_id(instance_id)
            .iam_instance_profile(profile(profile_arn));
        let answer = self.caller.run(OPERATION, call.send()).await?;
        associated(OPERATION, answer.iam_instance_profile_association)
    }

    async fn replace_profile(&self, association_id: &str, profile_arn: &str) -> Result<ProfileAssociation, Fault> {
        const OPERATION: Operation = Operation::ReplaceIamInstanceProfileAssociation;
        let call = self
            .writes
            .replace_iam_instance_profile_association()
            .association_id(association_id)
            .iam_instance_profile(profile(profile_arn));
        let answer = self.caller.run(OPERATION, call.send()).await?;
        associated(OPERATION, answer.iam_instance_profile_association)
    }

    async fn disassociate_profile(&self, association_id: &str) -> Result<bool, Fault> {
        let call = self.writes.disassociate_iam_instance_profile().association_id(association_id);
        let result = self.caller.run(Operation::DisassociateIamInstanceProfile, call.send()).await;
        unless_gone(result, NO_ASSOCIATION).map(|answer| answer.is_some())
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
    let (profile_arn, profile_id) =
        from.iam_instance_profile.map(|profile| (profile.arn, profile.id)).unwrap_or_default();
    ProfileAssociation {
        id: from.association_id.unwrap_or_default(),
        instance_id: from.instance_id.unwrap_or_default(),
        profile_arn: profile_arn.unwrap_or_default(),
        profile_id: profile_id.unwrap_or_default(),
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
mod tests;
