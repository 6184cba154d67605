//! Spec and resolved references to what AWS should hold.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use crate::{
    cloud::{
        ec2::NewEndpoint,
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

/// What AWS should hold. `None` means unmanaged: it is left as AWS has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Desired {
    /// Type of the endpoint.
    pub endpoint_type: EndpointType,
    /// Full name of the service.
    pub service: String,
    /// What the terms of the spec select.
    pub selection: Selection,
    /// Subnet ids.
    pub subnets: Option<BTreeSet<String>>,
    /// Security group ids.
    pub security_groups: Option<BTreeSet<String>>,
    /// Route table ids.
    pub route_tables: Option<BTreeSet<String>>,
    /// Private DNS.
    pub private_dns: Option<bool>,
    /// The endpoint policy.
    pub policy: Option<Policy>,
    /// The spec's tags and the ownership tags.
    pub tags: Tags,
    /// Fields that the spec gives.
    pub given: Vec<Field>,
}

/// A wanted endpoint policy.
#[derive(Clone, Debug, PartialEq)]
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
    if spec.endpoint_type == EndpointType::GatewayLoadBalancer && subnets.as_ref().is_some_and(|ids| ids.len() > 1) {
        let ids: Vec<_> = subnets.into_iter().flatten().collect();
        return Err(Failure::terminal(
            "TooManySubnets",
            format!("a GatewayLoadBalancer endpoint takes one subnet, and {} are selected", ids.join(", ")),
        )
        .at("spec.subnets"));
    }
    let policy = spec.policy.as_ref().map(|policy| Policy::Document(policy.to_json()));
    if let Some(Policy::Document(text)) = &policy {
        check_size(text)?;
    }
    let mut tags = spec.common.tags.clone().unwrap_or_default();
    tags.extend(context.ownership);
    Ok(Desired {
        endpoint_type: spec.endpoint_type,
        service: spec.service.as_deref().map(|service| full_name(service, spec.service_region.as_deref().unwrap_or(context.region))).unwrap_or_default(),
        subnets: subnets.or_else(|| falls_back(Field::Subnets).then(BTreeSet::new)),
        security_groups: selection
            .security_groups
            .as_ref()
            .map(|groups| groups.keys().cloned().collect())
            .or_else(|| default_security_group.map(|id| BTreeSet::from([id]))),
        route_tables: selection.route_tables.clone().or_else(|| falls_back(Field::RouteTables).then(BTreeSet::new)),
        private_dns: spec.private_dns_enabled.or_else(|| falls_back(Field::PrivateDnsEnabled).then_some(false)),
        policy: policy.or_else(|| falls_back(Field::Policy).then_some(Policy::FullAccess)),
        selection,
        tags,
        given: spec.given(),
    })
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

/// A service by its short name belongs to the endpoint's region.
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
            service_name: self.service.clone(),
            vpc_id: self.selection.vpc.clone(),
            subnet_ids: self.subnets.clone().unwrap_or_default(),
            security_group_ids: self.security_groups.clone().unwrap_or_default(),
            route_table_ids: self.route_tables.clone().unwrap_or_default(),
            private_dns_enabled: (self.endpoint_type == EndpointType::Interface)
                .then(|| self.private_dns.unwrap_or(false)),
            policy: match &self.policy {
                Some(Policy::Document(text)) => Some(text.clone()),
                Some(Policy::FullAccess) | None => None,
            },
            tags: self.tags.clone(),
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
        let all = [Field::Subnets, Field::SecurityGroups, Field::RouteTables, Field::PrivateDnsEnabled, Field::Policy];
        let back = try_desired(json!({}), &all, Some("sg-default")).unwrap();
        assert_eq!((back.subnets, back.route_tables), (Some(set([])), Some(set([]))));
        assert_eq!(back.security_groups, Some(set(["sg-default"])));
        assert_eq!((back.private_dns, back.policy), (Some(false), Some(Policy::FullAccess)));
        assert_eq!(back.given, []);

        let unmanaged = try_desired(json!({}), &[], None).unwrap();
        assert_eq!((unmanaged.subnets, unmanaged.security_groups, unmanaged.route_tables), (None, None, None));
        assert_eq!((unmanaged.private_dns, unmanaged.policy), (None, None));

        let given = try_desired(json!({ "privateDnsEnabled": true }), &all, None).unwrap();
        assert_eq!((given.private_dns, given.given), (Some(true), vec![Field::PrivateDnsEnabled]));
    }

    #[test]
    fn private_dns_is_explicit_for_interface_endpoints_only() {
        assert_eq!(wanted(&object(json!({}))).create("uid-1", 1).private_dns_enabled, Some(false));
        let gateway = object(json!({ "type": "Gateway", "service": "s3" }));
        assert_eq!(wanted(&gateway).create("uid-1", 1).private_dns_enabled, None);
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
