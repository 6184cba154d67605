//! What AWS asks of the caller besides the action that is named like the operation.

use crate::cloud::operation::Operation;

use super::scope::Scope;

/// Actions that allow a part of what an operation does.
pub struct Besides {
    /// The IAM actions.
    pub actions: &'static [&'static str],
    /// The operations that AWS refuses without them.
    pub asked_by: &'static [Operation],
    /// When it asks, or why.
    pub when: &'static str,
    /// The statement of the policy that allows them.
    pub scope: Scope,
    /// AWS's page that says so.
    pub page: &'static str,
}

/// All of them that every installation needs; [`extra`](super::extra) has the others.
pub const BESIDES: &[Besides] = &[
    Besides {
        actions: &["iam:PassRole"],
        asked_by: &[Operation::CreateFunction, Operation::UpdateFunctionConfiguration],
        when: "a function is given its execution role",
        scope: Scope::PassRoles,
        page: "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html",
    },
    Besides {
        actions: &["iam:PassRole"],
        asked_by: &[Operation::AddRoleToInstanceProfile],
        when: "a role is put in an instance profile",
        scope: Scope::PassRoles,
        page: "https://docs.aws.amazon.com/IAM/latest/APIReference/API_AddRoleToInstanceProfile.html",
    },
    Besides {
        actions: &["iam:PassRole"],
        asked_by: &[Operation::AssociateIamInstanceProfile, Operation::ReplaceIamInstanceProfileAssociation],
        when: "an instance is given a profile",
        scope: Scope::PassRoles,
        page: "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/permission-to-pass-iam-roles.html",
    },
    Besides {
        actions: &["ec2:CreateTags"],
        asked_by: &[Operation::CreateVpcEndpoint],
        when: "an endpoint is created with tags",
        scope: Scope::TagNewEndpoints,
        page: "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/supported-iam-actions-tagging.html",
    },
    Besides {
        actions: &["ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs"],
        asked_by: &[Operation::CreateVpcEndpoint],
        when: "an endpoint is created",
        scope: Scope::ReadEverything,
        page: "https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html",
    },
    Besides {
        actions: &["route53:AssociateVPCWithHostedZone"],
        asked_by: &[Operation::CreateVpcEndpoint],
        when: "an endpoint serves private names",
        scope: Scope::ServePrivateNames,
        page: "https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html",
    },
    Besides {
        actions: &["iam:TagRole"],
        asked_by: &[Operation::CreateRole],
        when: "a role is created with tags",
        scope: Scope::CreateRoles,
        page: "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags_roles.html",
    },
    Besides {
        actions: &["iam:TagInstanceProfile"],
        asked_by: &[Operation::CreateInstanceProfile],
        when: "an instance profile is created with tags",
        scope: Scope::CreateRoles,
        page: "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags_instance-profiles.html",
    },
    Besides {
        actions: &["lambda:TagResource"],
        asked_by: &[Operation::CreateFunction],
        when: "a function is created with tags",
        scope: Scope::CreateFunctions,
        page: "https://docs.aws.amazon.com/lambda/latest/dg/configuration-tags.html",
    },
    Besides {
        actions: &["lambda:TagResource"],
        asked_by: &[Operation::CreateEventSourceMapping],
        when: "an event source mapping is created with tags",
        scope: Scope::CreateFunctions,
        page: "https://docs.aws.amazon.com/lambda/latest/dg/tags-esm.html",
    },
    Besides {
        actions: &["lambda:ListTags"],
        asked_by: &[Operation::GetFunction],
        when: "the answer is to have the tags, by which a function is known as ours",
        scope: Scope::ReadFunctions,
        page: "https://docs.aws.amazon.com/lambda/latest/api/API_GetFunction.html",
    },
    Besides {
        actions: &["ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs"],
        asked_by: &[Operation::CreateFunction, Operation::UpdateFunctionConfiguration],
        when: "a function is attached to a VPC",
        scope: Scope::ReadEverything,
        page: "https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html",
    },
    Besides {
        actions: &["s3:GetObject", "s3:GetObjectVersion"],
        asked_by: &[Operation::CreateFunction, Operation::UpdateFunctionCode],
        when: "the code lies in S3, in a bucket with versions for the second",
        scope: Scope::ReadCode,
        page: "https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html",
    },
];
