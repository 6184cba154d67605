//! Selector terms, as Karpenter has them: terms of a list are `ORed`, fields inside a term are `ANDed`, the tag
//! value `*` means any value.

use std::collections::BTreeMap;

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::{ec2::Filter, ownership::Tags};

/// What a term can ask of an AWS thing.
pub trait Term {
    /// AWS's filter name for the id, such as `subnet-id`.
    const ID_FILTER: &'static str;

    /// The id asked for.
    fn id(&self) -> Option<&str>;
    /// The name asked for (security groups only).
    fn name(&self) -> Option<&str> {
        None
    }
    /// The tags asked for.
    fn tags(&self) -> Option<&Tags>;

    /// Whether a thing with this id, name and tags is meant.
    fn matches(&self, id: &str, name: &str, tags: &Tags) -> bool {
        self.id().is_none_or(|wanted| wanted == id)
            && self.name().is_none_or(|wanted| wanted == name)
            && self
                .tags()
                .is_none_or(|wanted| wanted.iter().all(|(k, v)| tags.get(k).is_some_and(|have| v == "*" || have == v)))
    }

    /// The same as filters of a Describe call.
    fn filters(&self) -> Vec<Filter> {
        let id = self.id().map(|id| Filter::new(Self::ID_FILTER, id));
        let name = self.name().map(|name| Filter::new("group-name", name));
        let tags = self.tags().into_iter().flatten().map(|(k, v)| match v.as_str() {
            "*" => Filter::new("tag-key", k),
            _ => Filter::new(format!("tag:{k}"), v),
        });
        id.into_iter().chain(name).chain(tags).collect()
    }

    /// The term in words, for messages: `id subnet-1`, `name web`, `tags {Name: demo}`.
    fn describe(&self) -> String {
        let mut parts = Vec::new();
        if let Some(id) = self.id() {
            parts.push(format!("id {id}"));
        }
        if let Some(name) = self.name() {
            parts.push(format!("name {name}"));
        }
        if let Some(tags) = self.tags() {
            let tags: Vec<_> = tags.iter().map(|(k, v)| format!("{k}: {v}")).collect();
            parts.push(format!("tags {{{}}}", tags.join(", ")));
        }
        parts.join(" and ")
    }
}

macro_rules! term {
    ($(#[$doc:meta])* $name:ident, $pattern:literal, $filter:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
        #[serde(rename_all = "camelCase")]
        #[x_kube(validation = Rule::new("has(self.id) != has(self.tags)").message("a term has exactly one of id and tags"))]
        pub struct $name {
            /// The AWS id.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(length(max = 64), regex(pattern = $pattern))]
            pub id: Option<String>,
            /// Tags that it must carry, all of them; the value `*` means any value.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(schema_with = "tags_schema")]
            pub tags: Option<BTreeMap<String, String>>,
        }

        impl Term for $name {
            const ID_FILTER: &'static str = $filter;

            fn id(&self) -> Option<&str> {
                self.id.as_deref()
            }

            fn tags(&self) -> Option<&Tags> {
                self.tags.as_ref()
            }
        }
    };
}

term!(
    /// Selects a VPC.
    VpcTerm, r"^vpc-[0-9a-f]+$", "vpc-id"
);
term!(
    /// Selects subnets.
    SubnetTerm, r"^subnet-[0-9a-f]+$", "subnet-id"
);
term!(
    /// Selects route tables.
    RouteTableTerm, r"^rtb-[0-9a-f]+$", "route-table-id"
);
term!(
    /// Selects EC2 instances.
    InstanceTerm, r"^i-[0-9a-f]+$", "instance-id"
);

/// Selects security groups.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.id) || has(self.name) || has(self.tags)").message("a term has one of id, name and tags"),
    validation = Rule::new("!has(self.id) || !(has(self.name) || has(self.tags))").message("id excludes name and tags")
)]
pub struct SecurityGroupTerm {
    /// The AWS id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), regex(pattern = r"^sg-[0-9a-f]+$"))]
    pub id: Option<String>,
    /// The group's name (not its tag Name).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub name: Option<String>,
    /// Tags that it must carry, all of them; the value `*` means any value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "tags_schema")]
    pub tags: Option<BTreeMap<String, String>>,
}

impl Term for SecurityGroupTerm {
    const ID_FILTER: &'static str = "group-id";

    fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    fn tags(&self) -> Option<&Tags> {
        self.tags.as_ref()
    }
}

fn tags_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "object",
        "nullable": true,
        "minProperties": 1,
        "maxProperties": 20,
        "additionalProperties": { "type": "string", "maxLength": 256 },
        "x-kubernetes-validations": [{
            "rule": "self.all(k, size(k) >= 1 && size(k) <= 128)",
            "message": "tags: a key has 1 to 128 characters",
        }],
    })
}
