//! The chart's RBAC rules, against the requests that the apiserver noted.

use std::collections::BTreeSet;

use privatelink_operator::rbac;
use serde::Deserialize;

use super::recorded;

/// What the name of the chart's ServiceAccount ends in, after that of the release.
const SERVICE_ACCOUNT: &str = "privatelink-operator";

/// A line of the audit log: <https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/#audit-k8s-io-v1-Event>.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    user: User,
    verb: String,
    #[serde(rename = "requestURI")]
    uri: String,
    object_ref: Option<Object>,
    response_status: Option<Status>,
    #[serde(default)]
    annotations: Annotations,
}

#[derive(Deserialize)]
struct User {
    username: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Object {
    #[serde(default)]
    api_group: String,
    resource: String,
    subresource: Option<String>,
    namespace: Option<String>,
    name: Option<String>,
}

#[derive(Deserialize)]
struct Status {
    code: Option<u16>,
}

#[derive(Default, Deserialize)]
struct Annotations {
    #[serde(rename = "authorization.k8s.io/decision")]
    decision: Option<String>,
}

/// One verb on one resource, the least that a rule can be made of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Grant {
    set: &'static str,
    group: String,
    resource: String,
    verb: String,
    /// The only object that it is for.
    name: Option<String>,
}

/// What a request needs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Request {
    verb: String,
    group: String,
    resource: String,
    name: Option<String>,
    is_in_own_namespace: bool,
}

impl Grant {
    fn allows(&self, request: &Request) -> bool {
        let is_there = self.set != "own" || request.is_in_own_namespace;
        let is_it = self.name.is_none() || self.name == request.name;
        let is_so = (&self.verb, &self.group, &self.resource) == (&request.verb, &request.group, &request.resource);
        is_there && is_it && is_so
    }

    /// How much it is narrowed: a request counts for the narrowest grant.
    fn breadth(&self) -> (bool, bool) {
        (self.name.is_none(), self.set != "own")
    }
}

/// The chart's rules, taken apart.
fn grants() -> Vec<Grant> {
    let mut grants = Vec::new();
    for (set, rules) in rbac::sets() {
        for rule in rules {
            let names = rule.resource_names.clone().unwrap_or_default();
            let names = if names.is_empty() { vec![None] } else { names.into_iter().map(Some).collect() };
            for group in rule.api_groups.iter().flatten() {
                for resource in rule.resources.iter().flatten() {
                    for verb in &rule.verbs {
                        grants.extend(names.iter().map(|name| Grant {
                            set,
                            group: group.clone(),
                            resource: resource.clone(),
                            verb: verb.clone(),
                            name: name.clone(),
                        }));
                    }
                }
            }
        }
    }
    grants
}

/// The operator's events.
fn events() -> Vec<Event> {
    let events: Vec<Event> = recorded("audit.log");
    let events: Vec<_> = events.into_iter().filter(|event| event.user.username.ends_with(SERVICE_ACCOUNT)).collect();
    assert!(events.len() > 1000, "{} requests are too few for a whole run", events.len());
    events
}

impl Event {
    /// What the request needs. Applying an object that is not there needs the verb create as well.
    fn requests(&self) -> Vec<Request> {
        let object = self.object_ref.as_ref().unwrap_or_else(|| panic!("{} {} is of no resource", self.verb, self.uri));
        let own = self.user.username.split(':').nth(2);
        let resource = match &object.subresource {
            Some(subresource) => format!("{}/{subresource}", object.resource),
            None => object.resource.clone(),
        };
        let created = self.response_status.as_ref().and_then(|status| status.code) == Some(201);
        let verbs = [Some(self.verb.as_str()), (created && self.verb == "patch").then_some("create")];
        let request = |verb: &str| Request {
            verb: verb.to_owned(),
            group: object.api_group.clone(),
            resource: resource.clone(),
            name: object.name.clone(),
            is_in_own_namespace: object.namespace.as_deref() == own,
        };
        verbs.into_iter().flatten().map(request).collect()
    }
}

#[test]
fn every_rule_is_used_and_every_request_is_allowed_by_one() {
    let grants = grants();
    let mut unused: BTreeSet<&Grant> = grants.iter().collect();
    let mut without = BTreeSet::new();
    let requests: BTreeSet<Request> = events().iter().flat_map(Event::requests).collect();
    for request in requests {
        let allowing = grants.iter().filter(|grant| grant.allows(&request));
        match allowing.min_by_key(|grant| grant.breadth()) {
            Some(grant) => drop(unused.remove(grant)),
            None => drop(without.insert(request)),
        }
    }
    assert!(without.is_empty(), "requested, and in no rule of the chart: {without:#?}");
    assert!(unused.is_empty(), "in a rule of the chart, and never requested: {unused:#?}");
}

#[test]
fn nothing_was_forbidden() {
    let events = events();
    let forbidden = events.iter().filter(|event| event.annotations.decision.as_deref() == Some("forbid"));
    let forbidden: BTreeSet<_> = forbidden.map(|event| (&event.verb, &event.uri)).collect();
    assert!(forbidden.is_empty(), "{forbidden:#?}");
}
