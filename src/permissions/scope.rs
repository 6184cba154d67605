//! Where each operation may be used. A scope is one statement of the policy.

use crate::cloud::{operation::Operation, ownership::CLUSTER};

use super::document::Condition;

/// Resources, and conditions on them, under which actions are allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Reads that AWS does not narrow to resources.
    ReadEverything,
    /// Reads of one VPC.
    ReadVpcs,
    /// Reads of one role or instance profile.
    ReadRoles,
    /// Reads of one function or event source mapping.
    ReadFunctions,
    /// Reads of deployment packages, which Lambda does with the operator's permissions.
    ReadCode,
    /// New endpoints, with the cluster's tag.
    CreateEndpoints,
    /// Where endpoints may lie.
    PlaceEndpoints,
    /// Tags of an endpoint, in the call that creates it.
    TagNewEndpoints,
    /// Changes of endpoints with the cluster's tag.
    ChangeOwnEndpoints,
    /// The other side of a connection, with `autoAccept`.
    AcceptConnections,
    /// Names of the service in the VPC, with private DNS.
    ServePrivateNames,
    /// Instance profiles below the path, on instances.
    GiveProfiles,
    /// Those off instances.
    TakeProfiles,
    /// New roles and instance profiles, with the cluster's tag.
    CreateRoles,
    /// Changes of roles and instance profiles with the cluster's tag.
    ChangeOwnRoles,
    /// Roles for functions and instances.
    PassRoles,
    /// New functions, with the cluster's tag.
    CreateFunctions,
    /// New event source mappings, with the cluster's tag; AWS does not narrow them to resources.
    CreateEventSources,
    /// Changes of functions and event source mappings with the cluster's tag.
    ChangeOwnFunctions,
    /// Code signing configurations for functions.
    UseCodeSigning,
}

impl Scope {
    /// All scopes, in the order of the policy's statements.
    pub const ALL: &[Self] = &[
        Self::ReadEverything,
        Self::ReadVpcs,
        Self::ReadRoles,
        Self::ReadFunctions,
        Self::ReadCode,
        Self::CreateEndpoints,
        Self::PlaceEndpoints,
        Self::TagNewEndpoints,
        Self::ChangeOwnEndpoints,
        Self::AcceptConnections,
        Self::ServePrivateNames,
        Self::GiveProfiles,
        Self::TakeProfiles,
        Self::CreateRoles,
        Self::ChangeOwnRoles,
        Self::PassRoles,
        Self::CreateFunctions,
        Self::CreateEventSources,
        Self::ChangeOwnFunctions,
        Self::UseCodeSigning,
    ];

    /// The name of its statement.
    pub fn sid(self) -> String {
        format!("{self:?}")
    }

    /// Patterns of the ARNs.
    pub const fn resources(self) -> &'static [&'static str] {
        match self {
            Self::ReadEverything | Self::CreateEventSources => &["*"],
            Self::ReadVpcs => &["arn:aws:ec2:REGION:ACCOUNT:vpc/*"],
            Self::ReadRoles => &["arn:aws:iam::ACCOUNT:role/*", "arn:aws:iam::ACCOUNT:instance-profile/*"],
            Self::ReadFunctions | Self::ChangeOwnFunctions | Self::CreateFunctions => {
                &["arn:aws:lambda:REGION:ACCOUNT:function:*", "arn:aws:lambda:REGION:ACCOUNT:event-source-mapping:*"]
            }
            Self::ReadCode => &["arn:aws:s3:::CODE_BUCKET/*"],
            Self::CreateEndpoints | Self::TagNewEndpoints | Self::ChangeOwnEndpoints => {
                &["arn:aws:ec2:REGION:ACCOUNT:vpc-endpoint/*"]
            }
            Self::PlaceEndpoints => &[
                "arn:aws:ec2:REGION:ACCOUNT:vpc/*",
                "arn:aws:ec2:REGION:ACCOUNT:subnet/*",
                "arn:aws:ec2:REGION:ACCOUNT:security-group/*",
                "arn:aws:ec2:REGION:ACCOUNT:route-table/*",
            ],
            Self::AcceptConnections => &["arn:aws:ec2:REGION:ACCOUNT:vpc-endpoint-service/*"],
            Self::ServePrivateNames => &["arn:aws:route53:::hostedzone/*"],
            Self::GiveProfiles | Self::TakeProfiles => &["arn:aws:ec2:REGION:ACCOUNT:instance/*"],
            Self::CreateRoles | Self::ChangeOwnRoles => {
                &["arn:aws:iam::ACCOUNT:roleROLE_PATH*", "arn:aws:iam::ACCOUNT:instance-profileROLE_PATH*"]
            }
            Self::PassRoles => &["arn:aws:iam::ACCOUNT:roleROLE_PATH*"],
            Self::UseCodeSigning => &["arn:aws:lambda:REGION:ACCOUNT:code-signing-config:*"],
        }
    }

    /// The conditions, all of which have to hold.
    pub fn conditions(self) -> Vec<Condition> {
        match self {
            Self::CreateEndpoints | Self::CreateRoles | Self::CreateFunctions | Self::CreateEventSources => {
                vec![Condition::new("StringEquals", format!("aws:RequestTag/{CLUSTER}"), &["CLUSTER_ID"])]
            }
            Self::ChangeOwnEndpoints | Self::ChangeOwnRoles | Self::ChangeOwnFunctions => {
                vec![Condition::new("StringEquals", format!("aws:ResourceTag/{CLUSTER}"), &["CLUSTER_ID"])]
            }
            Self::TagNewEndpoints => {
                vec![Condition::new("StringEquals", "ec2:CreateAction", &["CreateVpcEndpoint"])]
            }
            Self::GiveProfiles => vec![Condition::new("ArnLike", "ec2:NewInstanceProfile", OWN_PROFILES)],
            Self::TakeProfiles => vec![Condition::new("ArnLike", "ec2:InstanceProfile", OWN_PROFILES)],
            Self::PassRoles => vec![Condition::new(
                "StringEquals",
                "iam:PassedToService",
                &["ec2.amazonaws.com", "lambda.amazonaws.com"],
            )],
            Self::ReadEverything
            | Self::ReadVpcs
            | Self::ReadRoles
            | Self::ReadFunctions
            | Self::ReadCode
            | Self::PlaceEndpoints
            | Self::AcceptConnections
            | Self::ServePrivateNames
            | Self::UseCodeSigning => Vec::new(),
        }
    }
}

const OWN_PROFILES: &[&str] = &["arn:aws:iam::ACCOUNT:instance-profileROLE_PATH*"];

/// Where an operation may be used; with more than one scope it needs the sum of them.
pub const fn scopes(operation: Operation) -> &'static [Scope] {
    match operation {
        Operation::GetCallerIdentity => &[],
        Operation::DescribeIamInstanceProfileAssociations
        | Operation::DescribeInstances
        | Operation::DescribeNetworkInterfaces
        | Operation::DescribePrefixLists
        | Operation::DescribeRouteTables
        | Operation::DescribeSecurityGroups
        | Operation::DescribeSubnets
        | Operation::DescribeVpcEndpointServices
        | Operation::DescribeVpcEndpoints
        | Operation::DescribeVpcs
        | Operation::GetAccountAuthorizationDetails
        | Operation::GetAccountSummary
        | Operation::ListPolicies
        | Operation::ListRoles
        | Operation::ListEventSourceMappings
        | Operation::ListFunctions => &[Scope::ReadEverything],
        Operation::DescribeVpcAttribute => &[Scope::ReadVpcs],
        Operation::GetInstanceProfile
        | Operation::GetRole
        | Operation::GetRolePolicy
        | Operation::ListAttachedRolePolicies
        | Operation::ListInstanceProfilesForRole
        | Operation::ListRolePolicies => &[Scope::ReadRoles],
        Operation::GetFunction
        | Operation::GetFunctionCodeSigningConfig
        | Operation::GetFunctionEventInvokeConfig
        | Operation::GetFunctionRecursionConfig
        | Operation::GetFunctionUrlConfig
        | Operation::GetPolicy
        | Operation::GetRuntimeManagementConfig
        | Operation::ListAliases
        | Operation::ListProvisionedConcurrencyConfigs
        | Operation::ListTags
        | Operation::ListVersionsByFunction => &[Scope::ReadFunctions],
        Operation::HeadObject => &[Scope::ReadCode],
        Operation::CreateVpcEndpoint => &[Scope::CreateEndpoints, Scope::PlaceEndpoints],
        Operation::ModifyVpcEndpoint => &[Scope::ChangeOwnEndpoints, Scope::PlaceEndpoints],
        Operation::CreateTags | Operation::DeleteTags | Operation::DeleteVpcEndpoints => &[Scope::ChangeOwnEndpoints],
        Operation::AcceptVpcEndpointConnections => &[Scope::AcceptConnections],
        Operation::AssociateIamInstanceProfile | Operation::ReplaceIamInstanceProfileAssociation => {
            &[Scope::GiveProfiles]
        }
        Operation::DisassociateIamInstanceProfile => &[Scope::TakeProfiles],
        Operation::CreateInstanceProfile | Operation::CreateRole => &[Scope::CreateRoles],
        Operation::AddRoleToInstanceProfile
        | Operation::AttachRolePolicy
        | Operation::DeleteInstanceProfile
        | Operation::DeleteRole
        | Operation::DeleteRolePermissionsBoundary
        | Operation::DeleteRolePolicy
        | Operation::DetachRolePolicy
        | Operation::PutRolePermissionsBoundary
        | Operation::PutRolePolicy
        | Operation::RemoveRoleFromInstanceProfile
        | Operation::TagInstanceProfile
        | Operation::TagRole
        | Operation::UntagInstanceProfile
        | Operation::UntagRole
        | Operation::UpdateAssumeRolePolicy
        | Operation::UpdateRole => &[Scope::ChangeOwnRoles],
        Operation::CreateFunction => &[Scope::CreateFunctions],
        Operation::CreateEventSourceMapping => &[Scope::CreateEventSources],
        Operation::AddPermission
        | Operation::CreateAlias
        | Operation::CreateFunctionUrlConfig
        | Operation::DeleteAlias
        | Operation::DeleteEventSourceMapping
        | Operation::DeleteFunction
        | Operation::DeleteFunctionCodeSigningConfig
        | Operation::DeleteFunctionConcurrency
        | Operation::DeleteFunctionEventInvokeConfig
        | Operation::DeleteFunctionUrlConfig
        | Operation::DeleteProvisionedConcurrencyConfig
        | Operation::PublishVersion
        | Operation::PutFunctionConcurrency
        | Operation::PutFunctionEventInvokeConfig
        | Operation::PutFunctionRecursionConfig
        | Operation::PutProvisionedConcurrencyConfig
        | Operation::PutRuntimeManagementConfig
        | Operation::RemovePermission
        | Operation::TagResource
        | Operation::UntagResource
        | Operation::UpdateAlias
        | Operation::UpdateEventSourceMapping
        | Operation::UpdateFunctionCode
        | Operation::UpdateFunctionConfiguration
        | Operation::UpdateFunctionUrlConfig => &[Scope::ChangeOwnFunctions],
        Operation::PutFunctionCodeSigningConfig => &[Scope::ChangeOwnFunctions, Scope::UseCodeSigning],
    }
}
