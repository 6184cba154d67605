//! What AWS holds of a role, read directly.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    cloud::{
        Aws,
        ec2::ProfileAssociation,
        guardrails::allows,
        iam::{InstanceProfile, Role, RoleReading},
        ownership::{self, Owner, Tags, Verdict},
    },
    engine::{
        conditions,
        failure::{Class, Failure},
        kind::Subject,
    },
};

use super::{
    holders::{self, Holders},
    names::Names,
    resolve,
    spec::{ForeignPolicies, InstanceRole},
    trust,
};

/// What AWS holds. Role and profile are there only if they are ours, or ours to claim; while deleting, only if
/// they are ours.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observed {
    /// The role; it may be gone while its profile is left.
    pub role: Option<ObservedRole>,
    /// The instance profile.
    pub profile: Option<ObservedProfile>,
    /// Instance profiles of ours under names that the spec does not have any more, and those that are gone while instances
    /// still have them by our doing.
    pub retired: Vec<InstanceProfile>,
    /// All associations of instance profiles with instances, ours and others'. Read when instances are, or
    /// were, in play.
    pub associations: Option<Vec<ProfileAssociation>>,
    /// While deleting: what still holds the role or its profile.
    pub held_by: Holders,
}

impl Observed {
    /// ARNs of the profiles that are ours.
    pub fn profile_arns(&self) -> Vec<&str> {
        let profile = self.profile.iter().map(|observed| &observed.profile);
        profile.chain(&self.retired).map(|profile| profile.arn.as_str()).collect()
    }

    /// What IAM told of it.
    pub fn reading(&self) -> RoleReading {
        let profile = self.profile.as_ref().map(|observed| observed.profile.clone());
        let role = self.role.clone().unwrap_or_default();
        RoleReading { role: role.role, attached: role.attached, inline: role.inline, profile }
    }
}

impl From<RoleReading> for Observed {
    fn from(RoleReading { role, attached, inline, profile }: RoleReading) -> Self {
        Self {
            role: Some(ObservedRole { role, claim: false, attached, inline }),
            profile: profile.map(|profile| ObservedProfile { profile, claim: false }),
            ..Self::default()
        }
    }
}

/// The role with its policies.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ObservedRole {
    /// As GetRole shows it.
    pub role: Role,
    /// Whether the ownership tags are still to be set.
    pub claim: bool,
    /// ARNs of attached managed policies.
    pub attached: BTreeSet<String>,
    /// Inline policies, name to JSON.
    pub inline: BTreeMap<String, String>,
}

/// The instance profile.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ObservedProfile {
    /// As GetInstanceProfile shows it.
    pub profile: InstanceProfile,
    /// Whether the ownership tags are still to be set.
    pub claim: bool,
}

/// Reads each aspect once. Fails with the verdict on a role or profile of the wanted name that is not ours.
pub async fn observe(cloud: &Aws, subject: &Subject<InstanceRole>) -> Result<Option<Observed>, Failure> {
    let names = Names::of(subject);
    let recent = cloud.recent_roles.get(&names.role).filter(|_| settling(subject));
    let mut observed = if let Some(reading) = recent {
        reading.into()
    } else {
        cloud.recent_roles.forget(&names.role);
        from_iam(cloud, subject, &names).await?
    };
    let in_iam = observed.role.is_some() || !observed.profile_arns().is_empty();
    let may_be_left = subject.deleting && !subject.status.associations_made.is_empty();
    if !in_iam && !may_be_left {
        return Ok(None);
    }
    let others =
        if subject.deleting { holders::profiles(cloud, subject, &names, &mut observed).await? } else { Vec::new() };
    let has_profile = !observed.profile_arns().is_empty();
    if !in_iam || (has_profile && (subject.deleting || has_instances(subject) || !observed.retired.is_empty())) {
        observed.associations = Some(resolve::associations(&*cloud.ec2).await?);
        let lost = lost(cloud, subject, &observed).await?;
        observed.retired.extend(lost);
    }
    if !in_iam && observed.retired.is_empty() {
        return Ok(None);
    }
    if subject.deleting {
        observed.held_by = holders::holders(cloud, subject, &observed, others).await?;
    }
    Ok(Some(observed))
}

/// Whether the object has not been ready yet under its present spec, so that what IAM told a moment ago of a role
/// in place need not be read again while its instances settle.
fn settling(subject: &Subject<InstanceRole>) -> bool {
    let common = &subject.status.common;
    let generation = subject.object.as_ref().and_then(|object| object.metadata.generation);
    let ready = conditions::ready(&common.conditions).is_some_and(|ready| ready.status == "True");
    !subject.deleting && !ready && generation.is_some() && common.observed_generation == generation
}

async fn from_iam(cloud: &Aws, subject: &Subject<InstanceRole>, names: &Names) -> Result<Observed, Failure> {
    let (role, profile, retired) = futures::try_join!(
        role(cloud, subject, &names.role),
        profile(cloud, subject, &names.profile),
        retired(cloud, subject, &names.profile),
    )?;
    Ok(Observed { role, profile, retired, ..Observed::default() })
}

fn has_instances(subject: &Subject<InstanceRole>) -> bool {
    let selects = subject.object.as_ref().is_some_and(|object| object.spec.instances.is_some());
    selects || !subject.status.associations_made.is_empty()
}

async fn role(cloud: &Aws, subject: &Subject<InstanceRole>, name: &str) -> Result<Option<ObservedRole>, Failure> {
    let Some(role) = cloud.iam.role(name).await? else { return Ok(None) };
    shown_whole("role", &role.name, &role.arn)?;
    let Some(claim) = judge(cloud, subject, &cloud.owner(subject), &named("role", name, &role.name), &role.tags)?
    else {
        return Ok(None);
    };
    if claim {
        same_case("spec.roleName", "role", name, &role.name)?;
    }
    let (attached, inline) = futures::try_join!(cloud.iam.attached_policies(name), cloud.iam.inline_policies(name))?;
    if claim {
        within_guardrails(cloud, subject, name, &attached)?;
    }
    Ok(Some(ObservedRole { role, claim, attached, inline }))
}

/// For a moment after a creation IAM may show the unique id where the ARN belongs.
fn shown_whole(what: &str, name: &str, arn: &str) -> Result<(), Failure> {
    if arn.starts_with("arn:") {
        return Ok(());
    }
    Err(Failure::new(Class::Dependency, "WaitingForAWS", format!("IAM does not show the ARN of {what} {name} yet")))
}

/// IAM finds by a name what has it in another case.
fn named(what: &str, wanted: &str, found: &str) -> String {
    if wanted == found {
        format!("{what} {wanted}")
    } else {
        format!("{what} {found}, to IAM the same name as {wanted},")
    }
}

fn same_case(field: &str, what: &str, wanted: &str, found: &str) -> Result<(), Failure> {
    if wanted == found {
        return Ok(());
    }
    Err(Failure::terminal(
        "AlreadyExists",
        format!("{field}: {} exists; choose another name, or write it in that case", named(what, wanted, found)),
    ))
}

/// What is adopted brings no policy along that the administrator's list would keep off a new role.
fn within_guardrails(
    cloud: &Aws,
    subject: &Subject<InstanceRole>,
    name: &str,
    attached: &BTreeSet<String>,
) -> Result<(), Failure> {
    let spec = subject.object.as_ref().map(|object| &object.spec);
    let whole_list = spec
        .is_some_and(|spec| spec.managed_policies.is_some() && spec.foreign_policies != Some(ForeignPolicies::Keep));
    let allowed = &cloud.guardrails.allowed_managed_policies;
    match attached.iter().find(|arn| !allows(allowed, arn)) {
        Some(arn) if !whole_list => Err(Failure::terminal(
            "NotAllowed",
            format!(
                "spec.adoptionPolicy: {arn} is attached to role {name} and is not in the operator's --allowed-managed-policies; \
                 detach it, or give spec.managedPolicies"
            ),
        )),
        _ => Ok(()),
    }
}

/// Profiles of ours under earlier names.
async fn retired(cloud: &Aws, subject: &Subject<InstanceRole>, wanted: &str) -> Result<Vec<InstanceProfile>, Failure> {
    let status = &subject.status;
    let mut names: BTreeSet<_> = status.retired_instance_profiles.iter().collect();
    names.extend(&status.instance_profile_name);
    let mut profiles = Vec::new();
    for name in names.into_iter().filter(|name| *name != wanted) {
        let profile = cloud.iam.instance_profile(name).await?;
        profiles
            .extend(profile.filter(|profile| matches!(cloud.owner(subject).judge(name, &profile.tags), Verdict::Ours)));
    }
    Ok(profiles)
}

/// Profiles that are gone from IAM while instances still have them by our doing. Such an instance gets no credentials, and
/// nothing else can be associated with it.
async fn lost(
    cloud: &Aws,
    subject: &Subject<InstanceRole>,
    observed: &Observed,
) -> Result<Vec<InstanceProfile>, Failure> {
    let (ours, made) = (observed.profile_arns(), &subject.status.associations_made);
    let by_us = observed.associations.iter().flatten().filter(|association| made.contains(&association.instance_id));
    let arns: BTreeSet<&str> = by_us.map(|association| association.profile_arn.as_str()).collect();
    let mut lost = Vec::new();
    for arn in arns.into_iter().filter(|arn| !ours.contains(arn)) {
        let name = resolve::profile_name(arn);
        if cloud.iam.instance_profile(name).await?.is_none() {
            lost.push(InstanceProfile { name: name.to_owned(), arn: arn.to_owned(), ..InstanceProfile::default() });
        }
    }
    Ok(lost)
}

async fn profile(cloud: &Aws, subject: &Subject<InstanceRole>, name: &str) -> Result<Option<ObservedProfile>, Failure> {
    let wanted = subject.object.as_ref().is_some_and(|object| trust::wants_profile(&object.spec));
    let recorded = subject.status.instance_profile_name.is_some();
    if !(wanted || recorded || subject.deleting) {
        return Ok(None);
    }
    let Some(profile) = cloud.iam.instance_profile(name).await? else { return Ok(None) };
    shown_whole("instance profile", &profile.name, &profile.arn)?;
    let mut owner = cloud.owner(subject);
    if subject.status.instance_profile_arn.is_none() {
        // Only the role was seen as ours so far, so that a profile without tags has not lost any.
        owner.converged_uid = None;
    }
    match judge(cloud, subject, &owner, &named("instance profile", name, &profile.name), &profile.tags) {
        Ok(Some(true)) if profile.name != name => {
            same_case("spec.instanceProfile.name", "instance profile", name, &profile.name).map(|()| None)
        }
        Ok(claim) => Ok(claim.map(|claim| ObservedProfile { profile, claim })),
        Err(_) if !wanted && !subject.deleting => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// Whether something of the wanted name is to be claimed (`true`) or ours (`false`); `None`, only while
/// deleting, for what is not ours.
fn judge(
    cloud: &Aws,
    subject: &Subject<InstanceRole>,
    owner: &Owner<'_>,
    what: &str,
    tags: &Tags,
) -> Result<Option<bool>, Failure> {
    match owner.judge(what, tags) {
        Verdict::Ours => Ok(Some(false)),
        Verdict::Claim if subject.deleting => Ok((tags.get(ownership::UID) == Some(&subject.uid)).then_some(false)),
        Verdict::Claim => cloud.adoptable(subject, what, tags).map(|()| Some(true)),
        Verdict::Refused(failure) if subject.deleting && failure.reason != "OwnershipTagsMissing" => Ok(None),
        Verdict::Refused(failure) => Err(failure),
    }
}
