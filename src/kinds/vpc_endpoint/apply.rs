//! How each step becomes one AWS call, and what a refusal means.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    cloud::{Aws, ec2::NewEndpoint, fault::Fault},
    engine::failure::{Class, Failure},
};

use super::{
    spec::{DELETING, VpcEndpointStatus},
    step::Step,
};

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
        by_distance.entry(strsim::levenshtein(&wanted_short, &short(name))).or_default().push(name);
    }
    by_distance.range(..=limit).flat_map(|(_, names)| names).copied().take(3).collect()
}

#[cfg(test)]
mod tests {
    use super::{super::fixtures::set, *};
    use crate::cloud::fault::Service;

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
}
