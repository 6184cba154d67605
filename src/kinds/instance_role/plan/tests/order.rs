//! While a role changes, it is never permitted what neither the old nor the new spec gives it, nor without what both do.

use proptest::{collection, option, prelude::*, sample::subsequence};
use serde_json::{Value, json};

use super::*;

const SERVICES: &[&str] = &["ec2.amazonaws.com", "ecs.amazonaws.com", "lambda.amazonaws.com", "states.amazonaws.com"];
const POLICIES: &[&str] = &["p1", "p2", "p3"];
const INLINES: &[&str] = &["i1", "i2"];

/// A spec as far as it grants anything.
#[derive(Clone, Debug)]
struct Spec {
    services: Vec<&'static str>,
    attached: Vec<&'static str>,
    inline: BTreeMap<&'static str, &'static str>,
    bounded: bool,
}

fn any_spec() -> impl Strategy<Value = Spec> {
    let inline =
        collection::btree_map(prop::sample::select(INLINES), prop_oneof![Just(INLINE), Just(OTHER_INLINE)], 0..3);
    (subsequence(SERVICES, 1..=SERVICES.len()), subsequence(POLICIES, 0..=POLICIES.len()), inline, any::<bool>())
        .prop_map(|(services, attached, inline, bounded)| Spec { services, attached, inline, bounded })
}

impl Spec {
    fn trust(&self) -> String {
        let statement =
            json!({ "Effect": "Allow", "Principal": { "Service": self.services }, "Action": "sts:AssumeRole" });
        json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string()
    }

    fn desired(&self) -> Desired {
        Desired {
            trust: self.trust(),
            boundary: self.bounded.then(|| "b".to_owned()),
            managed_policies: Some(self.attached.iter().map(|p| (*p).to_owned()).collect()),
            inline_policies: Some(self.inline.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()),
            profile: None,
            instances: None,
            ..desired()
        }
    }
}

/// What a role lets whom do: service, policy with its document, and whether the boundary narrows it. Each policy
/// permits one thing inside the boundary and one outside.
fn grants(role: &ObservedRole) -> BTreeSet<(String, String, bool)> {
    let document: Value = serde_json::from_str(&role.role.trust_policy).unwrap();
    let statements = document["Statement"].as_array().unwrap().iter();
    let services = statements.flat_map(|statement| match &statement["Principal"]["Service"] {
        Value::Array(many) => many.iter().map(|one| one.as_str().unwrap().to_owned()).collect::<Vec<_>>(),
        one => vec![one.as_str().unwrap().to_owned()],
    });
    let inline = role.inline.iter().map(|(name, document)| format!("{name} {document}"));
    let policies: Vec<String> = role.attached.iter().cloned().chain(inline).collect();
    let reach: &[bool] = if role.role.permissions_boundary.is_some() { &[true] } else { &[true, false] };
    let mut grants = BTreeSet::new();
    for service in services {
        for policy in &policies {
            grants.extend(reach.iter().map(|inside| (service.clone(), policy.clone(), *inside)));
        }
    }
    grants
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]
    #[test]
    fn no_moment_of_an_update_is_wider_or_poorer_than_both_specs(from in any_spec(), to in any_spec(), filler in option::of(Just(()))) {
        let mut aws = InMemory::default();
        let mut old = from.desired();
        if filler.is_some() {
            // At the quota of managed policies.
            let fill = (0..10 - from.attached.len()).map(|n| format!("f{n}"));
            old.managed_policies.get_or_insert_default().extend(fill);
        }
        aws.settle(&old);
        let before = grants(aws.role());
        let wanted = to.desired();
        let mut end = InMemory::default();
        end.settle(&wanted);
        let after = grants(end.role());
        let both: BTreeSet<_> = before.intersection(&after).cloned().collect();
        let either: BTreeSet<_> = before.union(&after).cloned().collect();
        while let Plan::Act(steps) = plan(&aws.subject(), &wanted, aws.observed().as_ref()) {
            for step in &steps {
                aws.take(step);
                let now = grants(aws.role());
                prop_assert!(now.is_superset(&both), "after {}: lost {:?}\n{:?}", step, both.difference(&now), words(&Plan::Act(steps.clone())));
                prop_assert!(now.is_subset(&either), "after {}: gained {:?}\n{:?}", step, now.difference(&either), words(&Plan::Act(steps.clone())));
                prop_assert!(aws.role().attached.len() <= 10);
            }
        }
        prop_assert_eq!(grants(aws.role()), after);
    }
}
