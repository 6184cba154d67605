//! VPC endpoints: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVpcEndpoint.html>.

use std::collections::BTreeSet;

use privatelink_operator::cloud::ec2::{Endpoint, EndpointChange, NewEndpoint};
use tokio::time::Instant;

use super::{
    Answer, REGION, State, Timing,
    documents::{Use, accept},
    refuse,
};

/// Services that AWS offers through an Interface endpoint.
const INTERFACE: &[&str] = &["lambda", "ec2", "sts", "sqs", "ssm", "logs", "s3", "dynamodb"];
/// Services that AWS offers through a Gateway endpoint:
/// <https://docs.aws.amazon.com/vpc/latest/privatelink/gateway-endpoints.html>.
const GATEWAY: &[&str] = &["s3", "dynamodb"];
/// What AWS attaches when no policy is given.
pub const FULL_ACCESS: &str = r#"{"Statement":[{"Action":"*","Effect":"Allow","Principal":"*","Resource":"*"}]}"#;

/// An endpoint with what goes on in it.
#[derive(Clone, Debug)]
pub struct EndpointRecord {
    /// Its configuration; the state comes from the times.
    pub endpoint: Endpoint,
    /// When it is `available`.
    pub ready_at: Instant,
    /// When its deletion was asked for.
    pub deleted_at: Option<Instant>,
}

impl EndpointRecord {
    /// What DescribeVpcEndpoints shows, or nothing once the id is unknown.
    pub fn view(&self, now: Instant, timing: &Timing) -> Option<Endpoint> {
        let state = match self.deleted_at {
            Some(at) if now < at + timing.endpoint_deleting => "deleting",
            Some(at) if now < at + timing.endpoint_deleting + timing.endpoint_deleted => "deleted",
            Some(_) => return None,
            None if now < self.ready_at => "pending",
            None => "available",
        };
        Some(Endpoint { state: state.to_owned(), ..self.endpoint.clone() })
    }

    fn on_its_way_out(&self) -> bool {
        self.deleted_at.is_some()
    }
}

impl State {
    /// Names of all services.
    pub fn service_names(&self) -> BTreeSet<String> {
        let own = INTERFACE.iter().map(|name| format!("com.amazonaws.{REGION}.{name}"));
        own.chain(self.ec2.foreign_services.keys().cloned()).collect()
    }

    fn service_types(&self, service: &str) -> Vec<&'static str> {
        if let Some(kind) = self.ec2.foreign_services.get(service) {
            return vec![kind];
        }
        let name = service.strip_prefix(&format!("com.amazonaws.{REGION}.")).unwrap_or_default();
        let offers = |list: &[&str], kind| list.contains(&name).then_some(kind);
        [offers(GATEWAY, "Gateway"), offers(INTERFACE, "Interface")].into_iter().flatten().collect()
    }

    /// CreateVpcEndpoint.
    pub fn create_endpoint(&mut self, new: &NewEndpoint, now: Instant) -> Answer<Endpoint> {
        let parameters = NewEndpoint { client_token: String::new(), ..new.clone() };
        if let Some((first, id)) = self.ec2.tokens.get(&new.client_token) {
            if *first != parameters {
                return refuse(
                    "IdempotentParameterMismatch",
                    "The request uses the same client token as a previous, but non-identical request.",
                );
            }
            return Ok(self.answer_again(&id.clone(), now));
        }
        let types = self.service_types(&new.service_name);
        if types.is_empty() {
            return refuse(
                "InvalidServiceName",
                format!("The Vpc Endpoint Service '{}' does not exist", new.service_name),
            );
        }
        if !types.contains(&new.endpoint_type.as_str()) {
            return refuse(
                "InvalidParameter",
                format!("Endpoint type ({}) does not match available service types ({types:?}).", new.endpoint_type),
            );
        }
        if !self.ec2.vpcs.contains_key(&new.vpc_id) {
            return refuse("InvalidVpcId.NotFound", format!("The Vpc ID '{}' does not exist", new.vpc_id));
        }
        let id = format!("vpce-{:017x}", self.number());
        let interface = new.endpoint_type == "Interface";
        let name = new.service_name.rsplit('.').next().unwrap_or_default();
        let mut endpoint = Endpoint {
            id: id.clone(),
            endpoint_type: new.endpoint_type.clone(),
            service_name: new.service_name.clone(),
            vpc_id: new.vpc_id.clone(),
            subnet_ids: new.subnet_ids.clone(),
            security_group_ids: new.security_group_ids.clone(),
            route_table_ids: new.route_table_ids.clone(),
            private_dns_enabled: new.private_dns_enabled.unwrap_or(interface),
            policy: Some(new.policy.as_deref().map_or(Ok(FULL_ACCESS.to_owned()), |text| accept(text, Use::Endpoint))?),
            tags: new.tags.clone(),
            ..Endpoint::default()
        };
        if interface {
            endpoint.dns_names = vec![format!("{id}-demo.{name}.{REGION}.vpce.amazonaws.com")];
        }
        self.complete(&mut endpoint);
        self.check_endpoint(&endpoint)?;
        let pending = if new.endpoint_type == "Gateway" { now } else { now + self.timing.endpoint_pending };
        let record = EndpointRecord { endpoint, ready_at: pending, deleted_at: None };
        let answer = record.view(now, &self.timing).unwrap_or_default();
        let lag = self.timing.lag;
        self.ec2.endpoints.put(&id, Some(record), lag);
        if !new.client_token.is_empty() {
            self.ec2.tokens.insert(new.client_token.clone(), (parameters, id));
        }
        Ok(answer)
    }

    /// A repeated create answers with the endpoint of the first one, dead or alive.
    fn answer_again(&self, id: &str, now: Instant) -> Endpoint {
        let record = self.ec2.endpoints.current(id);
        record.and_then(|record| record.view(now, &self.timing)).unwrap_or_else(|| Endpoint {
            state: "deleted".to_owned(),
            ..record.map(|record| record.endpoint.clone()).unwrap_or_default()
        })
    }

    /// What AWS adds by itself: the default group, and an interface in each subnet.
    fn complete(&self, endpoint: &mut Endpoint) {
        if endpoint.endpoint_type == "Interface" && endpoint.security_group_ids.is_empty() {
            let default = self.ec2.groups.values().find(|g| g.vpc_id == endpoint.vpc_id && g.name == "default");
            endpoint.security_group_ids.extend(default.map(|group| group.id.clone()));
        }
        let number = endpoint.id.trim_start_matches("vpce-");
        endpoint.network_interface_ids = endpoint
            .subnet_ids
            .iter()
            .map(|subnet| format!("eni-{number}{}", subnet.trim_start_matches("subnet-")))
            .collect();
    }

    /// All constraints on an endpoint as it would be.
    fn check_endpoint(&self, endpoint: &Endpoint) -> Answer<()> {
        let gateway = endpoint.endpoint_type == "Gateway";
        let interface = endpoint.endpoint_type == "Interface";
        if gateway && !(endpoint.subnet_ids.is_empty() && endpoint.security_group_ids.is_empty()) {
            return refuse("InvalidParameter", "Subnets and security groups are not supported for Gateway endpoints.");
        }
        if gateway && endpoint.private_dns_enabled {
            return refuse("InvalidParameter", "Private DNS can't be enabled for Gateway endpoints.");
        }
        if !gateway && !endpoint.route_table_ids.is_empty() {
            return refuse("InvalidParameter", "Route table IDs are only supported for Gateway type VPC Endpoint.");
        }
        if endpoint.endpoint_type == "GatewayLoadBalancer" && endpoint.subnet_ids.len() != 1 {
            return refuse("InvalidParameter", "A GatewayLoadBalancer endpoint must have exactly one subnet.");
        }
        if !gateway && !interface && !endpoint.security_group_ids.is_empty() {
            return refuse("InvalidParameter", "Security groups are only supported for Interface endpoints.");
        }
        self.check_subnets(endpoint)?;
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
        self.check_neighbours(endpoint)
    }

    fn check_subnets(&self, endpoint: &Endpoint) -> Answer<()> {
        let mut zones = BTreeSet::new();
        for id in &endpoint.subnet_ids {
            let Some(subnet) = self.ec2.subnets.get(id).filter(|subnet| subnet.vpc_id == endpoint.vpc_id) else {
                return refuse("InvalidSubnetID.NotFound", format!("The subnet ID '{id}' does not exist"));
            };
            if !zones.insert(&subnet.zone) {
                return refuse(
                    "DuplicateSubnetsInSameZone",
                    format!("Found another VPC endpoint subnet in the availability zone of {id}"),
                );
            }
        }
        Ok(())
    }

    /// What two endpoints of one service in one VPC can't share: a private DNS name, a route.
    fn check_neighbours(&self, endpoint: &Endpoint) -> Answer<()> {
        for (id, other) in self.ec2.endpoints.all() {
            let same_service = other.endpoint.service_name == endpoint.service_name
                && other.endpoint.endpoint_type == endpoint.endpoint_type
                && other.endpoint.vpc_id == endpoint.vpc_id;
            if *id == endpoint.id || !same_service || other.on_its_way_out() {
                continue;
            }
            if endpoint.private_dns_enabled && other.endpoint.private_dns_enabled {
                return refuse(
                    "InvalidParameter",
                    format!(
                        "private-dns-enabled cannot be set because there is already a conflicting DNS domain for {} in the VPC {}",
                        endpoint.service_name, endpoint.vpc_id
                    ),
                );
            }
            if let Some(table) = endpoint.route_table_ids.intersection(&other.endpoint.route_table_ids).next() {
                return refuse(
                    "RouteAlreadyExists",
                    format!(
                        "route table {table} already has a route with destination-prefix-list-id for {}",
                        endpoint.service_name
                    ),
                );
            }
        }
        Ok(())
    }

    /// Changes an endpoint that is not being deleted.
    pub fn change_endpoint(
        &mut self,
        id: &str,
        now: Instant,
        change: impl FnOnce(&mut Self, &mut EndpointRecord) -> Answer<()>,
    ) -> Answer<()> {
        let timing = self.timing;
        let found = self.ec2.endpoints.target(id).filter(|record| record.view(now, &timing).is_some());
        let Some(mut record) = found else {
            return refuse("InvalidVpcEndpointId.NotFound", format!("The Vpc Endpoint Id '{id}' does not exist"));
        };
        change(self, &mut record)?;
        self.ec2.endpoints.put(id, Some(record), timing.lag);
        Ok(())
    }

    /// ModifyVpcEndpoint.
    pub fn modify_endpoint(&mut self, change: &EndpointChange, now: Instant) -> Answer<()> {
        self.change_endpoint(&change.id, now, |s, record| {
            let state = record.view(now, &s.timing).map(|e| e.state).unwrap_or_default();
            if state != "available" {
                return refuse("IncorrectState", format!("The VPC endpoint '{}' is in the state {state}", change.id));
            }
            let endpoint = &mut record.endpoint;
            let was = (endpoint.subnet_ids.clone(), endpoint.private_dns_enabled);
            // A zone is free only after an earlier call took its subnet away.
            endpoint.subnet_ids.extend(change.add_subnets.iter().cloned());
            s.check_subnets(endpoint)?;
            alter(&mut endpoint.subnet_ids, &change.add_subnets, &change.remove_subnets);
            alter(&mut endpoint.security_group_ids, &change.add_security_groups, &change.remove_security_groups);
            alter(&mut endpoint.route_table_ids, &change.add_route_tables, &change.remove_route_tables);
            endpoint.private_dns_enabled = change.private_dns_enabled.unwrap_or(endpoint.private_dns_enabled);
            if let Some(policy) = &change.policy {
                endpoint.policy = Some(accept(policy, Use::Endpoint)?);
            }
            if change.reset_policy {
                endpoint.policy = Some(FULL_ACCESS.to_owned());
            }
            s.complete(endpoint);
            s.check_endpoint(endpoint)?;
            if was != (endpoint.subnet_ids.clone(), endpoint.private_dns_enabled) {
                record.ready_at = now + s.timing.endpoint_pending;
            }
            Ok(())
        })
    }

    /// DeleteVpcEndpoints with one id.
    pub fn delete_endpoint(&mut self, id: &str, now: Instant) -> Answer<()> {
        self.change_endpoint(id, now, |_, record| {
            record.deleted_at.get_or_insert(now);
            Ok(())
        })
    }
}

fn alter(set: &mut BTreeSet<String>, add: &BTreeSet<String>, remove: &BTreeSet<String>) {
    set.retain(|item| !remove.contains(item));
    set.extend(add.iter().cloned());
}
