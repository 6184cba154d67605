//! IAM: <https://docs.aws.amazon.com/IAM/latest/APIReference/>. Names are unique without regard to case,
//! changes reach readers and other services late.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use privatelink_operator::cloud::{
    fault::{Fault, Service},
    iam::{Iam, InstanceProfile, ManagedPolicy, NewRole, Role, RoleDetail},
    ownership::Tags,
};
use tokio::time::Instant;

pub use super::iam_records::{IamState, ProfileRecord, RoleRecord};
use super::{
    ACCOUNT, Answer, Model, State,
    documents::{self, Use, accept},
    iam_records::{ATTACHED_QUOTA, INLINE_QUOTA, check_session, check_tag_count, check_tags, key},
    refuse,
};

impl Model {
    async fn iam_read<T: Send>(
        &self,
        operation: &'static str,
        run: impl FnOnce(&mut State, Instant) -> Answer<T> + Send,
    ) -> Result<T, Fault> {
        self.aws_read(Service::Iam, operation, run).await
    }

    async fn iam_write<T: Send>(
        &self,
        operation: &'static str,
        run: impl Fn(&mut State, Instant) -> Answer<T> + Send + 'static,
    ) -> Result<T, Fault> {
        self.aws_write(Service::Iam, operation, run).await
    }

    /// A removal: what is gone already is success by the port's contract.
    async fn iam_removal(
        &self,
        operation: &'static str,
        run: impl Fn(&mut State, Instant) -> Answer<()> + Send + 'static,
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
        let new = new.to_owned();
        self.iam_write("CreateRole", move |s, now| {
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
        let name = name.to_owned();
        self.iam_removal("DeleteRole", move |s, _| {
            let record = s.role_target(&name)?;
            let conflict = |what| refuse("DeleteConflict", format!("Cannot delete entity, must {what} first."));
            if !record.attached.is_empty() {
                return conflict("detach all policies");
            }
            if !record.inline.is_empty() {
                return conflict("delete policies");
            }
            if !s.iam.profiles_of(&name).is_empty() {
                return conflict("remove roles from instance profile");
            }
            let lag = s.timing.lag;
            s.iam.roles.put(&key(&name), None, lag);
            Ok(())
        })
        .await
    }

    async fn update_trust(&self, role: &str, document: &str) -> Result<(), Fault> {
        let role = role.to_owned();
        let document = document.to_owned();
        self.iam_write("UpdateAssumeRolePolicy", move |s, now| {
            let document = accept(&document, Use::Trust)?;
            s.check_principals(&document)?;
            s.change_role(&role, |r| {
                let before = std::mem::replace(&mut r.role.trust_policy, document);
                r.trust_before = (now, Some(before));
                Ok(())
            })
        })
        .await
    }

    async fn update_role(&self, role: &str, description: &str, max_session_seconds: i32) -> Result<(), Fault> {
        let role = role.to_owned();
        let description = description.to_owned();
        self.iam_write("UpdateRole", move |s, _| {
            check_session(Some(max_session_seconds))?;
            s.change_role(&role, |r| {
                r.role.description = (!description.is_empty()).then(|| description.clone());
                r.role.max_session_seconds = Some(max_session_seconds);
                Ok(())
            })
        })
        .await
    }

    async fn put_boundary(&self, role: &str, policy_arn: &str) -> Result<(), Fault> {
        let role = role.to_owned();
        let policy_arn = policy_arn.to_owned();
        self.iam_write("PutRolePermissionsBoundary", move |s, _| {
            s.known_policy(&policy_arn, "Scope ARN:")?;
            s.change_role(&role, |r| {
                r.role.permissions_boundary = Some(policy_arn.clone());
                Ok(())
            })
        })
        .await
    }

    async fn delete_boundary(&self, role: &str) -> Result<(), Fault> {
        let role = role.to_owned();
        self.iam_removal("DeleteRolePermissionsBoundary", move |s, _| {
            s.change_role(&role, |r| {
                r.role.permissions_boundary = None;
                Ok(())
            })
        })
        .await
    }

    async fn tag_role(&self, role: &str, tags: &Tags) -> Result<(), Fault> {
        let role = role.to_owned();
        let tags = tags.to_owned();
        self.iam_write("TagRole", move |s, _| {
            check_tags(&tags)?;
            s.change_role(&role, |r| {
                // Keys of a role differ by more than case: one in another case replaces the old one.
                r.role.tags.retain(|key, _| !tags.keys().any(|new| new.eq_ignore_ascii_case(key)));
                r.role.tags.extend(tags.clone());
                check_tag_count(&r.role.tags)
            })
        })
        .await
    }

    async fn untag_role(&self, role: &str, keys: &BTreeSet<String>) -> Result<(), Fault> {
        let role = role.to_owned();
        let keys = keys.to_owned();
        self.iam_removal("UntagRole", move |s, _| {
            s.change_role(&role, |r| {
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
        let role = role.to_owned();
        let policy_arn = policy_arn.to_owned();
        self.iam_write("AttachRolePolicy", move |s, _| {
            s.known_policy(&policy_arn, "Policy")?;
            s.change_role(&role, |r| {
                r.attached.insert(policy_arn.clone());
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
        let role = role.to_owned();
        let policy_arn = policy_arn.to_owned();
        self.iam_removal("DetachRolePolicy", move |s, _| {
            s.change_role(&role, |r| {
                if r.attached.remove(&policy_arn) {
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
        let role = role.to_owned();
        let policy = policy.to_owned();
        let document = document.to_owned();
        self.iam_write("PutRolePolicy", move |s, _| {
            let document = accept(&document, Use::Identity)?;
            s.change_role(&role, |r| {
                r.inline.insert(policy.clone(), document);
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
        let role = role.to_owned();
        let policy = policy.to_owned();
        self.iam_removal("DeleteRolePolicy", move |s, _| {
            s.change_role(&role, |r| {
                if r.inline.remove(&policy).is_some() {
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
        let name = name.to_owned();
        let path = path.to_owned();
        let tags = tags.to_owned();
        self.iam_write("CreateInstanceProfile", move |s, now| {
            if s.iam.profiles.current(&key(&name)).is_some() {
                return refuse("EntityAlreadyExists", format!("Instance Profile {name} already exists."));
            }
            check_tag_count(&tags)?;
            if s.iam.profiles.all().count() >= s.iam.quota {
                return refuse(
                    "LimitExceeded",
                    format!("Cannot exceed quota for InstanceProfilesPerAccount: {}", s.iam.quota),
                );
            }
            let profile = InstanceProfile {
                name: name.clone(),
                arn: format!("arn:aws:iam::{ACCOUNT}:instance-profile{path}{name}"),
                id: format!("AIPA{:017X}", s.number()),
                path: path.clone(),
                roles: Vec::new(),
                tags: tags.clone(),
            };
            let record = ProfileRecord { profile: profile.clone(), created: now, roles_changed: now };
            let lag = s.timing.lag;
            s.iam.profiles.put(&key(&name), Some(record), lag);
            Ok(profile)
        })
        .await
    }

    async fn delete_instance_profile(&self, name: &str) -> Result<(), Fault> {
        let name = name.to_owned();
        self.iam_removal("DeleteInstanceProfile", move |s, _| {
            if !s.profile_target(&name)?.profile.roles.is_empty() {
                return refuse(
                    "DeleteConflict",
                    "Cannot delete entity, must remove roles from instance profile first.",
                );
            }
            let lag = s.timing.lag;
            s.iam.profiles.put(&key(&name), None, lag);
            Ok(())
        })
        .await
    }

    async fn tag_instance_profile(&self, name: &str, tags: &Tags) -> Result<(), Fault> {
        let name = name.to_owned();
        let tags = tags.to_owned();
        self.iam_write("TagInstanceProfile", move |s, _| {
            let mut record = s.profile_target(&name)?;
            record.profile.tags.extend(tags.clone());
            check_tag_count(&record.profile.tags)?;
            let lag = s.timing.lag;
            s.iam.profiles.put(&key(&name), Some(record), lag);
            Ok(())
        })
        .await
    }

    async fn untag_instance_profile(&self, name: &str, keys: &BTreeSet<String>) -> Result<(), Fault> {
        let name = name.to_owned();
        let keys = keys.to_owned();
        self.iam_removal("UntagInstanceProfile", move |s, _| {
            let mut record = s.profile_target(&name)?;
            record.profile.tags.retain(|key, _| !keys.contains(key));
            let lag = s.timing.lag;
            s.iam.profiles.put(&key(&name), Some(record), lag);
            Ok(())
        })
        .await
    }

    async fn add_role_to_profile(&self, profile: &str, role: &str) -> Result<(), Fault> {
        let profile = profile.to_owned();
        let role = role.to_owned();
        self.iam_write("AddRoleToInstanceProfile", move |s, now| {
            let mut record = s.profile_target(&profile)?;
            let name = s.role_target(&role)?.role.name;
            if !record.profile.roles.is_empty() {
                return refuse("LimitExceeded", "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1");
            }
            record.profile.roles.push(name);
            record.roles_changed = now;
            let lag = s.timing.lag;
            s.iam.profiles.put(&key(&profile), Some(record), lag);
            Ok(())
        })
        .await
    }

    async fn remove_role_from_profile(&self, profile: &str, role: &str) -> Result<(), Fault> {
        let profile = profile.to_owned();
        let role = role.to_owned();
        self.iam_removal("RemoveRoleFromInstanceProfile", move |s, now| {
            let mut record = s.profile_target(&profile)?;
            let before = record.profile.roles.len();
            record.profile.roles.retain(|name| !name.eq_ignore_ascii_case(&role));
            if record.profile.roles.len() == before {
                return refuse("NoSuchEntity", format!("The role with name {role} cannot be found."));
            }
            record.roles_changed = now;
            let lag = s.timing.lag;
            s.iam.profiles.put(&key(&profile), Some(record), lag);
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
