//! Deletion: associations that we made, then the profile, then the policies, then the role, whose boundary
//! stays on to the end.

use std::{collections::BTreeSet, time::Duration};

use crate::{
    cloud::{ec2::ProfileAssociation, iam::InstanceProfile},
    engine::kind::{Plan, Subject},
    kinds::instance_role::{
        observe::{Observed, ObservedRole},
        spec::{ForeignPolicies, InstanceRole},
        step::Step,
    },
};

use super::{
    Hold, decide,
    instances::{by_instance, disassociate, few},
};

/// When to look again, at first, at what somebody has to release.
const RELEASE: Duration = Duration::from_secs(2);
/// When to look again at what AWS is about to show.
pub const SOON: Duration = Duration::from_secs(1);

pub fn plan_delete(subject: &Subject<InstanceRole>, observed: Option<&Observed>) -> Plan<Step> {
    let Some(observed) = observed else { return absent(subject) };
    if !observed.held_by.functions.is_empty() {
        let message = format!("functions still run with the role: {}", few(&observed.held_by.functions));
        return Plan::Wait { reason: "RoleInUse", message, after: RELEASE };
    }
    let (mut steps, mut holds) = (Vec::new(), Vec::new());
    let wanted = observed.profile.iter().map(|found| &found.profile);
    for ours in wanted.chain(&observed.retired) {
        holds.extend(profile(subject, observed, ours, &mut steps));
    }
    let leaves_profile = steps.iter().all(|step| !matches!(step, Step::Disassociate { .. }));
    if let Some(role) = &observed.role
        && holds.is_empty()
        && leaves_profile
    {
        match role_hold(subject, observed, role) {
            Some(hold) => holds.push(hold),
            None => delete_role(role, &mut steps),
        }
    }
    decide(steps, holds)
}

/// A create whose effect is not visible yet must not be taken for a deletion that is done: what it made would stay for
/// ever. The names are recorded before a create, the ids come with its answer, and both go with a deletion.
fn absent(subject: &Subject<InstanceRole>) -> Plan<Step> {
    let status = &subject.status;
    let role = (status.role_name.is_some(), status.role_id.is_some());
    let profile = (status.instance_profile_name.is_some(), status.instance_profile_id.is_some());
    if [role, profile].contains(&(true, false))
        && let Some(wait) = subject.create_may_land()
    {
        return wait;
    }
    if (role.0 || profile.0) && !subject.settled {
        let message = "waiting until it is certain that AWS holds nothing".to_owned();
        return Plan::Wait { reason: "ConfirmingAbsence", message, after: SOON };
    }
    Plan::Converged
}

/// Undoes the associations that we made and deletes the profile. Others' use of it holds that up, and so does an
/// association that may just have been made and is not visible yet.
pub fn profile(
    subject: &Subject<InstanceRole>,
    observed: &Observed,
    profile: &InstanceProfile,
    steps: &mut Vec<Step>,
) -> Option<Hold> {
    let recorded = &subject.status.associations_made;
    let made: BTreeSet<&String> = recorded.iter().chain(&observed.held_by.selected).collect();
    let all = observed.associations.as_deref().unwrap_or_default();
    let users: Vec<&ProfileAssociation> = all.iter().filter(|known| known.profile_arn == profile.arn).collect();
    // An instance that is seen with another profile of ours has this one no more, unless an edit that was overtaken by the
    // deletion has just moved it here, and what is seen is what was before.
    let ours = if subject.deleting { vec![profile.arn.as_str()] } else { observed.profile_arns() };
    let carrying = by_instance(all, &ours);
    let unseen = recorded.iter().find(|id| {
        !carrying.get(id.as_str()).is_some_and(|association| ours.contains(&association.profile_arn.as_str()))
    });
    let (leaving, staying): (Vec<_>, Vec<_>) =
        users.into_iter().partition(|association| association.state == "disassociating");
    let (ours, others): (Vec<_>, Vec<_>) =
        staying.into_iter().partition(|association| made.contains(&association.instance_id));
    if !ours.is_empty() {
        steps.extend(ours.into_iter().map(disassociate));
        return None;
    }
    if !others.is_empty() {
        let instances: Vec<_> = others.iter().map(|association| association.instance_id.clone()).collect();
        return Some(Hold::Wait {
            reason: "ProfileInUse",
            message: format!(
                "instance profile {} is still associated, not by us, with {}; disassociate it there",
                profile.name,
                few(&instances)
            ),
            after: RELEASE,
        });
    }
    if let Some(association) = leaving.first() {
        let message = format!("instance {} is still disassociating", association.instance_id);
        return Some(Hold::Wait { reason: "Disassociating", message, after: SOON });
    }
    if let Some(id) = unseen.filter(|_| !subject.settled) {
        let message = format!("waiting until it is certain that instance {id} was not associated");
        return Some(Hold::Wait { reason: "ConfirmingAbsence", message, after: SOON });
    }
    let name = &profile.name;
    steps.extend(profile.roles.iter().map(|role| Step::RemoveRole { profile: name.clone(), role: role.clone() }));
    steps.push(Step::DeleteProfile { profile: name.clone() });
    None
}

fn role_hold(subject: &Subject<InstanceRole>, observed: &Observed, role: &ObservedRole) -> Option<Hold> {
    if !observed.held_by.profiles.is_empty() {
        let message = format!("other instance profiles hold the role: {}", few(&observed.held_by.profiles));
        return Some(Hold::Wait { reason: "RoleInUse", message, after: RELEASE });
    }
    let foreign = foreign_policies(subject, role);
    (!foreign.is_empty()).then(|| Hold::Wait {
        reason: "PolicyInUse",
        message: format!(
            "others put policies on the role: {}; remove them there, or set spec.foreignPolicies to Remove",
            few(&foreign)
        ),
        after: RELEASE,
    })
}

/// The policies that neither the status nor the spec claims, where the spec does not say that they are ours to remove:
/// by a list that is the whole list, or by `foreignPolicies: Remove`.
fn foreign_policies(subject: &Subject<InstanceRole>, role: &ObservedRole) -> Vec<String> {
    let status = &subject.status;
    let spec = subject.object.as_ref().map(|object| &object.spec);
    let stay = |given: bool| match spec.and_then(|spec| spec.foreign_policies) {
        Some(ForeignPolicies::Remove) => false,
        Some(ForeignPolicies::Keep) => true,
        None => !given,
    };
    let managed = spec.and_then(|spec| spec.managed_policies.as_ref());
    let named = |arn: &str| {
        let mut given = managed.into_iter().flatten();
        given.any(|given| given == arn || arn.ends_with(&format!("/{given}")))
    };
    let attached = role.attached.iter().filter(|arn| !status.managed_policies.contains(arn) && !named(arn));
    let inline = spec.and_then(|spec| spec.inline_policies.as_ref());
    let put = role.inline.keys().filter(|name| {
        !status.inline_policies.contains(name) && !inline.is_some_and(|policies| policies.contains_key(*name))
    });
    let attached = attached.filter(|_| stay(managed.is_some()));
    attached.chain(put.filter(|_| stay(inline.is_some()))).cloned().collect()
}

fn delete_role(observed: &ObservedRole, steps: &mut Vec<Step>) {
    let role = &observed.role.name;
    steps.extend(
        observed.attached.iter().map(|policy| Step::DetachPolicy { role: role.clone(), policy: policy.clone() }),
    );
    steps.extend(
        observed.inline.keys().map(|policy| Step::DeleteInlinePolicy { role: role.clone(), policy: policy.clone() }),
    );
    steps.push(Step::DeleteRole { role: role.clone() });
}
