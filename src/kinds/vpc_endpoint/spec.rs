//! The custom resource `VpcEndpoint`: its spec, its status and the rules that the apiserver enforces.

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use crate::{
    cloud::{
        policy::PolicyDocument,
        selectors::{RouteTableTerm, SecurityGroupTerm, SubnetTerm, VpcTerm},
    },
    engine::{
        contract::{CommonSpec, CommonStatus},
        kind::KindStatus,
    },
};

/// What kind of endpoint it is: <https://docs.aws.amazon.com/vpc/latest/privatelink/concepts.html>.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
pub enum EndpointType {
    /// Network interfaces with private addresses in the given subnets.
    Interface,
    /// A route to S3 or DynamoDB in the given route tables.
    Gateway,
    /// A network interface that leads to a Gateway Load Balancer.
    GatewayLoadBalancer,
}

impl EndpointType {
    /// In AWS's spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Interface => "Interface",
            Self::Gateway => "Gateway",
            Self::GatewayLoadBalancer => "GatewayLoadBalancer",
        }
    }
}

/// One VPC endpoint. A field that is absent is left as AWS has it; `[]` means none.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "privatelink.dev",
    version = "v1alpha1",
    kind = "VpcEndpoint",
    plural = "vpcendpoints",
    namespaced,
    status = "VpcEndpointStatus",
    derive = "PartialEq",
    shortname = "vpce",
    category = "aws",
    category = "privatelink",
    doc = "One VPC endpoint whole: where it is attached, who may reach it, its private DNS, its policy and its tags.",
    printcolumn(name = "Ready", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#),
    printcolumn(name = "Reason", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].reason"#),
    printcolumn(name = "ID", type_ = "string", json_path = ".status.id"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "State", type_ = "string", json_path = ".status.state", priority = 1),
    printcolumn(name = "VPC", type_ = "string", json_path = ".status.vpc", priority = 1),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].message"#,
        priority = 1
    ),
    validation = Rule::new("self.metadata.name.size() <= 63").message("metadata.name: at most 63 characters")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.region) == has(oldSelf.region) && (!has(self.region) || self.region == oldSelf.region)")
        .message("region is immutable: delete the object and make a new one"),
    validation = Rule::new("self.type != 'Gateway' || !has(self.subnets)")
        .message("subnets: a Gateway endpoint has none; use routeTables, or another type"),
    validation = Rule::new("self.type == 'Gateway' || !has(self.routeTables)")
        .message("routeTables: only a Gateway endpoint has them; use subnets, or type Gateway"),
    validation = Rule::new("self.type == 'Interface' || !has(self.securityGroups)")
        .message("securityGroups: only an Interface endpoint has them; remove them, or use type Interface"),
    validation = Rule::new("self.type == 'Interface' || !has(self.privateDnsEnabled)")
        .message("privateDnsEnabled: only an Interface endpoint has it; remove it, or use type Interface"),
    validation = Rule::new("self.type != 'GatewayLoadBalancer' || !has(self.policy)")
        .message("policy: a GatewayLoadBalancer endpoint takes none; remove it")
)]
pub struct VpcEndpointSpec {
    /// What all kinds share.
    #[serde(flatten)]
    pub common: CommonSpec,

    /// Interface, Gateway (S3 and DynamoDB only) or GatewayLoadBalancer. Immutable.
    #[serde(rename = "type")]
    #[x_kube(validation = Rule::new("self == oldSelf").message("type is immutable: delete the object and make a new one"))]
    pub endpoint_type: EndpointType,

    /// The service to reach: short, such as `lambda` (of the endpoint's region), or its full name, such as
    /// `com.amazonaws.ap-northeast-1.lambda` or `com.amazonaws.vpce.ap-northeast-1.vpce-svc-0123456789abcdef0`. Immutable.
    #[schemars(length(min = 1, max = 255), regex(pattern = r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$"))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("service is immutable: delete the object and make a new one"))]
    pub service: String,

    /// The VPC that the endpoint is in. Must select exactly one. Immutable.
    #[x_kube(validation = Rule::new("self == oldSelf").message("vpc is immutable: delete the object and make a new one"))]
    pub vpc: VpcTerm,

    /// The subnets of its network interfaces, at most one of each availability zone: of several that match in a
    /// zone the one in use stays, else the one with the lowest id is taken. A GatewayLoadBalancer endpoint takes
    /// one subnet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 30))]
    pub subnets: Option<Vec<SubnetTerm>>,

    /// The security groups of its network interfaces. Absent at creation: the VPC's default group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 30))]
    pub security_groups: Option<Vec<SecurityGroupTerm>>,

    /// The route tables that get a route to the service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 30))]
    pub route_tables: Option<Vec<RouteTableTerm>>,

    /// Whether the service's public DNS name leads to the endpoint inside the VPC, which needs the VPC's DNS
    /// support and DNS hostnames. Absent at creation: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_dns_enabled: Option<bool>,

    /// Who may do what through the endpoint, at most 20,480 characters of JSON. Absent at creation: everybody
    /// everything, AWS's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyDocument>,
}

/// What AWS holds of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct VpcEndpointStatus {
    /// What all kinds share.
    #[serde(flatten)]
    pub common: CommonStatus,

    /// Id of the endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub id: Option<String>,

    /// State as AWS has it, in lower case without separators, such as `available` or `pendingacceptance`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub state: Option<String>,

    /// Full name of the service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub service_name: Option<String>,

    /// Id of the VPC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub vpc: Option<String>,

    /// Subnets that the endpoint has a network interface in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub subnets: Vec<SubnetStatus>,

    /// Subnets that the terms select and that are not used, because another one of their zone is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(length(max = 64)))]
    pub unused_subnets: Vec<String>,

    /// Security groups of its network interfaces.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub security_groups: Vec<SecurityGroupStatus>,

    /// Route tables with a route to the service.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 512), inner(length(max = 64)))]
    pub route_tables: Vec<String>,

    /// DNS names of the endpoint, regional ones first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 256)))]
    pub dns_names: Vec<String>,

    /// Ids of its network interfaces.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 64)))]
    pub network_interfaces: Vec<String>,

    /// The last error that AWS reports of the endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub failure: Option<String>,

    /// Number of the create attempt, part of the idempotency token. Written before the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub create_attempt: Option<i32>,

    /// Fields of the spec that were applied. One that is then taken out of the spec goes back to AWS's default.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub applied_fields: Vec<Field>,
}

/// The state of an endpoint on its way out.
pub const DELETING: &str = "deleting";

/// A subnet that the endpoint is in.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SubnetStatus {
    /// Id of the subnet.
    #[schemars(length(max = 64))]
    pub id: String,
    /// Its availability zone, if the subnet was selected by tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub zone: Option<String>,
}

/// A security group of the endpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecurityGroupStatus {
    /// Id of the group.
    #[schemars(length(max = 64))]
    pub id: String,
    /// Its name, if the group was selected by name or tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub name: Option<String>,
}

/// An optional field of the spec that has a default of AWS's to go back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Field {
    /// `spec.subnets`; default: none.
    Subnets,
    /// `spec.securityGroups`; default: the VPC's default group.
    SecurityGroups,
    /// `spec.routeTables`; default: none.
    RouteTables,
    /// `spec.privateDnsEnabled`; default here: false.
    PrivateDnsEnabled,
    /// `spec.policy`; default: full access.
    Policy,
}

impl VpcEndpointSpec {
    /// The fields that are given, in order.
    pub fn given(&self) -> Vec<Field> {
        [
            (Field::Subnets, self.subnets.is_some()),
            (Field::SecurityGroups, self.security_groups.is_some()),
            (Field::RouteTables, self.route_tables.is_some()),
            (Field::PrivateDnsEnabled, self.private_dns_enabled.is_some()),
            (Field::Policy, self.policy.is_some()),
        ]
        .into_iter()
        .filter_map(|(field, given)| given.then_some(field))
        .collect()
    }
}

impl KindStatus for VpcEndpointStatus {
    fn common(&self) -> &CommonStatus {
        &self.common
    }

    fn common_mut(&mut self) -> &mut CommonStatus {
        &mut self.common
    }
}

#[cfg(test)]
mod tests {
    use kube::{
        CustomResourceExt,
        core::cel::{validate_cel, validate_cel_update},
    };
    use serde_json::{Value, json};

    use super::{super::fixtures::object, *};

    #[test]
    fn the_schema_builds_with_bounds_and_columns() {
        let crd = json!(VpcEndpoint::crd());
        let version = &crd["spec"]["versions"][0];
        let spec = &version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"];
        assert_eq!(spec["type"]["enum"], json!(["Interface", "Gateway", "GatewayLoadBalancer"]));
        assert_eq!(spec["subnets"]["maxItems"], 30);
        let statement = &spec["policy"]["properties"]["Statement"]["items"];
        assert_eq!(statement["properties"]["Action"]["x-kubernetes-preserve-unknown-fields"], true);
        assert!(statement["properties"]["Action"]["description"].is_string());
        let columns: Vec<_> =
            version["additionalPrinterColumns"].as_array().unwrap().iter().map(|column| &column["name"]).collect();
        assert_eq!(columns, ["Ready", "Reason", "ID", "Age", "State", "VPC", "Message"]);
        assert!(!crd.to_string().contains(r#""default":"#), "no defaults in the schema");
    }

    #[test]
    fn fields_that_do_not_go_together_are_rejected() {
        let gateway = |field: &str, value: Value| json!({ "type": "Gateway", field: value });
        let balancer = |field: &str, value: Value| json!({ "type": "GatewayLoadBalancer", field: value });
        let policy = json!({ "Statement": [{ "Effect": "Allow" }] });
        let groups = json!([{ "id": "sg-1" }]);
        for (spec, field) in [
            (gateway("subnets", json!([])), "subnets"),
            (gateway("securityGroups", groups.clone()), "securityGroups"),
            (gateway("privateDnsEnabled", json!(false)), "privateDnsEnabled"),
            (json!({ "routeTables": [] }), "routeTables"),
            (balancer("routeTables", json!([])), "routeTables"),
            (balancer("securityGroups", groups.clone()), "securityGroups"),
            (balancer("privateDnsEnabled", json!(true)), "privateDnsEnabled"),
            (balancer("policy", policy.clone()), "policy"),
        ] {
            let errors = validate_cel(&object(spec.clone())).unwrap_err().to_string();
            assert!(errors.contains(&format!("{field}: ")), "{spec}: {errors}");
        }
        for spec in [
            json!({ "subnets": [{ "id": "subnet-1" }], "securityGroups": groups, "privateDnsEnabled": true, "policy": policy }),
            gateway("routeTables", json!([{ "tags": { "Name": "*" } }])),
            gateway("policy", policy),
            balancer("subnets", json!([{ "id": "subnet-1" }])),
        ] {
            validate_cel(&object(spec.clone())).unwrap();
        }
    }

    #[test]
    fn immutable_fields() {
        let before = object(json!({ "region": "ap-northeast-1" }));
        for (change, field) in [
            (json!({ "region": "ap-northeast-1", "type": "Gateway" }), "type"),
            (json!({ "region": "ap-northeast-1", "service": "s3" }), "service"),
            (json!({ "region": "ap-northeast-1", "vpc": { "id": "vpc-2" } }), "vpc"),
            (json!({ "region": "eu-west-1" }), "region"),
            (json!({}), "region"),
        ] {
            let errors = validate_cel_update(&object(change), &before).unwrap_err().to_string();
            assert!(errors.contains(&format!("{field} is immutable")), "{errors}");
        }
        let after = object(json!({ "region": "ap-northeast-1", "subnets": [], "tags": { "a": "b" } }));
        validate_cel_update(&after, &before).unwrap();
    }
}
