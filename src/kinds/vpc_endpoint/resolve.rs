//! Selector terms to ids. What is read differs between a pass and a sweep; how it is chosen from does not.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    cloud::{
        ec2::{Ec2, Filter, RouteTable, SecurityGroup, Subnet, Vpc},
        fault::Fault,
        ownership::Tags,
        selectors::{SecurityGroupTerm, Term, VpcTerm},
    },
    engine::failure::{Class, Failure},
};

use super::spec::{EndpointType, Field, VpcEndpointSpec, VpcEndpointStatus};

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
    if let Some(terms) = &spec.subnets {
        if let Some(ids) = plain_ids(terms) {
            selection.subnets = Some(ids.into_iter().map(|id| (id, None)).collect());
        } else {
            let current: BTreeSet<_> = status.subnets.iter().map(|subnet| subnet.id.as_str()).collect();
            let matching = matching(terms, &selection.vpc, &candidates.subnets)?;
            let (chosen, unused) = one_of_each_zone(&matching, &current);
            selection.subnets = Some(chosen);
            selection.unused_subnets = unused;
        }
    }
    if let Some(terms) = &spec.security_groups {
        selection.security_groups = Some(match plain_ids(terms) {
            Some(ids) => ids.into_iter().map(|id| (id, None)).collect(),
            None => matching(terms, &selection.vpc, &candidates.security_groups)?
                .into_iter()
                .map(|group| (group.id.clone(), Some(group.name.clone())))
                .collect(),
        });
    }
    if let Some(terms) = &spec.route_tables {
        selection.route_tables = Some(match plain_ids(terms) {
            Some(ids) => ids,
            None => matching(terms, &selection.vpc, &candidates.route_tables)?
                .into_iter()
                .map(|table| table.id.clone())
                .collect(),
        });
    }
    Ok(selection)
}

/// Whether a list of terms can only be resolved by a read.
pub fn needs_read<T: Term>(terms: Option<&[T]>) -> bool {
    terms.is_some_and(|terms| plain_ids(terms).is_none())
}

async fn read(ec2: &dyn Ec2, spec: &VpcEndpointSpec, status: &VpcEndpointStatus) -> Result<Selection, Failure> {
    let mut candidates = Candidates::default();
    if spec.vpc.id.is_none() {
        candidates.vpcs = ec2.vpcs(&spec.vpc.filters()).await.map_err(|fault| at(Vpc::FIELD, fault))?;
    }
    let vpc = choose_vpc(&spec.vpc, &candidates.vpcs)?;
    candidates.subnets =
        read_terms(spec.subnets.as_deref(), &vpc, |filters| async move { ec2.subnets(&filters).await }).await?;
    candidates.security_groups =
        read_terms(spec.security_groups.as_deref(), &vpc, |filters| async move { ec2.security_groups(&filters).await })
            .await?;
    candidates.route_tables =
        read_terms(spec.route_tables.as_deref(), &vpc, |filters| async move { ec2.route_tables(&filters).await })
            .await?;
    choose(spec, status, &candidates)
}

/// One Describe call for each term; none at all for a list of plain ids.
async fn read_terms<T: Term, C: Candidate, F>(
    terms: Option<&[T]>,
    vpc: &str,
    describe: impl Fn(Vec<Filter>) -> F,
) -> Result<Vec<C>, Failure>
where
    F: Future<Output = Result<Vec<C>, Fault>>,
{
    let mut found = Vec::new();
    for term in terms.filter(|_| needs_read(terms)).unwrap_or_default() {
        let mut filters = term.filters();
        filters.push(Filter::new("vpc-id", vpc));
        found.extend(describe(filters).await.map_err(|fault| at(C::FIELD, fault))?);
    }
    Ok(found)
}

fn at(field: &str, fault: Fault) -> Failure {
    Failure::from(fault).at(field)
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
    spec.endpoint_type == EndpointType::Interface
        && spec.security_groups.is_none()
        && status.applied_fields.contains(&Field::SecurityGroups)
}

async fn default_security_group(ec2: &dyn Ec2, vpc: &str) -> Result<Option<String>, Failure> {
    let terms = [SecurityGroupTerm { name: Some("default".to_owned()), ..SecurityGroupTerm::default() }];
    let groups: Vec<SecurityGroup> =
        read_terms(Some(&terms[..]), vpc, |filters| async move { ec2.security_groups(&filters).await }).await?;
    Ok(groups.into_iter().next().map(|group| group.id))
}

/// Something that a term can select.
trait Candidate {
    /// The field with the terms.
    const FIELD: &'static str;
    /// What it is, in words.
    const WHAT: &'static str;
    /// The reason of a failure to find any.
    const NONE_MATCHED: &'static str;

    fn id(&self) -> &str;
    fn name(&self) -> &str {
        ""
    }
    fn vpc(&self) -> &str;
    fn tags(&self) -> &Tags;
}

macro_rules! candidate {
    ($type:ty, $field:literal, $what:literal, $none:literal, $vpc:ident $(, $name:ident)?) => {
        impl Candidate for $type {
            const FIELD: &'static str = $field;
            const WHAT: &'static str = $what;
            const NONE_MATCHED: &'static str = $none;

            fn id(&self) -> &str {
                &self.id
            }
            $(fn name(&self) -> &str {
                &self.$name
            })?
            fn vpc(&self) -> &str {
                &self.$vpc
            }
            fn tags(&self) -> &Tags {
                &self.tags
            }
        }
    };
}

candidate!(Vpc, "spec.vpc", "VPC", "NoVpcMatched", id);
candidate!(Subnet, "spec.subnets", "subnet", "NoSubnetMatched", vpc_id);
candidate!(SecurityGroup, "spec.securityGroups", "security group", "NoSecurityGroupMatched", vpc_id, name);
candidate!(RouteTable, "spec.routeTables", "route table", "NoRouteTableMatched", vpc_id);

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
        .at(Vpc::FIELD)),
        ref several => Err(Failure::terminal(
            "AmbiguousVpc",
            format!("{} match {}; it must be exactly one", several.join(", "), term.describe()),
        )
        .at(Vpc::FIELD)),
    }
}

fn matches<'a, T: Term, C: Candidate>(term: &T, candidates: &'a [C]) -> impl Iterator<Item = &'a C> {
    candidates.iter().filter(move |c| term.matches(c.id(), c.name(), c.tags()))
}

/// All that some term selects in the VPC, by id. It is a failure when nothing is, and when an id is not found.
fn matching<'a, T: Term, C: Candidate>(terms: &[T], vpc: &str, candidates: &'a [C]) -> Result<Vec<&'a C>, Failure> {
    let mut found = BTreeMap::new();
    for term in terms {
        let mut missing = term.id().is_some();
        for candidate in matches(term, candidates).filter(|candidate| candidate.vpc() == vpc) {
            missing = false;
            found.insert(candidate.id(), candidate);
        }
        if missing {
            return Err(none_matched::<C>(vpc, &term.describe()));
        }
    }
    if found.is_empty() {
        let terms: Vec<_> = terms.iter().map(Term::describe).collect();
        return Err(none_matched::<C>(vpc, &terms.join(", or ")));
    }
    Ok(found.into_values().collect())
}

fn none_matched<C: Candidate>(vpc: &str, terms: &str) -> Failure {
    Failure::terminal(C::NONE_MATCHED, format!("no {} of {vpc} matches {terms}", C::WHAT)).at(C::FIELD)
}

/// The ids, if there is nothing else in the list.
fn plain_ids<T: Term>(terms: &[T]) -> Option<BTreeSet<String>> {
    terms.iter().map(|term| term.id().map(str::to_owned)).collect()
}

/// AWS takes one subnet of a zone: the current one, else the first. Returns the chosen and the others.
fn one_of_each_zone(
    subnets: &[&Subnet],
    current: &BTreeSet<&str>,
) -> (BTreeMap<String, Option<String>>, BTreeSet<String>) {
    let mut by_zone: BTreeMap<&str, &Subnet> = BTreeMap::new();
    for subnet in subnets {
        let chosen = by_zone.entry(&subnet.zone).or_insert(subnet);
        if current.contains(subnet.id.as_str()) && !current.contains(chosen.id.as_str()) {
            *chosen = subnet;
        }
    }
    let chosen: BTreeMap<_, _> =
        by_zone.into_iter().map(|(zone, subnet)| (subnet.id.clone(), Some(zone.to_owned()))).collect();
    let unused = subnets.iter().map(|subnet| subnet.id.clone()).filter(|id| !chosen.contains_key(id)).collect();
    (chosen, unused)
}
