//! What AWS does not accept of an endpoint, with its codes and texts:
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html>.

use std::collections::BTreeSet;

use privatelink_operator::cloud::ec2::{Endpoint, EndpointChange, NewEndpoint, Target};

use super::{Answer, State, endpoints::EndpointRecord, refuse};

/// Whether the endpoint is one of S3 that can be told to serve inbound Resolver endpoints only.
pub fn is_s3_interface(endpoint: &Endpoint) -> bool {
    endpoint.endpoint_type == "Interface"
        && endpoint.target.service().and_then(|name| name.rsplit('.').next()) == Some("s3")
}

/// What can't be changed once the endpoint is there.
pub fn check_change(endpoint: &Endpoint, change: &EndpointChange) -> Answer<()> {
    let swaps = !(change.add_subnets.is_empty() && change.remove_subnets.is_empty());
    if endpoint.endpoint_type == "GatewayLoadBalancer" && swaps {
        return refuse("InvalidParameter", "Subnets of GatewayLoadBalancer endpoints cannot be changed.");
    }
    if endpoint.endpoint_type != "Interface" && change.private_dns_enabled.is_some() {
        return refuse("InvalidParameter", "Private DNS can only be changed for Interface endpoints.");
    }
    let dns = &change.dns_options;
    if dns.private_dns_preference.is_some() || !dns.private_dns_specified_domains.is_empty() {
        return refuse("InvalidParameter", "Private DNS preferences cannot be changed.");
    }
    Ok(())
}

impl State {
    /// Constraints on the target of a new endpoint.
    pub fn check_target(&self, new: &NewEndpoint) -> Answer<()> {
        match (&new.target, new.endpoint_type.as_str()) {
            (Target::ResourceConfiguration(_), "Resource") | (Target::ServiceNetwork(_), "ServiceNetwork") => {}
            (Target::Service(name), kind) => {
                let Some(service) = self.service(name) else {
                    return refuse("InvalidServiceName", format!("The Vpc Endpoint Service '{name}' does not exist"));
                };
                if !service.types.contains(kind) {
                    return refuse(
                        "InvalidParameter",
                        format!("Endpoint type ({kind}) does not match available service types ({:?}).", service.types),
                    );
                }
            }
            (_, kind) => return refuse("InvalidParameter", format!("Endpoint type ({kind}) does not fit its target.")),
        }
        if !self.ec2.vpcs.contains_key(&new.vpc_id) {
            return refuse("InvalidVpcId.NotFound", format!("The Vpc ID '{}' does not exist", new.vpc_id));
        }
        if self.needs_acceptance(&new.target) && new.private_dns_enabled == Some(true) {
            return refuse(
                "InvalidParameter",
                format!(
                    "Private DNS can only be enabled after the endpoint connection is accepted by the owner of {}.",
                    new.target
                ),
            );
        }
        self.check_quota(new)
    }

    /// <https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-limits-endpoints.html>
    fn check_quota(&self, new: &NewEndpoint) -> Answer<()> {
        let same = |record: &&EndpointRecord| record.endpoint.endpoint_type == new.endpoint_type;
        let count = self.ec2.endpoints.all().map(|(_, record)| record).filter(same).filter(|r| !r.is_going()).count();
        match self.ec2.endpoint_quota {
            Some(quota) if count >= quota => {
                refuse("VpcEndpointLimitExceeded", "The maximum number of VPC endpoints has been reached.")
            }
            _ => Ok(()),
        }
    }

    /// All constraints on an endpoint as it would be.
    pub fn check_endpoint(&self, record: &EndpointRecord) -> Answer<()> {
        let endpoint = &record.endpoint;
        let gateway = endpoint.endpoint_type == "Gateway";
        let balancer = endpoint.endpoint_type == "GatewayLoadBalancer";
        if gateway && !endpoint.subnet_ids.is_empty() {
            return refuse(
                "InvalidParameter",
                "Subnet IDs are only supported for Interface and GatewayLoadBalancer type VPC Endpoints.",
            );
        }
        if gateway && !endpoint.security_group_ids.is_empty() {
            return refuse("InvalidParameter", "Security groups are not supported for Gateway endpoints.");
        }
        if (gateway || balancer) && endpoint.private_dns_enabled {
            return refuse(
                "InvalidParameter",
                format!("Private DNS can't be enabled for {} endpoints.", endpoint.endpoint_type),
            );
        }
        if !gateway && !endpoint.route_table_ids.is_empty() {
            return refuse("InvalidParameter", "Route table IDs are only supported for Gateway type VPC Endpoint.");
        }
        if balancer && endpoint.subnet_ids.len() != 1 {
            return refuse("InvalidParameter", "A GatewayLoadBalancer endpoint must have exactly one subnet.");
        }
        if balancer && !endpoint.security_group_ids.is_empty() {
            return refuse("InvalidParameter", "Security groups are not supported for GatewayLoadBalancer endpoints.");
        }
        self.check_subnets(endpoint)?;
        if let Some(subnet) = record.fixed.keys().find(|id| !endpoint.subnet_ids.contains(*id)) {
            return refuse(
                "InvalidParameter",
                format!("The subnet configuration of {subnet} is not of a given subnet."),
            );
        }
        for id in &endpoint.security_group_ids {
            if self.ec2.groups.get(id).is_none_or(|group| group.vpc_id != endpoint.vpc_id) {
                return refuse(
                    "InvalidGroup.NotFound",
                    format!("The security group '{id}' does not exist in VPC '{}'", endpoint.vpc_id),
                );
            }
        }
        for id in &endpoint.route_table_ids {
            if self.ec2.tables.get(id).is_none_or(|table| table.vpc_id != endpoint.vpc_id) {
                return refuse("InvalidRouteTableId.NotFound", format!("The routeTable ID '{id}' does not exist"));
            }
        }
        self.check_dns(endpoint)?;
        self.check_neighbours(endpoint)
    }

    /// Subnets exist, in zones of the service, one in each.
    pub fn check_subnets(&self, endpoint: &Endpoint) -> Answer<()> {
        let service = endpoint.target.service().and_then(|name| self.service(name));
        let mut zones = BTreeSet::new();
        for id in &endpoint.subnet_ids {
            let Some(subnet) = self.ec2.subnets.get(id).filter(|subnet| subnet.vpc_id == endpoint.vpc_id) else {
                return refuse("InvalidSubnetID.NotFound", format!("The subnet ID '{id}' does not exist"));
            };
            if service.as_ref().is_some_and(|service| !service.zones.contains(&subnet.zone)) {
                return refuse(
                    "InvalidParameter",
                    format!(
                        "The VPC endpoint service {} does not support the availability zone of the subnet: {id}.",
                        endpoint.target
                    ),
                );
            }
            if !zones.insert(&subnet.zone) {
                return refuse(
                    "DuplicateSubnetsInSameZone",
                    format!("Found another VPC endpoint subnet in the availability zone of {id}"),
                );
            }
        }
        Ok(())
    }

    fn check_dns(&self, endpoint: &Endpoint) -> Answer<()> {
        let dns = self.ec2.vpc_dns.get(&endpoint.vpc_id).copied().unwrap_or_default();
        if endpoint.private_dns_enabled && !(dns.support && dns.hostnames) {
            return refuse(
                "InvalidParameter",
                format!(
                    "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to true for {}",
                    endpoint.vpc_id
                ),
            );
        }
        let only = endpoint.dns_options.private_dns_only_for_inbound_resolver_endpoint == Some(true);
        let has_gateway = self.ec2.endpoints.all().any(|(_, record)| {
            let other = &record.endpoint;
            !record.is_going()
                && (&other.vpc_id, &other.target) == (&endpoint.vpc_id, &endpoint.target)
                && other.endpoint_type == "Gateway"
        });
        if only && !(is_s3_interface(endpoint) && endpoint.private_dns_enabled) {
            return refuse(
                "InvalidParameter",
                "PrivateDnsOnlyForInboundResolverEndpoint is only supported with private DNS of S3 Interface endpoints.",
            );
        }
        if only && !has_gateway {
            return refuse(
                "InvalidParameter",
                format!(
                    "To set PrivateDnsOnlyForInboundResolverEndpoint to true, the VPC {} must have a Gateway endpoint for the service.",
                    endpoint.vpc_id
                ),
            );
        }
        Ok(())
    }

    /// What two endpoints of one service in one VPC can't share: a private DNS name, a route.
    fn check_neighbours(&self, endpoint: &Endpoint) -> Answer<()> {
        for (id, other) in self.ec2.endpoints.all() {
            let same_service = other.endpoint.target == endpoint.target
                && other.endpoint.endpoint_type == endpoint.endpoint_type
                && other.endpoint.vpc_id == endpoint.vpc_id;
            if *id == endpoint.id || !same_service || other.is_going() {
                continue;
            }
            if endpoint.private_dns_enabled && other.endpoint.private_dns_enabled {
                return refuse(
                    "InvalidParameter",
                    format!(
                        "private-dns-enabled cannot be set because there is already a conflicting DNS domain for {} in the VPC {}",
                        endpoint.target, endpoint.vpc_id
                    ),
                );
            }
            if let Some(table) = endpoint.route_table_ids.intersection(&other.endpoint.route_table_ids).next() {
                return refuse(
                    "RouteAlreadyExists",
                    format!(
                        "route table {table} already has a route with destination-prefix-list-id for {}",
                        endpoint.target
                    ),
                );
            }
        }
        Ok(())
    }
}
