//! What each instance needs.

use super::*;

#[test]
fn instances() {
    let in_state = |state: &str| Instances { selected: [("i-1".into(), state.into())].into(), ..Instances::default() };
    let (pending, stopped) = (in_state("pending"), || in_state("stopped"));
    let untagged =
        |ids| Instances { unmatched: Unmatched { ids: vec![], tags: vec!["tags {a: b}".into()] }, ..selecting(ids) };
    let dead = || vec![ProfileAssociation { profile_id: "AIPA-OLD".into(), ..association("i-1", OURS, "associated") }];
    let undo = "disassociate the instance profile from instance i-1 (assoc-i-1)".to_owned();
    let replacing = |owner: Option<ProfileOwner>| Instances {
        replace: Some(owner.map(|owner| (THEIRS.to_owned(), owner)).into_iter().collect()),
        ..selecting(&["i-1"])
    };
    let unmatched =
        |ids| Instances { unmatched: Unmatched { ids: vec!["id i-9".into()], tags: vec![] }, ..selecting(ids) };
    let theirs = || vec![association("i-1", THEIRS, "associated")];
    let ours = || vec![association("i-1", OURS, "associated")];
    let associate = format!("associate instance i-1 with {OURS}");
    let refusal =
        format!("refuse InstanceHasAnotherProfile: spec.instances: instance i-1 has the instance profile {THEIRS}");
    let nobody = "NoInstanceMatched: spec.instances: no instance matches id i-9";
    for (instances, made, associations, expected) in [
        (selecting(&["i-1"]), &[][..], vec![], vec![associate.clone()]),
        (selecting(&["i-1"]), &[], ours(), vec![]),
        (pending.clone(), &[], vec![], vec!["wait WaitingForInstances: instance i-1 is pending".to_owned()]),
        (
            selecting(&["i-1"]),
            &[],
            vec![association("i-1", OURS, "associating")],
            vec![format!("wait WaitingForInstances: instance i-1 is associating {OURS}")],
        ),
        (
            selecting(&["i-1"]),
            &[],
            vec![association("i-1", THEIRS, "disassociating")],
            vec![format!("wait WaitingForInstances: instance i-1 is disassociating {THEIRS}")],
        ),
        (
            selecting(&["i-1"]),
            &[],
            vec![association("i-1", THEIRS, "disassociating"), association("i-1", OURS, "associated")],
            vec![],
        ),
        (selecting(&["i-1"]), &[], theirs(), vec![format!("{refusal} (see spec.onConflict)")]),
        (selecting(&["i-1", "i-2"]), &[], theirs(), vec![format!("associate instance i-2 with {OURS}")]),
        (
            replacing(Some(ProfileOwner::Untagged)),
            &[],
            theirs(),
            vec![format!("replace {THEIRS} on instance i-1 with {OURS}")],
        ),
        (
            replacing(Some(ProfileOwner::Object("ns/other".into()))),
            &[],
            theirs(),
            vec![format!("{refusal}, which belongs to ns/other")],
        ),
        (
            replacing(None),
            &[],
            theirs(),
            vec![format!("wait WaitingForInstances: instance i-1 has just got the instance profile {THEIRS}")],
        ),
        (
            selecting(&[]),
            &["i-1"],
            ours(),
            vec!["disassociate the instance profile from instance i-1 (assoc-i-1)".to_owned()],
        ),
        (selecting(&[]), &[], ours(), vec![]),
        (selecting(&[]), &["i-1"], theirs(), vec![]),
        (unmatched(&[]), &[], vec![], vec![format!("refuse {nobody}; remove the term, or start the instance")]),
        (untagged(&[]), &[], vec![], vec![]),
        (untagged(&["i-1"]), &["i-1", "i-2"], ours(), vec![]),
        (
            untagged(&["i-2"]),
            &["i-1", "i-2"],
            vec![association("i-1", OURS, "associated"), association("i-2", OURS, "associated")],
            vec![
                "refuse NoInstanceMatched: spec.instances: no instance matches tags {a: b}; what is associated already \
                 stays so until every term matches or is removed"
                    .to_owned(),
            ],
        ),
        (stopped(), &[], vec![], vec![associate.clone()]),
        (stopped(), &[], dead(), vec![undo.clone()]),
        (selecting(&["i-1"]), &[], dead(), vec![format!("replace {OURS} on instance i-1 with {OURS}")]),
        (in_state("stopping"), &[], dead(), vec!["wait WaitingForInstances: instance i-1 is stopping".to_owned()]),
        (in_state("stopping"), &[], ours(), vec![]),
        (unmatched(&["i-1"]), &[], vec![], vec![associate]),
        (
            unmatched(&["i-1"]),
            &["i-1"],
            ours(),
            vec![format!("refuse {nobody}; remove the term, or start the instance")],
        ),
        (
            unmatched(&[]),
            &["i-1"],
            ours(),
            vec![format!(
                "refuse {nobody}; what is associated already stays so until every term matches or is removed"
            )],
        ),
    ] {
        let desired = Desired { instances: Some(instances.clone()), ..desired() };
        let mut observed = Observed { associations: Some(associations.clone()), ..converged(&desired_alone()) };
        observed.profile.as_mut().unwrap().profile.id = "AIPA".into();
        let mut subject = subject();
        subject.status.associations_made = strings(made);
        assert_eq!(
            words(&plan(&subject, &desired, Some(&observed))),
            expected,
            "{instances:?} {made:?} {associations:?}"
        );
    }
}

#[test]
fn an_instance_that_was_named_may_still_come_while_writes_are_young() {
    let unmatched = Unmatched { ids: vec!["id i-9".into()], tags: vec![] };
    let desired = Desired { instances: Some(Instances { unmatched, ..Instances::default() }), ..desired() };
    let observed = converged(&desired_alone());
    let young = Subject { settled: false, ..subject() };
    assert_eq!(
        words(&plan(&young, &desired, Some(&observed))),
        ["wait NoInstanceMatched: spec.instances: no instance matches id i-9"]
    );
}
