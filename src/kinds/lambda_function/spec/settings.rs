//! The settings of a function that have a shape of their own.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::cloud::selectors::{SecurityGroupTerm, SubnetTerm};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$word_doc:meta])* $word:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
        pub enum $name {
            $($(#[$word_doc])* #[serde(rename = $text)] $word,)+
        }

        impl $name {
            /// AWS's spelling, which is the spec's too.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$word => $text,)+
                }
            }
        }
    };
}

words! {
    /// Instruction set. Absent: left as it is, x86_64 at creation.
    Architecture {
        /// 64-bit x86.
        X86 = "x86_64",
        /// 64-bit Arm (Graviton).
        Arm = "arm64",
    }
}

words! {
    /// Whether AWS X-Ray samples invocations. Absent: left as it is, PassThrough at creation.
    Tracing {
        /// Lambda samples them.
        Active = "Active",
        /// Only those are traced that their caller has sampled.
        PassThrough = "PassThrough",
    }
}

words! {
    /// Which versions start from a snapshot. Absent: left as it is, None at creation.
    SnapStart {
        /// Each version that is published.
        PublishedVersions = "PublishedVersions",
        /// None.
        None = "None",
    }
}

words! {
    /// How log lines look. Absent: Text.
    LogFormat {
        /// Plain text.
        Text = "Text",
        /// One JSON object a line.
        Json = "JSON",
    }
}

words! {
    /// What the function's own log lines must be worth at least. Absent: INFO. With format JSON alone.
    ApplicationLogLevel {
        /// Everything.
        Trace = "TRACE",
        /// Debug and above.
        Debug = "DEBUG",
        /// Info and above.
        Info = "INFO",
        /// Warnings and above.
        Warn = "WARN",
        /// Errors and above.
        Error = "ERROR",
        /// Fatal errors alone.
        Fatal = "FATAL",
    }
}

words! {
    /// What Lambda's log lines must be worth at least. Absent: INFO. With format JSON alone.
    SystemLogLevel {
        /// Debug and above.
        Debug = "DEBUG",
        /// Info and above.
        Info = "INFO",
        /// Warnings alone.
        Warn = "WARN",
    }
}

/// The VPC that a function reaches. What is absent inside is AWS's default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    validation = Rule::new("(size(self.subnets) == 0) == (size(self.securityGroups) == 0)")
        .message("vpc: give both subnets and securityGroups, or [] for both to take the function out of its VPC")
)]
#[serde(rename_all = "camelCase")]
pub struct Vpc {
    /// The subnets, all of one VPC. Every subnet that a term selects is used, 16 at most; AWS advises two
    /// Availability Zones.
    #[schemars(length(max = 16))]
    pub subnets: Vec<SubnetTerm>,
    /// The security groups, 5 at most, of the subnets' VPC.
    #[schemars(length(max = 5))]
    pub security_groups: Vec<SecurityGroupTerm>,
    /// Whether the function may use IPv6 in dual-stack subnets. Absent: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipv6_allowed_for_dual_stack: Option<bool>,
}

/// Where and how a function logs. What is absent inside is AWS's default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    validation = Rule::new(
        "(has(self.format) && self.format == 'JSON') || !(has(self.applicationLogLevel) || has(self.systemLogLevel))"
    ).message("logging: applicationLogLevel and systemLogLevel go with format JSON")
)]
#[serde(rename_all = "camelCase")]
pub struct Logging {
    /// Text (when absent) or JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<LogFormat>,
    /// What the function's own log lines must be worth at least. Absent: INFO. With format JSON alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application_log_level: Option<ApplicationLogLevel>,
    /// What Lambda's log lines must be worth at least. Absent: INFO. With format JSON alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_log_level: Option<SystemLogLevel>,
    /// The CloudWatch log group. Absent: /aws/lambda/<function name>.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512), regex(pattern = r"^[.\-_/#A-Za-z0-9]+$"))]
    pub log_group: Option<String>,
}

/// A file system that the function sees.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct FileSystem {
    /// ARN of the access point, of Amazon EFS for one. The function has to be in a VPC that reaches it.
    #[schemars(length(max = 200), regex(pattern = r"^arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]+:[0-9]{12}:.+$"))]
    pub arn: String,
    /// Where the function finds it, below /mnt/.
    #[schemars(length(max = 160), regex(pattern = r"^/mnt/[a-zA-Z0-9._-]+$"))]
    pub local_mount_path: String,
}

/// What of a container image is to be used otherwise than the image says. What is absent inside is as the image has
/// it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImageConfig {
    /// The program to start, with its first arguments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100), inner(length(max = 4096)))]
    pub entry_point: Option<Vec<String>>,
    /// Arguments of the program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100), inner(length(max = 4096)))]
    pub command: Option<Vec<String>>,
    /// The working directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1000))]
    pub working_directory: Option<String>,
}
