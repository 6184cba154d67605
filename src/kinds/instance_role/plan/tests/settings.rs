//! Description, session duration and tags.

use super::*;

#[test]
fn a_setting_goes_along_with_the_other_and_back_to_its_default() {
    let has = |description: Option<&str>, seconds: i32| {
        let mut observed = converged(&desired_alone());
        let role = &mut observed.role.as_mut().unwrap().role;
        role.description = description.map(str::to_owned);
        role.max_session_seconds = Some(seconds);
        observed
    };
    let both = &[ManagedField::Description, ManagedField::MaxSessionDurationSeconds][..];
    for (wanted, managed, observed, expected) in [
        ((None, None), &[][..], has(Some("theirs"), 7200), None),
        ((Some("d"), None), &[], has(None, 7200), Some(("d", 7200))),
        ((None, Some(7200)), &[], has(Some("theirs"), 3600), Some(("theirs", 7200))),
        ((Some("d"), Some(7200)), &[], has(Some("d"), 7200), None),
        ((None, None), both, has(Some("d"), 7200), Some(("", 3600))),
        ((None, None), both, has(None, 3600), None),
        ((Some(""), None), &[], has(None, 3600), None),
    ] {
        let desired =
            Desired { description: wanted.0.map(str::to_owned), max_session_seconds: wanted.1, ..desired_alone() };
        let mut subject = subject();
        subject.status.managed_fields = managed.to_vec();
        let sent = match plan(&subject, &desired, Some(&observed)) {
            Plan::Act(steps) => match &steps[..] {
                [Step::UpdateRole { description, max_session_seconds, .. }] => {
                    Some((description.clone(), *max_session_seconds))
                }
                other => panic!("{other:?}"),
            },
            _ => None,
        };
        assert_eq!(
            sent,
            expected.map(|(text, seconds): (&str, i32)| (text.to_owned(), seconds)),
            "{wanted:?} {managed:?}"
        );
    }
}

#[test]
fn a_tag_key_in_another_case_takes_the_place_of_the_old_one() {
    let mut observed = converged(&desired_alone());
    let recase = |tags: &mut Tags| {
        let value = tags.remove("team").unwrap();
        tags.insert("Team".into(), value);
    };
    recase(&mut observed.role.as_mut().unwrap().role.tags);
    recase(&mut observed.profile.as_mut().unwrap().profile.tags);
    let mut subject = subject();
    subject.status.common.managed_tags = strings(&["Team"]);
    assert_eq!(
        words(&plan(&subject, &desired_alone(), Some(&observed))),
        ["tag role r with team", "tag instance profile r with team", "remove tags Team from instance profile r"],
    );
}
