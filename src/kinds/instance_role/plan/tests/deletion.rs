//! What is done, and in what order, while the object is being deleted.

use super::*;

#[test]
fn order_of_a_deletion() {
    let mut aws = InMemory::default();
    aws.settle(&desired());
    let first = plan_delete(&deleting(None, &aws.status), aws.observed().as_ref());
    assert_eq!(words(&first), ["disassociate the instance profile from instance i-1 (assoc-i-1)"]);
    aws.associations().clear();
    let second = plan_delete(&deleting(None, &aws.status), aws.observed().as_ref());
    assert_eq!(
        words(&second),
        [
            "remove role r from instance profile r",
            "delete instance profile r",
            "detach p1 from role r",
            "detach p2 from role r",
            "delete inline policy i1 from role r",
            "delete role r",
        ]
    );
}

#[test]
fn what_holds_up_a_deletion() {
    let keep = InstanceRoleSpec {
        foreign_policies: Some(ForeignPolicies::Keep),
        managed_policies: Some(strings(&["p1", "ReadOnly"])),
        inline_policies: Some([("i1".into(), crate::cloud::policy::PolicyDocument::default())].into()),
        ..InstanceRoleSpec::default()
    };
    let attached = |policies: &[&str]| {
        let mut observed = converged(&desired_alone());
        observed.role.as_mut().unwrap().attached = strings(policies);
        observed
    };
    let with = |held_by: Holders, associations: Vec<ProfileAssociation>| Observed {
        held_by,
        associations: Some(associations),
        ..converged(&desired_alone())
    };
    for (spec, observed, expected) in [
        (
            None,
            with(Holders { functions: strings(&["f"]), ..Holders::default() }, vec![]),
            "wait RoleInUse: functions still run with the role: f",
        ),
        (
            None,
            with(Holders::default(), vec![association("i-7", OURS, "associated")]),
            "wait ProfileInUse: instance profile r is still associated, not by us, with i-7; disassociate it there",
        ),
        (
            None,
            with(Holders::default(), vec![association("i-7", OURS, "disassociating")]),
            "wait Disassociating: instance i-7 is still disassociating",
        ),
        (
            None,
            with(
                Holders { selected: strings(&["i-7"]), ..Holders::default() },
                vec![association("i-7", OURS, "associated")],
            ),
            "disassociate the instance profile from instance i-7 (assoc-i-7)",
        ),
        (
            None,
            with(Holders::default(), vec![association("i-7", THEIRS, "associated")]),
            "remove role r from instance profile r",
        ),
        (
            Some(keep.clone()),
            Observed { profile: None, ..attached(&["arn:x/ReadOnly", "p1", "foreign"]) },
            "wait PolicyInUse: others put policies on the role: foreign; \
             remove them there, or set spec.foreignPolicies to Remove",
        ),
        (
            Some(keep),
            Observed { profile: None, ..attached(&["arn:x/ReadOnly", "p1"]) },
            "detach arn:x/ReadOnly from role r",
        ),
        (
            None,
            Observed { profile: None, ..attached(&["foreign"]) },
            "wait PolicyInUse: others put policies on the role: foreign; i1; \
             remove them there, or set spec.foreignPolicies to Remove",
        ),
        (Some(whole_lists()), Observed { profile: None, ..attached(&["foreign"]) }, "detach foreign from role r"),
        (Some(remove()), Observed { profile: None, ..attached(&["foreign"]) }, "detach foreign from role r"),
        (
            None,
            Observed {
                profile: None,
                held_by: Holders { profiles: strings(&["q"]), ..Holders::default() },
                ..converged(&desired_alone())
            },
            "wait RoleInUse: other instance profiles hold the role: q",
        ),
        (
            Some(remove()),
            Observed { role: None, ..converged(&desired_alone()) },
            "remove role r from instance profile r",
        ),
    ] {
        let plan = plan_delete(&deleting(spec, &InstanceRoleStatus::default()), Some(&observed));
        assert_eq!(words(&plan).first().map(String::as_str), Some(expected), "{observed:?}");
    }
}

pub fn remove() -> InstanceRoleSpec {
    InstanceRoleSpec { foreign_policies: Some(ForeignPolicies::Remove), ..InstanceRoleSpec::default() }
}

fn whole_lists() -> InstanceRoleSpec {
    InstanceRoleSpec {
        managed_policies: Some(Vec::new()),
        inline_policies: Some(BTreeMap::new()),
        ..InstanceRoleSpec::default()
    }
}

#[test]
fn absence_is_believed_when_it_is_certain() {
    let nothing = InstanceRoleStatus::default();
    let begun = InstanceRoleStatus { role_name: Some("r".into()), ..nothing.clone() };
    let made = InstanceRoleStatus { role_id: Some("AROA".into()), ..begun.clone() };
    let profile_begun = InstanceRoleStatus { instance_profile_name: Some("r".into()), ..made.clone() };
    let profile_made = InstanceRoleStatus { instance_profile_id: Some("AIPA".into()), ..profile_begun.clone() };
    for (status, settled, absent_secs, expected) in [
        (&nothing, false, 0, None),
        (&begun, false, 119, Some("CreateMayLand")),
        (&begun, true, 119, Some("CreateMayLand")),
        (&begun, true, 120, None),
        (&made, false, 119, Some("ConfirmingAbsence")),
        (&made, true, 0, None),
        (&profile_begun, true, 119, Some("CreateMayLand")),
        (&profile_begun, true, 120, None),
        (&profile_made, false, 0, Some("ConfirmingAbsence")),
        (&profile_made, true, 0, None),
    ] {
        let subject = Subject { settled, absent_for: Duration::from_secs(absent_secs), ..deleting(None, status) };
        let waits_for = match plan_delete(&subject, None) {
            Plan::Converged => None,
            Plan::Wait { reason, .. } => Some(reason),
            other => panic!("{other:?}"),
        };
        assert_eq!(waits_for, expected, "{status:?} {settled} {absent_secs}");
    }
}

#[test]
fn an_association_not_visible_yet_holds_up_the_profile() {
    let observed = Observed { associations: Some(vec![]), ..converged(&desired_alone()) };
    let made = InstanceRoleStatus { associations_made: strings(&["i-1"]), ..InstanceRoleStatus::default() };
    let unsettled = Subject { settled: false, ..deleting(None, &made) };
    assert_eq!(
        words(&plan_delete(&unsettled, Some(&observed))),
        ["wait ConfirmingAbsence: waiting until it is certain that instance i-1 was not associated"]
    );
    let settled = deleting(None, &made);
    assert!(matches!(plan_delete(&settled, Some(&observed)), Plan::Act(_)));
}

#[test]
fn an_instance_seen_with_an_earlier_profile_may_have_the_later_one() {
    let earlier = InstanceProfile { name: "e".to_owned(), arn: "arn:e".to_owned(), ..InstanceProfile::default() };
    let observed = Observed {
        associations: Some(vec![association("i-1", &earlier.arn, "associated")]),
        retired: vec![earlier],
        ..converged(&desired_alone())
    };
    let made = InstanceRoleStatus { associations_made: strings(&["i-1"]), ..InstanceRoleStatus::default() };
    let unsettled = Subject { settled: false, ..deleting(None, &made) };
    assert_eq!(
        words(&plan_delete(&unsettled, Some(&observed))),
        ["disassociate the instance profile from instance i-1 (assoc-i-1)"]
    );
}
