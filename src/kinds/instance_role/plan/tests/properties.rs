//! From any state to any wish, and from any state to nothing.

use proptest::{collection, option, prelude::*, sample::subsequence};

use super::*;

fn subset(of: &'static [&'static str]) -> impl Strategy<Value = BTreeSet<String>> {
    subsequence(of, 0..=of.len()).prop_map(|names| strings(&names))
}

fn inline(of: &'static [&'static str]) -> impl Strategy<Value = BTreeMap<String, String>> {
    let document = prop_oneof![Just(INLINE.to_owned()), Just(OTHER_INLINE.to_owned())];
    (subset(of), collection::vec(document, of.len()))
        .prop_map(|(names, documents)| names.into_iter().zip(documents).collect())
}

const POLICIES: &[&str] = &["p1", "p2", "p3", "p4"];
const INLINES: &[&str] = &["i1", "i2", "i3"];
const INSTANCES: &[&str] = &["i-1", "i-2", "i-3"];
const KEYS: &[&str] = &["team", "old", "foreign", CLUSTER, OWNER];

fn any_desired() -> impl Strategy<Value = Desired> {
    (
        option::of(Just("b".to_owned())),
        option::of(subset(POLICIES)),
        option::of(inline(INLINES)),
        any::<bool>(),
        any::<bool>(),
        option::of(subset(INSTANCES)),
    )
        .prop_map(|(boundary, managed_policies, inline_policies, keep, with_profile, instances)| Desired {
            boundary,
            managed_policies,
            inline_policies,
            keep_foreign_policies: keep,
            profile: with_profile.then(|| Profile { name: "r".into(), path: path() }),
            instances: instances.filter(|_| with_profile).map(|ids| Instances {
                selected: ids.into_iter().map(|id| (id, "running".into())).collect(),
                unmatched: Unmatched::default(),
                replace: Some([(THEIRS.to_owned(), ProfileOwner::Untagged)].into()),
            }),
            ..desired()
        })
}

/// Any leftover of a crash, of drift, or of an earlier spec.
fn any_aws() -> impl Strategy<Value = InMemory> {
    let tags = || subset(KEYS).prop_map(|keys| keys.into_iter().map(|key| (key, "y".to_owned())).collect::<Tags>());
    let trust = prop_oneof![Just(TRUST.to_owned()), Just(OTHER_TRUST.to_owned())];
    let role = (trust, option::of(prop_oneof!["b", "c"]), subset(POLICIES), inline(INLINES), tags(), any::<bool>())
        .prop_map(|(trust_policy, permissions_boundary, attached, inline, tags, claim)| ObservedRole {
            role: Role {
                name: "r".into(),
                path: "/".into(),
                trust_policy,
                permissions_boundary,
                tags,
                ..Role::default()
            },
            claim,
            attached,
            inline,
        });
    let profile = (any::<bool>(), tags()).prop_map(|(with_role, tags)| {
        let mut profile = empty_profile(&desired());
        profile.profile.tags = tags;
        profile.profile.roles = with_role.then(|| "r".to_owned()).into_iter().collect();
        profile
    });
    let carried = collection::vec(option::of(prop_oneof![Just(OURS), Just(THEIRS)]), INSTANCES.len());
    let status = (subset(POLICIES), subset(INLINES), subset(INSTANCES), subset(KEYS), any::<bool>());
    (option::of(role), option::of(profile), carried, status).prop_map(|(role, mut profile, carried, status)| {
        if role.is_none()
            && let Some(profile) = &mut profile
        {
            profile.profile.roles.clear();
        }
        let carried = INSTANCES.iter().zip(carried);
        let associations = carried.filter_map(|(id, arn)| arn.map(|arn| association(id, arn, "associated")));
        let (managed_policies, inline_policies, associations_made, managed_tags, boundary) = status;
        let mut status = InstanceRoleStatus {
            managed_policies: managed_policies.into_iter().collect(),
            inline_policies: inline_policies.into_iter().collect(),
            associations_made: associations_made.into_iter().collect(),
            managed_fields: boundary.then_some(ManagedField::PermissionsBoundary).into_iter().collect(),
            ..InstanceRoleStatus::default()
        };
        status.common.managed_tags = managed_tags.into_iter().collect();
        let associations = Some(associations.collect());
        InMemory { observed: Observed { role, profile, associations, ..Observed::default() }, status }
    })
}

impl std::fmt::Debug for InMemory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} {:?}", self.observed, self.status)
    }
}

/// What instance carries which profile.
fn carried(observed: &Observed) -> BTreeMap<&str, &str> {
    let all = observed.associations.iter().flatten();
    all.map(|association| (association.instance_id.as_str(), association.profile_arn.as_str())).collect()
}

proptest! {
    #[test]
    fn any_state_converges(mut aws in any_aws(), desired in any_desired()) {
        let (before, made) = (aws.observed.clone(), aws.status.associations_made.clone());
        let end = aws.settle(&desired);
        if let Plan::Wait { reason, .. } = end {
            prop_assert_eq!(reason, "ProfileInUse");
            prop_assert!(desired.profile.is_none());
        } else {
            prop_assert_eq!(end, Plan::Converged);
            prop_assert_eq!(aws.observed.profile.is_some(), desired.profile.is_some());
        }
        let role = aws.observed.role.as_ref().unwrap();
        prop_assert!(equivalent(&role.role.trust_policy, TRUST));
        prop_assert!(desired.tags.iter().all(|(key, value)| role.role.tags.get(key) == Some(value)));
        prop_assert!(desired.boundary.is_none() || role.role.permissions_boundary == desired.boundary);
        if let Some(wanted) = &desired.managed_policies {
            prop_assert!(role.attached.is_superset(wanted));
            prop_assert!(desired.keep_foreign_policies || role.attached == *wanted);
        }
        if let Some(wanted) = &desired.inline_policies {
            prop_assert!(wanted.iter().all(|(name, document)| role.inline.get(name) == Some(document)));
            prop_assert!(desired.keep_foreign_policies || role.inline == *wanted);
        }
        let selected = desired.instances.as_ref().map(|instances| instances.selected.clone()).unwrap_or_default();
        let (before, after) = (carried(&before), carried(&aws.observed));
        for id in INSTANCES.iter().copied() {
            if selected.contains_key(id) {
                prop_assert_eq!(after.get(id), Some(&OURS));
            } else if before.get(id) != Some(&OURS) || !made.iter().any(|made| made == id) {
                prop_assert_eq!(after.get(id), before.get(id), "{} is none of our business", id);
            }
        }
    }

    #[test]
    fn any_state_can_be_deleted(mut aws in any_aws()) {
        let (before, made) = (aws.observed.clone(), aws.status.associations_made.clone());
        let end = aws.run(|subject, observed| plan_delete(&deleting(Some(deletion::remove()), &subject.status), observed));
        let held = before.profile.is_some()
            && carried(&before).iter().any(|(id, arn)| *arn == OURS && !made.iter().any(|made| made == id));
        if held {
            let in_use = matches!(end, Plan::Wait { reason: "ProfileInUse", .. });
            prop_assert!(in_use, "{:?}", end);
            prop_assert_eq!(aws.observed.role, before.role);
        } else {
            prop_assert_eq!(end, Plan::Converged);
            prop_assert_eq!(aws.observed(), None);
        }
    }
}
