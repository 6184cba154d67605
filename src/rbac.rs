//! What the operator may do in the cluster: the requests that it makes, and no others. The kinds come from the registry;
//! the chart makes its Roles from these rules.

use k8s_openapi::api::rbac::v1::PolicyRule;

use crate::{
    kinds,
    run::{election, identity},
};

/// The sets of rules, by the name of the chart's file.
pub fn sets() -> [(&'static str, Vec<PolicyRule>); 4] {
    [("kube-system", kube_system()), ("watched", watched()), ("own", own()), ("secrets", secrets())]
}

/// In the namespace `kube-system`: its uid, which tells this cluster from a copy of it.
fn kube_system() -> Vec<PolicyRule> {
    vec![only("kube-system", rule("", &["namespaces"], &["get"]))]
}

/// Where objects are watched: the kinds, what kinds make, what they take data from, and Events.
fn watched() -> Vec<PolicyRule> {
    let crds = kinds::crds();
    let group = crds.first().map(|crd| crd.spec.group.clone()).unwrap_or_default();
    let plurals: Vec<_> = crds.iter().map(|crd| crd.spec.names.plural.as_str()).collect();
    let statuses: Vec<_> = plurals.iter().map(|plural| format!("{plural}/status")).collect();
    let made = kinds::made();
    let made: Vec<_> = made.iter().map(|resource| resource.plural.as_str()).collect();
    vec![
        // Patched for the finalizer alone, and to apply what a kind makes.
        rule(&group, &plurals, &["get", "list", "watch", "patch"]),
        rule(&group, &statuses, &["patch"]),
        // Server-side apply of what is not there yet needs create.
        rule(&group, &made, &["create", "delete"]),
        rule("", &["configmaps"], &["get", "list", "watch"]),
        rule("events.k8s.io", &["events"], &["create", "patch"]),
    ]
}

/// In the operator's own namespace: the record of the cluster id, and the Lease. No rule can name an object that is
/// still to be created.
fn own() -> Vec<PolicyRule> {
    vec![
        rule("", &["configmaps"], &["create"]),
        only(identity::CONFIG_MAP, rule("", &["configmaps"], &["get"])),
        rule("coordination.k8s.io", &["leases"], &["create"]),
        only(election::NAME, rule("coordination.k8s.io", &["leases"], &["get", "update"])),
    ]
}

/// In each namespace whose Secrets functions may use.
fn secrets() -> Vec<PolicyRule> {
    vec![rule("", &["secrets"], &["get", "list", "watch"])]
}

fn rule<R: AsRef<str>>(group: &str, resources: &[R], verbs: &[&str]) -> PolicyRule {
    PolicyRule {
        api_groups: Some(vec![group.to_owned()]),
        resources: Some(resources.iter().map(|resource| resource.as_ref().to_owned()).collect()),
        verbs: verbs.iter().map(|verb| (*verb).to_owned()).collect(),
        ..PolicyRule::default()
    }
}

/// The rule for the object of this name alone.
fn only(name: &str, rule: PolicyRule) -> PolicyRule {
    PolicyRule { resource_names: Some(vec![name.to_owned()]), ..rule }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_granted_by_wildcard_and_secrets_only_by_their_own_set() {
        for (set, rules) in sets() {
            for rule in rules {
                let groups = rule.api_groups.clone().unwrap_or_default();
                let resources = rule.resources.clone().unwrap_or_default();
                let words = groups.iter().chain(&resources).chain(&rule.verbs);
                assert!(words.clone().all(|word| !word.contains('*')), "{set}: {rule:?}");
                assert!(!resources.is_empty(), "{set}: {rule:?}");
                assert_eq!(resources.contains(&"secrets".to_owned()), set == "secrets", "{set}: {rule:?}");
            }
        }
    }

    #[test]
    fn every_kind_is_watched_and_only_what_kinds_make_is_created() {
        let rules = watched();
        let of = |verb: &str| -> Vec<String> {
            let granting = rules.iter().filter(|rule| rule.verbs.contains(&verb.to_owned()));
            granting.flat_map(|rule| rule.resources.clone().unwrap_or_default()).collect()
        };
        for kind in ["vpcendpoints", "lambdafunctions", "instanceroles"] {
            assert!(of("watch").contains(&kind.to_owned()), "{kind}");
            assert!(of("patch").contains(&format!("{kind}/status")), "{kind}");
        }
        assert_eq!(of("delete"), ["instanceroles"]);
        assert_eq!(of("create"), ["instanceroles", "events"]);
    }
}
