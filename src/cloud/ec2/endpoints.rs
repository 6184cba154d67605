//! VPC endpoints and the services that they lead to.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
};

use crate::cloud::ownership::Tags;

/// What an endpoint leads to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// A service, by its full name.
    Service(String),
    /// A VPC Lattice resource configuration, by its ARN.
    ResourceConfiguration(String),
    /// A VPC Lattice service network, by its ARN.
    ServiceNetwork(String),
}

impl Target {
    /// The full name of the service, if it is one.
    pub fn service(&self) -> Option<&str> {
        match self {
            Self::Service(name) => Some(name),
            Self::ResourceConfiguration(_) | Self::ServiceNetwork(_) => None,
        }
    }

    /// The id of the endpoint service of a customer (`vpce-svc-…`), which its name ends with.
    pub fn endpoint_service_id(&self) -> Option<&str> {
        self.service()?.rsplit('.').next().filter(|last| last.starts_with("vpce-svc-"))
    }
}

impl Default for Target {
    fn default() -> Self {
        Self::Service(String::new())
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(text) | Self::ResourceConfiguration(text) | Self::ServiceNetwork(text) => f.write_str(text),
        }
    }
}

/// Options of an endpoint's DNS. What is absent is not shown, or is left as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct DnsOptions {
    /// In lower case: `ipv4`, `dualstack`, `ipv6` or `service-defined`.
    pub record_ip_type: Option<String>,
    /// Whether private DNS is for inbound Resolver endpoints only.
    pub private_dns_only_for_inbound_resolver_endpoint: Option<bool>,
    /// Such as `ALL_DOMAINS`.
    pub private_dns_preference: Option<String>,
    /// The domains that the preference speaks of.
    pub private_dns_specified_domains: BTreeSet<String>,
}

/// A DNS name of an endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DnsEntry {
    /// The name.
    pub name: String,
    /// Id of its hosted zone.
    pub hosted_zone_id: Option<String>,
}

/// Addresses of one network interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Addresses {
    /// The private IPv4 address.
    pub ipv4: Option<Ipv4Addr>,
    /// The IPv6 address.
    pub ipv6: Option<Ipv6Addr>,
}

/// A VPC endpoint as DescribeVpcEndpoints shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoint {
    /// `vpce-…`.
    pub id: String,
    /// `Interface`, `Gateway`, `GatewayLoadBalancer`, `Resource`, `ServiceNetwork`, ….
    pub endpoint_type: String,
    /// In lower case without separators, since AWS varies the case: `pending`, `pendingacceptance`,
    /// `available`, `deleting`, `deleted`, `rejected`, `failed`, `expired`, `partial`.
    pub state: String,
    /// What it leads to.
    pub target: Target,
    /// The region of the service.
    pub service_region: Option<String>,
    /// VPC id.
    pub vpc_id: String,
    /// Subnet ids.
    pub subnet_ids: BTreeSet<String>,
    /// Security group ids.
    pub security_group_ids: BTreeSet<String>,
    /// Names of security groups by their ids.
    pub security_group_names: BTreeMap<String, String>,
    /// Route table ids.
    pub route_table_ids: BTreeSet<String>,
    /// In lower case: `ipv4`, `dualstack`, `ipv6`.
    pub ip_address_type: Option<String>,
    /// Whether the service's private DNS name resolves to the endpoint.
    pub private_dns_enabled: bool,
    /// Options of its DNS.
    pub dns_options: DnsOptions,
    /// The endpoint policy, as AWS keeps it.
    pub policy: Option<String>,
    /// DNS names, regional first.
    pub dns_entries: Vec<DnsEntry>,
    /// Network interface ids.
    pub network_interface_ids: BTreeSet<String>,
    /// All tags.
    pub tags: Tags,
    /// `code: message` of the last error and the reason of a failure, if AWS reports any.
    pub last_error: Option<String>,
}

/// What CreateVpcEndpoint is called with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewEndpoint {
    /// Idempotency token; a repeated call with it makes no second endpoint.
    pub client_token: String,
    /// `Interface`, `Gateway`, `GatewayLoadBalancer`, `Resource` or `ServiceNetwork`.
    pub endpoint_type: String,
    /// What it leads to.
    pub target: Target,
    /// The region of the service, if it is another one.
    pub service_region: Option<String>,
    /// VPC id.
    pub vpc_id: String,
    /// Subnet ids.
    pub subnet_ids: BTreeSet<String>,
    /// Fixed addresses by subnet id.
    pub subnet_configurations: BTreeMap<String, Addresses>,
    /// Security group ids.
    pub security_group_ids: BTreeSet<String>,
    /// Route table ids.
    pub route_table_ids: BTreeSet<String>,
    /// `ipv4`, `dualstack` or `ipv6`.
    pub ip_address_type: Option<String>,
    /// Sent explicitly where the type has private DNS, because AWS's default differs by service.
    pub private_dns_enabled: Option<bool>,
    /// Options of its DNS.
    pub dns_options: DnsOptions,
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
    /// New fixed addresses by subnet id. AWS replaces the network interface of the subnet.
    pub subnet_configurations: BTreeMap<String, Addresses>,
    /// Security groups to add.
    pub add_security_groups: BTreeSet<String>,
    /// Security groups to remove.
    pub remove_security_groups: BTreeSet<String>,
    /// Route tables to add.
    pub add_route_tables: BTreeSet<String>,
    /// Route tables to remove.
    pub remove_route_tables: BTreeSet<String>,
    /// New address type.
    pub ip_address_type: Option<String>,
    /// New value of private DNS.
    pub private_dns_enabled: Option<bool>,
    /// New options of its DNS.
    pub dns_options: DnsOptions,
    /// New policy document.
    pub policy: Option<String>,
    /// Back to AWS's full-access default policy.
    pub reset_policy: bool,
}

/// A service as DescribeVpcEndpointServices shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointService {
    /// Full name.
    pub name: String,
    /// The types of endpoint that it takes, such as `Interface`.
    pub types: BTreeSet<String>,
    /// The availability zones that it is in.
    pub zones: BTreeSet<String>,
}
