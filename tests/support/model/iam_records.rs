//! What IAM keeps, and the rules that hold whatever the operation.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use privatelink_operator::cloud::{
    iam::{InstanceProfile, Role},
    ownership::Tags,
};
use tokio::time::Instant;

use super::{Answer, State, documents, refuse, replica::Store};

/// Managed policies per role: the default quota,
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>.
pub const ATTACHED_QUOTA: usize = 10;
/// Characters of a role's inline policies together, without white space (same page).
pub(super) const INLINE_QUOTA: usize = 10_240;
/// Tags of a role or profile (same page).
const TAG_QUOTA: usize = 50;

/// A role with all that belongs to it.
#[derive(Clone, Debug)]
pub struct RoleRecord {
    /// The role itself.
    pub role: Role,
    /// Attached managed policies, ARNs.
    pub attached: BTreeSet<String>,
    /// Inline policies.
    pub inline: BTreeMap<String, String>,
    pub(super) created: Instant,
    /// When the trust policy was last changed, and what it was before that.
    pub(super) trust_before: (Instant, Option<String>),
}

/// An instance profile.
#[derive(Clone, Debug)]
pub struct ProfileRecord {
    /// The profile itself.
    pub profile: InstanceProfile,
    pub(super) created: Instant,
    pub(super) roles_changed: Instant,
}

/// Roles, profiles and policies.
#[derive(Debug)]
pub struct IamState {
    /// By lower-case name.
    pub roles: Store<RoleRecord>,
    /// By lower-case name.
    pub profiles: Store<ProfileRecord>,
    /// ARNs of all managed policies.
    pub policies: BTreeSet<String>,
    /// How many roles, and how many instance profiles, the account may have.
    pub quota: usize,
    /// For how long after its creation a role is shown with its unique id where the ARN belongs.
    pub arn_shown_after: Duration,
}

impl Default for IamState {
    fn default() -> Self {
        let policies = [
            "AWSLambdaExecute",
            "service-role/AWSLambdaRole",
            "service-role/AWSLambdaBasicExecutionRole",
            "service-role/AWSLambdaVPCAccessExecutionRole",
            "AmazonSSMManagedInstanceCore",
            "AmazonS3ReadOnlyAccess",
        ];
        Self {
            roles: Store::default(),
            profiles: Store::default(),
            quota: 1000,
            arn_shown_after: Duration::ZERO,
            policies: policies.iter().map(|name| format!("arn:aws:iam::aws:policy/{name}")).collect(),
        }
    }
}

pub(super) fn key(name: &str) -> String {
    name.to_lowercase()
}

impl IamState {
    /// See [`super::replica::Store::rewind`].
    pub fn rewind(&mut self, yes: bool) {
        self.roles.rewind(yes);
        self.profiles.rewind(yes);
    }

    /// Live objects with their tags.
    pub fn live(&self) -> Vec<(&'static str, String, Tags)> {
        let roles = self.roles.all().map(|(_, r)| ("role", r.role.name.clone(), r.role.tags.clone()));
        let profiles = self.profiles.all().map(|(_, p)| ("profile", p.profile.name.clone(), p.profile.tags.clone()));
        roles.chain(profiles).collect()
    }

    pub(super) fn profiles_of(&self, role: &str) -> Vec<InstanceProfile> {
        self.profiles
            .all()
            .filter(|(_, p)| p.profile.roles.iter().any(|name| name.eq_ignore_ascii_case(role)))
            .map(|(_, p)| InstanceProfile { tags: Tags::new(), ..p.profile.clone() })
            .collect()
    }
}

impl State {
    /// Whether Lambda, or another service, may assume the role, as far as the news has reached it.
    pub fn can_assume(&self, role_arn: &str, service: &str, now: Instant) -> bool {
        let Some((_, record)) = self.iam.roles.all().find(|(_, record)| record.role.arn == role_arn) else {
            return false;
        };
        let (changed, before) = &record.trust_before;
        let known = if now < *changed + self.timing.iam_propagation {
            before.as_deref()
        } else {
            Some(record.role.trust_policy.as_str())
        };
        known.is_some_and(|trust| documents::trusts(trust, service))
    }

    /// What EC2 knows of a profile: nothing, or whether there is a role in it.
    pub fn profile_known_to_ec2(&self, profile_arn: &str, now: Instant) -> Option<bool> {
        let (_, record) = self.iam.profiles.all().find(|(_, record)| record.profile.arn == profile_arn)?;
        let delay = self.timing.iam_propagation;
        let has_role = if now < record.roles_changed + delay {
            record.profile.roles.is_empty()
        } else {
            !record.profile.roles.is_empty()
        };
        (now >= record.created + delay).then_some(has_role)
    }

    pub(super) fn role_target(&mut self, name: &str) -> Answer<RoleRecord> {
        match self.iam.roles.target(&key(name)) {
            Some(record) => Ok(record),
            None => refuse("NoSuchEntity", format!("The role with name {name} cannot be found.")),
        }
    }

    pub(super) fn profile_target(&mut self, name: &str) -> Answer<ProfileRecord> {
        match self.iam.profiles.target(&key(name)) {
            Some(record) => Ok(record),
            None => refuse("NoSuchEntity", format!("Instance Profile {name} cannot be found.")),
        }
    }

    pub(super) fn change_role(&mut self, name: &str, change: impl FnOnce(&mut RoleRecord) -> Answer<()>) -> Answer<()> {
        let mut record = self.role_target(name)?;
        change(&mut record)?;
        let lag = self.timing.lag;
        self.iam.roles.put(&key(name), Some(record), lag);
        Ok(())
    }

    /// Roles of the account that a trust policy names must exist.
    pub(super) fn check_principals(&self, document: &str) -> Answer<()> {
        let unknown = documents::roles_named(document)
            .into_iter()
            .find(|arn| !self.iam.roles.all().any(|(_, record)| record.role.arn == *arn));
        match unknown {
            Some(arn) => refuse("MalformedPolicyDocument", format!("Invalid principal in policy: \"AWS\":\"{arn}\"")),
            None => Ok(()),
        }
    }

    pub(super) fn known_policy(&self, arn: &str, what: &str) -> Answer<()> {
        if self.iam.policies.contains(arn) {
            return Ok(());
        }
        refuse("NoSuchEntity", format!("{what} {arn} does not exist or is not attachable."))
    }
}

pub(super) fn check_tag_count(tags: &Tags) -> Answer<()> {
    if tags.len() > TAG_QUOTA {
        return refuse("LimitExceeded", "The number of tags has reached the maximum limit.");
    }
    Ok(())
}

pub(super) fn check_tags(tags: &Tags) -> Answer<()> {
    check_tag_count(tags)?;
    let keys: BTreeSet<_> = tags.keys().map(|key| key.to_lowercase()).collect();
    if keys.len() != tags.len() {
        return refuse("InvalidInput", "Duplicate tag keys found. Please note that Tag keys are case insensitive.");
    }
    Ok(())
}

pub(super) fn check_session(seconds: Option<i32>) -> Answer<()> {
    if seconds.is_some_and(|seconds| !(3600..=43_200).contains(&seconds)) {
        return refuse("ValidationError", "Value at 'maxSessionDuration' failed to satisfy constraint.");
    }
    Ok(())
}
