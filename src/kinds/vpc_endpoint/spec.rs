//! The spec of `VpcEndpoint` and the rules that the apiserver enforces.

mod status;

use std::net::{Ipv4Addr, Ipv6Addr};

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use crate::{
    cloud::{
        policy::PolicyDocument,
        selectors::{RouteTableTerm, SecurityGroupTerm, SubnetTerm, VpcTerm},
    },
    engine::contract::CommonSpec,
};

pub use self::status::{
    DELETING, DnsEntryStatus, Field, NetworkInterfaceStatus, SecurityGroupStatus, SubnetStatus, VpcEndpointStatus,
};

/// What kind of endpoint it is: <https://docs.aws.amazon.com/vpc/latest/privatelink/concepts.html>.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
pub enum EndpointType {
    /// Network interfaces with private addresses in the given subnets, for a service.
    Interface,
    /// A route to S3 or DynamoDB in the given route tables.
    Gateway,
    /// A network interface that leads to a Gateway Load Balancer.
    GatewayLoadBalancer,
    /// Network interfaces that lead to one resource of a VPC Lattice resource configuration.
    Resource,
    /// Network interfaces that lead to the services and resources of a VPC Lattice service network.
    ServiceNetwork,
}

impl EndpointType {
    /// In AWS's spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Interface => "Interface",
            Self::Gateway => "Gateway",
            Self::GatewayLoadBalancer => "GatewayLoadBalancer",
            Self::Resource => "Resource",
            Self::ServiceNetwork => "ServiceNetwork",
        }
    }
}

/// Which addresses the endpoint has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum IpAddressType {
    /// IPv4 only.
    Ipv4,
    /// IPv4 and IPv6.
    Dualstack,
    /// IPv6 only.
    Ipv6,
}

impl IpAddressType {
    /// In AWS's spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ipv4 => "ipv4",
            Self::Dualstack => "dualstack",
            Self::Ipv6 => "ipv6",
        }
    }
}

/// Which DNS records the endpoint has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DnsRecordIpType {
    /// A records.
    Ipv4,
    /// A and AAAA records.
    Dualstack,
    /// AAAA records.
    Ipv6,
    /// What the service decides.
    ServiceDefined,
}

impl DnsRecordIpType {
    /// In AWS's spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ipv4 => "ipv4",
            Self::Dualstack => "dualstack",
            Self::Ipv6 => "ipv6",
            Self::ServiceDefined => "service-defined",
        }
    }
}

/// For which private domains VPC Lattice makes private hosted zones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PrivateDnsPreference {
    /// For all custom domain names.
    AllDomains,
    /// For those that their provider has verified.
    VerifiedDomainsOnly,
    /// For the verified ones and for those of `privateDnsSpecifiedDomains`.
    VerifiedDomainsAndSpecifiedDomains,
    /// For those of `privateDnsSpecifiedDomains`.
    SpecifiedDomainsOnly,
}

impl PrivateDnsPreference {
    /// In AWS's spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AllDomains => "ALL_DOMAINS",
            Self::VerifiedDomainsOnly => "VERIFIED_DOMAINS_ONLY",
            Self::VerifiedDomainsAndSpecifiedDomains => "VERIFIED_DOMAINS_AND_SPECIFIED_DOMAINS",
            Self::SpecifiedDomainsOnly => "SPECIFIED_DOMAINS_ONLY",
        }
    }
}

/// Options of the endpoint's DNS.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.privateDnsPreference) == has(oldSelf.privateDnsPreference) && (!has(self.privateDnsPreference) || self.privateDnsPreference == oldSelf.privateDnsPreference)")
        .message("dnsOptions.privateDnsPreference is immutable: delete the object and make a new one"),
    validation = Rule::new("has(self.privateDnsSpecifiedDomains) == has(oldSelf.privateDnsSpecifiedDomains) && (!has(self.privateDnsSpecifiedDomains) || self.privateDnsSpecifiedDomains == oldSelf.privateDnsSpecifiedDomains)")
        .message("dnsOptions.privateDnsSpecifiedDomains is immutable: delete the object and make a new one"),
    validation = Rule::new("!has(self.privateDnsSpecifiedDomains) || (has(self.privateDnsPreference) && self.privateDnsPreference in ['VERIFIED_DOMAINS_AND_SPECIFIED_DOMAINS', 'SPECIFIED_DOMAINS_ONLY'])")
        .message("dnsOptions.privateDnsSpecifiedDomains: needs privateDnsPreference VERIFIED_DOMAINS_AND_SPECIFIED_DOMAINS or SPECIFIED_DOMAINS_ONLY")
)]
pub struct DnsOptions {
    /// Which DNS records the endpoint has. Absent at creation: AWS decides, by the service and the addresses.
    /// Taken out again: service-defined for a Gateway endpoint, otherwise the records of ipAddressType.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns_record_ip_type: Option<DnsRecordIpType>,

    /// Whether only queries through an inbound Resolver endpoint (from on premises) are answered with the
    /// Interface endpoint, while the VPC itself goes through the Gateway endpoint, which must then be there. Only
    /// for the Interface endpoint of a service that has Gateway endpoints too (S3, DynamoDB), with
    /// privateDnsEnabled true. Absent at creation: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_dns_only_for_inbound_resolver_endpoint: Option<bool>,

    /// For which custom domain names VPC Lattice makes private hosted zones in the VPC. Only for Resource and
    /// ServiceNetwork endpoints with privateDnsEnabled true. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_dns_preference: Option<PrivateDnsPreference>,

    /// The domain names that privateDnsPreference speaks of. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 10), inner(length(min = 1, max = 255)))]
    pub private_dns_specified_domains: Option<Vec<String>>,
}

/// The addresses of the endpoint's network interface in one subnet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.ipv4) || has(self.ipv6)").message("subnetConfigurations: an item has ipv4, ipv6 or both"))]
pub struct SubnetConfiguration {
    /// Id of the subnet.
    #[schemars(length(max = 64), regex(pattern = r"^subnet-[0-9a-f]+$"))]
    pub subnet_id: String,

    /// The IPv4 address; AWS asks for one where the endpoint has IPv4.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(max = 15),
        regex(
            pattern = r"^((25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])\.){3}(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])$"
        )
    )]
    pub ipv4: Option<Ipv4Addr>,

    /// The IPv6 address; AWS asks for one where the endpoint has IPv6.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 45))]
    pub ipv6: Option<Ipv6Addr>,
}

/// One VPC endpoint. A field that is absent is left as AWS has it; `[]` means none.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "privatelink.dev",
    version = "v1alpha1",
    kind = "VpcEndpoint",
    plural = "vpcendpoints",
    namespaced,
    status = "VpcEndpointStatus",
    derive = "PartialEq",
    shortname = "vpce",
    category = "aws",
    category = "privatelink",
    doc = "One VPC endpoint whole: where it is attached, who may reach it, its private DNS, its policy and its tags.",
    printcolumn(name = "Ready", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#),
    printcolumn(name = "Reason", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].reason"#),
    printcolumn(name = "ID", type_ = "string", json_path = ".status.id"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "State", type_ = "string", json_path = ".status.state", priority = 1),
    printcolumn(name = "VPC", type_ = "string", json_path = ".status.vpc", priority = 1),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].message"#,
        priority = 1
    ),
    validation = Rule::new("self.metadata.name.size() <= 63").message("metadata.name: at most 63 characters"),
    validation = Rule::new("!has(self.spec.endpointId) || (has(oldSelf.spec.endpointId) && self.spec.endpointId == oldSelf.spec.endpointId) || !has(self.status) || !has(self.status.id) || self.spec.endpointId == self.status.id")
        .message("endpointId is immutable once the object has an endpoint: take it out, or delete the object and make a new one")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.region) == has(oldSelf.region) && (!has(self.region) || self.region == oldSelf.region)")
        .message("region is immutable: delete the object and make a new one"),
    validation = Rule::new("has(self.service) == has(oldSelf.service) && (!has(self.service) || self.service == oldSelf.service)")
        .message("service is immutable: delete the object and make a new one"),
    validation = Rule::new("has(self.resourceConfigurationArn) == has(oldSelf.resourceConfigurationArn) && (!has(self.resourceConfigurationArn) || self.resourceConfigurationArn == oldSelf.resourceConfigurationArn)")
        .message("resourceConfigurationArn is immutable: delete the object and make a new one"),
    validation = Rule::new("has(self.serviceNetworkArn) == has(oldSelf.serviceNetworkArn) && (!has(self.serviceNetworkArn) || self.serviceNetworkArn == oldSelf.serviceNetworkArn)")
        .message("serviceNetworkArn is immutable: delete the object and make a new one"),
    validation = Rule::new("has(self.serviceRegion) == has(oldSelf.serviceRegion) && (!has(self.serviceRegion) || self.serviceRegion == oldSelf.serviceRegion)")
        .message("serviceRegion is immutable: delete the object and make a new one"),
    validation = Rule::new("self.type != 'GatewayLoadBalancer' || !has(self.subnets) || !has(oldSelf.subnets) || self.subnets == oldSelf.subnets")
        .message("subnets is immutable for a GatewayLoadBalancer endpoint: delete the object and make a new one"),
    validation = Rule::new("!(self.type in ['Resource', 'ServiceNetwork']) || (has(self.privateDnsEnabled) == has(oldSelf.privateDnsEnabled) && (!has(self.privateDnsEnabled) || self.privateDnsEnabled == oldSelf.privateDnsEnabled))")
        .message("privateDnsEnabled is immutable for Resource and ServiceNetwork endpoints: delete the object and make a new one"),
    validation = Rule::new("!(self.type in ['Resource', 'ServiceNetwork']) || has(self.dnsOptions) == has(oldSelf.dnsOptions) || (has(self.dnsOptions) ? !has(self.dnsOptions.privateDnsPreference) : !has(oldSelf.dnsOptions.privateDnsPreference))")
        .message("dnsOptions.privateDnsPreference is immutable: delete the object and make a new one"),
    validation = Rule::new("has(self.service) == (self.type in ['Interface', 'Gateway', 'GatewayLoadBalancer'])")
        .message("service: Interface, Gateway and GatewayLoadBalancer endpoints need it, and no others have it"),
    validation = Rule::new("has(self.resourceConfigurationArn) == (self.type == 'Resource')")
        .message("resourceConfigurationArn: a Resource endpoint needs it, and no other has it"),
    validation = Rule::new("has(self.serviceNetworkArn) == (self.type == 'ServiceNetwork')")
        .message("serviceNetworkArn: a ServiceNetwork endpoint needs it, and no other has it"),
    validation = Rule::new("!has(self.serviceRegion) || self.type == 'Interface'")
        .message("serviceRegion: only an Interface endpoint reaches into another region; remove it, or use type Interface"),
    validation = Rule::new("self.type != 'Gateway' || !has(self.subnets)")
        .message("subnets: a Gateway endpoint has none; use routeTables, or another type"),
    validation = Rule::new("self.type != 'GatewayLoadBalancer' || (has(self.subnets) && size(self.subnets) > 0)")
        .message("subnets: a GatewayLoadBalancer endpoint needs one"),
    validation = Rule::new("!has(self.subnetConfigurations) || !(self.type in ['Gateway', 'GatewayLoadBalancer'])")
        .message("subnetConfigurations: Gateway and GatewayLoadBalancer endpoints have none; remove it, or use another type"),
    validation = Rule::new("!has(self.subnetConfigurations) || !has(self.ipAddressType) || self.subnetConfigurations.all(c, has(c.ipv4) == (self.ipAddressType != 'ipv6') && has(c.ipv6) == (self.ipAddressType != 'ipv4'))")
        .message("subnetConfigurations: with ipAddressType ipv4 each item has ipv4, with ipv6 it has ipv6, with dualstack it has both"),
    validation = Rule::new("self.type == 'Gateway' || !has(self.routeTables)")
        .message("routeTables: only a Gateway endpoint has them; use subnets, or type Gateway"),
    validation = Rule::new("!has(self.securityGroups) || !(self.type in ['Gateway', 'GatewayLoadBalancer'])")
        .message("securityGroups: Gateway and GatewayLoadBalancer endpoints have none; remove them, or use another type"),
    validation = Rule::new("!has(self.privateDnsEnabled) || !(self.type in ['Gateway', 'GatewayLoadBalancer'])")
        .message("privateDnsEnabled: Gateway and GatewayLoadBalancer endpoints have no private DNS; remove it, or use another type"),
    validation = Rule::new("!has(self.policy) || self.type in ['Interface', 'Gateway']")
        .message("policy: only Interface and Gateway endpoints take one; remove it"),
    validation = Rule::new("!has(self.autoAccept) || (has(self.service) && self.service.contains('vpce-svc-'))")
        .message("autoAccept: only the connection to an endpoint service (vpce-svc-…) can be accepted; remove it, or give the full name of one as service"),
    validation = Rule::new("!has(self.endpointId) || (has(self.adoptionPolicy) && self.adoptionPolicy == 'Adopt')")
        .message("endpointId: to take over an existing endpoint, set adoptionPolicy to Adopt"),
    validation = Rule::new("!has(self.dnsOptions) || !has(self.dnsOptions.privateDnsOnlyForInboundResolverEndpoint) || (self.type == 'Interface' && self.service.matches('(^|[.])(s3|dynamodb)$'))")
        .message("dnsOptions.privateDnsOnlyForInboundResolverEndpoint: only Interface endpoints of S3 and DynamoDB have it; remove it"),
    validation = Rule::new("!has(self.dnsOptions) || !has(self.dnsOptions.privateDnsOnlyForInboundResolverEndpoint) || !self.dnsOptions.privateDnsOnlyForInboundResolverEndpoint || (has(self.privateDnsEnabled) && self.privateDnsEnabled)")
        .message("dnsOptions.privateDnsOnlyForInboundResolverEndpoint: needs privateDnsEnabled: true"),
    validation = Rule::new("!has(self.dnsOptions) || !has(self.dnsOptions.privateDnsPreference) || (self.type in ['Resource', 'ServiceNetwork'] && has(self.privateDnsEnabled) && self.privateDnsEnabled)")
        .message("dnsOptions.privateDnsPreference: only Resource and ServiceNetwork endpoints with privateDnsEnabled: true have it")
)]
pub struct VpcEndpointSpec {
    /// What all kinds share.
    #[serde(flatten)]
    pub common: CommonSpec,

    /// Interface, Gateway (S3 and DynamoDB only), GatewayLoadBalancer, Resource or ServiceNetwork (both of VPC
    /// Lattice). Immutable.
    #[serde(rename = "type")]
    #[x_kube(validation = Rule::new("self == oldSelf").message("type is immutable: delete the object and make a new one"))]
    pub endpoint_type: EndpointType,

    /// The service to reach: short, such as `lambda` (of serviceRegion, or else of the endpoint's region), or its
    /// full name, such as `com.amazonaws.ap-northeast-1.lambda` or
    /// `com.amazonaws.vpce.ap-northeast-1.vpce-svc-0123456789abcdef0`. For Interface, Gateway and
    /// GatewayLoadBalancer endpoints. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255), regex(pattern = r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$"))]
    pub service: Option<String>,

    /// ARN of the VPC Lattice resource configuration to reach. For Resource endpoints. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(max = 1224),
        regex(pattern = r"^arn:[a-z0-9-]+:vpc-lattice:[a-z0-9-]+:[0-9]{12}:resourceconfiguration/[A-Za-z0-9-]+$")
    )]
    pub resource_configuration_arn: Option<String>,

    /// ARN of the VPC Lattice service network to reach. For ServiceNetwork endpoints. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(max = 1224),
        regex(pattern = r"^arn:[a-z0-9-]+:vpc-lattice:[a-z0-9-]+:[0-9]{12}:servicenetwork/[A-Za-z0-9-]+$")
    )]
    pub service_network_arn: Option<String>,

    /// The region of the service, for an Interface endpoint that reaches into another region. Absent: the
    /// endpoint's own. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 32), regex(pattern = r"^[a-z]{2}(-[a-z]+)+-[0-9]+$"))]
    pub service_region: Option<String>,

    /// The VPC that the endpoint is in. Must select exactly one. Immutable.
    #[x_kube(validation = Rule::new("self == oldSelf").message("vpc is immutable: delete the object and make a new one"))]
    pub vpc: VpcTerm,

    /// The subnets of its network interfaces, at most one of each availability zone: of several that match in a
    /// zone the one of subnetConfigurations is taken, else the one in use, else the one with the lowest id. A
    /// GatewayLoadBalancer endpoint takes one subnet, which AWS can't change later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 30))]
    pub subnets: Option<Vec<SubnetTerm>>,

    /// Fixed addresses of its network interfaces, one item for each subnet that is to have one. The subnets must
    /// be among those that `subnets` selects; without `subnets`, these are the endpoint's subnets. A change
    /// replaces the network interface, which cuts the subnet off from the endpoint for a moment. An item that is
    /// taken out leaves the address as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 30))]
    #[x_kube(validation = Rule::new("self.all(a, self.exists_one(b, b.subnetId == a.subnetId))").message("subnetConfigurations: a subnet has one item"))]
    pub subnet_configurations: Option<Vec<SubnetConfiguration>>,

    /// The security groups of its network interfaces. Absent at creation, or taken out: the VPC's default group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 30))]
    pub security_groups: Option<Vec<SecurityGroupTerm>>,

    /// The route tables that get a route to the service. For Gateway endpoints.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 30))]
    pub route_tables: Option<Vec<RouteTableTerm>>,

    /// ipv4, dualstack or ipv6; the service and the subnets must have it too. Absent at creation: AWS decides.
    /// Taken out: ipv4.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_address_type: Option<IpAddressType>,

    /// Whether the service's public DNS name leads to the endpoint inside the VPC, which needs the VPC's DNS
    /// support and DNS hostnames. Absent at creation: false. For an endpoint service (vpce-svc-…) it is turned on
    /// once the connection has been accepted, as AWS demands. Immutable for Resource and ServiceNetwork endpoints.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_dns_enabled: Option<bool>,

    /// Options of the endpoint's DNS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns_options: Option<DnsOptions>,

    /// Who may do what through the endpoint, at most 20,480 characters of JSON. For Interface and Gateway
    /// endpoints. Absent at creation, or taken out: everybody everything, AWS's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyDocument>,

    /// Whether to accept the connection on the side of the endpoint service, where the service asks for
    /// acceptance. The service must be of the same account and region. Absent: false; its owner accepts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_accept: Option<bool>,

    /// Id of an existing endpoint to take over, instead of creating one. Needs adoptionPolicy Adopt, and the
    /// administrator's leave (--allow-adoption). Type, service and VPC must be those of the spec; the rest is
    /// brought in line with it. If that endpoint is gone, none is created until this field is taken out. Immutable
    /// once the object has an endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), regex(pattern = r"^vpce-[0-9a-f]+$"))]
    pub endpoint_id: Option<String>,
}

impl VpcEndpointSpec {
    /// The fields that are given, in order.
    pub fn given(&self) -> Vec<Field> {
        let dns = self.dns_options.as_ref();
        [
            (Field::Subnets, self.subnets.is_some() || self.subnet_configurations.is_some()),
            (Field::SecurityGroups, self.security_groups.is_some()),
            (Field::RouteTables, self.route_tables.is_some()),
            (Field::IpAddressType, self.ip_address_type.is_some()),
            (Field::PrivateDnsEnabled, self.private_dns_enabled.is_some()),
            (Field::DnsRecordIpType, dns.is_some_and(|dns| dns.dns_record_ip_type.is_some())),
            (
                Field::PrivateDnsOnlyForInboundResolverEndpoint,
                dns.is_some_and(|dns| dns.private_dns_only_for_inbound_resolver_endpoint.is_some()),
            ),
            (Field::Policy, self.policy.is_some()),
        ]
        .into_iter()
        .filter_map(|(field, given)| given.then_some(field))
        .collect()
    }
}

#[cfg(test)]
mod tests;
