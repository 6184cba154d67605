//! What the operator's administrator allows. Whoever may create an `InstanceRole` could otherwise make
//! himself administrator of the account.

/// The administrator's limits, from the command line. Patterns are ARNs or names in which `*` matches any
/// characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guardrails {
    /// `--permissions-boundary`: ARN forced on every role.
    pub permissions_boundary: Option<String>,
    /// `--role-path-prefix`: what the path of every role and instance profile must begin with.
    pub role_path_prefix: Option<String>,
    /// `--allowed-managed-policies`: patterns of policy ARNs that may be attached; empty allows all.
    pub allowed_managed_policies: Vec<String>,
    /// `--allowed-execution-roles`: patterns of role ARNs that `executionRole.arn` may name; empty allows all,
    /// or none where another limit bounds roles.
    pub allowed_execution_roles: Vec<String>,
    /// `--allowed-trust-services`: patterns of service principals that a role may trust; empty allows all.
    pub allowed_trust_services: Vec<String>,
    /// `--allow-profile-replace`: whether `onConflict: Replace` may displace another instance profile.
    pub allow_profile_replace: bool,
    /// `--require-allow-tag`: adopt and touch instances only where AWS carries the tag
    /// `privatelink.dev/allow` with the value `<cluster>/<namespace>`.
    pub require_allow_tag: bool,
    /// `--secret-namespaces`: namespaces whose Secrets functions may use.
    pub secret_namespaces: Vec<String>,
}

impl Guardrails {
    /// Whether a function may name this role by its ARN. Where anything bounds the roles that are made here, one that
    /// was made elsewhere would be a way round that, so the administrator has to name it.
    pub fn allows_execution_role(&self, arn: &str) -> bool {
        let bounds_roles = self.permissions_boundary.is_some()
            || self.role_path_prefix.is_some()
            || !self.allowed_managed_policies.is_empty()
            || !self.allowed_trust_services.is_empty();
        let named = !self.allowed_execution_roles.is_empty();
        if named { allows(&self.allowed_execution_roles, arn) } else { !bounds_roles }
    }
}

/// The tag that `--require-allow-tag` asks for.
pub const ALLOW_TAG: &str = "privatelink.dev/allow";

/// The value of that tag for a namespace.
pub fn allow_tag_value(cluster_id: &str, namespace: &str) -> String {
    format!("{cluster_id}/{namespace}")
}

/// Whether one of the patterns matches, or there are none.
pub fn allows(patterns: &[String], value: &str) -> bool {
    patterns.is_empty() || patterns.iter().any(|pattern| matches(pattern, value))
}

fn matches(pattern: &str, value: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = value.strip_prefix(first) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, value, expected) in [
            ("*", "anything", true),
            ("arn:aws:iam::*:role/app/*", "arn:aws:iam::123456789012:role/app/x", true),
            ("arn:aws:iam::*:role/app/*", "arn:aws:iam::123456789012:role/admin", false),
            ("ec2.amazonaws.com", "ec2.amazonaws.com", true),
            ("ec2.amazonaws.com", "ec2.amazonaws.com.evil", false),
            ("a*b*c", "a1b2c", true),
            ("a*b*c", "acb", false),
        ] {
            assert_eq!(matches(pattern, value), expected, "{pattern} {value}");
        }
        assert!(allows(&[], "x"));
        assert!(!allows(&["y".to_owned()], "x"));
    }
}
