//! The status of `VpcEndpoint`.

use std::net::{Ipv4Addr, Ipv6Addr};

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::{
    cloud::ec2::{Addresses, NetworkInterface},
    engine::{
        contract::CommonStatus,
        kind::{KindStatus, keep},
    },
};

/// What AWS holds of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct VpcEndpointStatus {
    /// What all kinds share.
    #[serde(flatten)]
    pub common: CommonStatus,

    /// Id of the endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub id: Option<String>,

    /// State as AWS has it, in lower case without separators, such as `available` or `pendingacceptance`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub state: Option<String>,

    /// Full name of the service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub service_name: Option<String>,

    /// Id of the VPC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub vpc: Option<String>,

    /// Subnets that the endpoint has a network interface in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub subnets: Vec<SubnetStatus>,

    /// Subnets that the terms select and that are not used, because another one of their zone is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(length(max = 64)))]
    pub unused_subnets: Vec<String>,

    /// Security groups of its network interfaces.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub security_groups: Vec<SecurityGroupStatus>,

    /// Route tables with a route to the service.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 512), inner(length(max = 64)))]
    pub route_tables: Vec<String>,

    /// Its network interfaces, with their addresses once the endpoint is available.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub network_interfaces: Vec<NetworkInterfaceStatus>,

    /// DNS names of the endpoint, regional ones first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub dns_entries: Vec<DnsEntryStatus>,

    /// Id of the prefix list with the service's addresses, for the rules of security groups. For Gateway
    /// endpoints.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub prefix_list_id: Option<String>,

    /// The last error that AWS reports of the endpoint, with its code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub failure: Option<String>,

    /// Number of the create attempt, part of the idempotency token. Written before the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub create_attempt: Option<i32>,

    /// Fields of the spec that were applied. One that is then taken out of the spec goes back to AWS's default.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub applied_fields: Vec<Field>,
}

/// The state of an endpoint on its way out.
pub const DELETING: &str = "deleting";

/// A subnet that the endpoint is in.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SubnetStatus {
    /// Id of the subnet.
    #[schemars(length(max = 64))]
    pub id: String,
    /// Its availability zone, once known: from the selection by tags, or from its network interface.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub zone: Option<String>,
}

/// A security group of the endpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecurityGroupStatus {
    /// Id of the group.
    #[schemars(length(max = 64))]
    pub id: String,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub name: Option<String>,
}

/// A network interface of the endpoint. Its addresses and its subnet never change: AWS replaces it instead.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct NetworkInterfaceStatus {
    /// Id of the network interface.
    #[schemars(length(max = 64))]
    pub id: String,
    /// Id of its subnet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub subnet: Option<String>,
    /// Its availability zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub zone: Option<String>,
    /// Its private IPv4 address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 15))]
    pub ipv4: Option<Ipv4Addr>,
    /// Its IPv6 address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 45))]
    pub ipv6: Option<Ipv6Addr>,
}

impl NetworkInterfaceStatus {
    /// What is known of it, if more than its id is.
    pub fn facts(&self) -> Option<NetworkInterface> {
        Some(NetworkInterface {
            id: self.id.clone(),
            subnet_id: self.subnet.clone()?,
            zone: self.zone.clone().unwrap_or_default(),
            addresses: Addresses { ipv4: self.ipv4, ipv6: self.ipv6 },
        })
    }
}

/// A DNS name of the endpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct DnsEntryStatus {
    /// The name.
    #[schemars(length(max = 256))]
    pub name: String,
    /// Id of the hosted zone that it is in, for alias records of Route 53.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub hosted_zone_id: Option<String>,
}

/// An optional field of the spec that has a default of AWS's to go back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Field {
    /// `spec.subnets`, or `spec.subnetConfigurations` without it; default: none.
    Subnets,
    /// `spec.securityGroups`; default: the VPC's default group.
    SecurityGroups,
    /// `spec.routeTables`; default: none.
    RouteTables,
    /// `spec.ipAddressType`; default: ipv4.
    IpAddressType,
    /// `spec.privateDnsEnabled`; default here: false.
    PrivateDnsEnabled,
    /// `spec.dnsOptions.dnsRecordIpType`; default: service-defined for Gateway endpoints, otherwise as the
    /// addresses.
    DnsRecordIpType,
    /// `spec.dnsOptions.privateDnsOnlyForInboundResolverEndpoint`; default here: false.
    PrivateDnsOnlyForInboundResolverEndpoint,
    /// `spec.policy`; default: full access.
    Policy,
}

impl KindStatus for VpcEndpointStatus {
    fn common(&self) -> &CommonStatus {
        &self.common
    }

    fn common_mut(&mut self) -> &mut CommonStatus {
        &mut self.common
    }

    fn keep_records(&mut self, before: &Self) {
        keep(&mut self.common.managed_tags, &before.common.managed_tags);
        keep(&mut self.applied_fields, &before.applied_fields);
    }
}
