//! The steps, in words, and what of them must be known after a crash.

use std::{collections::BTreeSet, fmt};

use crate::{
    cloud::{
        ec2::{EndpointChange, NewEndpoint},
        ownership::Tags,
    },
    engine::kind,
};

use super::{
    desired::managed_keys,
    spec::{Field, VpcEndpointStatus},
};

/// One write to AWS.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// CreateVpcEndpoint.
    Create {
        /// Number of the attempt, which the token is made of.
        attempt: i32,
        /// What to create.
        endpoint: Box<NewEndpoint>,
    },
    /// CreateTags.
    Tag {
        /// Endpoint id.
        id: String,
        /// Keys with their new values.
        tags: Tags,
    },
    /// DeleteTags.
    Untag {
        /// Endpoint id.
        id: String,
        /// Keys to remove.
        keys: BTreeSet<String>,
    },
    /// ModifyVpcEndpoint.
    Modify(EndpointChange),
    /// DeleteVpcEndpoints with one id.
    Delete {
        /// Endpoint id.
        id: String,
    },
}

impl kind::Step for Step {
    fn reason(&self) -> &'static str {
        match self {
            Self::Create { .. } => "Created",
            Self::Tag { .. } | Self::Untag { .. } => "Tagged",
            Self::Modify(_) => "Modified",
            Self::Delete { .. } => "Deleted",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create { endpoint, .. } => {
                let NewEndpoint { endpoint_type, service_name, vpc_id, .. } = &**endpoint;
                write!(f, "create {endpoint_type} endpoint for {service_name} in {vpc_id}")?;
                let details = details([
                    ("subnets", &endpoint.subnet_ids),
                    ("security groups", &endpoint.security_group_ids),
                    ("route tables", &endpoint.route_table_ids),
                ])
                .chain((endpoint.private_dns_enabled == Some(true)).then(|| "private DNS on".to_owned()))
                .chain(endpoint.policy.is_some().then(|| "a policy of its own".to_owned()));
                let details: Vec<_> = details.collect();
                if details.is_empty() { Ok(()) } else { write!(f, " ({})", details.join("; ")) }
            }
            Self::Tag { id, tags } => write!(f, "set tags {} of {id}", list(tags.keys())),
            Self::Untag { id, keys } => write!(f, "remove tags {} of {id}", list(keys)),
            Self::Modify(change) => {
                let details = details([
                    ("add subnets", &change.add_subnets),
                    ("remove subnets", &change.remove_subnets),
                    ("add security groups", &change.add_security_groups),
                    ("remove security groups", &change.remove_security_groups),
                    ("add route tables", &change.add_route_tables),
                    ("remove route tables", &change.remove_route_tables),
                ])
                .chain(change.private_dns_enabled.map(|on| format!("private DNS {}", if on { "on" } else { "off" })))
                .chain(change.policy.is_some().then(|| "set the policy".to_owned()))
                .chain(change.reset_policy.then(|| "reset the policy to full access".to_owned()));
                write!(f, "modify {}: {}", change.id, details.collect::<Vec<_>>().join("; "))
            }
            Self::Delete { id } => write!(f, "delete {id}"),
        }
    }
}

fn details<'a, const N: usize>(sets: [(&'a str, &'a BTreeSet<String>); N]) -> impl Iterator<Item = String> + 'a {
    sets.into_iter().filter(|(_, ids)| !ids.is_empty()).map(|(what, ids)| format!("{what} {}", list(ids)))
}

fn list<'a>(words: impl IntoIterator<Item = &'a String>) -> String {
    words.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// Writes into the status what must be known after a crash in the middle of the step: the attempt, so that the
/// token is used again, and what was set, so that it is taken back when it leaves the spec.
pub fn record(step: &Step, status: &mut VpcEndpointStatus) {
    match step {
        Step::Create { attempt, endpoint } => {
            status.create_attempt = Some(*attempt);
            // The id of an earlier attempt is dead; kept, it would raise the attempt a second time after a crash.
            status.id = None;
            status.state = None;
            add(&mut status.common.managed_tags, managed_keys(&endpoint.tags));
            add(&mut status.applied_fields, created_fields(endpoint));
        }
        Step::Tag { tags, .. } => add(&mut status.common.managed_tags, managed_keys(tags)),
        Step::Modify(change) => add(&mut status.applied_fields, changed_fields(change)),
        Step::Untag { .. } | Step::Delete { .. } => {}
    }
}

fn add<T: Ord + Clone>(known: &mut Vec<T>, new: Vec<T>) {
    *known = known.drain(..).chain(new).collect::<BTreeSet<_>>().into_iter().collect();
}

fn created_fields(new: &NewEndpoint) -> Vec<Field> {
    fields([
        (Field::Subnets, !new.subnet_ids.is_empty()),
        (Field::SecurityGroups, !new.security_group_ids.is_empty()),
        (Field::RouteTables, !new.route_table_ids.is_empty()),
        (Field::PrivateDnsEnabled, new.private_dns_enabled == Some(true)),
        (Field::Policy, new.policy.is_some()),
    ])
}

fn changed_fields(change: &EndpointChange) -> Vec<Field> {
    let any = |add: &BTreeSet<_>, remove: &BTreeSet<_>| !(add.is_empty() && remove.is_empty());
    fields([
        (Field::Subnets, any(&change.add_subnets, &change.remove_subnets)),
        (Field::SecurityGroups, any(&change.add_security_groups, &change.remove_security_groups)),
        (Field::RouteTables, any(&change.add_route_tables, &change.remove_route_tables)),
        (Field::PrivateDnsEnabled, change.private_dns_enabled.is_some()),
        (Field::Policy, change.policy.is_some() || change.reset_policy),
    ])
}

fn fields<const N: usize>(fields: [(Field, bool); N]) -> Vec<Field> {
    fields.into_iter().filter_map(|(field, set)| set.then_some(field)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{
        super::fixtures::{object, set, wanted},
        *,
    };

    #[test]
    fn steps_in_words() {
        let spec = json!({
            "subnets": [{ "id": "subnet-1" }, { "id": "subnet-2" }], "securityGroups": [{ "id": "sg-1" }],
            "privateDnsEnabled": true, "policy": { "Statement": [{ "Effect": "Allow" }] },
        });
        let create = |spec| Step::Create { attempt: 1, endpoint: Box::new(wanted(&object(spec)).create("uid-1", 1)) };
        let change = EndpointChange {
            id: "vpce-1".into(),
            add_subnets: set(["subnet-1"]),
            remove_route_tables: set(["rtb-1", "rtb-2"]),
            private_dns_enabled: Some(false),
            reset_policy: true,
            ..EndpointChange::default()
        };
        for (step, text) in [
            (
                create(spec),
                "create Interface endpoint for com.amazonaws.ap-northeast-1.lambda in vpc-1 \
                 (subnets subnet-1, subnet-2; security groups sg-1; private DNS on; a policy of its own)",
            ),
            (create(json!({})), "create Interface endpoint for com.amazonaws.ap-northeast-1.lambda in vpc-1"),
            (
                Step::Modify(change),
                "modify vpce-1: add subnets subnet-1; remove route tables rtb-1, rtb-2; private DNS off; \
                 reset the policy to full access",
            ),
            (Step::Tag { id: "vpce-1".into(), tags: Tags::from([("a".into(), "b".into())]) }, "set tags a of vpce-1"),
            (Step::Untag { id: "vpce-1".into(), keys: set(["a", "b"]) }, "remove tags a, b of vpce-1"),
            (Step::Delete { id: "vpce-1".into() }, "delete vpce-1"),
        ] {
            assert_eq!(step.to_string(), text);
        }
    }

    #[test]
    fn what_must_survive_a_crash_is_recorded() {
        let spec = json!({ "subnets": [{ "id": "subnet-1" }], "tags": { "team": "a" } });
        let mut status = VpcEndpointStatus {
            id: Some("vpce-dead".into()),
            create_attempt: Some(1),
            applied_fields: vec![Field::Policy],
            ..VpcEndpointStatus::default()
        };
        let endpoint = Box::new(wanted(&object(spec)).create("uid-1", 2));
        record(&Step::Create { attempt: 2, endpoint }, &mut status);
        assert_eq!((status.create_attempt, &status.id), (Some(2), &None));
        assert_eq!(status.applied_fields, [Field::Subnets, Field::Policy]);
        assert_eq!(status.common.managed_tags, ["team"]);
        let change = EndpointChange { private_dns_enabled: Some(true), ..EndpointChange::default() };
        record(&Step::Modify(change), &mut status);
        assert_eq!(status.applied_fields, [Field::Subnets, Field::PrivateDnsEnabled, Field::Policy]);
    }
}
