//! IAM: <https://docs.aws.amazon.com/IAM/latest/APIReference/>. Names are unique without regard to case,
//! changes reach readers and other services late.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use async_trait::async_trait;
use privatelink_operator::cloud::{
    fault::{Fault, Service},
    iam::{Iam, InstanceProfile, ManagedPolicy, NewRole, Role, RoleDetail},
    ownership::Tags,
};
use tokio::time::Instant;

use super::{
    ACCOUNT, Answer, Model, State,
    documents::{self, Use, accept},
    refuse,
    replica::Store,
};

/// Managed policies per role: the default quota,
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>.
pub const ATTACHED_QUOTA: usize = 10;
/// Characters of a role's inline policies together, without white space (same page).
const INLINE_QUOTA: usize = 10_240;
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
    created: Instant,
    /// When the trust policy was last changed, and what it was before that.
    trust_before: (Instant, Option<String>),
}

/// An instance profile.
#[derive(Clone, Debug)]
pub struct ProfileRecord {
    /// The profile itself.
    pub profile: InstanceProfile,
    created: Instant,
    roles_changed: Instant,
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

fn key(name: &str) -> String {
    name.to_lowercase()
}

impl IamState {
    /// Live objects with their tags.
    pub fn live(&self) -> Vec<(&'static str, String, Tags)> {
        let roles = self.roles.all().map(|(_, r)| ("role", r.role.name.clone(), r.role.tags.clone()));
        let profiles = self.profiles.all().map(|(_, p)| ("profile", p.profile.name.clone(), p.profile.tags.clone()));
        roles.chain(profiles).collect()
    }

    fn profiles_of(&self, role: &str) -> Vec<InstanceProfile> {
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

    fn role_target(&mut self, name: &str) -> Answer<RoleRecord> {
        match self.iam.roles.target(&key(name)) {
            Some(record) => Ok(record),
            None => refuse("NoSuchEntity", format!("The role with name {name} cannot be found.")),
        }
    }

    fn profile_target(&mut self, name: &str) -> Answer<ProfileRecord> {
        match self.iam.profiles.target(&key(name)) {
            Some(record) => Ok(record),
            None => refuse("NoSuchEntity", format!("Instance Profile {name} cannot be found.")),
        }
    }

    fn change_role(&mut self, name: &str, change: impl FnOnce(&mut RoleRecord) -> Answer<()>) -> Answer<()> {
        let mut record = self.role_target(name)?;
        change(&mut record)?;
        let lag = self.timing.lag;
        self.iam.roles.put(&key(name), Some(record), lag);
        Ok(())
    }

    /// Roles of the account that a trust policy names must exist.
    fn check_principals(&self, document: &str) -> Answer<()> {
        let unknown = documents::roles_named(document)
            .into_iter()
            .find(|arn| !self.iam.roles.all().any(|(_, record)| record.role.arn == *arn));
        match unknown {
            Some(arn) => refuse("MalformedPolicyDocument", format!("Invalid principal in policy: \"AWS\":\"{arn}\"")),
            None => Ok(()),
        }
    }

    fn known_policy(&self, arn: &str, what: &str) -> Answer<()> {
        if self.iam.policies.contains(arn) {
            return Ok(());
        }
        refuse("NoSuchEntity", format!("{what} {arn} does not exist or is not attachable."))
    }
}

fn check_tag_count(tags: &Tags) -> Answer<()> {
    if tags.len() > TAG_QUOTA {
        return refuse("LimitExceeded", "The number of tags has reached the maximum limit.");
    }
    Ok(())
}

fn check_tags(tags: &Tags) -> Answer<()> {
    check_tag_count(tags)?;
    let keys: BTreeSet<_> = tags.keys().map(|key| key.to_lowercase()).collect();
    if keys.len() != tags.len() {
        return refuse("InvalidInput", "Duplicate tag keys found. Please note that Tag keys are case insensitive.");
    }
    Ok(())
}

fn check_session(seconds: Option<i32>) -> Answer<()> {
    if seconds.is_some_and(|seconds| !(3600..=43_200).contains(&seconds)) {
        return refuse("ValidationError", "Value at 'maxSessionDuration' failed to satisfy constraint.");
    }
    Ok(())
}

impl Model {
    async fn iam_read<T: Send>(
        &self,
        operation: &'static str,
        run: impl FnOnce(&mut State, Instant) -> Answer<T> + Send,
    ) -> Result<T, Fault> {
        self.aws(Service::Iam, operation, false, run).await
    }

    async fn iam_write<T: Send>(
        &self,
        operation: &'static str,
        run: impl FnOnce(&mut State, Instant) -> Answer<T> + Send,
    ) -> Result<T, Fault> {
        self.aws(Service::Iam, operation, true, run).await
    }

    /// A removal: what is gone already is success by the port's contract.
    async fn iam_removal(
        &self,
        operation: &'static str,
        run: impl FnOnce(&mut State, Instant) -> Answer<()> + Send,
    ) -> Result<(), Fault> {
        match self.iam_write(operation, run).await {
            Err(fault) if fault.is(&["NoSuchEntity"]) => Ok(()),
            other => other,
        }
    }
}

#[async_trait]
impl Iam for Model {
    async fn role(&self, name: &str) -> Result<Option<Role>, Fault> {
        self.iam_read("GetRole", |s, now| {
            let shown_after = s.iam.arn_shown_after;
            Ok(s.iam.roles.read(&key(name)).map(|record| match record.role {
                role if now < record.created + shown_after => Role { arn: role.id.clone(), ..role },
                role => role,
            }))
        })
        .await
    }

    async fn create_role(&self, new: &NewRole) -> Result<Role, Fault> {
        self.iam_write("CreateRole", |s, now| {
            if s.iam.roles.current(&key(&new.name)).is_some() {
                return refuse("EntityAlreadyExists", format!("Role with name {} already exists.", new.name));
            }
            if new.name.is_empty() || new.name.len() > 64 {
                return refuse("ValidationError", "Value at 'roleName' failed to satisfy constraint.");
            }
            if s.iam.roles.all().count() >= s.iam.quota {
                return refuse("LimitExceeded", format!("Cannot exceed quota for RolesPerAccount: {}", s.iam.quota));
            }
            check_session(new.max_session_seconds)?;
            check_tags(&new.tags)?;
            if let Some(boundary) = &new.permissions_boundary {
                s.known_policy(boundary, "Scope ARN:")?;
            }
            s.check_principals(&new.trust_policy)?;
            let role = Role {
                name: new.name.clone(),
                arn: format!("arn:aws:iam::{ACCOUNT}:role{}{}", new.path, new.name),
                id: format!("AROA{:017X}", s.number()),
                path: new.path.clone(),
                description: new.description.clone(),
                max_session_seconds: Some(new.max_session_seconds.unwrap_or(3600)),
                trust_policy: accept(&new.trust_policy, Use::Trust)?,
                permissions_boundary: new.permissions_boundary.clone(),
                tags: new.tags.clone(),
            };
            let record = RoleRecord {
                role: role.clone(),
                attached: BTreeSet::new(),
                inline: BTreeMap::new(),
                created: now,
                trust_before: (now, None),
            };
            let lag = s.timing.lag;
            s.iam.roles.put(&key(&new.name), Some(record), lag);
            Ok(role)
        })
        .await
    }

    async fn delete_role(&self, name: &str) -> Result<(), Fault> {
        self.iam_removal("DeleteRole", |s, _| {
            let record = s.role_target(name)?;
            let conflict = |what| refuse("DeleteConflict", format!("Cannot delete entity, must {what} first."));
            if !record.attached.is_empty() {
                return conflict("detach all policies");
            }
            if !record.inline.is_empty() {
                return conflict("delete policies");
            }
            if !s.iam.profiles_of(name).is_empty() {
                return conflict("remove roles from instance profile");
            }
            let lag = s.timing.lag;
            s.iam.roles.put(&key(name), None, lag);
            Ok(())
        })
        .await
    }

    async fn update_trust(&self, role: &str, document: &str) -> Result<(), Fault> {
        self.iam_write("UpdateAssumeRolePolicy", |s, now| {
            let document = accept(document, Use::Trust)?;
            s.check_principals(&document)?;
            s.change_role(role, |r| {
                let before = std::mem::replace(&mut r.role.trust_policy, document);
                r.trust_before = (now, Some(before));
                Ok(())
            })
        })
        .await
    }

    async fn update_role(&self, role: &str, description: &str, max_session_seconds: i32) -> Result<(), Fault> {
        self.iam_write("UpdateRole", |s, _| {
            check_session(Some(max_session_seconds))?;
            s.change_role(role, |r| {
                r.role.description = (!description.is_empty()).then(|| description.to_owned());
                r.role.max_session_seconds = Some(max_session_seconds);
                Ok(())
            })
        })
        .await
    }

    async fn put_boundary(&self, role: &str, policy_arn: &str) -> Result<(), Fault> {
        self.iam_write("PutRolePermissionsBoundary", |s, _| {
            s.known_policy(policy_arn, "Scope ARN:")?;
            s.change_role(role, |r| {
                r.role.permissions_boundary = Some(policy_arn.to_owned());
                Ok(())
            })
        })
        .await
    }

    async fn delete_boundary(&self, role: &str) -> Result<(), Fault> {
        self.iam_removal("DeleteRolePermissionsBoundary", |s, _| {
            s.change_role(role, |r| {
                r.role.permissions_boundary = None;
                Ok(())
            })
        })
        .await
    }

    async fn tag_role(&self, role: &str, tags: &Tags) -> Result<(), Fault> {
        self.iam_write("TagRole", |s, _| {
            check_tags(tags)?;
            s.change_role(role, |r| {
                // Keys of a role differ by more than case: one in another case replaces the old one.
                r.role.tags.retain(|key, _| !tags.keys().any(|new| new.eq_ignore_ascii_case(key)));
                r.role.tags.extend(tags.clone());
                check_tag_count(&r.role.tags)
            })
        })
        .await
    }

    async fn untag_role(&self, role: &str, keys: &BTreeSet<String>) -> Result<(), Fault> {
        self.iam_removal("UntagRole", |s, _| {
            s.change_role(role, |r| {
                r.role.tags.retain(|key, _| !keys.iter().any(|gone| gone.eq_ignore_ascii_case(key)));
                Ok(())
            })
        })
        .await
    }

    async fn attached_policies(&self, role: &str) -> Result<BTreeSet<String>, Fault> {
        self.iam_read("ListAttachedRolePolicies", |s, _| match s.iam.roles.read(&key(role)) {
            Some(record) => Ok(record.attached),
            None => refuse("NoSuchEntity", format!("The role with name {role} cannot be found.")),
        })
        .await
    }

    async fn attach_policy(&self, role: &str, policy_arn: &str) -> Result<(), Fault> {
        self.iam_write("AttachRolePolicy", |s, _| {
            s.known_policy(policy_arn, "Policy")?;
            s.change_role(role, |r| {
                r.attached.insert(policy_arn.to_owned());
                if r.attached.len() > ATTACHED_QUOTA {
                    return refuse(
                        "LimitExceeded",
                        format!("Cannot exceed quota for PoliciesPerRole: {ATTACHED_QUOTA}"),
                    );
                }
                Ok(())
            })
        })
        .await
    }

    async fn detach_policy(&self, role: &str, policy_arn: &str) -> Result<(), Fault> {
        self.iam_removal("DetachRolePolicy", |s, _| {
            s.change_role(role, |r| {
                if r.attached.remove(policy_arn) {
                    return Ok(());
                }
                refuse("NoSuchEntity", format!("Policy {policy_arn} was not found."))
            })
        })
        .await
    }

    async fn inline_policies(&self, role: &str) -> Result<BTreeMap<String, String>, Fault> {
        self.iam_read("ListRolePolicies", |s, _| match s.iam.roles.read(&key(role)) {
            Some(record) => Ok(record.inline),
            None => refuse("NoSuchEntity", format!("The role with name {role} cannot be found.")),
        })
        .await
    }

    async fn put_inline_policy(&self, role: &str, policy: &str, document: &str) -> Result<(), Fault> {
        self.iam_write("PutRolePolicy", |s, _| {
            let document = accept(document, Use::Identity)?;
            s.change_role(role, |r| {
                r.inline.insert(policy.to_owned(), document);
                if r.inline.values().map(String::len).sum::<usize>() > INLINE_QUOTA {
                    return refuse(
                        "LimitExceeded",
                        format!("Maximum policy size of {INLINE_QUOTA} bytes exceeded for role {role}"),
                    );
                }
                Ok(())
            })
        })
        .await
    }

    async fn delete_inline_policy(&self, role: &str, policy: &str) -> Result<(), Fault> {
        self.iam_removal("DeleteRolePolicy", |s, _| {
            s.change_role(role, |r| {
                if r.inline.remove(policy).is_some() {
                    return Ok(());
                }
                refuse("NoSuchEntity", format!("The role policy with name {policy} cannot be found."))
            })
        })
        .await
    }

    async fn managed_policies(&self) -> Result<Vec<ManagedPolicy>, Fault> {
        self.iam_read("ListPolicies", |s, _| {
            Ok(s.iam
                .policies
                .iter()
                .map(|arn| ManagedPolicy {
                    name: arn.rsplit('/').next().unwrap_or_default().to_owned(),
                    arn: arn.clone(),
                })
                .collect())
        })
        .await
    }

    async fn instance_profile(&self, name: &str) -> Result<Option<InstanceProfile>, Fault> {
        self.iam_read("GetInstanceProfile", |s, _| Ok(s.iam.profiles.read(&key(name)).map(|p| p.profile))).await
    }

    async fn create_instance_profile(&self, name: &str, path: &str, tags: &Tags) -> Result<InstanceProfile, Fault> {
        self.iam_write("CreateInstanceProfile", |s, now| {
            if s.iam.profiles.current(&key(name)).is_some() {
                return refuse("EntityAlreadyExists", format!("Instance Profile {name} already exists."));
            }
            check_tag_count(tags)?;
            if s.iam.profiles.all().count() >= s.iam.quota {
                return refuse(
                    "LimitExceeded",
                    format!("Cannot exceed quota for InstanceProfilesPerAccount: {}", s.iam.quota),
                );
            }
            let profile = InstanceProfile {
                name: name.to_owned(),
                arn: format!("arn:aws:iam::{ACCOUNT}:instance-profile{path}{name}"),
                id: format!("AIPA{:017X}", s.number()),
                path: path.to_owned(),
                roles: Vec::new(),
                tags: tags.clone(),
            };
            let record = ProfileRecord { profile: profile.clone(), created: now, roles_changed: now };
            let lag = s.timing.lag;
            s.iam.profiles.put(&key(name), Some(record), lag);
            Ok(profile)
        })
        .await
    }

    async fn delete_instance_profile(&self, name: &str) -> Result<(), Fault> {
        self.iam_removal("DeleteInstanceProfile", |s, _| {
            if !s.profile_target(name)?.profile.roles.is_empty() {
                return refuse(
                    "DeleteConflict",
                    "Cannot delete entity, must remove roles from instance profile first.",
                );
            }
            let lag = s.timing.lag;
            s.iam.profiles.put(&key(name), None, lag);
            Ok(())
        })
        .await
    }

    async fn tag_instance_profile(&self, name: &str, tags: &Tags) -> Result<(), Fault> {
        self.iam_write("TagInstanceProfile", |s, _| {
            let mut record = s.profile_target(name)?;
            record.profile.tags.extend(tags.clone());
            check_tag_count(&record.profile.tags)?;
            let lag = s.timing.lag;
            s.iam.profiles.put(&key(name), Some(record), lag);
            Ok(())
        })
        .await
    }

    async fn untag_instance_profile(&self, name: &str, keys: &BTreeSet<String>) -> Result<(), Fault> {
        self.iam_removal("UntagInstanceProfile", |s, _| {
            let mut record = s.profile_target(name)?;
            record.profile.tags.retain(|key, _| !keys.contains(key));
            let lag = s.timing.lag;
            s.iam.profiles.put(&key(name), Some(record), lag);
            Ok(())
        })
        .await
    }

    async fn add_role_to_profile(&self, profile: &str, role: &str) -> Result<(), Fault> {
        self.iam_write("AddRoleToInstanceProfile", |s, now| {
            let mut record = s.profile_target(profile)?;
            let name = s.role_target(role)?.role.name;
            if !record.profile.roles.is_empty() {
                return refuse("LimitExceeded", "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1");
            }
            record.profile.roles.push(name);
            record.roles_changed = now;
            let lag = s.timing.lag;
            s.iam.profiles.put(&key(profile), Some(record), lag);
            Ok(())
        })
        .await
    }

    async fn remove_role_from_profile(&self, profile: &str, role: &str) -> Result<(), Fault> {
        self.iam_removal("RemoveRoleFromInstanceProfile", |s, now| {
            let mut record = s.profile_target(profile)?;
            let before = record.profile.roles.len();
            record.profile.roles.retain(|name| !name.eq_ignore_ascii_case(role));
            if record.profile.roles.len() == before {
                return refuse("NoSuchEntity", format!("The role with name {role} cannot be found."));
            }
            record.roles_changed = now;
            let lag = s.timing.lag;
            s.iam.profiles.put(&key(profile), Some(record), lag);
            Ok(())
        })
        .await
    }

    async fn instance_profiles_for_role(&self, role: &str) -> Result<Vec<InstanceProfile>, Fault> {
        self.iam_read("ListInstanceProfilesForRole", |s, _| {
            let profiles = s.iam.profiles.list().into_iter();
            Ok(profiles
                .filter(|p| p.profile.roles.iter().any(|name| name.eq_ignore_ascii_case(role)))
                .map(|p| InstanceProfile { tags: Tags::new(), ..p.profile })
                .collect())
        })
        .await
    }

    async fn roles(&self) -> Result<Vec<Role>, Fault> {
        self.iam_read("ListRoles", |s, _| {
            let roles = s.iam.roles.list().into_iter();
            Ok(roles.map(|record| Role { permissions_boundary: None, tags: Tags::new(), ..record.role }).collect())
        })
        .await
    }

    async fn account_summary(&self) -> Result<BTreeMap<String, i64>, Fault> {
        self.iam_read("GetAccountSummary", |s, _| {
            let numbers = [
                ("Roles", s.iam.roles.all().count()),
                ("RolesQuota", s.iam.quota),
                ("InstanceProfiles", s.iam.profiles.all().count()),
                ("InstanceProfilesQuota", s.iam.quota),
                ("AttachedPoliciesPerRoleQuota", ATTACHED_QUOTA),
                ("RolePolicySizeQuota", INLINE_QUOTA),
                ("AssumeRolePolicySizeQuota", documents::TRUST_QUOTA),
            ];
            Ok(numbers.into_iter().map(|(key, number)| (key.to_owned(), number.try_into().unwrap())).collect())
        })
        .await
    }

    async fn role_details(&self) -> Result<Vec<RoleDetail>, Fault> {
        self.iam_read("GetAccountAuthorizationDetails", |s, _| {
            let roles = s.iam.roles.list();
            Ok(roles
                .into_iter()
                .map(|record| RoleDetail {
                    instance_profiles: s.iam.profiles_of(&record.role.name),
                    role: Role { description: None, max_session_seconds: None, ..record.role },
                    inline_policies: record.inline,
                    attached_policies: record.attached,
                })
                .collect())
        })
        .await
    }
}
