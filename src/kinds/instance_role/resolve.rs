//! What the spec refers to: managed policies by name, and instances by terms.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::try_join_all;

use crate::{
    cloud::{
        Aws,
        ec2::{Ec2, Filter, Instance, ProfileAssociation},
        ownership,
        selectors::{InstanceTerm, Term},
    },
    engine::{failure::Failure, kind::Subject},
};

use super::{
    names::Names,
    spec::{InstanceRole, OnConflict, ResolvedPolicy},
};

/// States in which an instance can carry an instance profile. `shutting-down` and `terminated` ones are gone.
const THERE: [&str; 4] = ["pending", "running", "stopping", "stopped"];
/// States of an association that holds an instance's only place.
const HOLDING: [&str; 3] = ["associating", "associated", "disassociating"];

/// What references and selectors came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resolved {
    /// What the entries of `managedPolicies` came to.
    pub managed_policies: Option<Vec<ResolvedPolicy>>,
    /// What `instances` selects.
    pub instances: Option<Selection>,
}

/// What the terms of `instances` came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selection {
    /// By id.
    pub instances: BTreeMap<String, Instance>,
    /// Terms that match nothing.
    pub unmatched: Unmatched,
    /// With `onConflict: Replace`: whose the other profiles on these instances are, by ARN.
    pub profile_owners: BTreeMap<String, ProfileOwner>,
}

/// Terms that match nothing, in words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Unmatched {
    /// By id: there is no such instance.
    pub ids: Vec<String>,
    /// By tags: instances that carry them may come.
    pub tags: Vec<String>,
}

impl Unmatched {
    /// All of them.
    pub fn all(&self) -> Vec<String> {
        [self.ids.as_slice(), &self.tags].concat()
    }
}

/// Whose an instance profile is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ProfileOwner {
    /// Nobody's who tagged it as an operator does.
    Untagged,
    /// Another object's, `namespace/name`.
    Object(String),
}

/// Looks both up. Fails terminally for a policy name that is unknown or ambiguous; terms that match nothing are
/// no failure, because the rest of the role does not depend on them.
pub async fn resolve(cloud: &Aws, subject: &Subject<InstanceRole>, object: &InstanceRole) -> Result<Resolved, Failure> {
    let (managed_policies, instances) =
        futures::try_join!(managed_policies(cloud, object), instances(cloud, subject, object))?;
    Ok(Resolved { managed_policies, instances })
}

async fn managed_policies(cloud: &Aws, object: &InstanceRole) -> Result<Option<Vec<ResolvedPolicy>>, Failure> {
    let Some(given) = &object.spec.managed_policies else { return Ok(None) };
    let mut resolved = Vec::new();
    for policy in given {
        let arn = if policy.starts_with("arn:") {
            policy.clone()
        } else {
            cloud.managed_policies.arn(policy).await.map_err(|failure| failure.at("spec.managedPolicies"))?
        };
        resolved.push(ResolvedPolicy { policy: policy.clone(), arn });
    }
    Ok(Some(resolved))
}

async fn instances(
    cloud: &Aws,
    subject: &Subject<InstanceRole>,
    object: &InstanceRole,
) -> Result<Option<Selection>, Failure> {
    let Some(terms) = &object.spec.instances else { return Ok(None) };
    let mut instances = matching(&*cloud.ec2, terms).await?;
    if subject.status.associations_made.iter().any(|id| !instances.contains_key(id)) {
        // One read may lack an instance that is there; only what two reads lack is deselected.
        instances.extend(matching(&*cloud.ec2, terms).await?);
    }
    let profile_owners = match object.spec.on_conflict {
        Some(OnConflict::Replace) => profile_owners(cloud, &Names::of(subject).profile, &instances).await?,
        _ => BTreeMap::new(),
    };
    Ok(Some(Selection { unmatched: unmatched(terms, &instances), instances, profile_owners }))
}

/// The instances that are there and match a term: one read for all ids and one for each term of tags.
pub async fn matching(ec2: &dyn Ec2, terms: &[InstanceTerm]) -> Result<BTreeMap<String, Instance>, Failure> {
    let reads = try_join_all(queries(terms)?.into_iter().map(async |filters| ec2.instances(&filters).await)).await?;
    Ok(selected(terms, reads.into_iter().flatten()))
}

fn queries(terms: &[InstanceTerm]) -> Result<Vec<Vec<Filter>>, Failure> {
    if terms.iter().any(|term| term.filters().is_empty()) {
        return Err(Failure::terminal("InvalidSpec", "spec.instances: a term has exactly one of id and tags"));
    }
    let ids: Vec<String> = terms.iter().filter_map(|term| term.id.clone()).collect();
    let by_id = (!ids.is_empty()).then(|| vec![Filter { name: InstanceTerm::ID_FILTER.to_owned(), values: ids }]);
    let by_tags = terms.iter().filter(|term| term.id.is_none()).map(Term::filters);
    let there = Filter { name: "instance-state-name".to_owned(), values: THERE.map(str::to_owned).to_vec() };
    Ok(by_id.into_iter().chain(by_tags).map(|filters| [filters, vec![there.clone()]].concat()).collect())
}

/// Those of the instances that are there and match a term, by id.
pub fn selected(terms: &[InstanceTerm], all: impl IntoIterator<Item = Instance>) -> BTreeMap<String, Instance> {
    all.into_iter()
        .filter(|instance| THERE.contains(&instance.state.as_str()))
        .filter(|instance| terms.iter().any(|term| matches(term, instance)))
        .map(|instance| (instance.id.clone(), instance))
        .collect()
}

fn matches(term: &InstanceTerm, instance: &Instance) -> bool {
    term.matches(&instance.id, "", &instance.tags)
}

fn unmatched(terms: &[InstanceTerm], instances: &BTreeMap<String, Instance>) -> Unmatched {
    let nothing = |term: &&InstanceTerm| !instances.values().any(|instance| matches(term, instance));
    let (ids, tags): (Vec<_>, Vec<_>) = terms.iter().filter(nothing).partition(|term| term.id.is_some());
    let words = |terms: Vec<&InstanceTerm>| terms.into_iter().map(Term::describe).collect();
    Unmatched { ids: words(ids), tags: words(tags) }
}

/// All associations that hold a place.
pub async fn associations(ec2: &dyn Ec2) -> Result<Vec<ProfileAssociation>, Failure> {
    let holding = Filter { name: "state".to_owned(), values: HOLDING.map(str::to_owned).to_vec() };
    let all = ec2.profile_associations(&[holding]).await?;
    Ok(all.into_iter().filter(|association| HOLDING.contains(&association.state.as_str())).collect())
}

async fn profile_owners(
    cloud: &Aws,
    ours: &str,
    instances: &BTreeMap<String, Instance>,
) -> Result<BTreeMap<String, ProfileOwner>, Failure> {
    let others: BTreeSet<String> = associations(&*cloud.ec2)
        .await?
        .into_iter()
        .filter(|association| instances.contains_key(&association.instance_id))
        .map(|association| association.profile_arn)
        .filter(|arn| profile_name(arn) != ours)
        .collect();
    let mut owners = BTreeMap::new();
    for arn in others {
        let profile = cloud.iam.instance_profile(profile_name(&arn)).await?;
        let owner = profile.and_then(|mut profile| profile.tags.remove(ownership::OWNER));
        owners.insert(arn, owner.map_or(ProfileOwner::Untagged, ProfileOwner::Object));
    }
    Ok(owners)
}

/// The name in an instance profile's ARN.
pub fn profile_name(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(id: &str) -> InstanceTerm {
        InstanceTerm { id: Some(id.into()), tags: None }
    }

    fn tag(key: &str, value: &str) -> InstanceTerm {
        InstanceTerm { id: None, tags: Some([(key.into(), value.into())].into()) }
    }

    fn instance(id: &str, state: &str, name: &str) -> Instance {
        Instance { id: id.into(), state: state.into(), tags: [("Name".into(), name.into())].into() }
    }

    #[test]
    fn ids_share_a_query_and_tags_have_their_own() {
        let queries = queries(&[id("i-1"), tag("Name", "web"), id("i-2"), tag("Team", "*")]).unwrap();
        let first: Vec<_> = queries.iter().map(|filters| filters[0].clone()).collect();
        assert_eq!(
            first,
            [
                Filter { name: "instance-id".into(), values: vec!["i-1".into(), "i-2".into()] },
                Filter::new("tag:Name", "web"),
                Filter::new("tag-key", "Team"),
            ]
        );
        assert!(queries.iter().all(|filters| filters[1].name == "instance-state-name"));
    }

    #[test]
    fn an_empty_term_never_selects_all() {
        assert_eq!(queries(&[InstanceTerm::default()]).unwrap_err().reason, "InvalidSpec");
        assert!(queries(&[]).unwrap().is_empty());
        assert!(selected(&[], [instance("i-1", "running", "web")]).is_empty());
    }

    #[test]
    fn gone_instances_are_not_selected() {
        let terms = [tag("Name", "web"), id("i-9")];
        let all = [
            instance("i-1", "running", "web"),
            instance("i-2", "stopped", "web"),
            instance("i-3", "terminated", "web"),
            instance("i-4", "shutting-down", "web"),
            instance("i-5", "running", "db"),
        ];
        let found = selected(&terms, all);
        assert_eq!(found.keys().collect::<Vec<_>>(), ["i-1", "i-2"]);
        assert_eq!(unmatched(&terms, &found), Unmatched { ids: vec!["id i-9".into()], tags: vec![] });
    }
}
