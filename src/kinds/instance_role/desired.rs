//! From spec and references to what AWS should hold, within the administrator's guardrails.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use crate::{
    cloud::{
        Aws,
        guardrails::{ALLOW_TAG, Guardrails, allows},
        ownership::{ClusterIdentity, Tags},
        policy::PolicyDocument,
    },
    engine::{failure::Failure, kind::Subject},
};

use super::{
    names::Names,
    resolve::{ProfileOwner, Resolved, Selection},
    spec::{ForeignPolicies, InstanceRole, InstanceRoleSpec, OnConflict},
    trust,
};

/// Characters of a trust policy without white space, at the highest that the quota can be raised to, and of
/// all inline policies of a role together:
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>.
const TRUST_LIMIT: usize = 4096;
const INLINE_LIMIT: usize = 10_240;
/// Of ours: what the status can record.
const INSTANCE_LIMIT: usize = 1000;

/// What AWS should hold. `None` in an optional aspect means that it is left as it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Desired {
    /// Name of the role.
    pub role: String,
    /// Its path.
    pub path: Path,
    /// Trust policy, JSON.
    pub trust: String,
    /// ARN of the permissions boundary.
    pub boundary: Option<String>,
    /// ARNs of managed policies.
    pub managed_policies: Option<BTreeSet<String>>,
    /// Inline policies, name to JSON.
    pub inline_policies: Option<BTreeMap<String, String>>,
    /// Whether policies that the spec's lists do not have stay.
    pub keep_foreign_policies: bool,
    /// The instance profile.
    pub profile: Option<Profile>,
    /// The instances to associate it with.
    pub instances: Option<Instances>,
    /// The spec's tags and the ownership tags.
    pub tags: Tags,
}

/// An instance profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// Its path.
    pub path: Path,
}

/// An IAM path, which can only be chosen at creation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// What to create it with.
    pub create: String,
    /// Whether the spec names it, so that no other will do.
    pub given: bool,
    /// What it must begin with in any case.
    pub prefix: String,
}

/// The selected instances.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Instances {
    /// Id to state.
    pub selected: BTreeMap<String, String>,
    /// Terms that match nothing, in words.
    pub unmatched: Vec<String>,
    /// Whether another instance profile is displaced, and then whose those are, by ARN.
    pub replace: Option<BTreeMap<String, ProfileOwner>>,
}

/// Why a spec cannot be had.
#[derive(Debug, Error, PartialEq, Eq)]
enum Invalid {
    #[error("{field}: {value} is not allowed; the operator's administrator forces {forced} (--permissions-boundary)")]
    Boundary { field: &'static str, value: String, forced: String },
    #[error("{field}: {path} does not begin with {prefix}, as the operator's --role-path-prefix asks")]
    Path { field: &'static str, path: String, prefix: String },
    #[error("spec.managedPolicies: {0} is not in the operator's --allowed-managed-policies")]
    ManagedPolicy(String),
    #[error("spec.onConflict: Replace needs the operator to run with --allow-profile-replace")]
    Replace,
    #[error(
        "spec.instances: {instances} lack the tag {ALLOW_TAG}={value}, which the operator's --require-allow-tag asks for"
    )]
    AllowTag { instances: String, value: String },
    #[error("{field}: {size} characters without white space; AWS allows {limit}")]
    TooLong { field: &'static str, size: usize, limit: usize },
    #[error("spec.inlinePolicies: the name {0} has characters other than letters, digits and +=,.@_-")]
    PolicyName(String),
    #[error("spec.tags: the keys {0} and {1} differ in case only, which IAM does not tell apart")]
    TagCase(String, String),
    #[error("spec.instances: the role has no instance profile; trust ec2.amazonaws.com or give spec.instanceProfile")]
    NoProfile,
    #[error("spec.instances: {0} instances are selected, and one object can have {INSTANCE_LIMIT}; narrow the terms")]
    TooManyInstances(usize),
}

impl From<Invalid> for Failure {
    fn from(invalid: Invalid) -> Self {
        let reason = match invalid {
            Invalid::Boundary { .. }
            | Invalid::Path { .. }
            | Invalid::ManagedPolicy(_)
            | Invalid::Replace
            | Invalid::AllowTag { .. } => "NotAllowed",
            Invalid::TooLong { .. }
            | Invalid::PolicyName(_)
            | Invalid::TagCase(..)
            | Invalid::NoProfile
            | Invalid::TooManyInstances(_) => "InvalidSpec",
        };
        Failure::terminal(reason, invalid.to_string())
    }
}

/// Checks the spec against the administrator's guardrails and IAM's limits. Fails terminally with `NotAllowed`
/// or `InvalidSpec`, naming the field.
pub fn desired(
    cloud: &Aws,
    subject: &Subject<InstanceRole>,
    object: &InstanceRole,
    resolved: Resolved,
) -> Result<Desired, Failure> {
    let spec = &object.spec;
    let guardrails = &cloud.guardrails;
    trust::check(spec.trust.as_ref(), &guardrails.allowed_trust_services)?;
    let names = Names::of(subject);
    let path = path("spec.path", spec.path.as_deref(), "/", guardrails)?;
    let profile = profile(spec, names.profile, &path, guardrails)?;
    if profile.is_none() && spec.instances.as_ref().is_some_and(|terms| !terms.is_empty()) {
        return Err(Invalid::NoProfile.into());
    }
    let allow_tag = allow_tag_value(&cloud.identity, subject);
    Ok(Desired {
        role: names.role,
        trust: trust_policy(spec)?,
        boundary: boundary(spec, guardrails)?,
        managed_policies: managed_policies(resolved.managed_policies, guardrails)?,
        inline_policies: spec.inline_policies.as_ref().map(inline_policies).transpose()?,
        keep_foreign_policies: spec.foreign_policies.unwrap_or_default() == ForeignPolicies::Keep,
        instances: resolved
            .instances
            .map(|selection| instances(spec, selection, guardrails, &allow_tag))
            .transpose()?,
        tags: tags(spec, cloud.owner(subject).tags())?,
        path,
        profile,
    })
}

/// The value of the tag that `--require-allow-tag` asks for.
pub fn allow_tag_value(cluster: &ClusterIdentity, subject: &Subject<InstanceRole>) -> String {
    format!("{}/{}", cluster.cluster_id, subject.namespace)
}

fn path(field: &'static str, given: Option<&str>, absent: &str, guardrails: &Guardrails) -> Result<Path, Invalid> {
    let prefix = guardrails.role_path_prefix.as_deref().unwrap_or("/");
    match given {
        Some(path) if !path.starts_with(prefix) => {
            Err(Invalid::Path { field, path: path.to_owned(), prefix: prefix.to_owned() })
        }
        Some(path) => Ok(Path { create: path.to_owned(), given: true, prefix: prefix.to_owned() }),
        None => {
            let create = if absent.starts_with(prefix) { absent } else { prefix };
            Ok(Path { create: format!("{}/", create.trim_end_matches('/')), given: false, prefix: prefix.to_owned() })
        }
    }
}

fn profile(
    spec: &InstanceRoleSpec,
    name: String,
    role_path: &Path,
    guardrails: &Guardrails,
) -> Result<Option<Profile>, Invalid> {
    if !trust::wants_profile(spec) {
        return Ok(None);
    }
    let given = spec.instance_profile.as_ref().and_then(|profile| profile.path.as_deref());
    let path = path("spec.instanceProfile.path", given, &role_path.create, guardrails)?;
    Ok(Some(Profile { name, path }))
}

fn trust_policy(spec: &InstanceRoleSpec) -> Result<String, Invalid> {
    let document = trust::document(spec.trust.as_ref());
    match size(&document) {
        size if size > TRUST_LIMIT => Err(Invalid::TooLong { field: "spec.trust", size, limit: TRUST_LIMIT }),
        _ => Ok(document),
    }
}

fn boundary(spec: &InstanceRoleSpec, guardrails: &Guardrails) -> Result<Option<String>, Invalid> {
    match (&spec.permissions_boundary, &guardrails.permissions_boundary) {
        (Some(given), Some(forced)) if given != forced => {
            Err(Invalid::Boundary { field: "spec.permissionsBoundary", value: given.clone(), forced: forced.clone() })
        }
        (_, Some(forced)) => Ok(Some(forced.clone())),
        (given, None) => Ok(given.clone()),
    }
}

fn managed_policies(
    arns: Option<BTreeSet<String>>,
    guardrails: &Guardrails,
) -> Result<Option<BTreeSet<String>>, Invalid> {
    match arns.iter().flatten().find(|arn| !allows(&guardrails.allowed_managed_policies, arn)) {
        Some(arn) => Err(Invalid::ManagedPolicy(arn.clone())),
        None => Ok(arns),
    }
}

fn inline_policies(documents: &BTreeMap<String, PolicyDocument>) -> Result<BTreeMap<String, String>, Invalid> {
    let in_name = |c: char| c.is_ascii_alphanumeric() || "+=,.@_-".contains(c);
    if let Some(name) = documents.keys().find(|name| !name.chars().all(in_name)) {
        return Err(Invalid::PolicyName(name.clone()));
    }
    let policies: BTreeMap<_, _> = documents.iter().map(|(name, policy)| (name.clone(), policy.to_json())).collect();
    match policies.values().map(|policy| size(policy)).sum() {
        size if size > INLINE_LIMIT => {
            Err(Invalid::TooLong { field: "spec.inlinePolicies", size, limit: INLINE_LIMIT })
        }
        _ => Ok(policies),
    }
}

/// AWS does not count white space.
fn size(document: &str) -> usize {
    document.chars().filter(|c| !c.is_whitespace()).count()
}

fn instances(
    spec: &InstanceRoleSpec,
    selection: Selection,
    guardrails: &Guardrails,
    allow_tag: &str,
) -> Result<Instances, Invalid> {
    let replace = spec.on_conflict == Some(OnConflict::Replace);
    if replace && !guardrails.allow_profile_replace {
        return Err(Invalid::Replace);
    }
    if selection.instances.len() > INSTANCE_LIMIT {
        return Err(Invalid::TooManyInstances(selection.instances.len()));
    }
    if guardrails.require_allow_tag {
        let all = selection.instances.values();
        let untagged = all.filter(|instance| instance.tags.get(ALLOW_TAG).is_none_or(|value| value != allow_tag));
        let ids: Vec<_> = untagged.map(|instance| instance.id.as_str()).take(5).collect();
        if !ids.is_empty() {
            return Err(Invalid::AllowTag { instances: ids.join(", "), value: allow_tag.to_owned() });
        }
    }
    Ok(Instances {
        selected: selection.instances.into_iter().map(|(id, instance)| (id, instance.state)).collect(),
        unmatched: selection.unmatched,
        replace: replace.then_some(selection.profile_owners),
    })
}

fn tags(spec: &InstanceRoleSpec, ownership: Tags) -> Result<Tags, Invalid> {
    let given = spec.common.tags.clone().unwrap_or_default();
    let mut by_lower_case = BTreeMap::new();
    for key in given.keys() {
        if let Some(other) = by_lower_case.insert(key.to_lowercase(), key) {
            return Err(Invalid::TagCase(other.clone(), key.clone()));
        }
    }
    Ok(given.into_iter().chain(ownership).collect())
}
