//! From spec and references to what AWS should hold, within the administrator's guardrails.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use crate::{
    cloud::{
        Aws,
        guardrails::{ALLOW_TAG, Guardrails, allow_tag_value, allows},
        ownership::Tags,
        policy::PolicyDocument,
    },
    engine::{failure::Failure, kind::Subject},
};

use super::{
    names::Names,
    resolve::{ProfileOwner, Resolved, Selection, Unmatched},
    spec::{ForeignPolicies, InstanceRole, InstanceRoleSpec, OnConflict, ResolvedPolicy},
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
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Desired {
    /// Name of the role.
    pub role: String,
    /// Its path.
    pub path: Path,
    /// Description.
    pub description: Option<String>,
    /// The longest session, in seconds.
    pub max_session_seconds: Option<i32>,
    /// Trust policy, JSON.
    pub trust: String,
    /// ARN of the permissions boundary.
    pub boundary: Option<String>,
    /// ARNs of managed policies.
    pub managed_policies: Option<BTreeSet<String>>,
    /// What the spec's entries came to, for the status.
    pub resolved_policies: Vec<ResolvedPolicy>,
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
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// Its path.
    pub path: Path,
}

/// An IAM path, which can only be chosen at creation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Path {
    /// What to create it with.
    pub create: String,
    /// Whether the spec names it, so that no other will do.
    pub given: bool,
    /// What it must begin with in any case.
    pub prefix: String,
}

/// The selected instances.
#[derive(Clone, Debug, Default, PartialEq, Hash)]
pub struct Instances {
    /// Id to state.
    pub selected: BTreeMap<String, String>,
    /// Terms that match nothing.
    pub unmatched: Unmatched,
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
    let limits = Limits {
        guardrails: &cloud.guardrails,
        allow_tag: allow_tag_value(&cloud.identity.cluster_id, &subject.namespace),
    };
    limits.apply(&object.spec, Names::of(subject), cloud.owner(subject).tags(), resolved)
}

/// What holds for all objects of a namespace.
struct Limits<'a> {
    guardrails: &'a Guardrails,
    allow_tag: String,
}

impl Limits<'_> {
    fn apply(
        &self,
        spec: &InstanceRoleSpec,
        names: Names,
        ownership: Tags,
        resolved: Resolved,
    ) -> Result<Desired, Failure> {
        trust::check(spec.trust.as_ref(), &self.guardrails.allowed_trust_services)?;
        let path = path("spec.path", spec.path.as_deref(), "/", self.guardrails)?;
        let profile = profile(spec, names.profile, &path, self.guardrails)?;
        if profile.is_none() && spec.instances.as_ref().is_some_and(|terms| !terms.is_empty()) {
            return Err(Invalid::NoProfile.into());
        }
        Ok(Desired {
            role: names.role,
            trust: trust_policy(spec)?,
            boundary: boundary(spec, self.guardrails)?,
            managed_policies: managed_policies(resolved.managed_policies.as_deref(), self.guardrails)?,
            resolved_policies: resolved.managed_policies.unwrap_or_default(),
            description: spec.description.clone(),
            max_session_seconds: spec.max_session_duration_seconds,
            inline_policies: spec.inline_policies.as_ref().map(inline_policies).transpose()?,
            keep_foreign_policies: spec.foreign_policies == Some(ForeignPolicies::Keep),
            instances: resolved.instances.map(|selection| self.instances(spec, selection)).transpose()?,
            tags: tags(spec, ownership)?,
            path,
            profile,
        })
    }

    fn instances(&self, spec: &InstanceRoleSpec, selection: Selection) -> Result<Instances, Invalid> {
        let replace = spec.on_conflict == Some(OnConflict::Replace);
        if replace && !self.guardrails.allow_profile_replace {
            return Err(Invalid::Replace);
        }
        if selection.instances.len() > INSTANCE_LIMIT {
            return Err(Invalid::TooManyInstances(selection.instances.len()));
        }
        if self.guardrails.require_allow_tag {
            let allowed = |tags: &Tags| tags.get(ALLOW_TAG) == Some(&self.allow_tag);
            let refused = selection.instances.values().filter(|instance| !allowed(&instance.tags));
            let ids: Vec<_> = refused.map(|instance| instance.id.as_str()).take(5).collect();
            if !ids.is_empty() {
                return Err(Invalid::AllowTag { instances: ids.join(", "), value: self.allow_tag.clone() });
            }
        }
        Ok(Instances {
            selected: selection.instances.into_iter().map(|(id, instance)| (id, instance.state)).collect(),
            unmatched: selection.unmatched,
            replace: replace.then_some(selection.profile_owners),
        })
    }
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
    resolved: Option<&[ResolvedPolicy]>,
    guardrails: &Guardrails,
) -> Result<Option<BTreeSet<String>>, Invalid> {
    let Some(resolved) = resolved else { return Ok(None) };
    match resolved.iter().find(|policy| !allows(&guardrails.allowed_managed_policies, &policy.arn)) {
        Some(policy) => Err(Invalid::ManagedPolicy(policy.arn.clone())),
        None => Ok(Some(resolved.iter().map(|policy| policy.arn.clone()).collect())),
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::cloud::ec2::Instance;

    const READ_ONLY: &str = "arn:aws:iam::aws:policy/ReadOnlyAccess";

    fn apply(spec: Value, guardrails: &Guardrails, resolved: Resolved) -> Result<Desired, Failure> {
        let spec: InstanceRoleSpec = serde_json::from_value(spec).unwrap();
        let names = Names { role: "r".into(), profile: "r".into() };
        let limits = Limits { guardrails, allow_tag: "c/ns".into() };
        limits.apply(&spec, names, [("privatelink.dev/owner".into(), "ns/r".into())].into(), resolved)
    }

    fn refused(spec: Value, guardrails: &Guardrails, resolved: Resolved) -> (String, String) {
        let failure = apply(spec, guardrails, resolved).unwrap_err();
        (failure.reason, failure.message)
    }

    fn resolved_policy(arn: &str) -> ResolvedPolicy {
        ResolvedPolicy { policy: arn.to_owned(), arn: arn.to_owned() }
    }

    fn one_instance(tags: &[(&str, &str)]) -> Resolved {
        let tags = tags.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let instance = Instance { id: "i-1".into(), state: "running".into(), tags };
        let instances = [("i-1".to_owned(), instance)].into();
        Resolved { instances: Some(Selection { instances, ..Selection::default() }), ..Resolved::default() }
    }

    #[test]
    fn an_empty_spec_is_a_role_for_ec2() {
        let desired = apply(json!({}), &Guardrails::default(), Resolved::default()).unwrap();
        let root = Path { create: "/".into(), given: false, prefix: "/".into() };
        assert_eq!(desired.trust, trust::document(None));
        assert_eq!(desired.profile, Some(Profile { name: "r".into(), path: root.clone() }));
        assert_eq!(desired.path, root);
        assert_eq!(
            (desired.boundary, desired.managed_policies, desired.inline_policies, desired.instances),
            (None, None, None, None),
            "what is absent is unmanaged"
        );
        assert_eq!(desired.tags.len(), 1);
    }

    #[test]
    fn guardrails_hold() {
        let none = Guardrails::default();
        let boundary = Guardrails { permissions_boundary: Some(READ_ONLY.into()), ..none.clone() };
        let prefix = Guardrails { role_path_prefix: Some("/app/".into()), ..none.clone() };
        let policies = Guardrails { allowed_managed_policies: vec!["*:policy/Read*".into()], ..none.clone() };
        let services = Guardrails { allowed_trust_services: vec!["lambda.amazonaws.com".into()], ..none.clone() };
        let allow_tag = Guardrails { require_allow_tag: true, ..none.clone() };
        let attach = |arn: &str| Resolved { managed_policies: Some(vec![resolved_policy(arn)]), ..Resolved::default() };
        let instances = json!([{ "id": "i-1" }]);
        for (spec, guardrails, resolved, field) in [
            (
                json!({ "permissionsBoundary": "arn:aws:iam::aws:policy/Other" }),
                &boundary,
                Resolved::default(),
                "spec.permissionsBoundary: ",
            ),
            (json!({ "path": "/other/" }), &prefix, Resolved::default(), "spec.path: "),
            (
                json!({ "path": "/app/x/", "instanceProfile": { "path": "/" } }),
                &prefix,
                Resolved::default(),
                "spec.instanceProfile.path: ",
            ),
            (json!({}), &policies, attach("arn:aws:iam::aws:policy/AdministratorAccess"), "spec.managedPolicies: "),
            (json!({}), &services, Resolved::default(), "spec.trust: "),
            (json!({ "instances": instances }), &allow_tag, one_instance(&[]), "spec.instances: i-1 "),
            (
                json!({ "instances": instances }),
                &allow_tag,
                one_instance(&[("privatelink.dev/allow", "c/other")]),
                "spec.instances: i-1 ",
            ),
            (json!({ "instances": instances, "onConflict": "Replace" }), &none, one_instance(&[]), "spec.onConflict: "),
        ] {
            let (reason, message) = refused(spec.clone(), guardrails, resolved);
            assert_eq!(reason, "NotAllowed", "{spec}");
            assert!(message.starts_with(field), "{message}");
        }
    }

    #[test]
    fn guardrails_let_through_and_fill_in() {
        let guardrails = Guardrails {
            permissions_boundary: Some(READ_ONLY.into()),
            role_path_prefix: Some("/app/".into()),
            allowed_managed_policies: vec!["*:policy/Read*".into()],
            allowed_trust_services: vec!["ec2.*".into()],
            allow_profile_replace: true,
            require_allow_tag: true,
            ..Guardrails::default()
        };
        let resolved = Resolved {
            managed_policies: Some(vec![resolved_policy(READ_ONLY)]),
            ..one_instance(&[("privatelink.dev/allow", "c/ns")])
        };
        let spec = json!({ "instances": [{ "id": "i-1" }], "onConflict": "Replace" });
        let desired = apply(spec, &guardrails, resolved).unwrap();
        assert_eq!(desired.boundary.as_deref(), Some(READ_ONLY));
        assert_eq!(desired.path, Path { create: "/app/".into(), given: false, prefix: "/app/".into() });
        assert_eq!(desired.profile.unwrap().path, desired.path);
        assert!(desired.instances.unwrap().replace.is_some());
    }

    #[test]
    fn invalid_specs_name_the_field() {
        let policy = |size: usize| json!({ "Statement": [{ "Effect": "Allow", "Resource": "x".repeat(size) }] });
        for (spec, message) in [
            (
                json!({ "trust": { "services": ["lambda.amazonaws.com"] }, "instances": [{ "id": "i-1" }] }),
                "spec.instances: the role has no instance profile; trust ec2.amazonaws.com or give spec.instanceProfile",
            ),
            (
                json!({ "trust": { "policy": policy(4096) } }),
                "spec.trust: 4144 characters without white space; AWS allows 4096",
            ),
            (
                json!({ "inlinePolicies": { "a": policy(5200), "b": policy(5200) } }),
                "spec.inlinePolicies: 10496 characters without white space; AWS allows 10240",
            ),
            (
                json!({ "inlinePolicies": { "a b": policy(1) } }),
                "spec.inlinePolicies: the name a b has characters other than letters, digits and +=,.@_-",
            ),
            (
                json!({ "tags": { "team": "x", "Team": "x" } }),
                "spec.tags: the keys Team and team differ in case only, which IAM does not tell apart",
            ),
        ] {
            let refused = refused(spec, &Guardrails::default(), Resolved::default());
            assert_eq!(refused, ("InvalidSpec".to_owned(), message.to_owned()));
        }
    }
}
