//! `LambdaFunction`: spec, status and the rules that the API server checks.

use std::{collections::BTreeMap, fmt};

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use crate::{
    cloud::{
        managed_policies::{POLICY_ARN_PATTERN, POLICY_PATTERN},
        policy::PolicyDocument,
    },
    engine::contract::{CommonSpec, CommonStatus},
};

use super::aspects::spec::{AspectsSpec, AspectsStatus};

/// One Lambda function whole: its code, configuration and execution role.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "privatelink.dev",
    version = "v1alpha1",
    kind = "LambdaFunction",
    plural = "lambdafunctions",
    namespaced,
    status = "LambdaFunctionStatus",
    derive = "PartialEq",
    shortname = "lfn",
    category = "aws",
    category = "privatelink",
    validation = Rule::new("self.metadata.name.size() <= 63").message("metadata.name: at most 63 characters"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "Function", type_ = "string", json_path = ".status.functionName"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "State", type_ = "string", json_path = ".status.state", priority = 1),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].message",
        priority = 1
    )
)]
#[x_kube(
    validation = Rule::new(
        "has(self.region) == has(oldSelf.region) && (!has(self.region) || self.region == oldSelf.region)"
    ).message("region is immutable: delete the object and make a new one"),
    validation = Rule::new(
        "has(self.functionName) == has(oldSelf.functionName) && (!has(self.functionName) || self.functionName == oldSelf.functionName)"
    ).message("functionName is immutable: delete the object and make a new one"),
)]
#[serde(rename_all = "camelCase")]
pub struct LambdaFunctionSpec {
    /// What all kinds share.
    #[serde(flatten)]
    pub common: CommonSpec,

    /// Name of the function. Absent: `<namespace>-<name>`, cut with a hash where it is longer than 64 characters
    /// or holds a dot. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64), regex(pattern = r"^[a-zA-Z0-9_-]+$"))]
    pub function_name: Option<String>,

    /// Runtime identifier, such as nodejs22.x.
    #[schemars(length(min = 1, max = 64), regex(pattern = r"^[a-z][a-z0-9.]+$"))]
    pub runtime: String,

    /// Entry point, such as index.handler.
    #[schemars(length(min = 1, max = 128), regex(pattern = r"^[^\s]+$"))]
    pub handler: String,

    /// Instruction set. Absent: left as it is, x86_64 at creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub architecture: Option<Architecture>,

    /// Memory in MB. Absent: left as it is, 128 at creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 128, max = 32768))]
    pub memory_size: Option<i32>,

    /// Time-out of an invocation in seconds. Absent: left as it is, 3 at creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 5400))]
    pub timeout_seconds: Option<i32>,

    /// Environment variables, 4 KB in all. Absent: left as they are; `[]`: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".to_owned()]))]
    pub env: Option<Vec<EnvVar>>,

    /// The code: exactly one of inline and configMapRef.
    pub code: Code,

    /// The role that the function runs with: exactly one of arn, instanceRoleRef and create.
    pub execution_role: ExecutionRole,

    /// What the function has beside its code and configuration.
    #[serde(flatten)]
    pub aspects: AspectsSpec,
}

/// Instruction set of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Architecture {
    /// 64-bit x86.
    #[serde(rename = "x86_64")]
    X86,
    /// 64-bit Arm (Graviton).
    #[serde(rename = "arm64")]
    Arm,
}

impl Architecture {
    /// AWS's spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::X86 => "x86_64",
            Self::Arm => "arm64",
        }
    }
}

/// One environment variable. `Debug` leaves the value out.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct EnvVar {
    /// Name of the variable.
    #[schemars(length(min = 2, max = 256), regex(pattern = r"^[a-zA-Z]([a-zA-Z0-9_])+$"))]
    pub name: String,
    /// Its value.
    #[schemars(length(max = 4096))]
    pub value: String,
}

impl fmt::Debug for EnvVar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnvVar").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Where the code comes from. `Debug` leaves the code out.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    validation = Rule::new("has(self.inline) != has(self.configMapRef)")
        .message("code: give exactly one of inline and configMapRef")
)]
#[serde(rename_all = "camelCase")]
pub struct Code {
    /// File name to text, 200 KiB in all. Directories are made from the slashes in the names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "inline_schema")]
    pub inline: Option<BTreeMap<String, String>>,
    /// A ConfigMap in the same namespace: each key is a file, or its only key is a zip file in binaryData.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map_ref: Option<LocalReference>,
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Code")
            .field("inline", &self.inline.as_ref().map(|files| files.keys().collect::<Vec<_>>()))
            .field("config_map_ref", &self.config_map_ref)
            .finish()
    }
}

fn inline_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "object",
        "nullable": true,
        "minProperties": 1,
        "maxProperties": 100,
        "additionalProperties": { "type": "string", "maxLength": 204_800 },
        "x-kubernetes-validations": [
            {
                "rule": "self.all(k, size(k) >= 1 && size(k) <= 255)",
                "message": "code.inline: a file name has 1 to 255 characters",
            },
            {
                "rule": "self.all(k, !k.startsWith('/') && !k.split('/').exists(part, part in ['', '.', '..']))",
                "message": "code.inline: file names are relative paths without empty parts, '.' and '..'",
            },
        ],
    })
}

/// An object in the same namespace.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct LocalReference {
    /// Its name.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"))]
    pub name: String,
}

/// The role that a function runs with.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    validation = Rule::new("[has(self.arn), has(self.instanceRoleRef), has(self.create)].exists_one(given, given)")
        .message("executionRole: give exactly one of arn, instanceRoleRef and create")
)]
#[serde(rename_all = "camelCase")]
pub struct ExecutionRole {
    /// ARN of a role that exists already and trusts lambda.amazonaws.com.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048), regex(pattern = r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/[a-zA-Z0-9+=,.@_/-]+$"))]
    pub arn: Option<String>,
    /// An InstanceRole in the same namespace that trusts lambda.amazonaws.com.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_role_ref: Option<LocalReference>,
    /// An InstanceRole made for this function and owned by it, trusting lambda.amazonaws.com.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create: Option<CreateRole>,
}

/// What a role made for the function may do. The fields are those of an InstanceRole.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateRole {
    /// Managed policies, by ARN or by name such as AWSLambdaBasicExecutionRole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(max = 20),
        inner(
            length(min = 1, max = 1024),
            regex(pattern = POLICY_PATTERN)
        )
    )]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub managed_policies: Option<Vec<String>>,
    /// Inline policies, name to document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxProperties" = 10))]
    #[x_kube(
        validation = Rule::new("self.all(k, size(k) >= 1 && size(k) <= 128)")
            .message("inlinePolicies: a name has 1 to 128 characters")
    )]
    pub inline_policies: Option<BTreeMap<String, PolicyDocument>>,
    /// ARN of the managed policy that bounds what the role can be permitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(max = 1024),
        regex(pattern = POLICY_ARN_PATTERN)
    )]
    pub permissions_boundary: Option<String>,
}

/// An optional setting that goes back to AWS's default when it is taken out of the spec after we set it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ManagedField {
    /// `spec.architecture`, by default x86_64.
    Architecture,
    /// `spec.env`, by default empty.
    Env,
    /// `spec.memorySize`, by default 128.
    MemorySize,
    /// `spec.timeoutSeconds`, by default 3.
    TimeoutSeconds,
}

/// What AWS holds of the function.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct LambdaFunctionStatus {
    /// What all kinds share.
    #[serde(flatten)]
    pub common: CommonStatus,

    /// Name of the function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub function_name: Option<String>,

    /// AWS's state of the function, such as Pending, Active, Inactive and Failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub state: Option<String>,

    /// Why the state is what it is, where AWS says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub state_reason: Option<String>,

    /// How the last update went: Successful, Failed or InProgress.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub last_update_status: Option<String>,

    /// Base64 of the SHA-256 of the deployed zip file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub code_sha256: Option<String>,

    /// AWS's revision of the function when it was last at rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub revision_id: Option<String>,

    /// ARN of the role that the function runs with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    pub execution_role_arn: Option<String>,

    /// The InstanceRole that was made for executionRole.create.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub owned_role: Option<String>,

    /// Optional settings that were set on the function, so that one taken out of the spec goes back to its default.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4))]
    pub managed_fields: Vec<ManagedField>,

    /// What is known of the function's aspects.
    #[serde(flatten)]
    pub aspects: AspectsStatus,
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
        let crd = json!(LambdaFunction::crd());
        let version = &crd["spec"]["versions"][0];
        let spec = &version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"];
        assert_eq!(spec["env"]["x-kubernetes-list-type"], "map");
        assert_eq!(spec["env"]["x-kubernetes-list-map-keys"], json!(["name"]));
        assert_eq!(spec["architecture"]["enum"], json!(["x86_64", "arm64"]));
        assert_eq!(spec["memorySize"]["maximum"].as_f64(), Some(32768.0));
        assert_eq!(spec["code"]["properties"]["inline"]["maxProperties"], 100);
        let columns: Vec<_> =
            version["additionalPrinterColumns"].as_array().unwrap().iter().map(|column| &column["name"]).collect();
        assert_eq!(columns, ["Ready", "Reason", "Function", "Age", "State", "Message"]);
        assert!(!crd.to_string().contains(r#""default":"#), "no defaults in the schema");
    }

    #[test]
    fn exactly_one_source_and_one_role() {
        let files = |names: &[&str]| -> Value {
            let files: BTreeMap<_, _> = names.iter().map(|name| (*name, "")).collect();
            json!({ "code": { "inline": files } })
        };
        let role = json!({ "arn": "arn:aws:iam::123456789012:role/x", "create": {} });
        for (fields, expected) in [
            (json!({ "code": {} }), "code: give exactly one of inline and configMapRef"),
            (
                json!({ "code": { "inline": { "a": "" }, "configMapRef": { "name": "a" } } }),
                "code: give exactly one of inline and configMapRef",
            ),
            (json!({ "executionRole": {} }), "executionRole: give exactly one of"),
            (json!({ "executionRole": role }), "executionRole: give exactly one of"),
            (files(&["/a"]), "code.inline: file names are relative paths"),
            (files(&["a/../b"]), "code.inline: file names are relative paths"),
            (files(&["a//b"]), "code.inline: file names are relative paths"),
            (files(&[&"a".repeat(256)]), "code.inline: a file name has 1 to 255 characters"),
        ] {
            let errors = validate_cel(&object(fields.clone())).unwrap_err().to_string();
            assert!(errors.contains(expected), "{fields}: {errors}");
        }
        for fields in [
            files(&["index.js", "lib/a.b/c..d.js"]),
            json!({ "code": { "configMapRef": { "name": "a" } }, "executionRole": { "create": {} } }),
            json!({ "executionRole": { "instanceRoleRef": { "name": "a" } } }),
        ] {
            validate_cel(&object(fields.clone())).unwrap();
        }
    }

    #[test]
    fn immutable_fields() {
        let before = object(json!({ "region": "ap-northeast-1", "functionName": "a" }));
        for (change, field) in [
            (json!({ "region": "ap-northeast-1", "functionName": "b" }), "functionName"),
            (json!({ "region": "ap-northeast-1" }), "functionName"),
            (json!({ "region": "eu-west-1", "functionName": "a" }), "region"),
            (json!({ "functionName": "a" }), "region"),
        ] {
            let errors = validate_cel_update(&object(change), &before).unwrap_err().to_string();
            assert!(errors.contains(&format!("{field} is immutable")), "{errors}");
        }
        let after = object(json!({ "region": "ap-northeast-1", "functionName": "a", "memorySize": 256 }));
        validate_cel_update(&after, &before).unwrap();
    }

    #[test]
    fn neither_values_nor_code_are_printed() {
        let printed = format!(
            "{:?}",
            object(json!({
                "env": [{ "name": "TOKEN", "value": "hunter2" }],
                "code": { "inline": { "index.js": "very secret" } },
            }))
        );
        assert!(printed.contains("TOKEN") && printed.contains("index.js"), "{printed}");
        assert!(!printed.contains("hunter2") && !printed.contains("very secret"), "{printed}");
    }
}
