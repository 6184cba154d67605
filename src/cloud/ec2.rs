//! The part of Amazon EC2 that the operator uses, as a port: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/>.

use std::collections::BTreeSet;

use async_trait::async_trait;

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
}

/// A VPC endpoint as DescribeVpcEndpoints shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoint {
    /// `vpce-…`.
    pub id: String,
    /// `Interface`, `Gateway`, `GatewayLoadBalancer`, ….
    pub endpoint_type: String,
    /// In lower case without separators, since AWS varies the case: `pending`, `pendingacceptance`,
    /// `available`, `deleting`, `deleted`, `rejected`, `failed`, `expired`, `partial`.
    pub state: String,
    /// Full service name.
    pub service_name: String,
    /// VPC id.
    pub vpc_id: String,
    /// Subnet ids.
    pub subnet_ids: BTreeSet<String>,
    /// Security group ids.
    pub security_group_ids: BTreeSet<String>,
    /// Route table ids.
    pub route_table_ids: BTreeSet<String>,
    /// Whether the service's private DNS name resolves to the endpoint.
    pub private_dns_enabled: bool,
    /// The endpoint policy, as AWS keeps it.
    pub policy: Option<String>,
    /// DNS names, regional first.
    pub dns_names: Vec<String>,
    /// Network interface ids.
    pub network_interface_ids: BTreeSet<String>,
    /// All tags.
    pub tags: Tags,
    /// `code: message` of the last error, if AWS reports one.
    pub last_error: Option<String>,
}

/// What CreateVpcEndpoint is called with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewEndpoint {
    /// Idempotency token; a repeated call with it makes no second endpoint.
    pub client_token: String,
    /// `Interface`, `Gateway` or `GatewayLoadBalancer`.
    pub endpoint_type: String,
    /// Full service name.
    pub service_name: String,
    /// VPC id.
    pub vpc_id: String,
    /// Subnet ids.
    pub subnet_ids: BTreeSet<String>,
    /// Security group ids.
    pub security_group_ids: BTreeSet<String>,
    /// Route table ids.
    pub route_table_ids: BTreeSet<String>,
    /// Sent explicitly for Interface endpoints, because AWS's default differs by service.
    pub private_dns_enabled: Option<bool>,
    /// Policy document; absent for AWS's full-access default.
    pub policy: Option<String>,
    /// Tags, set in the same call.
    pub tags: Tags,
}

/// What ModifyVpcEndpoint is called with: only what changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointChange {
    /// `vpce-…`.
    pub id: String,
    /// Subnets to add.
    pub add_subnets: BTreeSet<String>,
    /// Subnets to remove.
    pub remove_subnets: BTreeSet<String>,
    /// Security groups to add.
    pub add_security_groups: BTreeSet<String>,
    /// Security groups to remove.
    pub remove_security_groups: BTreeSet<String>,
    /// Route tables to add.
    pub add_route_tables: BTreeSet<String>,
    /// Route tables to remove.
    pub remove_route_tables: BTreeSet<String>,
    /// New value of private DNS.
    pub private_dns_enabled: Option<bool>,
    /// New policy document.
    pub policy: Option<String>,
    /// Back to AWS's full-access default policy.
    pub reset_policy: bool,
}

/// A subnet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subnet {
    /// `subnet-…`.
    pub id: String,
    /// VPC id.
    pub vpc_id: String,
    /// Availability zone name, such as `ap-northeast-1a`.
    pub zone: String,
    /// All tags.
    pub tags: Tags,
}

/// A security group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecurityGroup {
    /// `sg-…`.
    pub id: String,
    /// Group name (not the tag `Name`).
    pub name: String,
    /// VPC id.
    pub vpc_id: String,
    /// All tags.
    pub tags: Tags,
}

/// A route table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteTable {
    /// `rtb-…`.
    pub id: String,
    /// VPC id.
    pub vpc_id: String,
    /// All tags.
    pub tags: Tags,
}

/// A VPC.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vpc {
    /// `vpc-…`.
    pub id: String,
    /// All tags.
    pub tags: Tags,
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
    /// Names of all services that DescribeVpcEndpointServices offers in the region.
    async fn endpoint_services(&self) -> Result<BTreeSet<String>, Fault>;
    /// CreateTags on one resource; existing keys get the new value.
    async fn create_tags(&self, id: &str, tags: &Tags) -> Result<(), Fault>;
    /// DeleteTags on one resource.
    async fn delete_tags(&self, id: &str, keys: &BTreeSet<String>) -> Result<(), Fault>;
    /// DescribeVpcs, all pages.
    async fn vpcs(&self, filters: &[Filter]) -> Result<Vec<Vpc>, Fault>;
    /// DescribeSubnets, all pages.
    async fn subnets(&self, filters: &[Filter]) -> Result<Vec<Subnet>, Fault>;
    /// DescribeSecurityGroups, all pages.
    async fn security_groups(&self, filters: &[Filter]) -> Result<Vec<SecurityGroup>, Fault>;
    /// DescribeRouteTables, all pages.
    async fn route_tables(&self, filters: &[Filter]) -> Result<Vec<RouteTable>, Fault>;
    /// DescribeInstances, all pages.
    async fn instances(&self, filters: &[Filter]) -> Result<Vec<Instance>, Fault>;
    /// DescribeIamInstanceProfileAssociations, all pages (filters: `instance-id`, `state`).
    async fn profile_associations(&self, filters: &[Filter]) -> Result<Vec<ProfileAssociation>, Fault>;
    /// AssociateIamInstanceProfile by profile ARN.
    async fn associate_profile(&self, instance_id: &str, profile_arn: &str) -> Result<ProfileAssociation, Fault>;
    /// ReplaceIamInstanceProfileAssociation; the answer may carry a new association id.
    async fn replace_profile(&self, association_id: &str, profile_arn: &str) -> Result<ProfileAssociation, Fault>;
    /// DisassociateIamInstanceProfile; an association that is gone already is success.
    async fn disassociate_profile(&self, association_id: &str) -> Result<(), Fault>;
}
