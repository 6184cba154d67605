//! The steps, and how each becomes one AWS call.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use crate::{
    cloud::{
        Aws,
        ec2::{EndpointChange, NewEndpoint},
        fault::Fault,
        ownership::Tags,
    },
    engine::{
        failure::{Class, Failure},
        kind,
    },
};

use super::{
    desired::managed_keys,
    spec::{DELETING, Field, VpcEndpointStatus},
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
    Modify(EndpointChange),
    /// DeleteVpcEndpoints with one id.
    Delete {
        /// Endpoint id.
        id: String,
    },
}

impl kind::Step for Step {
    fn reason(&self) -> &'static str {
        match self {
            Self::Create { .. } => "Created",
            Self::Tag { .. } | Self::Untag { .. } => "Tagged",
            Self::Modify(_) => "Modified",
            Self::Delete { .. } => "Deleted",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create { endpoint, .. } => {
                let NewEndpoint { endpoint_type, service_name, vpc_id, .. } = &**endpoint;
                write!(f, "create {endpoint_type} endpoint for {service_name} in {vpc_id}")?;
                let details = details([
                    ("subnets", &endpoint.subnet_ids),
                    ("security groups", &endpoint.security_group_ids),
                    ("route tables", &endpoint.route_table_ids),
                ])
                .chain((endpoint.private_dns_enabled == Some(true)).then(|| "private DNS on".to_owned()))
                .chain(endpoint.policy.is_some().then(|| "a policy of its own".to_owned()));
                let details: Vec<_> = details.collect();
                if details.is_empty() { Ok(()) } else { write!(f, " ({})", details.join("; ")) }
            }
            Self::Tag { id, tags } => write!(f, "set tags {} of {id}", list(tags.keys())),
            Self::Untag { id, keys } => write!(f, "remove tags {} of {id}", list(keys)),
            Self::Modify(change) => {
                let details = details([
                    ("add subnets", &change.add_subnets),
                    ("remove subnets", &change.remove_subnets),
                    ("add security groups", &change.add_security_groups),
                    ("remove security groups", &change.remove_security_groups),
                    ("add route tables", &change.add_route_tables),
                    ("remove route tables", &change.remove_route_tables),
                ])
                .chain(change.private_dns_enabled.map(|on| format!("private DNS {}", if on { "on" } else { "off" })))
                .chain(change.policy.is_some().then(|| "set the policy".to_owned()))
                .chain(change.reset_policy.then(|| "reset the policy to full access".to_owned()));
                write!(f, "modify {}: {}", change.id, details.collect::<Vec<_>>().join("; "))
            }
            Self::Delete { id } => write!(f, "delete {id}"),
        }
    }
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
        Step::Create { attempt, endpoint } => {
            status.create_attempt = Some(*attempt);
            // The id of an earlier attempt is dead; kept, it would raise the attempt a second time after a crash.
            status.id = None;
            status.state = None;
            add(&mut status.common.managed_tags, managed_keys(&endpoint.tags));
            add(&mut status.applied_fields, created_fields(endpoint));
        }
        Step::Tag { tags, .. } => add(&mut status.common.managed_tags, managed_keys(tags)),
        Step::Modify(change) => add(&mut status.applied_fields, changed_fields(change)),
        Step::Untag { .. } | Step::Delete { .. } => {}
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
        (Field::PrivateDnsEnabled, new.private_dns_enabled == Some(true)),
        (Field::Policy, new.policy.is_some()),
    ])
}

fn changed_fields(change: &EndpointChange) -> Vec<Field> {
    let any = |add: &BTreeSet<_>, remove: &BTreeSet<_>| !(add.is_empty() && remove.is_empty());
    fields([
        (Field::Subnets, any(&change.add_subnets, &change.remove_subnets)),
        (Field::SecurityGroups, any(&change.add_security_groups, &change.remove_security_groups)),
        (Field::RouteTables, any(&change.add_route_tables, &change.remove_route_tables)),
        (Field::PrivateDnsEnabled, change.private_dns_enabled.is_some()),
        (Field::Policy, change.policy.is_some() || change.reset_policy),
    ])
}

fn fields<const N: usize>(fields: [(Field, bool); N]) -> Vec<Field> {
    fields.into_iter().filter_map(|(field, set)| set.then_some(field)).collect()
}

/// Takes one step.
pub async fn apply(cloud: &Aws, step: &Step, status: &mut VpcEndpointStatus) -> Result<(), Failure> {
    match step {
        Step::Create { endpoint, .. } => match cloud.ec2.create_endpoint(endpoint).await {
            Ok(created) => {
                status.id = Some(created.id);
                Ok(())
            }
            Err(fault) if fault.is(&["InvalidServiceName"]) => Err(explain_service(cloud, endpoint, fault).await),
            Err(fault) => Err(explain(fault)),
        },
        Step::Tag { id, tags } => cloud.ec2.create_tags(id, tags).await.map_err(explain),
        Step::Untag { id, keys } => cloud.ec2.delete_tags(id, keys).await.map_err(explain),
        Step::Modify(change) => cloud.ec2.modify_endpoint(change).await.map_err(explain),
        Step::Delete { id } => {
            cloud.ec2.delete_endpoint(id).await?;
            status.id = Some(id.clone());
            status.state = Some(DELETING.to_owned());
            Ok(())
        }
    }
}

/// Codes that point at a field. What is not found may appear later; still only the user can tell whether it will.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html>
const FIELDS: &[(&str, &[&str])] = &[
    ("spec.vpc", &["InvalidVpcId.NotFound", "InvalidVpcID.NotFound"]),
    (
        "spec.subnets",
        &[
            "InvalidSubnetID.NotFound",
            "InvalidSubnetId.NotFound",
            "InvalidSubnet",
            "DuplicateSubnetsInSameZone",
            "InsufficientFreeAddressesInSubnet",
        ],
    ),
    (
        "spec.securityGroups",
        &[
            "InvalidSecurityGroupID.NotFound",
            "InvalidSecurityGroupId.NotFound",
            "InvalidGroup.NotFound",
            "SecurityGroupsPerInterfaceLimitExceeded",
        ],
    ),
    (
        "spec.routeTables",
        &["InvalidRouteTableID.NotFound", "InvalidRouteTableId.NotFound", "RouteAlreadyExists", "RouteLimitExceeded"],
    ),
    ("spec.policy", &["InvalidPolicyDocument", "MalformedPolicyDocument"]),
    ("spec.service", &["InvalidServiceName"]),
];

/// Texts of `InvalidParameter` and its like that point at a field.
const TEXTS: &[(&str, &str)] = &[
    ("spec.type", "service types"),
    ("spec.privateDnsEnabled", "private-dns"),
    ("spec.privateDnsEnabled", "private dns"),
    ("spec.policy", "policy"),
];

/// A fault of a write, with the field at fault where AWS's answer tells.
fn explain(fault: Fault) -> Failure {
    if fault.is(&["VpcEndpointLimitExceeded"]) {
        let failure = Failure::from(fault);
        return Failure {
            reason: "QuotaReached".to_owned(),
            message: format!(
                "{}; ask AWS to raise the quota, or delete endpoints that are not needed",
                failure.message
            ),
            ..failure
        };
    }
    let by_code = FIELDS.iter().find(|(_, codes)| fault.is(codes)).map(|(field, _)| *field);
    if let Some(field) = by_code {
        let reason = if fault.code.ends_with(".NotFound") { "NotFound" } else { "RejectedByAWS" };
        return Failure { class: Class::Terminal, reason: reason.to_owned(), ..fault.into() }.at(field);
    }
    let text = fault.message.to_lowercase();
    let by_text = TEXTS.iter().find(|(_, part)| fault.code.starts_with("InvalidParameter") && text.contains(part));
    match by_text {
        Some((field, _)) => Failure::from(fault).at(field),
        None => fault.into(),
    }
}

/// AWS does not know the service: says what it offers instead. Services of others are not listed.
async fn explain_service(cloud: &Aws, endpoint: &NewEndpoint, fault: Fault) -> Failure {
    let wanted = &endpoint.service_name;
    match cloud.ec2.endpoint_services().await {
        Ok(offered) if !offered.contains(wanted) && !wanted.contains(".vpce-svc-") => {
            let message = unknown_service(wanted, &offered, &cloud.region);
            Failure { class: Class::Terminal, reason: "UnknownService".to_owned(), message, ..fault.into() }
        }
        _ => explain(fault),
    }
}

fn unknown_service(wanted: &str, offered: &BTreeSet<String>, region: &str) -> String {
    let near = near_names(wanted, offered);
    let hint = if near.is_empty() { String::new() } else { format!("; did you mean {}?", near.join(" or ")) };
    format!("spec.service: AWS offers no service {wanted} in {region}{hint}")
}

/// At most three offered names that differ least, none of them by more than a third of what is wanted.
fn near_names<'a>(wanted: &str, offered: &'a BTreeSet<String>) -> Vec<&'a str> {
    let short = |name: &'_ str| name.splitn(4, '.').nth(3).unwrap_or(name).to_owned();
    let wanted_short = short(wanted);
    let limit = (wanted_short.chars().count() / 3).max(1);
    let mut by_distance: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
    for name in offered {
        by_distance.entry(edit_distance(&wanted_short, &short(name))).or_default().push(name);
    }
    by_distance.range(..=limit).flat_map(|(_, names)| names).copied().take(3).collect()
}

/// Levenshtein's: how many characters to insert, remove or replace.
fn edit_distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, y) in row.iter_mut().skip(1).zip(b.chars()) {
            let above = *cell;
            left = (diagonal + usize::from(x != y)).min(above + 1).min(left + 1);
            diagonal = above;
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{
        super::fixtures::{object, set, wanted},
        *,
    };
    use crate::cloud::fault::Service;

    #[test]
    fn steps_in_words() {
        let spec = json!({
            "subnets": [{ "id": "subnet-1" }, { "id": "subnet-2" }], "securityGroups": [{ "id": "sg-1" }],
            "privateDnsEnabled": true, "policy": { "Statement": [{ "Effect": "Allow" }] },
        });
        let create = |spec| Step::Create { attempt: 1, endpoint: Box::new(wanted(&object(spec)).create("uid-1", 1)) };
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
                Step::Modify(change),
                "modify vpce-1: add subnets subnet-1; remove route tables rtb-1, rtb-2; private DNS off; \
                 reset the policy to full access",
            ),
            (Step::Tag { id: "vpce-1".into(), tags: Tags::from([("a".into(), "b".into())]) }, "set tags a of vpce-1"),
            (Step::Untag { id: "vpce-1".into(), keys: set(["a", "b"]) }, "remove tags a, b of vpce-1"),
            (Step::Delete { id: "vpce-1".into() }, "delete vpce-1"),
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
        record(&Step::Create { attempt: 2, endpoint }, &mut status);
        assert_eq!((status.create_attempt, &status.id), (Some(2), &None));
        assert_eq!(status.applied_fields, [Field::Subnets, Field::Policy]);
        assert_eq!(status.common.managed_tags, ["team"]);
        let change = EndpointChange { private_dns_enabled: Some(true), ..EndpointChange::default() };
        record(&Step::Modify(change), &mut status);
        assert_eq!(status.applied_fields, [Field::Subnets, Field::PrivateDnsEnabled, Field::Policy]);
    }

    #[test]
    fn faults_name_the_field() {
        for (code, message, reason, start, class) in [
            (
                "InvalidSubnetID.NotFound",
                "The subnet ID 'x' does not exist",
                "NotFound",
                "spec.subnets: ",
                Class::Terminal,
            ),
            ("InvalidGroup.NotFound", "no group", "NotFound", "spec.securityGroups: ", Class::Terminal),
            ("InvalidVpcId.NotFound", "no VPC", "NotFound", "spec.vpc: ", Class::Terminal),
            ("RouteAlreadyExists", "route table has a route", "RejectedByAWS", "spec.routeTables: ", Class::Terminal),
            ("InvalidPolicyDocument", "bad", "RejectedByAWS", "spec.policy: ", Class::Terminal),
            (
                "InvalidParameter",
                "private-dns-enabled cannot be set because there is already a conflicting DNS domain",
                "RejectedByAWS",
                "spec.privateDnsEnabled: ",
                Class::Terminal,
            ),
            (
                "InvalidParameter",
                "Endpoint type (Gateway) does not match available service types ([Interface]).",
                "RejectedByAWS",
                "spec.type: ",
                Class::Terminal,
            ),
            ("VpcEndpointLimitExceeded", "limit", "QuotaReached", "CreateVpcEndpoint: ", Class::Terminal),
            ("IdempotentParameterMismatch", "same token", "WaitingForAWS", "CreateVpcEndpoint: ", Class::Dependency),
            ("RequestLimitExceeded", "slow down", "Throttled", "CreateVpcEndpoint: ", Class::Throttled),
        ] {
            let failure = explain(Fault::answered(Service::Ec2, "CreateVpcEndpoint", code, message));
            assert_eq!((failure.reason.as_str(), failure.class), (reason, class), "{failure}");
            assert!(failure.message.starts_with(start) && failure.message.contains(message), "{failure}");
            assert_eq!(failure.code.as_deref(), Some(code));
        }
    }

    #[test]
    fn unknown_services_come_with_near_names() {
        let offered = set([
            "com.amazonaws.ap-northeast-1.lambda",
            "com.amazonaws.ap-northeast-1.logs",
            "com.amazonaws.ap-northeast-1.s3",
        ]);
        for (wanted, hint) in [
            ("com.amazonaws.ap-northeast-1.lamda", "; did you mean com.amazonaws.ap-northeast-1.lambda?"),
            ("com.amazonaws.us-east-1.s3", "; did you mean com.amazonaws.ap-northeast-1.s3?"),
            ("com.amazonaws.ap-northeast-1.nothing-like-it", ""),
        ] {
            assert_eq!(
                unknown_service(wanted, &offered, "ap-northeast-1"),
                format!("spec.service: AWS offers no service {wanted} in ap-northeast-1{hint}")
            );
        }
    }

    #[test]
    fn edit_distances() {
        for (a, b, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("lambda", "lamda", 1),
            ("kitten", "sitting", 3),
            ("a", "b", 1),
        ] {
            assert_eq!(edit_distance(a, b), expected, "{a} {b}");
        }
    }
}
