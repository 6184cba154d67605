//! The services that endpoints lead to:
//! <https://docs.aws.amazon.com/vpc/latest/privatelink/aws-services-privatelink-support.html>.

use std::collections::BTreeSet;

use privatelink_operator::cloud::ec2::{EndpointService, Target};

use super::{REGION, State};

/// Services of AWS that have an Interface endpoint.
const INTERFACE: &[&str] = &["lambda", "ec2", "sts", "sqs", "ssm", "logs", "s3", "dynamodb"];
/// Services of AWS that have a Gateway endpoint:
/// <https://docs.aws.amazon.com/vpc/latest/privatelink/gateway-endpoints.html>.
const GATEWAY: &[&str] = &["s3", "dynamodb"];
/// The zones of the model's region.
const ZONES: [&str; 3] = ["a", "c", "d"];

/// An endpoint service of a customer:
/// <https://docs.aws.amazon.com/vpc/latest/privatelink/create-endpoint-service.html>.
#[derive(Clone, Debug)]
pub struct CustomerService {
    /// The type of endpoint that it takes.
    pub endpoint_type: &'static str,
    /// Whether its owner has to accept each connection.
    pub acceptance: bool,
    /// Whether this account owns it.
    pub ours: bool,
}

impl State {
    /// Names of all services that are listed: AWS's, and those of this account.
    pub fn service_names(&self) -> BTreeSet<String> {
        let aws = INTERFACE.iter().map(|name| format!("com.amazonaws.{REGION}.{name}"));
        let ours = self.ec2.customer_services.iter().filter(|(_, service)| service.ours);
        aws.chain(ours.map(|(name, _)| name.clone())).collect()
    }

    /// A service by its name, if an endpoint can be made for it.
    pub fn service(&self, name: &str) -> Option<EndpointService> {
        let short = name.strip_prefix(&format!("com.amazonaws.{REGION}.")).unwrap_or_default();
        let offers = |list: &[&str], kind| list.contains(&short).then_some(kind);
        let customer = self.ec2.customer_services.get(name).map(|service| service.endpoint_type);
        let types: BTreeSet<String> = [offers(GATEWAY, "Gateway"), offers(INTERFACE, "Interface"), customer]
            .into_iter()
            .flatten()
            .map(str::to_owned)
            .collect();
        let all = || ZONES.iter().map(|zone| format!("{REGION}{zone}")).collect();
        let zones = self.ec2.service_zones.get(name).cloned().unwrap_or_else(all);
        (!types.is_empty()).then(|| EndpointService { name: name.to_owned(), types, zones })
    }

    /// Whether the owner of the service has to accept a connection to it.
    pub fn needs_acceptance(&self, target: &Target) -> bool {
        let service = target.service().and_then(|name| self.ec2.customer_services.get(name));
        service.is_some_and(|service| service.acceptance)
    }
}
