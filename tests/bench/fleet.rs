//! Many objects of one kind, each the least that is useful.

use kube::core::DynamicObject;
use serde_json::json;

use crate::support::live::Live;

/// A kind to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fleet {
    /// Interface endpoints of one VPC.
    Endpoints,
    /// Functions with inline code and a role that is there.
    Functions,
    /// Roles with a managed policy and an instance profile.
    Roles,
}

impl Fleet {
    /// By the kind's name.
    pub fn of(kind: &str) -> Self {
        let all = [Self::Endpoints, Self::Functions, Self::Roles];
        all.into_iter().find(|fleet| fleet.kind() == kind).unwrap_or_else(|| panic!("there is no kind {kind}"))
    }

    /// The kind's name.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Endpoints => "VpcEndpoint",
            Self::Functions => "LambdaFunction",
            Self::Roles => "InstanceRole",
        }
    }

    /// The field of the status that names the object in AWS.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Endpoints => "id",
            Self::Functions => "arn",
            Self::Roles => "roleName",
        }
    }

    /// AWS calls that one object takes at least from nothing to Ready, whatever can be read for many at once left out.
    pub const fn least_calls(self) -> f64 {
        match self {
            // CreateVpcEndpoint.
            Self::Endpoints => 1.0,
            // CreateFunction, and GetFunction, which alone says that it is active.
            Self::Functions => 2.0,
            // CreateRole, AttachRolePolicy, CreateInstanceProfile, AddRoleToInstanceProfile.
            Self::Roles => 4.0,
        }
    }

    /// AWS reads an hour of a controller that reads each object by itself, at the same interval of 5 minutes: 2, 8
    /// and 12 reads a pass are what ACK's three controllers were measured to make.
    pub const fn reads_one_by_one(self, objects: usize) -> f64 {
        let reads = match self {
            Self::Endpoints => 2.0,
            Self::Functions => 8.0,
            Self::Roles => 12.0,
        };
        reads * 12.0 * objects as f64
    }

    /// Somebody changes the object with this number in AWS, in a way that a sweep can see.
    pub async fn drift(self, live: &Live, id: &str) {
        let (ec2, iam, lambda) = (&live.aws.ec2, &live.aws.iam, &live.aws.lambda);
        match self {
            Self::Endpoints => drop(ec2.delete_tags().resources(id).tags(team()).send().await.unwrap()),
            Self::Functions => {
                drop(lambda.update_function_configuration().function_name(id).timeout(9).send().await.unwrap());
            }
            Self::Roles => drop(iam.untag_role().role_name(id).tag_keys("team").send().await.unwrap()),
        }
    }

    /// Whether AWS holds what the object says.
    pub async fn is_mended(self, live: &Live, id: &str) -> bool {
        let (ec2, iam, lambda) = (&live.aws.ec2, &live.aws.iam, &live.aws.lambda);
        match self {
            Self::Endpoints => {
                let answer = ec2.describe_vpc_endpoints().vpc_endpoint_ids(id).send().await.unwrap();
                answer.vpc_endpoints()[0].tags().iter().any(|tag| tag.key() == Some("team"))
            }
            Self::Functions => {
                let answer = lambda.get_function_configuration().function_name(id).send().await.unwrap();
                answer.timeout == Some(5)
            }
            Self::Roles => {
                let answer = iam.list_role_tags().role_name(id).send().await.unwrap();
                answer.tags().iter().any(|tag| tag.key() == "team")
            }
        }
    }

    /// The object with this number.
    pub fn object(self, live: &Live, role: &str, number: usize) -> DynamicObject {
        let spec = match self {
            Self::Endpoints => json!({
                "type": "Interface",
                "service": "lambda",
                "vpc": { "id": live.network.vpc },
                "subnets": [{ "id": live.network.subnets[number % 2] }],
                "securityGroups": [{ "id": live.network.group }],
                "tags": { "team": "bench" },
            }),
            Self::Functions => json!({
                "runtime": "nodejs22.x",
                "handler": "index.handler",
                "timeoutSeconds": 5,
                "code": { "inline": { "index.mjs": "export const handler = async () => 'hello';" } },
                "executionRole": { "arn": role },
            }),
            Self::Roles => json!({
                "trust": { "services": ["ec2.amazonaws.com"] },
                "managedPolicies": ["AmazonSSMManagedInstanceCore"],
                "tags": { "team": "bench" },
            }),
        };
        let object = json!({
            "apiVersion": "privatelink.dev/v1alpha1",
            "kind": self.kind(),
            "metadata": { "name": format!("o-{number}") },
            "spec": spec,
        });
        serde_json::from_value(object).unwrap()
    }
}

fn team() -> aws_sdk_ec2::types::Tag {
    aws_sdk_ec2::types::Tag::builder().key("team").build()
}
