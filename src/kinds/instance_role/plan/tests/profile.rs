//! The instance profile: made, mended, renamed, given up.

use super::*;

#[test]
fn profiles_that_cannot_be_had() {
    let mut observed = converged(&desired());
    observed.profile.as_mut().unwrap().profile.roles = strings(&["other"]);
    observed.role.as_mut().unwrap().attached.clear();
    assert_eq!(
        words(&plan(&subject(), &desired(), Some(&observed))),
        ["attach p1 to role r", "attach p2 to role r"],
        "the rest is done first"
    );
    observed.role.as_mut().unwrap().attached = strings(&["p1", "p2"]);
    assert!(matches!(
        plan(&subject(), &desired(), Some(&observed)),
        Plan::Refuse { reason: "ProfileHasAnotherRole", .. }
    ));
}

#[test]
fn another_role_in_our_profile_is_swapped_only_where_no_instance_carries_it() {
    let with = |claim, associations| {
        let mut observed = Observed { associations, ..converged(&desired_alone()) };
        let profile = observed.profile.as_mut().unwrap();
        profile.claim = claim;
        profile.profile.roles = strings(&["other"]);
        observed
    };
    let refused = |carried: &str| {
        vec![format!(
            "refuse ProfileHasAnotherRole: spec.instanceProfile: instance profile r holds the role other{carried}; \
             take it out, or choose another name"
        )]
    };
    let swapped = ["remove role other from instance profile r", "add role r to instance profile r"];
    for (observed, expected) in [
        (with(false, Some(vec![])), swapped.map(str::to_owned).to_vec()),
        (with(true, Some(vec![])), refused("")),
        (with(false, None), refused("")),
        (with(false, Some(vec![association("i-1", OURS, "associated")])), refused(", and instances carry it (i-1)")),
    ] {
        assert_eq!(words(&plan(&subject(), &desired_alone(), Some(&observed))), expected);
    }
}

#[test]
fn a_renamed_profile_moves_its_instances_before_the_old_one_goes() {
    const OLD: &str = "arn:aws:iam::1:instance-profile/old";
    let old =
        InstanceProfile { name: "old".into(), arn: OLD.into(), roles: strings(&["r"]), ..InstanceProfile::default() };
    let mut aws = InMemory::default();
    aws.settle(&desired_alone());
    aws.observed.retired = vec![old];
    aws.observed.associations = Some(vec![association("i-1", OLD, "associated")]);
    aws.status.associations_made = strings(&["i-1"]);
    let first = plan(&aws.subject(), &desired(), aws.observed().as_ref());
    assert_eq!(words(&first), [format!("replace {OLD} on instance i-1 with {OURS}")]);
    aws.observed.associations = Some(vec![association("i-1", OURS, "associating")]);
    let second = plan(&aws.subject(), &desired(), aws.observed().as_ref());
    assert_eq!(words(&second), ["remove role r from instance profile old", "delete instance profile old"]);
}

#[test]
fn a_profile_that_is_no_longer_wanted_goes() {
    let mut aws = InMemory::default();
    aws.settle(&desired());
    let without = Desired { profile: None, instances: None, ..desired() };
    assert_eq!(aws.settle(&without), Plan::Converged);
    assert_eq!((aws.observed.profile.clone(), aws.observed.associations.clone()), (None, Some(vec![])));
    assert!(aws.observed.role.is_some());
}
