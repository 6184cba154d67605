//! What a refusal of AWS means: the field and the ids at fault, from reads that are made only then.

mod checks;
mod services;

use std::collections::BTreeSet;

use crate::{
    cloud::{
        Aws,
        ec2::{EndpointChange, NewEndpoint, Target},
        fault::Fault,
    },
    engine::{
        failure::{Class, Failure},
        kind::Subject,
    },
};

use self::checks::{Check, Finding};
use super::spec::{EndpointType, VpcEndpoint};

/// What was asked of AWS, as far as its surroundings can make it impossible.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Asked {
    /// The endpoint, if there is one already.
    pub id: Option<String>,
    /// Type of the endpoint.
    pub endpoint_type: Option<EndpointType>,
    /// What it leads to.
    pub target: Target,
    /// VPC id.
    pub vpc: String,
    /// The subnets that the endpoint would have.
    pub subnets: BTreeSet<String>,
    /// The security groups that it would get.
    pub security_groups: BTreeSet<String>,
    /// The route tables that it would get.
    pub route_tables: BTreeSet<String>,
}

impl Asked {
    /// By a create.
    pub fn of_new(new: &NewEndpoint, subject: &Subject<VpcEndpoint>) -> Self {
        Self {
            id: None,
            endpoint_type: endpoint_type(subject),
            target: new.target.clone(),
            vpc: new.vpc_id.clone(),
            subnets: new.subnet_ids.clone(),
            security_groups: new.security_group_ids.clone(),
            route_tables: new.route_table_ids.clone(),
        }
    }

    /// By a change of the endpoint that the status tells of.
    pub fn of_change(change: &EndpointChange, subject: &Subject<VpcEndpoint>) -> Self {
        let status = &subject.status;
        let kept = status.subnets.iter().map(|subnet| &subnet.id).filter(|id| !change.remove_subnets.contains(*id));
        Self {
            id: Some(change.id.clone()),
            endpoint_type: endpoint_type(subject),
            target: Target::Service(status.service_name.clone().unwrap_or_default()),
            vpc: status.vpc.clone().unwrap_or_default(),
            subnets: kept.chain(&change.add_subnets).cloned().collect(),
            security_groups: change.add_security_groups.clone(),
            route_tables: change.add_route_tables.clone(),
        }
    }
}

fn endpoint_type(subject: &Subject<VpcEndpoint>) -> Option<EndpointType> {
    subject.object.as_ref().map(|object| object.spec.endpoint_type)
}

/// What a refusal points at: a field, and what to look into.
struct Clue {
    /// AWS's error codes, any of which it may have.
    codes: &'static [&'static str],
    /// Parts of AWS's text in lower case, any of which it may have. None: whatever the text is.
    texts: &'static [&'static str],
    field: &'static str,
    checks: &'static [Check],
}

const INVALID: &[&str] = &["InvalidParameter", "InvalidParameterValue", "InvalidParameterCombination"];

/// The first that fits counts. Codes: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html>;
/// AWS itself uses both spellings of some.
const CLUES: &[Clue] = &[
    Clue { codes: &["InvalidServiceName"], texts: &[], field: "spec.service", checks: &[Check::Service] },
    Clue {
        codes: &["InvalidVpcId.NotFound", "InvalidVpcID.NotFound"],
        texts: &[],
        field: "spec.vpc",
        checks: &[Check::Vpc],
    },
    Clue { codes: &["DuplicateSubnetsInSameZone"], texts: &[], field: "spec.subnets", checks: &[Check::SharedZone] },
    Clue {
        codes: &["InvalidSubnetID.NotFound", "InvalidSubnetId.NotFound", "InvalidSubnet"],
        texts: &[],
        field: "spec.subnets",
        checks: &[Check::Subnets, Check::Zones],
    },
    Clue { codes: &["InsufficientFreeAddressesInSubnet"], texts: &[], field: "spec.subnets", checks: &[] },
    Clue {
        codes: &["InvalidSecurityGroupID.NotFound", "InvalidSecurityGroupId.NotFound", "InvalidGroup.NotFound"],
        texts: &[],
        field: "spec.securityGroups",
        checks: &[Check::SecurityGroups],
    },
    Clue { codes: &["SecurityGroupsPerInterfaceLimitExceeded"], texts: &[], field: "spec.securityGroups", checks: &[] },
    Clue {
        codes: &["InvalidRouteTableID.NotFound", "InvalidRouteTableId.NotFound"],
        texts: &[],
        field: "spec.routeTables",
        checks: &[Check::RouteTables],
    },
    Clue { codes: &["RouteAlreadyExists"], texts: &[], field: "spec.routeTables", checks: &[Check::RouteTaken] },
    Clue { codes: &["RouteLimitExceeded"], texts: &[], field: "spec.routeTables", checks: &[] },
    Clue {
        codes: &["InvalidPolicyDocument", "MalformedPolicyDocument"],
        texts: &[],
        field: "spec.policy",
        checks: &[],
    },
    Clue { codes: INVALID, texts: &["service types"], field: "spec.type", checks: &[Check::EndpointType] },
    Clue {
        codes: INVALID,
        texts: &["privatednsonlyforinboundresolverendpoint"],
        field: "spec.dnsOptions.privateDnsOnlyForInboundResolverEndpoint",
        checks: &[],
    },
    Clue {
        codes: INVALID,
        texts: &["conflicting dns domain"],
        field: "spec.privateDnsEnabled",
        checks: &[Check::PrivateDnsTaken],
    },
    Clue {
        codes: INVALID,
        texts: &["enablednssupport", "enablednshostnames"],
        field: "spec.privateDnsEnabled",
        checks: &[Check::VpcDns],
    },
    Clue {
        codes: INVALID,
        texts: &["private-dns", "private dns"],
        field: "spec.privateDnsEnabled",
        checks: &[Check::VpcDns, Check::PrivateDnsTaken],
    },
    Clue { codes: INVALID, texts: &["availability zone"], field: "spec.subnets", checks: &[Check::Zones] },
    Clue { codes: INVALID, texts: &["route table"], field: "spec.routeTables", checks: &[Check::RouteTables] },
    Clue {
        codes: INVALID,
        texts: &["security group"],
        field: "spec.securityGroups",
        checks: &[Check::SecurityGroups, Check::Subnets],
    },
    Clue { codes: INVALID, texts: &["subnet"], field: "spec.subnets", checks: &[Check::Subnets, Check::Zones] },
    Clue { codes: INVALID, texts: &["ip address type"], field: "spec.ipAddressType", checks: &[] },
    Clue { codes: INVALID, texts: &["record ip type"], field: "spec.dnsOptions.dnsRecordIpType", checks: &[] },
    Clue { codes: INVALID, texts: &["policy"], field: "spec.policy", checks: &[] },
];

impl Clue {
    fn of(fault: &Fault) -> Option<&'static Self> {
        let text = fault.message.to_lowercase();
        CLUES.iter().find(|clue| {
            fault.is(clue.codes) && (clue.texts.is_empty() || clue.texts.iter().any(|part| text.contains(part)))
        })
    }
}

/// The failure that a fault of a write comes to, with the field and the ids at fault where they can be found out.
pub async fn explain(cloud: &Aws, asked: &Asked, fault: Fault) -> Failure {
    let Some(clue) = Clue::of(&fault) else { return unexplained(asked, fault) };
    for check in clue.checks {
        // A read that fails finds nothing: what AWS said stays.
        if let Ok(Some(finding)) = check.run(cloud, asked).await {
            return found(finding, fault);
        }
    }
    pointed_at(clue.field, fault)
}

fn found(Finding { field, reason, message }: Finding, fault: Fault) -> Failure {
    let message = format!("{message} (AWS says: {}: {})", fault.code, fault.message);
    Failure { class: Class::Terminal, reason: reason.to_owned(), message, ..fault.into() }.at(field)
}

/// What is not found may appear later; still only the user can tell whether it will.
fn pointed_at(field: &str, fault: Fault) -> Failure {
    let reason = if fault.code.ends_with(".NotFound") { "NotFound" } else { "RejectedByAWS" };
    Failure { class: Class::Terminal, reason: reason.to_owned(), ..fault.into() }.at(field)
}

fn unexplained(asked: &Asked, fault: Fault) -> Failure {
    if !fault.is(&["VpcEndpointLimitExceeded"]) {
        return fault.into();
    }
    let failure = Failure::from(fault);
    Failure {
        class: Class::Terminal,
        reason: "QuotaReached".to_owned(),
        message: format!(
            "{}; the quota is {} unless AWS has raised it: ask for more, or delete endpoints that are not needed",
            failure.message,
            quota(asked.endpoint_type)
        ),
        ..failure
    }
}

/// <https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-limits-endpoints.html>
fn quota(endpoint_type: Option<EndpointType>) -> &'static str {
    match endpoint_type {
        Some(EndpointType::Gateway) => "20 Gateway endpoints in a region",
        Some(EndpointType::Resource) => "200 Resource endpoints in a VPC",
        Some(EndpointType::ServiceNetwork) => "50 ServiceNetwork endpoints in a VPC",
        Some(EndpointType::Interface | EndpointType::GatewayLoadBalancer) | None => {
            "50 Interface and GatewayLoadBalancer endpoints in a VPC"
        }
    }
}

#[cfg(test)]
mod tests;
