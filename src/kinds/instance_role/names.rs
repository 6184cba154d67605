//! The names of the role and its instance profile: the same in every pass, whatever the status says, so that
//! a lost status never leads to a second role.

use kube::ResourceExt;

use crate::{
    cloud::names::{SUFFIX, hashed},
    engine::kind::Subject,
};

use super::spec::{InstanceRole, InstanceRoleSpec, InstanceRoleStatus};

/// IAM's limit for role names: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>.
const ROLE_NAME_LIMIT: usize = 64;

/// Names in IAM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// Of the role.
    pub role: String,
    /// Of the instance profile, whether one is wanted or not.
    pub profile: String,
}

impl Names {
    /// The names for a pass. The status is asked only when the object could not be decoded.
    pub fn of(subject: &Subject<InstanceRole>) -> Self {
        match &subject.object {
            Some(object) => Self::from_spec(&subject.namespace, &subject.name, &object.spec),
            None => Self::from_status(&subject.namespace, &subject.name, &subject.status),
        }
    }

    /// The names of an object outside a pass.
    pub fn of_object(object: &InstanceRole) -> Self {
        Self::from_spec(&object.namespace().unwrap_or_default(), &object.name_any(), &object.spec)
    }

    fn from_spec(namespace: &str, name: &str, spec: &InstanceRoleSpec) -> Self {
        let role = spec.role_name.clone().unwrap_or_else(|| default_name(namespace, name));
        let profile = spec.instance_profile.as_ref().and_then(|profile| profile.name.clone());
        Self { profile: profile.unwrap_or_else(|| role.clone()), role }
    }

    fn from_status(namespace: &str, name: &str, status: &InstanceRoleStatus) -> Self {
        let role = status.role_name.clone().unwrap_or_else(|| default_name(namespace, name));
        Self { profile: status.instance_profile_name.clone().unwrap_or_else(|| role.clone()), role }
    }
}

/// `<namespace>-<name>`; past the limit its beginning and a hash of the whole.
fn default_name(namespace: &str, name: &str) -> String {
    let full = format!("{namespace}-{name}");
    if full.len() <= ROLE_NAME_LIMIT {
        return full;
    }
    let kept: String = full.chars().take(ROLE_NAME_LIMIT - SUFFIX).collect();
    hashed(&kept, &full)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::instance_role::spec::InstanceProfileSpec;

    #[test]
    fn default_names_fit_and_differ() {
        assert_eq!(default_name("default", "client"), "default-client");
        assert_eq!(default_name("n", &"x".repeat(62)).len(), 64);
        let (a, b) =
            (default_name("n", &format!("{}a", "x".repeat(62))), default_name("n", &format!("{}b", "x".repeat(62))));
        assert_eq!((a.len(), b.len()), (64, 64));
        assert_ne!(a, b);
    }

    #[test]
    fn the_profile_is_named_as_the_role_unless_told() {
        let mut spec = InstanceRoleSpec { role_name: Some("r".into()), ..Default::default() };
        assert_eq!(Names::from_spec("n", "x", &spec), Names { role: "r".into(), profile: "r".into() });
        spec.instance_profile = Some(InstanceProfileSpec { name: Some("p".into()), path: None });
        assert_eq!(Names::from_spec("n", "x", &spec).profile, "p");
    }

    #[test]
    fn an_undecodable_object_is_named_by_its_status() {
        let mut status = InstanceRoleStatus::default();
        assert_eq!(Names::from_status("n", "x", &status), Names { role: "n-x".into(), profile: "n-x".into() });
        status.role_name = Some("r".into());
        status.instance_profile_name = Some("p".into());
        assert_eq!(Names::from_status("n", "x", &status), Names { role: "r".into(), profile: "p".into() });
    }
}
