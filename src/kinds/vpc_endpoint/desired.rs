//! Spec and resolved references to what AWS should hold.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use crate::{
    cloud::{
        ec2::{Addresses, DnsOptions, NewEndpoint, Target},
        ownership::{PREFIX, Tags},
    },
    engine::failure::Failure,
};

use super::{
    resolve::{Resolved, Selection},
    spec::{EndpointType, Field, VpcEndpointSpec},
};

/// Characters of an endpoint policy, white space included:
/// <https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html>.
const POLICY_LIMIT: usize = 20_480;
/// The address type that an endpoint goes back to.
const DEFAULT_ADDRESS_TYPE: &str = "ipv4";

/// What AWS should hold. `None` means unmanaged: it is left as AWS has it.
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Desired {
    /// Type of the endpoint.
    pub endpoint_type: EndpointType,
    /// What it leads to.
    pub target: Target,
    /// The region of the service, where the spec gives one.
    pub service_region: Option<String>,
    /// What the terms of the spec select.
    pub selection: Selection,
    /// Subnet ids.
    pub subnets: Option<BTreeSet<String>>,
    /// Fixed addresses by subnet id.
    pub addresses: BTreeMap<String, Addresses>,
    /// Security group ids.
    pub security_groups: Option<BTreeSet<String>>,
    /// Route table ids.
    pub route_tables: Option<BTreeSet<String>>,
    /// In AWS's spelling.
    pub ip_address_type: Option<&'static str>,
    /// Private DNS.
    pub private_dns: Option<bool>,
    /// Options of DNS.
    pub dns: Dns,
    /// The endpoint policy.
    pub policy: Option<Policy>,
    /// Whether to accept the connection on the side of the service.
    pub auto_accept: bool,
    /// The existing endpoint to take over.
    pub endpoint_id: Option<String>,
    /// The spec's tags and the ownership tags.
    pub tags: Tags,
    /// Fields that the spec gives.
    pub given: Vec<Field>,
}

/// Wanted options of DNS.
#[derive(Clone, Debug, Default, PartialEq, Hash)]
pub struct Dns {
    /// Which records.
    pub records: Option<DnsRecords>,
    /// Whether private DNS is for inbound Resolver endpoints only.
    pub only_for_inbound_resolver: Option<bool>,
    /// In AWS's spelling. Only told at creation.
    pub preference: Option<&'static str>,
    /// The domains that the preference speaks of. Only told at creation.
    pub specified_domains: BTreeSet<String>,
}

/// Which DNS records are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DnsRecords {
    /// These, in AWS's spelling.
    Are(&'static str),
    /// Those of the endpoint's address type.
    FollowAddresses,
}

/// A wanted endpoint policy.
#[derive(Clone, Debug, PartialEq, Hash)]
pub enum Policy {
    /// This JSON text.
    Document(String),
    /// AWS's default: full access.
    FullAccess,
}

/// Where and for whom the endpoint is wanted.
pub struct Context<'a> {
    /// Region of the endpoint.
    pub region: &'a str,
    /// The four ownership tags.
    pub ownership: Tags,
    /// Fields that were applied before: one that the spec does not give any more goes back to AWS's default.
    pub applied: &'a [Field],
}

/// What AWS should hold, or what in the spec makes it impossible.
pub fn desired(spec: &VpcEndpointSpec, resolved: Resolved, context: Context<'_>) -> Result<Desired, Failure> {
    let Resolved { selection, default_security_group } = resolved;
    let falls_back = |field| context.applied.contains(&field);
    let subnets: Option<BTreeSet<_>> = selection.subnets.as_ref().map(|subnets| subnets.keys().cloned().collect());
    check_subnets(spec, subnets.as_ref())?;
    let policy = spec.policy.as_ref().map(|policy| Policy::Document(policy.to_json()));
    if let Some(Policy::Document(text)) = &policy {
        check_size(text)?;
    }
    let ip_address_type = spec.ip_address_type.map(super::spec::IpAddressType::as_str);
    let mut tags = spec.common.tags.clone().unwrap_or_default();
    tags.extend(context.ownership);
    Ok(Desired {
        endpoint_type: spec.endpoint_type,
        target: target(spec, context.region),
        service_region: spec.service_region.clone(),
        subnets: subnets.or_else(|| falls_back(Field::Subnets).then(BTreeSet::new)),
        addresses: addresses(spec),
        security_groups: selection
            .security_groups
            .as_ref()
            .map(|groups| groups.keys().cloned().collect())
            .or_else(|| default_security_group.map(|id| BTreeSet::from([id]))),
        route_tables: selection.route_tables.clone().or_else(|| falls_back(Field::RouteTables).then(BTreeSet::new)),
        ip_address_type: ip_address_type.or_else(|| falls_back(Field::IpAddressType).then_some(DEFAULT_ADDRESS_TYPE)),
        private_dns: spec.private_dns_enabled.or_else(|| falls_back(Field::PrivateDnsEnabled).then_some(false)),
        dns: dns(spec, context.applied),
        policy: policy.or_else(|| falls_back(Field::Policy).then_some(Policy::FullAccess)),
        auto_accept: spec.auto_accept.unwrap_or_default(),
        endpoint_id: spec.endpoint_id.clone(),
        selection,
        tags,
        given: spec.given(),
    })
}

/// <https://docs.aws.amazon.com/vpc/latest/privatelink/gateway-load-balancer-endpoints.html>: one subnet.
fn check_subnets(spec: &VpcEndpointSpec, subnets: Option<&BTreeSet<String>>) -> Result<(), Failure> {
    let Some(subnets) = subnets else { return Ok(()) };
    if spec.endpoint_type == EndpointType::GatewayLoadBalancer && subnets.len() > 1 {
        let ids: Vec<_> = subnets.iter().map(String::as_str).collect();
        return Err(Failure::terminal(
            "TooManySubnets",
            format!("a GatewayLoadBalancer endpoint takes one subnet, and {} are selected", ids.join(", ")),
        )
        .at("spec.subnets"));
    }
    let configured = spec.subnet_configurations.iter().flatten();
    let outside: Vec<_> = configured.map(|item| item.subnet_id.as_str()).filter(|id| !subnets.contains(*id)).collect();
    if outside.is_empty() {
        return Ok(());
    }
    Err(Failure::terminal(
        "SubnetNotSelected",
        format!(
            "{} not among the subnets that spec.subnets comes to, one of each availability zone; add it there, or take it out here",
            if let [one] = outside[..] { format!("{one} is") } else { format!("{} are", outside.join(", ")) },
        ),
    )
    .at("spec.subnetConfigurations"))
}

fn addresses(spec: &VpcEndpointSpec) -> BTreeMap<String, Addresses> {
    let items = spec.subnet_configurations.iter().flatten();
    items.map(|item| (item.subnet_id.clone(), Addresses { ipv4: item.ipv4, ipv6: item.ipv6 })).collect()
}

fn dns(spec: &VpcEndpointSpec, applied: &[Field]) -> Dns {
    let given = spec.dns_options.clone().unwrap_or_default();
    let default = match spec.endpoint_type {
        EndpointType::Gateway => DnsRecords::Are("service-defined"),
        _ => DnsRecords::FollowAddresses,
    };
    let falls_back = |field| applied.contains(&field);
    Dns {
        records: given
            .dns_record_ip_type
            .map(|records| DnsRecords::Are(records.as_str()))
            .or_else(|| falls_back(Field::DnsRecordIpType).then_some(default)),
        only_for_inbound_resolver: given
            .private_dns_only_for_inbound_resolver_endpoint
            .or_else(|| falls_back(Field::PrivateDnsOnlyForInboundResolverEndpoint).then_some(false)),
        preference: given.private_dns_preference.map(super::spec::PrivateDnsPreference::as_str),
        specified_domains: given.private_dns_specified_domains.into_iter().flatten().collect(),
    }
}

fn check_size(policy: &str) -> Result<(), Failure> {
    let size = policy.chars().count();
    if size <= POLICY_LIMIT {
        return Ok(());
    }
    Err(Failure::terminal(
        "PolicyTooLarge",
        format!("the policy has {size} characters as compact JSON, and AWS takes {POLICY_LIMIT}"),
    )
    .at("spec.policy"))
}

fn target(spec: &VpcEndpointSpec, region: &str) -> Target {
    let service = || {
        let region = spec.service_region.as_deref().unwrap_or(region);
        Target::Service(full_name(spec.service.as_deref().unwrap_or_default(), region))
    };
    let resource = spec.resource_configuration_arn.clone().map(Target::ResourceConfiguration);
    let network = spec.service_network_arn.clone().map(Target::ServiceNetwork);
    resource.or(network).unwrap_or_else(service)
}

/// A service by its short name belongs to the region.
fn full_name(service: &str, region: &str) -> String {
    if ["com.", "cn.com.", "aws."].iter().any(|prefix| service.starts_with(prefix)) {
        service.to_owned()
    } else {
        format!("com.amazonaws.{region}.{service}")
    }
}

impl Desired {
    /// What to create the endpoint with.
    pub fn create(&self, uid: &str, attempt: i32) -> NewEndpoint {
        NewEndpoint {
            client_token: client_token(uid, attempt),
            endpoint_type: self.endpoint_type.as_str().to_owned(),
            target: self.target.clone(),
            service_region: self.service_region.clone(),
            vpc_id: self.selection.vpc.clone(),
            subnet_ids: self.subnets.clone().unwrap_or_default(),
            subnet_configurations: self.addresses.clone(),
            security_group_ids: self.security_groups.clone().unwrap_or_default(),
            route_table_ids: self.route_tables.clone().unwrap_or_default(),
            ip_address_type: self.ip_address_type.map(str::to_owned),
            private_dns_enabled: self.has_private_dns().then(|| self.private_dns_at_creation()),
            dns_options: DnsOptions {
                private_dns_preference: self.dns.preference.map(str::to_owned),
                private_dns_specified_domains: self.dns.specified_domains.clone(),
                ..self.dns_options(self.ip_address_type)
            },
            policy: match &self.policy {
                Some(Policy::Document(text)) => Some(text.clone()),
                Some(Policy::FullAccess) | None => None,
            },
            tags: self.tags.clone(),
        }
    }

    fn has_private_dns(&self) -> bool {
        !matches!(self.endpoint_type, EndpointType::Gateway | EndpointType::GatewayLoadBalancer)
    }

    /// Private DNS of an endpoint service can be turned on only once its owner has accepted the connection:
    /// <https://docs.aws.amazon.com/vpc/latest/privatelink/manage-dns-names.html>.
    fn private_dns_at_creation(&self) -> bool {
        self.private_dns.unwrap_or_default() && self.target.endpoint_service_id().is_none()
    }

    /// The options of DNS that can be changed, as wanted for this address type. For S3 the restriction to
    /// inbound Resolver endpoints is always told, because AWS's default is to restrict, and then asks for a
    /// Gateway endpoint: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/privatelink-interface-endpoints.html>.
    pub fn dns_options(&self, ip_address_type: Option<&str>) -> DnsOptions {
        let is_s3 = self.endpoint_type == EndpointType::Interface
            && self.target.service().and_then(|service| service.rsplit('.').next()) == Some("s3");
        DnsOptions {
            record_ip_type: match self.dns.records {
                Some(DnsRecords::Are(records)) => Some(records.to_owned()),
                Some(DnsRecords::FollowAddresses) => ip_address_type.map(str::to_owned),
                None => None,
            },
            private_dns_only_for_inbound_resolver_endpoint: self
                .dns
                .only_for_inbound_resolver
                .or(is_s3.then_some(false)),
            ..DnsOptions::default()
        }
    }

    /// Keys of the spec's tags, sorted.
    pub fn tag_keys(&self) -> Vec<String> {
        managed_keys(&self.tags)
    }
}

/// The keys that are not ownership tags, sorted.
pub fn managed_keys(tags: &Tags) -> Vec<String> {
    tags.keys().filter(|key| !key.starts_with(PREFIX)).cloned().collect()
}

/// The idempotency token of a create attempt: 64 characters, which is what CreateVpcEndpoint takes. The
/// parameters are not part of it, so that a create whose answer was lost is never done twice with others.
pub fn client_token(uid: &str, attempt: i32) -> String {
    Sha256::digest(format!("{uid}/{attempt}")).iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{
        super::{
            fixtures::{object, ownership, set, wanted},
            resolve::{Candidates, choose},
            spec::VpcEndpointStatus,
        },
        *,
    };

    fn try_desired(spec: serde_json::Value, applied: &[Field], default: Option<&str>) -> Result<Desired, Failure> {
        let object = object(spec);
        let selection = choose(&object.spec, &VpcEndpointStatus::default(), &Candidates::default())?;
        let resolved = Resolved { selection, default_security_group: default.map(str::to_owned) };
        desired(&object.spec, resolved, Context { region: "ap-northeast-1", ownership: ownership(), applied })
    }

    #[test]
    fn services_by_short_and_full_name() {
        for (service, expected) in [
            ("lambda", "com.amazonaws.ap-northeast-1.lambda"),
            ("ecr.api", "com.amazonaws.ap-northeast-1.ecr.api"),
            ("com.amazonaws.us-east-1.s3", "com.amazonaws.us-east-1.s3"),
            ("com.amazonaws.vpce.eu-west-1.vpce-svc-0a", "com.amazonaws.vpce.eu-west-1.vpce-svc-0a"),
            ("aws.sagemaker.us-east-1.notebook", "aws.sagemaker.us-east-1.notebook"),
        ] {
            assert_eq!(full_name(service, "ap-northeast-1"), expected);
        }
    }

    #[test]
    fn what_was_applied_and_left_the_spec_goes_back_to_the_default() {
        let all = [
            Field::Subnets,
            Field::SecurityGroups,
            Field::RouteTables,
            Field::IpAddressType,
            Field::PrivateDnsEnabled,
            Field::DnsRecordIpType,
            Field::PrivateDnsOnlyForInboundResolverEndpoint,
            Field::Policy,
        ];
        let back = try_desired(json!({}), &all, Some("sg-default")).unwrap();
        assert_eq!((back.subnets, back.route_tables), (Some(set([])), Some(set([]))));
        assert_eq!(back.security_groups, Some(set(["sg-default"])));
        assert_eq!((back.private_dns, back.policy), (Some(false), Some(Policy::FullAccess)));
        assert_eq!(back.ip_address_type, Some("ipv4"));
        assert_eq!(
            (back.dns.records, back.dns.only_for_inbound_resolver),
            (Some(DnsRecords::FollowAddresses), Some(false))
        );
        assert_eq!(back.given, []);

        let unmanaged = try_desired(json!({}), &[], None).unwrap();
        assert_eq!((unmanaged.subnets, unmanaged.security_groups, unmanaged.route_tables), (None, None, None));
        assert_eq!((unmanaged.private_dns, unmanaged.policy), (None, None));
        assert_eq!((unmanaged.ip_address_type, unmanaged.dns), (None, Dns::default()));

        let given = try_desired(json!({ "privateDnsEnabled": true }), &all, None).unwrap();
        assert_eq!((given.private_dns, given.given), (Some(true), vec![Field::PrivateDnsEnabled]));
    }

    fn created(spec: serde_json::Value) -> NewEndpoint {
        wanted(&object(spec)).create("uid-1", 1)
    }

    #[test]
    fn private_dns_is_explicit_wherever_there_is_any() {
        assert_eq!(created(json!({})).private_dns_enabled, Some(false));
        assert_eq!(created(json!({ "type": "Gateway", "service": "s3" })).private_dns_enabled, None);
        assert_eq!(created(json!({ "type": "GatewayLoadBalancer" })).private_dns_enabled, None);
        let resource = json!({ "type": "Resource", "service": null, "resourceConfigurationArn": "arn:r" });
        let resource = created(resource);
        assert_eq!(
            (resource.private_dns_enabled, resource.target),
            (Some(false), Target::ResourceConfiguration("arn:r".into()))
        );
    }

    #[test]
    fn the_restriction_to_inbound_resolvers_is_explicit_for_interface_endpoints_of_s3() {
        let only = |spec| created(spec).dns_options.private_dns_only_for_inbound_resolver_endpoint;
        assert_eq!(only(json!({ "service": "s3" })), Some(false));
        assert_eq!(only(json!({ "service": "com.amazonaws.eu-west-1.s3", "privateDnsEnabled": true })), Some(false));
        let inbound = json!({ "privateDnsOnlyForInboundResolverEndpoint": true });
        assert_eq!(only(json!({ "service": "s3", "privateDnsEnabled": true, "dnsOptions": inbound })), Some(true));
        for other in [json!({}), json!({ "service": "dynamodb" }), json!({ "type": "Gateway", "service": "s3" })] {
            assert_eq!(only(other), None);
        }
    }

    #[test]
    fn options_are_told_as_given() {
        let new = created(json!({
            "type": "ServiceNetwork", "service": null, "serviceNetworkArn": "arn:n", "privateDnsEnabled": true,
            "ipAddressType": "dualstack",
            "subnetConfigurations": [{ "subnetId": "subnet-1", "ipv4": "10.0.0.4", "ipv6": "2001:db8::4" }],
            "dnsOptions": {
                "dnsRecordIpType": "service-defined", "privateDnsPreference": "SPECIFIED_DOMAINS_ONLY",
                "privateDnsSpecifiedDomains": ["a.example"],
            },
        }));
        assert_eq!((new.target, new.private_dns_enabled), (Target::ServiceNetwork("arn:n".into()), Some(true)));
        assert_eq!((new.ip_address_type.as_deref(), new.subnet_ids), (Some("dualstack"), set(["subnet-1"])));
        let fixed = Addresses { ipv4: "10.0.0.4".parse().ok(), ipv6: "2001:db8::4".parse().ok() };
        assert_eq!(new.subnet_configurations, BTreeMap::from([("subnet-1".into(), fixed)]));
        let dns = DnsOptions {
            record_ip_type: Some("service-defined".into()),
            private_dns_preference: Some("SPECIFIED_DOMAINS_ONLY".into()),
            private_dns_specified_domains: set(["a.example"]),
            ..DnsOptions::default()
        };
        assert_eq!(new.dns_options, dns);
    }

    #[test]
    fn a_short_name_is_of_the_service_region() {
        let new = created(json!({ "serviceRegion": "eu-west-1" }));
        assert_eq!(new.target, Target::Service("com.amazonaws.eu-west-1.lambda".into()));
        assert_eq!(new.service_region.as_deref(), Some("eu-west-1"));
    }

    #[test]
    fn fixed_addresses_are_for_selected_subnets() {
        let fixed =
            json!([{ "subnetId": "subnet-1", "ipv4": "10.0.0.4" }, { "subnetId": "subnet-2", "ipv4": "10.0.1.4" }]);
        let failure =
            try_desired(json!({ "subnets": [{ "id": "subnet-1" }], "subnetConfigurations": fixed }), &[], None)
                .unwrap_err();
        assert_eq!(failure.reason, "SubnetNotSelected");
        assert!(failure.message.starts_with("spec.subnetConfigurations: subnet-2 is not"), "{failure}");
    }

    #[test]
    fn limits() {
        let statement = |resource: String| json!({ "policy": { "Statement": [{ "Effect": "Allow", "Principal": "*", "Action": "*", "Resource": resource }] } });
        let overhead = wanted(&object(statement(String::new()))).create("u", 1).policy.unwrap().len();
        assert!(try_desired(statement("é".repeat(POLICY_LIMIT - overhead)), &[], None).is_ok());
        let failure = try_desired(statement("é".repeat(POLICY_LIMIT - overhead + 1)), &[], None).unwrap_err();
        assert_eq!(failure.reason, "PolicyTooLarge");
        assert!(failure.message.starts_with("spec.policy: ") && failure.message.contains("20481"), "{failure}");

        let two = json!({ "type": "GatewayLoadBalancer", "subnets": [{ "id": "subnet-1" }, { "id": "subnet-2" }] });
        let failure = try_desired(two, &[], None).unwrap_err();
        assert_eq!(failure.reason, "TooManySubnets");
        assert!(failure.message.contains("subnet-1, subnet-2"), "{failure}");
    }

    #[test]
    fn tokens_differ_by_uid_and_attempt_and_never_by_parameters() {
        let token = client_token("uid-1", 1);
        assert_eq!(token.len(), 64);
        assert!(token.chars().all(|c| c.is_ascii_hexdigit()));
        assert_ne!(token, client_token("uid-1", 2));
        assert_ne!(token, client_token("uid-2", 1));
        let other = wanted(&object(json!({ "privateDnsEnabled": true })));
        assert_eq!(other.create("uid-1", 1).client_token, token);
    }

    #[test]
    fn tags_are_the_specs_and_ours() {
        let desired = wanted(&object(json!({ "tags": { "team": "a" } })));
        assert_eq!(desired.tags.len(), 5);
        assert_eq!(desired.tag_keys(), ["team"]);
    }
}
