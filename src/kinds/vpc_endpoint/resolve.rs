//! Selector terms to ids. What is read differs between a pass and a sweep; how it is chosen from does not.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    cloud::{
        ec2::{Ec2, Filter, RouteTable, SecurityGroup, Subnet, Vpc},
        fault::Fault,
        selection::{self, Candidate, matches, matching, needs_read, plain_ids},
        selectors::{SecurityGroupTerm, Term, VpcTerm},
    },
    engine::failure::{Class, Failure},
};

use super::spec::{EndpointType, Field, VpcEndpointSpec, VpcEndpointStatus};

const VPC: &str = "spec.vpc";
const SUBNETS: &str = "spec.subnets";
const SECURITY_GROUPS: &str = "spec.securityGroups";
const ROUTE_TABLES: &str = "spec.routeTables";

/// What the terms of a spec select. An absent list is one that the spec does not give.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Selection {
    /// VPC id.
    pub vpc: String,
    /// Subnet ids, with their zones where a read told them.
    pub subnets: Option<BTreeMap<String, Option<String>>>,
    /// Subnets that match and are not chosen, because another one of their zone is.
    pub unused_subnets: BTreeSet<String>,
    /// Security group ids, with their names where a read told them.
    pub security_groups: Option<BTreeMap<String, Option<String>>>,
    /// Route table ids.
    pub route_tables: Option<BTreeSet<String>>,
}

/// What a spec refers to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resolved {
    /// What the terms select.
    pub selection: Selection,
    /// The VPC's default security group, looked up only when the endpoint has to go back to it.
    pub default_security_group: Option<String>,
}

/// What to choose from.
#[derive(Clone, Debug, Default)]
pub struct Candidates {
    /// VPCs.
    pub vpcs: Vec<Vpc>,
    /// Subnets.
    pub subnets: Vec<Subnet>,
    /// Security groups.
    pub security_groups: Vec<SecurityGroup>,
    /// Route tables.
    pub route_tables: Vec<RouteTable>,
}

/// Reads what the spec refers to. A selection that has lost something which the status has is read twice, since
/// one incomplete answer could otherwise cut an endpoint off.
pub async fn resolve(ec2: &dyn Ec2, spec: &VpcEndpointSpec, status: &VpcEndpointStatus) -> Result<Resolved, Failure> {
    let selection = read(ec2, spec, status).await?;
    if shrinks(&selection, status) && read(ec2, spec, status).await? != selection {
        return Err(Failure::new(
            Class::Transient,
            "SelectionUnstable",
            "two reads of what the terms select differ; the endpoint is left as it is until two agree",
        ));
    }
    let default_security_group = if falls_back_to_default_group(spec, status) {
        default_security_group(ec2, &selection.vpc).await?
    } else {
        None
    };
    Ok(Resolved { selection, default_security_group })
}

/// Chooses from candidates; for subnets, the ones that the status has are preferred within their zone.
pub fn choose(
    spec: &VpcEndpointSpec,
    status: &VpcEndpointStatus,
    candidates: &Candidates,
) -> Result<Selection, Failure> {
    let mut selection = Selection { vpc: choose_vpc(&spec.vpc, &candidates.vpcs)?, ..Selection::default() };
    let configured: BTreeSet<_> =
        spec.subnet_configurations.iter().flatten().map(|item| item.subnet_id.as_str()).collect();
    match &spec.subnets {
        None if configured.is_empty() => {}
        None => selection.subnets = Some(configured.into_iter().map(|id| (id.to_owned(), None)).collect()),
        Some(terms) => {
            if let Some(ids) = plain_ids(terms) {
                selection.subnets = Some(ids.into_iter().map(|id| (id, None)).collect());
            } else {
                let current: BTreeSet<_> = status.subnets.iter().map(|subnet| subnet.id.as_str()).collect();
                let matching = matching(SUBNETS, terms, Some(&selection.vpc), &candidates.subnets)?;
                let (chosen, unused) = one_of_each_zone(&matching, &configured, &current);
                selection.subnets = Some(chosen);
                selection.unused_subnets = unused;
            }
        }
    }
    if let Some(terms) = &spec.security_groups {
        selection.security_groups = Some(match plain_ids(terms) {
            Some(ids) => ids.into_iter().map(|id| (id, None)).collect(),
            None => matching(SECURITY_GROUPS, terms, Some(&selection.vpc), &candidates.security_groups)?
                .into_iter()
                .map(|group| (group.id.clone(), Some(group.name.clone())))
                .collect(),
        });
    }
    if let Some(terms) = &spec.route_tables {
        selection.route_tables = Some(match plain_ids(terms) {
            Some(ids) => ids,
            None => matching(ROUTE_TABLES, terms, Some(&selection.vpc), &candidates.route_tables)?
                .into_iter()
                .map(|table| table.id.clone())
                .collect(),
        });
    }
    Ok(selection)
}

async fn read(ec2: &dyn Ec2, spec: &VpcEndpointSpec, status: &VpcEndpointStatus) -> Result<Selection, Failure> {
    let mut candidates = Candidates::default();
    if spec.vpc.id.is_none() {
        candidates.vpcs = ec2.vpcs(&spec.vpc.filters()).await.map_err(|fault| Failure::from(fault).at(VPC))?;
    }
    let vpc = choose_vpc(&spec.vpc, &candidates.vpcs)?;
    candidates.subnets =
        read_terms(SUBNETS, spec.subnets.as_deref(), &vpc, |filters| async move { ec2.subnets(&filters).await })
            .await?;
    candidates.security_groups =
        read_terms(SECURITY_GROUPS, spec.security_groups.as_deref(), &vpc, |filters| async move {
            ec2.security_groups(&filters).await
        })
        .await?;
    candidates.route_tables = read_terms(ROUTE_TABLES, spec.route_tables.as_deref(), &vpc, |filters| async move {
        ec2.route_tables(&filters).await
    })
    .await?;
    choose(spec, status, &candidates)
}

/// No call at all for a list of plain ids.
async fn read_terms<T: Term, C: Candidate, F>(
    field: &str,
    terms: Option<&[T]>,
    vpc: &str,
    describe: impl Fn(Vec<Filter>) -> F,
) -> Result<Vec<C>, Failure>
where
    F: Future<Output = Result<Vec<C>, Fault>>,
{
    let terms = terms.filter(|_| needs_read(terms)).unwrap_or_default();
    selection::read(field, terms, Some(vpc), describe).await
}

fn shrinks(selection: &Selection, status: &VpcEndpointStatus) -> bool {
    let lacks_subnet = |chosen: &BTreeMap<_, _>| status.subnets.iter().any(|subnet| !chosen.contains_key(&subnet.id));
    let lacks_group =
        |chosen: &BTreeMap<_, _>| status.security_groups.iter().any(|group| !chosen.contains_key(&group.id));
    let lacks_table = |chosen: &BTreeSet<_>| status.route_tables.iter().any(|table| !chosen.contains(table));
    selection.subnets.as_ref().is_some_and(lacks_subnet)
        || selection.security_groups.as_ref().is_some_and(lacks_group)
        || selection.route_tables.as_ref().is_some_and(lacks_table)
}

fn falls_back_to_default_group(spec: &VpcEndpointSpec, status: &VpcEndpointStatus) -> bool {
    !matches!(spec.endpoint_type, EndpointType::Gateway | EndpointType::GatewayLoadBalancer)
        && spec.security_groups.is_none()
        && status.applied_fields.contains(&Field::SecurityGroups)
}

async fn default_security_group(ec2: &dyn Ec2, vpc: &str) -> Result<Option<String>, Failure> {
    let terms = [SecurityGroupTerm { name: Some("default".to_owned()), ..SecurityGroupTerm::default() }];
    let groups: Vec<SecurityGroup> =
        read_terms(
            SECURITY_GROUPS,
            Some(&terms[..]),
            vpc,
            |filters| async move { ec2.security_groups(&filters).await },
        )
        .await?;
    Ok(groups.into_iter().next().map(|group| group.id))
}

fn choose_vpc(term: &VpcTerm, candidates: &[Vpc]) -> Result<String, Failure> {
    if let Some(id) = &term.id {
        return Ok(id.clone());
    }
    let ids: BTreeSet<_> = matches(term, candidates).map(|vpc| vpc.id.as_str()).collect();
    match Vec::from_iter(ids)[..] {
        [id] => Ok(id.to_owned()),
        [] => Err(Failure::terminal(
            Vpc::NONE_MATCHED,
            format!("no VPC of this account and region matches {}", term.describe()),
        )
        .at(VPC)),
        ref several => Err(Failure::terminal(
            "AmbiguousVpc",
            format!("{} match {}; it must be exactly one", several.join(", "), term.describe()),
        )
        .at(VPC)),
    }
}

/// AWS takes one subnet of a zone: the one with fixed addresses, else the current one, else the first. Returns the
/// chosen and the others.
fn one_of_each_zone(
    subnets: &[&Subnet],
    configured: &BTreeSet<&str>,
    current: &BTreeSet<&str>,
) -> (BTreeMap<String, Option<String>>, BTreeSet<String>) {
    let rank = |subnet: &Subnet| (!configured.contains(subnet.id.as_str()), !current.contains(subnet.id.as_str()));
    let mut by_zone: BTreeMap<&str, &Subnet> = BTreeMap::new();
    for subnet in subnets {
        let chosen = by_zone.entry(&subnet.zone).or_insert(subnet);
        if rank(subnet) < rank(chosen) {
            *chosen = subnet;
        }
    }
    let chosen: BTreeMap<_, _> =
        by_zone.into_iter().map(|(zone, subnet)| (subnet.id.clone(), Some(zone.to_owned()))).collect();
    let unused = subnets.iter().map(|subnet| subnet.id.clone()).filter(|id| !chosen.contains_key(id)).collect();
    (chosen, unused)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::cloud::ownership::Tags;

    use super::{
        super::{fixtures::object, spec::SubnetStatus},
        *,
    };

    fn tags(name: &str) -> Tags {
        Tags::from([("Name".to_owned(), name.to_owned())])
    }

    fn candidates() -> Candidates {
        let vpc = |id: &str, name: &str| Vpc { id: id.into(), tags: tags(name) };
        let subnet = |id: &str, vpc: &str, zone: &str, name: &str| Subnet {
            id: id.into(),
            vpc_id: vpc.into(),
            zone: zone.into(),
            tags: tags(name),
        };
        Candidates {
            vpcs: vec![vpc("vpc-1", "demo"), vpc("vpc-2", "twin"), vpc("vpc-3", "twin")],
            subnets: vec![
                subnet("subnet-2", "vpc-1", "1a", "app"),
                subnet("subnet-1", "vpc-1", "1a", "app"),
                subnet("subnet-3", "vpc-1", "1c", "app"),
                subnet("subnet-4", "vpc-2", "1d", "app"),
                subnet("subnet-5", "vpc-1", "1d", "db"),
            ],
            security_groups: vec![
                SecurityGroup { id: "sg-1".into(), name: "web".into(), vpc_id: "vpc-1".into(), ..Default::default() },
                SecurityGroup { id: "sg-2".into(), name: "web".into(), vpc_id: "vpc-2".into(), ..Default::default() },
            ],
            route_tables: vec![RouteTable { id: "rtb-1".into(), vpc_id: "vpc-1".into(), tags: tags("main") }],
        }
    }

    fn chosen(spec: Value, current: &[&str]) -> Result<Selection, Failure> {
        let subnet = |id: &&str| SubnetStatus { id: (*id).to_owned(), zone: None };
        let status =
            VpcEndpointStatus { subnets: current.iter().map(subnet).collect(), ..VpcEndpointStatus::default() };
        choose(&object(spec).spec, &status, &candidates())
    }

    fn subnets(selection: &Selection) -> Vec<&str> {
        selection.subnets.iter().flatten().map(|(id, _)| id.as_str()).collect()
    }

    #[test]
    fn one_subnet_of_each_zone_and_the_current_one_stays() {
        let by_name = |name: &str| json!({ "subnets": [{ "tags": { "Name": name } }] });
        for (current, expected, unused) in [
            (&[][..], ["subnet-1", "subnet-3"], "subnet-2"),
            (&["subnet-2"], ["subnet-2", "subnet-3"], "subnet-1"),
            (&["subnet-1"], ["subnet-1", "subnet-3"], "subnet-2"),
            (&["subnet-5"], ["subnet-1", "subnet-3"], "subnet-2"),
        ] {
            let selection = chosen(by_name("app"), current).unwrap();
            assert_eq!(subnets(&selection), expected, "{current:?}");
            assert_eq!(selection.unused_subnets, BTreeSet::from([unused.to_owned()]));
            let again = chosen(by_name("app"), &subnets(&selection)).unwrap();
            assert_eq!(again, selection, "a choice once made is kept");
        }
        assert_eq!(subnets(&chosen(by_name("*"), &[]).unwrap()), ["subnet-1", "subnet-3", "subnet-5"]);
    }

    #[test]
    fn a_subnet_with_fixed_addresses_goes_first() {
        let fixed = json!([{ "subnetId": "subnet-2", "ipv4": "10.0.0.4" }]);
        let selected = json!({ "subnets": [{ "tags": { "Name": "app" } }], "subnetConfigurations": fixed });
        for current in [&[][..], &["subnet-1"]] {
            assert_eq!(subnets(&chosen(selected.clone(), current).unwrap()), ["subnet-2", "subnet-3"]);
        }
        assert_eq!(subnets(&chosen(json!({ "subnetConfigurations": fixed }), &[]).unwrap()), ["subnet-2"]);
    }

    #[test]
    fn terms_are_ored_within_the_vpc() {
        let terms = json!([{ "tags": { "Name": "db" } }, { "id": "subnet-3" }, { "tags": { "Name": "nothing" } }]);
        assert_eq!(subnets(&chosen(json!({ "subnets": terms }), &[]).unwrap()), ["subnet-3", "subnet-5"]);
        let groups = chosen(json!({ "securityGroups": [{ "name": "web" }] }), &[]).unwrap().security_groups;
        assert_eq!(groups, Some(BTreeMap::from([("sg-1".to_owned(), Some("web".to_owned()))])));
        let tables = json!({ "type": "Gateway", "vpc": { "tags": { "Name": "demo" } }, "routeTables": [{ "tags": { "Name": "*" } }] });
        let selection = chosen(tables, &[]).unwrap();
        assert_eq!(
            (selection.vpc.as_str(), selection.route_tables),
            ("vpc-1", Some(BTreeSet::from(["rtb-1".to_owned()])))
        );
    }

    #[test]
    fn plain_ids_are_taken_as_they_are_and_absent_is_not_none() {
        let selection = chosen(json!({ "subnets": [{ "id": "subnet-99" }, { "id": "subnet-98" }] }), &[]).unwrap();
        assert_eq!(subnets(&selection), ["subnet-98", "subnet-99"]);
        assert_eq!(chosen(json!({ "subnets": [] }), &[]).unwrap().subnets, Some(BTreeMap::new()));
        assert_eq!(chosen(json!({}), &[]).unwrap().subnets, None);
    }

    #[test]
    fn failures_name_field_and_term() {
        let nowhere = json!([{ "tags": { "Name": "nowhere" } }]);
        for (spec, reason, texts) in [
            (
                json!({ "subnets": nowhere }),
                "NoSubnetMatched",
                ["spec.subnets: no subnet of vpc-1", "tags {Name: nowhere}"],
            ),
            (
                json!({ "subnets": [{ "id": "subnet-9" }, { "tags": { "Name": "db" } }] }),
                "NoSubnetMatched",
                ["spec.subnets: no subnet of vpc-1", "id subnet-9"],
            ),
            (
                json!({ "securityGroups": [{ "name": "x" }] }),
                "NoSecurityGroupMatched",
                ["spec.securityGroups: ", "name x"],
            ),
            (
                json!({ "type": "Gateway", "routeTables": nowhere }),
                "NoRouteTableMatched",
                ["spec.routeTables: ", "nowhere"],
            ),
            (json!({ "vpc": { "tags": { "Name": "nowhere" } } }), "NoVpcMatched", ["spec.vpc: ", "nowhere"]),
            (json!({ "vpc": { "tags": { "Name": "twin" } } }), "AmbiguousVpc", ["spec.vpc: ", "vpc-2, vpc-3"]),
        ] {
            let failure = chosen(spec, &[]).unwrap_err();
            assert_eq!((failure.reason.as_str(), failure.class), (reason, Class::Terminal));
            assert!(texts.iter().all(|text| failure.message.contains(text)), "{failure}");
        }
    }

    #[test]
    fn what_is_lost_is_noticed() {
        let status = VpcEndpointStatus {
            subnets: vec![SubnetStatus { id: "subnet-1".into(), zone: None }],
            route_tables: vec!["rtb-1".into()],
            ..VpcEndpointStatus::default()
        };
        let subnets = |ids: &[&str]| Selection {
            subnets: Some(ids.iter().map(|id| ((*id).to_owned(), None)).collect()),
            ..Selection::default()
        };
        assert!(shrinks(&subnets(&[]), &status));
        assert!(shrinks(&subnets(&["subnet-2"]), &status));
        assert!(!shrinks(&subnets(&["subnet-1", "subnet-2"]), &status));
        assert!(!shrinks(&Selection::default(), &status), "an absent list asks for nothing");
        let tables = Selection { route_tables: Some(BTreeSet::new()), ..Selection::default() };
        assert!(shrinks(&tables, &status));
    }
}
