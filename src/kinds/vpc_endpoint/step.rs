//! The steps, in words, and what of them must be known after a crash.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use crate::{
    cloud::{
        ec2::{Addresses, DnsOptions, EndpointChange, NewEndpoint},
        ownership::{Tags, adopts},
    },
    engine::kind,
};

use super::{
    desired::managed_keys,
    spec::{Field, VpcEndpointStatus},
};

/// One write to AWS.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// CreateVpcEndpoint.
    Create {
        /// Number of the attempt, which the token is made of.
        attempt: i32,
        /// What to create.
        endpoint: Box<NewEndpoint>,
        /// The endpoint of before, which is gone.
        replaces: Option<String>,
    },
    /// CreateTags.
    Tag {
        /// Endpoint id.
        id: String,
        /// Keys with their new values.
        tags: Tags,
    },
    /// DeleteTags.
    Untag {
        /// Endpoint id.
        id: String,
        /// Keys to remove.
        keys: BTreeSet<String>,
    },
    /// ModifyVpcEndpoint.
    Modify(Box<EndpointChange>),
    /// AcceptVpcEndpointConnections, on the side of the endpoint service.
    Accept {
        /// Endpoint id.
        id: String,
        /// `vpce-svc-…`.
        service_id: String,
    },
    /// DeleteVpcEndpoints with one id.
    Delete {
        /// Endpoint id.
        id: String,
        /// Whether it goes because AWS could not set it up, so that another one can be made.
        failed: bool,
    },
}

impl kind::Step for Step {
    fn reason(&self) -> &'static str {
        match self {
            Self::Create { .. } => "Created",
            Self::Tag { tags, .. } => adopts(tags).unwrap_or("Tagged"),
            Self::Untag { .. } => "Tagged",
            Self::Modify(_) => "Modified",
            Self::Accept { .. } => "Accepted",
            Self::Delete { .. } => "Deleted",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create { endpoint, replaces, .. } => {
                write!(f, "create {}", words_of_new(endpoint))?;
                replaces.as_ref().map_or(Ok(()), |id| write!(f, ", because {id} is gone"))
            }
            Self::Tag { id, tags } => write!(f, "set tags {} of {id}", list(tags.keys())),
            Self::Untag { id, keys } => write!(f, "remove tags {} of {id}", list(keys)),
            Self::Modify(change) => write!(f, "modify {}: {}", change.id, words_of_change(change)),
            Self::Accept { id, service_id } => write!(f, "accept the connection of {id} to {service_id}"),
            Self::Delete { id, failed: false } => write!(f, "delete {id}"),
            Self::Delete { id, failed: true } => {
                write!(f, "delete {id}, which AWS could not set up, to make a new one")
            }
        }
    }
}

fn words_of_new(new: &NewEndpoint) -> String {
    let NewEndpoint { endpoint_type, target, vpc_id, .. } = new;
    let details: Vec<_> = details([
        ("subnets", &new.subnet_ids),
        ("security groups", &new.security_group_ids),
        ("route tables", &new.route_table_ids),
    ])
    .chain(words_of_addresses(&new.subnet_configurations))
    .chain(new.ip_address_type.iter().cloned())
    .chain((new.private_dns_enabled == Some(true)).then(|| "private DNS on".to_owned()))
    .chain(words_of_dns(&new.dns_options))
    .chain(new.policy.is_some().then(|| "a policy of its own".to_owned()))
    .collect();
    let details = if details.is_empty() { String::new() } else { format!(" ({})", details.join("; ")) };
    format!("{endpoint_type} endpoint for {target} in {vpc_id}{details}")
}

fn words_of_change(change: &EndpointChange) -> String {
    let words: Vec<_> = details([
        ("add subnets", &change.add_subnets),
        ("remove subnets", &change.remove_subnets),
        ("add security groups", &change.add_security_groups),
        ("remove security groups", &change.remove_security_groups),
        ("add route tables", &change.add_route_tables),
        ("remove route tables", &change.remove_route_tables),
    ])
    .chain(words_of_addresses(&change.subnet_configurations))
    .chain(change.ip_address_type.iter().map(|kind| format!("address type {kind}")))
    .chain(change.private_dns_enabled.map(|on| format!("private DNS {}", on_or_off(on))))
    .chain(words_of_dns(&change.dns_options))
    .chain(change.policy.is_some().then(|| "set the policy".to_owned()))
    .chain(change.reset_policy.then(|| "reset the policy to full access".to_owned()))
    .collect();
    words.join("; ")
}

fn words_of_addresses(by_subnet: &BTreeMap<String, Addresses>) -> impl Iterator<Item = String> {
    by_subnet.iter().map(|(subnet, Addresses { ipv4, ipv6 })| {
        let addresses: Vec<_> =
            ipv4.iter().map(ToString::to_string).chain(ipv6.iter().map(ToString::to_string)).collect();
        format!("address {} in {subnet}", addresses.join(" and "))
    })
}

fn words_of_dns(options: &DnsOptions) -> impl Iterator<Item = String> {
    let records = options.record_ip_type.iter().map(|records| format!("DNS records {records}"));
    let only = options.private_dns_only_for_inbound_resolver_endpoint;
    let only = only.map(|on| format!("private DNS only for inbound Resolver endpoints {}", on_or_off(on)));
    let preference = options.private_dns_preference.iter().map(|preference| format!("private DNS for {preference}"));
    records.chain(only).chain(preference).chain(details([("domains", &options.private_dns_specified_domains)]))
}

fn on_or_off(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

fn details<'a, const N: usize>(sets: [(&'a str, &'a BTreeSet<String>); N]) -> impl Iterator<Item = String> + 'a {
    sets.into_iter().filter(|(_, ids)| !ids.is_empty()).map(|(what, ids)| format!("{what} {}", list(ids)))
}

fn list<'a>(words: impl IntoIterator<Item = &'a String>) -> String {
    words.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// Writes into the status what must be known after a crash in the middle of the step: the attempt, so that the
/// token is used again, and what was set, so that it is taken back when it leaves the spec.
pub fn record(step: &Step, status: &mut VpcEndpointStatus) {
    match step {
        Step::Create { attempt, endpoint, .. } => {
            status.create_attempt = Some(*attempt);
            // The id of an earlier attempt is dead; kept, it would raise the attempt a second time after a crash.
            status.id = None;
            status.state = None;
            add(&mut status.common.managed_tags, managed_keys(&endpoint.tags));
            add(&mut status.applied_fields, created_fields(endpoint));
        }
        Step::Tag { tags, .. } => add(&mut status.common.managed_tags, managed_keys(tags)),
        Step::Modify(change) => add(&mut status.applied_fields, changed_fields(change)),
        Step::Untag { .. } | Step::Accept { .. } | Step::Delete { .. } => {}
    }
}

fn add<T: Ord + Clone>(known: &mut Vec<T>, new: Vec<T>) {
    *known = known.drain(..).chain(new).collect::<BTreeSet<_>>().into_iter().collect();
}

fn created_fields(new: &NewEndpoint) -> Vec<Field> {
    fields([
        (Field::Subnets, !new.subnet_ids.is_empty()),
        (Field::SecurityGroups, !new.security_group_ids.is_empty()),
        (Field::RouteTables, !new.route_table_ids.is_empty()),
        (Field::IpAddressType, new.ip_address_type.is_some()),
        (Field::PrivateDnsEnabled, new.private_dns_enabled == Some(true)),
        (Field::DnsRecordIpType, new.dns_options.record_ip_type.is_some()),
        (
            Field::PrivateDnsOnlyForInboundResolverEndpoint,
            new.dns_options.private_dns_only_for_inbound_resolver_endpoint == Some(true),
        ),
        (Field::Policy, new.policy.is_some()),
    ])
}

fn changed_fields(change: &EndpointChange) -> Vec<Field> {
    let any = |add: &BTreeSet<_>, remove: &BTreeSet<_>| !(add.is_empty() && remove.is_empty());
    fields([
        (Field::Subnets, any(&change.add_subnets, &change.remove_subnets)),
        (Field::SecurityGroups, any(&change.add_security_groups, &change.remove_security_groups)),
        (Field::RouteTables, any(&change.add_route_tables, &change.remove_route_tables)),
        (Field::IpAddressType, change.ip_address_type.is_some()),
        (Field::PrivateDnsEnabled, change.private_dns_enabled.is_some()),
        (Field::DnsRecordIpType, change.dns_options.record_ip_type.is_some()),
        (
            Field::PrivateDnsOnlyForInboundResolverEndpoint,
            change.dns_options.private_dns_only_for_inbound_resolver_endpoint.is_some(),
        ),
        (Field::Policy, change.policy.is_some() || change.reset_policy),
    ])
}

fn fields<const N: usize>(fields: [(Field, bool); N]) -> Vec<Field> {
    fields.into_iter().filter_map(|(field, set)| set.then_some(field)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{
        super::fixtures::{object, set, wanted},
        *,
    };

    #[test]
    fn steps_in_words() {
        let spec = json!({
            "subnets": [{ "id": "subnet-1" }, { "id": "subnet-2" }], "securityGroups": [{ "id": "sg-1" }],
            "privateDnsEnabled": true, "policy": { "Statement": [{ "Effect": "Allow" }] },
        });
        let create = |spec| Step::Create {
            attempt: 1,
            endpoint: Box::new(wanted(&object(spec)).create("uid-1", 1)),
            replaces: None,
        };
        let change = EndpointChange {
            id: "vpce-1".into(),
            add_subnets: set(["subnet-1"]),
            remove_route_tables: set(["rtb-1", "rtb-2"]),
            private_dns_enabled: Some(false),
            reset_policy: true,
            ..EndpointChange::default()
        };
        for (step, text) in [
            (
                create(spec),
                "create Interface endpoint for com.amazonaws.ap-northeast-1.lambda in vpc-1 \
                 (subnets subnet-1, subnet-2; security groups sg-1; private DNS on; a policy of its own)",
            ),
            (create(json!({})), "create Interface endpoint for com.amazonaws.ap-northeast-1.lambda in vpc-1"),
            (
                Step::Modify(Box::new(change)),
                "modify vpce-1: add subnets subnet-1; remove route tables rtb-1, rtb-2; private DNS off; \
                 reset the policy to full access",
            ),
            (Step::Tag { id: "vpce-1".into(), tags: Tags::from([("a".into(), "b".into())]) }, "set tags a of vpce-1"),
            (Step::Untag { id: "vpce-1".into(), keys: set(["a", "b"]) }, "remove tags a, b of vpce-1"),
            (Step::Delete { id: "vpce-1".into(), failed: false }, "delete vpce-1"),
            (
                Step::Delete { id: "vpce-1".into(), failed: true },
                "delete vpce-1, which AWS could not set up, to make a new one",
            ),
            (
                Step::Accept { id: "vpce-1".into(), service_id: "vpce-svc-1".into() },
                "accept the connection of vpce-1 to vpce-svc-1",
            ),
        ] {
            assert_eq!(step.to_string(), text);
        }
    }

    #[test]
    fn what_must_survive_a_crash_is_recorded() {
        let spec = json!({ "subnets": [{ "id": "subnet-1" }], "tags": { "team": "a" } });
        let mut status = VpcEndpointStatus {
            id: Some("vpce-dead".into()),
            create_attempt: Some(1),
            applied_fields: vec![Field::Policy],
            ..VpcEndpointStatus::default()
        };
        let endpoint = Box::new(wanted(&object(spec)).create("uid-1", 2));
        record(&Step::Create { attempt: 2, endpoint, replaces: None }, &mut status);
        assert_eq!((status.create_attempt, &status.id), (Some(2), &None));
        assert_eq!(status.applied_fields, [Field::Subnets, Field::Policy]);
        assert_eq!(status.common.managed_tags, ["team"]);
        let change = EndpointChange { private_dns_enabled: Some(true), ..EndpointChange::default() };
        record(&Step::Modify(Box::new(change)), &mut status);
        assert_eq!(status.applied_fields, [Field::Subnets, Field::PrivateDnsEnabled, Field::Policy]);
    }
}
