//! VPC endpoints: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVpcEndpoint.html>.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use privatelink_operator::cloud::ec2::{
    Addresses, DnsEntry, DnsOptions, Endpoint, EndpointChange, NetworkInterface, NewEndpoint,
};
use tokio::time::Instant;

use super::{
    Answer, REGION, State, Timing,
    documents::{Use, accept},
    endpoint_rules::{check_change, is_s3_interface},
    refuse,
};

/// What AWS attaches when no policy is given.
pub const FULL_ACCESS: &str = r#"{"Statement":[{"Action":"*","Effect":"Allow","Principal":"*","Resource":"*"}]}"#;

/// An endpoint with what goes on in it.
#[derive(Clone, Debug)]
pub struct EndpointRecord {
    /// Its configuration; the state comes from the times.
    pub endpoint: Endpoint,
    /// The addresses that were asked for, by subnet id.
    pub fixed: BTreeMap<String, Addresses>,
    /// A state that it stays in, whatever the times are, such as `pendingacceptance`.
    pub stuck: Option<&'static str>,
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
            None => match self.stuck {
                Some(state) => state,
                None if now < self.ready_at => "pending",
                None => "available",
            },
        };
        Some(Endpoint { state: state.to_owned(), ..self.endpoint.clone() })
    }

    /// Whether its deletion was asked for.
    pub fn is_going(&self) -> bool {
        self.deleted_at.is_some()
    }
}

impl State {
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
        self.check_target(new)?;
        let id = format!("vpce-{:017x}", self.number());
        let policy = match new.endpoint_type.as_str() {
            "Interface" | "Gateway" => {
                Some(new.policy.as_deref().map_or(Ok(FULL_ACCESS.to_owned()), |text| accept(text, Use::Endpoint))?)
            }
            _ => None,
        };
        let endpoint = Endpoint {
            id: id.clone(),
            endpoint_type: new.endpoint_type.clone(),
            target: new.target.clone(),
            service_region: new.service_region.clone(),
            vpc_id: new.vpc_id.clone(),
            subnet_ids: new.subnet_ids.clone(),
            security_group_ids: new.security_group_ids.clone(),
            route_table_ids: new.route_table_ids.clone(),
            ip_address_type: Some(new.ip_address_type.clone().unwrap_or_else(|| "ipv4".to_owned())),
            private_dns_enabled: new.private_dns_enabled.unwrap_or(new.endpoint_type == "Interface"),
            dns_options: new.dns_options.clone(),
            policy,
            tags: new.tags.clone(),
            ..Endpoint::default()
        };
        let pending = if new.endpoint_type == "Gateway" { now } else { now + self.timing.endpoint_pending };
        let mut record = EndpointRecord {
            endpoint,
            fixed: new.subnet_configurations.clone(),
            stuck: self.needs_acceptance(&new.target).then_some("pendingacceptance"),
            ready_at: pending,
            deleted_at: None,
        };
        self.complete(&mut record);
        self.check_endpoint(&record)?;
        self.attach(&mut record);
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

    /// What AWS decides where nothing was asked for.
    fn complete(&self, record: &mut EndpointRecord) {
        let endpoint = &mut record.endpoint;
        let takes_groups = !matches!(endpoint.endpoint_type.as_str(), "Gateway" | "GatewayLoadBalancer");
        if takes_groups && endpoint.security_group_ids.is_empty() {
            let default = self.ec2.groups.values().find(|g| g.vpc_id == endpoint.vpc_id && g.name == "default");
            endpoint.security_group_ids.extend(default.map(|group| group.id.clone()));
        }
        let names = endpoint.security_group_ids.iter().filter_map(|id| self.ec2.groups.get(id));
        endpoint.security_group_names = names.map(|group| (group.id.clone(), group.name.clone())).collect();
        let is_s3 = is_s3_interface(endpoint);
        let dns = &mut endpoint.dns_options;
        let records = match endpoint.endpoint_type.as_str() {
            "Gateway" => Some("service-defined".to_owned()),
            _ => endpoint.ip_address_type.clone(),
        };
        dns.record_ip_type = dns.record_ip_type.take().or(records);
        // For S3 the restriction is the default: https://docs.aws.amazon.com/AmazonS3/latest/userguide/privatelink-interface-endpoints.html.
        let only = &mut dns.private_dns_only_for_inbound_resolver_endpoint;
        *only = only.or(is_s3.then_some(endpoint.private_dns_enabled));
        if endpoint.endpoint_type == "Interface" && endpoint.dns_entries.is_empty() {
            let name = endpoint.target.service().and_then(|name| name.rsplit('.').next()).unwrap_or_default();
            let name = format!("{}-demo.{name}.{REGION}.vpce.amazonaws.com", endpoint.id);
            endpoint.dns_entries = vec![DnsEntry { name, hosted_zone_id: Some("Z0".to_owned()) }];
        }
    }

    /// Gives the endpoint a network interface in each of its subnets, with the addresses that were asked for. One
    /// with others is replaced.
    pub fn attach(&mut self, record: &mut EndpointRecord) {
        let wanted = record.endpoint.subnet_ids.clone();
        let fits = |interface: &NetworkInterface| {
            wanted.contains(&interface.subnet_id)
                && record.fixed.get(&interface.subnet_id).is_none_or(|fixed| *fixed == interface.addresses)
        };
        let (kept, dropped): (BTreeSet<String>, BTreeSet<String>) = record
            .endpoint
            .network_interface_ids
            .iter()
            .cloned()
            .partition(|id| self.ec2.interfaces.get(id).is_some_and(fits));
        self.ec2.interfaces.retain(|id, _| !dropped.contains(id));
        let served: BTreeSet<String> = kept.iter().map(|id| self.ec2.interfaces[id].subnet_id.clone()).collect();
        record.endpoint.network_interface_ids = kept;
        for subnet_id in wanted.difference(&served) {
            let interface = self.new_interface(subnet_id, record.fixed.get(subnet_id).copied());
            record.endpoint.network_interface_ids.insert(interface.id.clone());
            self.ec2.interfaces.insert(interface.id.clone(), interface);
        }
    }

    fn new_interface(&mut self, subnet_id: &str, addresses: Option<Addresses>) -> NetworkInterface {
        let number = self.number();
        let free = Addresses { ipv4: Some(Ipv4Addr::new(10, 0, 9, u8::try_from(number % 250).unwrap())), ipv6: None };
        NetworkInterface {
            id: format!("eni-{number:017x}"),
            subnet_id: subnet_id.to_owned(),
            zone: self.ec2.subnets.get(subnet_id).map(|subnet| subnet.zone.clone()).unwrap_or_default(),
            addresses: addresses.unwrap_or(free),
        }
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
            if !matches!(state.as_str(), "available" | "partial") {
                return refuse("IncorrectState", format!("The VPC endpoint '{}' is in the state {state}", change.id));
            }
            let before = record.endpoint.clone();
            check_change(&before, change)?;
            let endpoint = &mut record.endpoint;
            // A zone is free only after an earlier call took its subnet away.
            endpoint.subnet_ids.extend(change.add_subnets.iter().cloned());
            s.check_subnets(endpoint)?;
            alter(&mut endpoint.subnet_ids, &change.add_subnets, &change.remove_subnets);
            alter(&mut endpoint.security_group_ids, &change.add_security_groups, &change.remove_security_groups);
            alter(&mut endpoint.route_table_ids, &change.add_route_tables, &change.remove_route_tables);
            record.fixed.retain(|subnet, _| !change.remove_subnets.contains(subnet));
            record.fixed.extend(change.subnet_configurations.clone());
            if let Some(kind) = &change.ip_address_type {
                endpoint.ip_address_type = Some(kind.clone());
            }
            alter_dns(endpoint, change);
            if let Some(policy) = &change.policy {
                endpoint.policy = Some(accept(policy, Use::Endpoint)?);
            }
            if change.reset_policy {
                endpoint.policy = Some(FULL_ACCESS.to_owned());
            }
            s.complete(record);
            s.check_endpoint(record)?;
            s.attach(record);
            let after = &record.endpoint;
            if (&after.network_interface_ids, after.private_dns_enabled)
                != (&before.network_interface_ids, before.private_dns_enabled)
            {
                record.ready_at = now + s.timing.endpoint_pending;
            }
            Ok(())
        })
    }

    /// AcceptVpcEndpointConnections with one endpoint.
    pub fn accept_endpoint(&mut self, service_id: &str, endpoint_id: &str, now: Instant) -> Answer<()> {
        let ours = self.ec2.customer_services.iter().any(|(name, service)| service.ours && name.ends_with(service_id));
        if !ours {
            return refuse(
                "InvalidVpcEndpointServiceId.NotFound",
                format!("The VpcEndpointService Id '{service_id}' does not exist"),
            );
        }
        self.change_endpoint(endpoint_id, now, |s, record| {
            if !matches!(record.stuck, Some("pendingacceptance" | "rejected")) {
                return refuse("InvalidState", format!("The connection of {endpoint_id} cannot be accepted"));
            }
            record.stuck = None;
            record.ready_at = now + s.timing.endpoint_pending;
            Ok(())
        })
    }

    /// DeleteVpcEndpoints with one id.
    pub fn delete_endpoint(&mut self, id: &str, now: Instant) -> Answer<()> {
        if let Some((code, message)) = self.ec2.undeletable.get(id) {
            return refuse(code, *message);
        }
        self.change_endpoint(id, now, |_, record| {
            record.deleted_at.get_or_insert(now);
            Ok(())
        })
    }
}

/// Private DNS that is turned on begins with AWS's defaults where the call does not say otherwise.
fn alter_dns(endpoint: &mut Endpoint, change: &EndpointChange) {
    if change.private_dns_enabled == Some(true) && !endpoint.private_dns_enabled {
        endpoint.dns_options = DnsOptions::default();
    }
    if change.private_dns_enabled == Some(false) {
        endpoint.dns_options.private_dns_only_for_inbound_resolver_endpoint = None;
    }
    endpoint.private_dns_enabled = change.private_dns_enabled.unwrap_or(endpoint.private_dns_enabled);
    let (dns, new) = (&mut endpoint.dns_options, &change.dns_options);
    dns.record_ip_type = new.record_ip_type.clone().or(dns.record_ip_type.take());
    let only = &mut dns.private_dns_only_for_inbound_resolver_endpoint;
    *only = new.private_dns_only_for_inbound_resolver_endpoint.or(*only);
}

fn alter(set: &mut BTreeSet<String>, add: &BTreeSet<String>, remove: &BTreeSet<String>) {
    set.retain(|item| !remove.contains(item));
    set.extend(add.iter().cloned());
}
