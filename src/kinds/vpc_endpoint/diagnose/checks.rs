//! What may be wrong around an endpoint. Each check reads what it needs by filters, because a look-up by ids fails
//! as a whole when one of them does not exist.

use std::collections::{BTreeMap, BTreeSet};

use crate::cloud::{
    Aws,
    ec2::{Endpoint, EndpointService, Filter, Subnet, VpcDns},
    fault::Fault,
};

use super::{super::observe::exists, Asked, services::unknown_service};

/// One thing to look into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// Whether the region offers the service.
    Service,
    /// Whether the service takes endpoints of the type.
    EndpointType,
    /// Whether the VPC exists.
    Vpc,
    /// Whether the subnets exist, in the VPC.
    Subnets,
    /// Whether two of the subnets share an availability zone.
    SharedZone,
    /// Whether the service is in the availability zones of the subnets.
    Zones,
    /// Whether the security groups exist, in the VPC.
    SecurityGroups,
    /// Whether the route tables exist, in the VPC.
    RouteTables,
    /// Whether another endpoint has the service's route in one of the route tables.
    RouteTaken,
    /// Whether the VPC has what private DNS needs.
    VpcDns,
    /// Whether the private DNS name is taken.
    PrivateDnsTaken,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The field at fault.
    pub field: &'static str,
    /// CamelCase reason for the Ready condition.
    pub reason: &'static str,
    /// What is wrong with it and what helps.
    pub message: String,
}

impl Check {
    /// Looks into it. `None` when nothing is wrong as far as can be seen.
    pub async fn run(self, cloud: &Aws, asked: &Asked) -> Result<Option<Finding>, Fault> {
        let ec2 = cloud.ec2.as_ref();
        let subnets = || async { ec2.subnets(&[Filter::any("subnet-id", &asked.subnets)]).await };
        Ok(match self {
            Self::Service => match asked.target.service() {
                Some(name) => not_offered(name, &ec2.endpoint_service_names().await?, &cloud.region),
                None => None,
            },
            Self::EndpointType => match asked.target.service() {
                Some(name) => ec2.endpoint_service(name).await?.and_then(|service| wrong_type(asked, &service)),
                None => None,
            },
            Self::Vpc => {
                let found = ec2.vpcs(&[Filter::new("vpc-id", &asked.vpc)]).await?;
                found.is_empty().then(|| no_vpc(&asked.vpc))
            }
            Self::Subnets => {
                let found = subnets().await?.into_iter().map(|subnet| (subnet.id, subnet.vpc_id)).collect();
                misplaced("spec.subnets", &asked.vpc, &asked.subnets, &found)
            }
            Self::SharedZone => shared_zone(&subnets().await?),
            Self::Zones => match asked.target.service() {
                Some(name) => match ec2.endpoint_service(name).await? {
                    Some(service) => outside_of_zones(&service, &subnets().await?),
                    None => None,
                },
                None => None,
            },
            Self::SecurityGroups => {
                let found = ec2.security_groups(&[Filter::any("group-id", &asked.security_groups)]).await?;
                let found = found.into_iter().map(|group| (group.id, group.vpc_id)).collect();
                misplaced("spec.securityGroups", &asked.vpc, &asked.security_groups, &found)
            }
            Self::RouteTables => {
                let found = ec2.route_tables(&[Filter::any("route-table-id", &asked.route_tables)]).await?;
                let found = found.into_iter().map(|table| (table.id, table.vpc_id)).collect();
                misplaced("spec.routeTables", &asked.vpc, &asked.route_tables, &found)
            }
            Self::RouteTaken => route_taken(asked, &neighbours(cloud, asked).await?),
            Self::VpcDns => dns_disabled(&asked.vpc, ec2.vpc_dns(&asked.vpc).await?),
            Self::PrivateDnsTaken => Some(private_dns_taken(asked, &neighbours(cloud, asked).await?)),
        })
    }
}

/// Other endpoints of the same service in the same VPC.
async fn neighbours(cloud: &Aws, asked: &Asked) -> Result<Vec<Endpoint>, Fault> {
    let filters =
        [Filter::new("vpc-id", &asked.vpc), Filter::new("service-name", asked.target.service().unwrap_or_default())];
    let mut found = cloud.ec2.endpoints(&filters).await?;
    found.retain(|endpoint| exists(endpoint) && Some(&endpoint.id) != asked.id.as_ref());
    Ok(found)
}

fn not_offered(name: &str, offered: &BTreeSet<String>, region: &str) -> Option<Finding> {
    let message = unknown_service(name, offered, region)?;
    Some(Finding { field: "spec.service", reason: "UnknownService", message })
}

fn wrong_type(asked: &Asked, service: &EndpointService) -> Option<Finding> {
    let wanted = asked.endpoint_type?.as_str();
    (!service.types.contains(wanted)).then(|| Finding {
        field: "spec.type",
        reason: "WrongEndpointType",
        message: format!("{} takes {} endpoints, not {wanted}", service.name, list(&service.types, " and ")),
    })
}

fn no_vpc(vpc: &str) -> Finding {
    Finding {
        field: "spec.vpc",
        reason: "NotFound",
        message: format!("{vpc} does not exist in this account and region"),
    }
}

/// Ids that do not exist, or belong to another VPC. `found` has the VPC of each.
fn misplaced(
    field: &'static str,
    vpc: &str,
    ids: &BTreeSet<String>,
    found: &BTreeMap<String, String>,
) -> Option<Finding> {
    let missing: BTreeSet<_> = ids.iter().filter(|id| !found.contains_key(*id)).cloned().collect();
    if !missing.is_empty() {
        let message = format!("{} not found in this account and region", list(&missing, ", "));
        return Some(Finding { field, reason: "NotFound", message });
    }
    let (id, other) = found.iter().find(|(_, of)| *of != vpc)?;
    let message = format!("{id} belongs to {other}, and the endpoint to {vpc}; choose one of {vpc}");
    Some(Finding { field, reason: "InAnotherVpc", message })
}

fn shared_zone(subnets: &[Subnet]) -> Option<Finding> {
    let mut by_zone: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for subnet in subnets {
        by_zone.entry(&subnet.zone).or_default().insert(subnet.id.clone());
    }
    let (zone, ids) = by_zone.into_iter().find(|(_, ids)| ids.len() > 1)?;
    Some(Finding {
        field: "spec.subnets",
        reason: "SubnetsShareZone",
        message: format!(
            "{} are in one availability zone ({zone}), of which an endpoint takes one subnet",
            list(&ids, " and ")
        ),
    })
}

fn outside_of_zones(service: &EndpointService, subnets: &[Subnet]) -> Option<Finding> {
    let outside: BTreeSet<_> = subnets
        .iter()
        .filter(|subnet| !service.zones.contains(&subnet.zone))
        .map(|subnet| format!("{} ({})", subnet.id, subnet.zone))
        .collect();
    (!outside.is_empty()).then(|| Finding {
        field: "spec.subnets",
        reason: "ServiceNotInZone",
        message: format!(
            "{} is not offered in the availability zone of {}; it is in {}",
            service.name,
            list(&outside, ", "),
            list(&service.zones, ", ")
        ),
    })
}

fn route_taken(asked: &Asked, others: &[Endpoint]) -> Option<Finding> {
    let shares = |other: &Endpoint| asked.route_tables.intersection(&other.route_table_ids).next().cloned();
    let (table, other) = others.iter().find_map(|other| Some((shares(other)?, other)))?;
    Some(Finding {
        field: "spec.routeTables",
        reason: "RouteTableConflict",
        message: format!(
            "{table} has the route to {} of {} already; take the table out of one of the two",
            asked.target, other.id
        ),
    })
}

fn dns_disabled(vpc: &str, dns: VpcDns) -> Option<Finding> {
    let off = match (dns.support, dns.hostnames) {
        (true, true) => return None,
        (false, true) => "enableDnsSupport is",
        (true, false) => "enableDnsHostnames is",
        (false, false) => "both are",
    };
    Some(Finding {
        field: "spec.privateDnsEnabled",
        reason: "VpcDnsDisabled",
        message: format!(
            "private DNS needs the attributes enableDnsSupport and enableDnsHostnames of {vpc}, and {off} off; turn them on, or set this to false"
        ),
    })
}

fn private_dns_taken(asked: &Asked, others: &[Endpoint]) -> Finding {
    let message = match others.iter().find(|other| other.private_dns_enabled) {
        Some(other) => format!(
            "{} has the private DNS name of {} in {} already; turn private DNS off there, or set this to false",
            other.id, asked.target, asked.vpc
        ),
        None => format!(
            "the private DNS name of {} is taken in {}, not by an endpoint for this service; look for a private hosted zone of that name, or set this to false",
            asked.target, asked.vpc
        ),
    };
    Finding { field: "spec.privateDnsEnabled", reason: "PrivateDnsConflict", message }
}

fn list(words: &BTreeSet<String>, between: &str) -> String {
    words.iter().map(String::as_str).collect::<Vec<_>>().join(between)
}

#[cfg(test)]
mod tests {
    use super::{super::super::fixtures::set, *};
    use crate::{cloud::ec2::Target, kinds::vpc_endpoint::spec::EndpointType};

    fn asked() -> Asked {
        Asked {
            id: None,
            endpoint_type: Some(EndpointType::Interface),
            target: Target::Service("s3".into()),
            vpc: "vpc-1".into(),
            subnets: set(["subnet-1", "subnet-2"]),
            security_groups: set(["sg-1", "sg-2"]),
            route_tables: set(["rtb-1", "rtb-2"]),
        }
    }

    fn said(finding: Option<Finding>) -> Option<(&'static str, &'static str, String)> {
        finding.map(|Finding { field, reason, message }| (field, reason, message))
    }

    #[test]
    fn types_that_a_service_does_not_take() {
        let service = |types| EndpointService { name: "s3".into(), types, ..EndpointService::default() };
        assert_eq!(wrong_type(&asked(), &service(set(["Gateway", "Interface"]))), None);
        assert_eq!(
            said(wrong_type(&asked(), &service(set(["Gateway", "Other"])))),
            Some(("spec.type", "WrongEndpointType", "s3 takes Gateway and Other endpoints, not Interface".into()))
        );
    }

    #[test]
    fn ids_that_are_missing_or_elsewhere() {
        let found = |groups: &[(&str, &str)]| {
            let found = groups.iter().map(|(id, vpc)| ((*id).to_owned(), (*vpc).to_owned())).collect();
            said(misplaced("spec.securityGroups", "vpc-1", &asked().security_groups, &found))
        };
        assert_eq!(found(&[("sg-1", "vpc-1"), ("sg-2", "vpc-1")]), None);
        assert_eq!(
            found(&[("sg-1", "vpc-2")]),
            Some(("spec.securityGroups", "NotFound", "sg-2 not found in this account and region".into()))
        );
        let elsewhere = "sg-2 belongs to vpc-2, and the endpoint to vpc-1; choose one of vpc-1";
        assert_eq!(
            found(&[("sg-1", "vpc-1"), ("sg-2", "vpc-2")]),
            Some(("spec.securityGroups", "InAnotherVpc", elsewhere.into()))
        );
    }

    fn subnets(zones: [&str; 2]) -> Vec<Subnet> {
        let subnet = |(n, zone): (usize, &str)| Subnet {
            id: format!("subnet-{}", n + 1),
            zone: zone.to_owned(),
            ..Subnet::default()
        };
        zones.into_iter().enumerate().map(subnet).collect()
    }

    #[test]
    fn zones() {
        assert_eq!(shared_zone(&subnets(["1a", "1c"])), None);
        let message = "subnet-1 and subnet-2 are in one availability zone (1a), of which an endpoint takes one subnet";
        assert_eq!(
            said(shared_zone(&subnets(["1a", "1a"]))),
            Some(("spec.subnets", "SubnetsShareZone", message.into()))
        );
        let service = EndpointService { name: "lambda".into(), zones: set(["1a", "1d"]), ..EndpointService::default() };
        assert_eq!(outside_of_zones(&service, &subnets(["1a", "1d"])), None);
        let message = "lambda is not offered in the availability zone of subnet-2 (1c); it is in 1a, 1d";
        assert_eq!(
            said(outside_of_zones(&service, &subnets(["1a", "1c"]))),
            Some(("spec.subnets", "ServiceNotInZone", message.into()))
        );
    }

    #[test]
    fn what_other_endpoints_have() {
        let other = |tables, private_dns_enabled| Endpoint {
            id: "vpce-9".into(),
            route_table_ids: tables,
            private_dns_enabled,
            ..Endpoint::default()
        };
        assert_eq!(route_taken(&asked(), &[other(set(["rtb-9"]), false)]), None);
        let message = "rtb-2 has the route to s3 of vpce-9 already; take the table out of one of the two";
        assert_eq!(
            said(route_taken(&asked(), &[other(set(["rtb-2", "rtb-9"]), false)])),
            Some(("spec.routeTables", "RouteTableConflict", message.into()))
        );
        let taken = |others: &[Endpoint]| private_dns_taken(&asked(), others).message;
        assert!(
            taken(&[other(set([]), false), other(set([]), true)])
                .starts_with("vpce-9 has the private DNS name of s3 in vpc-1")
        );
        assert!(taken(&[other(set([]), false)]).contains("private hosted zone"));
    }

    #[test]
    fn attributes_of_the_vpc() {
        for (support, hostnames, expected) in [
            (true, true, None),
            (false, true, Some("enableDnsSupport is off")),
            (true, false, Some("enableDnsHostnames is off")),
            (false, false, Some("both are off")),
        ] {
            let finding = dns_disabled("vpc-1", VpcDns { support, hostnames });
            assert_eq!(finding.is_some(), expected.is_some());
            assert!(finding.is_none_or(|finding| finding.message.contains(expected.unwrap())));
        }
    }
}
