//! The part of Amazon EC2 that the operator uses, as a port: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/>.

mod endpoints;
mod network;

use std::collections::BTreeSet;

use async_trait::async_trait;

pub use self::{
    endpoints::{Addresses, DnsEntry, DnsOptions, Endpoint, EndpointChange, EndpointService, NewEndpoint, Target},
    network::{NetworkInterface, RouteTable, SecurityGroup, Subnet, Vpc, VpcDns},
};
use super::{fault::Fault, ownership::Tags};

/// A filter of a Describe call: the values are `ORed`, filters are `ANDed`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// AWS's filter name, such as `vpc-id` or `tag:Name`.
    pub name: String,
    /// The values, any of which matches.
    pub values: Vec<String>,
}

impl Filter {
    /// A filter with one value.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), values: vec![value.into()] }
    }

    /// A filter that any of these values matches. Ids are looked up like this, because a Describe call that is
    /// given ids fails as a whole when one of them does not exist.
    pub fn any<'a>(name: impl Into<String>, values: impl IntoIterator<Item = &'a String>) -> Self {
        Self { name: name.into(), values: values.into_iter().cloned().collect() }
    }
}

/// An EC2 instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Instance {
    /// `i-…`.
    pub id: String,
    /// `pending`, `running`, `shutting-down`, `terminated`, `stopping` or `stopped`.
    pub state: String,
    /// All tags.
    pub tags: Tags,
}

/// The association of an instance profile with an instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfileAssociation {
    /// `iip-assoc-…`.
    pub id: String,
    /// `i-…`.
    pub instance_id: String,
    /// ARN of the instance profile.
    pub profile_arn: String,
    /// Unique id of the instance profile, `AIPA…`. One that was deleted and made again under the same ARN has
    /// another, and associations with the old one give the instance no credentials.
    pub profile_id: String,
    /// `associating`, `associated`, `disassociating` or `disassociated`.
    pub state: String,
}

/// The EC2 calls in use. A list is complete or an error: absence is never concluded from a part of it.
#[async_trait]
pub trait Ec2: Send + Sync {
    /// DescribeVpcEndpoints with filters, all pages.
    async fn endpoints(&self, filters: &[Filter]) -> Result<Vec<Endpoint>, Fault>;
    /// DescribeVpcEndpoints by id; `None` for `InvalidVpcEndpointId.NotFound`.
    async fn endpoint(&self, id: &str) -> Result<Option<Endpoint>, Fault>;
    /// CreateVpcEndpoint.
    async fn create_endpoint(&self, new: &NewEndpoint) -> Result<Endpoint, Fault>;
    /// ModifyVpcEndpoint.
    async fn modify_endpoint(&self, change: &EndpointChange) -> Result<(), Fault>;
    /// DeleteVpcEndpoints with one id; an item in `Unsuccessful[]` is a fault with that item's code. An
    /// endpoint that is gone already is success.
    async fn delete_endpoint(&self, id: &str) -> Result<(), Fault>;
    /// AcceptVpcEndpointConnections with one endpoint, on the side of the endpoint service; an item in
    /// `Unsuccessful[]` is a fault with that item's code.
    async fn accept_endpoint(&self, service_id: &str, endpoint_id: &str) -> Result<(), Fault>;
    /// DescribeVpcEndpointServices: the names of all that are offered in the region. Those of other accounts
    /// are not listed, unless they are shared with this one.
    async fn endpoint_service_names(&self) -> Result<BTreeSet<String>, Fault>;
    /// DescribeVpcEndpointServices with this name; `None` if no such service is offered in the region.
    async fn endpoint_service(&self, name: &str) -> Result<Option<EndpointService>, Fault>;
    /// CreateTags on one resource; existing keys get the new value.
    async fn create_tags(&self, id: &str, tags: &Tags) -> Result<(), Fault>;
    /// DeleteTags on one resource.
    async fn delete_tags(&self, id: &str, keys: &BTreeSet<String>) -> Result<(), Fault>;
    /// DescribeVpcs, all pages.
    async fn vpcs(&self, filters: &[Filter]) -> Result<Vec<Vpc>, Fault>;
    /// DescribeVpcAttribute, for both attributes of DNS.
    async fn vpc_dns(&self, vpc_id: &str) -> Result<VpcDns, Fault>;
    /// DescribeSubnets, all pages.
    async fn subnets(&self, filters: &[Filter]) -> Result<Vec<Subnet>, Fault>;
    /// DescribeSecurityGroups, all pages.
    async fn security_groups(&self, filters: &[Filter]) -> Result<Vec<SecurityGroup>, Fault>;
    /// DescribeRouteTables, all pages.
    async fn route_tables(&self, filters: &[Filter]) -> Result<Vec<RouteTable>, Fault>;
    /// DescribeNetworkInterfaces, all pages.
    async fn network_interfaces(&self, filters: &[Filter]) -> Result<Vec<NetworkInterface>, Fault>;
    /// DescribePrefixLists: the id of the list of a service's addresses, by the service's name.
    async fn prefix_list(&self, service_name: &str) -> Result<Option<String>, Fault>;
    /// DescribeInstances, all pages.
    async fn instances(&self, filters: &[Filter]) -> Result<Vec<Instance>, Fault>;
    /// DescribeIamInstanceProfileAssociations, all pages (filters: `instance-id`, `state`).
    async fn profile_associations(&self, filters: &[Filter]) -> Result<Vec<ProfileAssociation>, Fault>;
    /// AssociateIamInstanceProfile by profile ARN.
    async fn associate_profile(&self, instance_id: &str, profile_arn: &str) -> Result<ProfileAssociation, Fault>;
    /// ReplaceIamInstanceProfileAssociation; the answer may carry a new association id.
    async fn replace_profile(&self, association_id: &str, profile_arn: &str) -> Result<ProfileAssociation, Fault>;
    /// DisassociateIamInstanceProfile. Whether there was an association to end; one that is gone already is no fault.
    async fn disassociate_profile(&self, association_id: &str) -> Result<bool, Fault>;
}
