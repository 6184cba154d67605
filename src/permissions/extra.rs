//! Statements that only some installations need, to be added to the policy.

use crate::cloud::{guardrails::ALLOW_TAG, ownership::CLUSTER};

use super::document::{Condition, Statement};

/// Statements for one use.
pub struct Extra {
    /// A heading.
    pub title: &'static str,
    /// Who needs it, and what it does.
    pub text: &'static str,
    /// AWS's page that says so.
    pub page: &'static str,
    /// What to add.
    pub statements: Vec<Statement>,
}

/// All of them: first what allows more, then what allows less.
pub fn extras() -> Vec<Extra> {
    [permitting(), restricting()].into_iter().flatten().collect()
}

fn permitting() -> Vec<Extra> {
    vec![
        Extra {
            title: "Execution roles that the operator does not make",
            text: "For `executionRole.arn` with roles that lie outside of `ROLE_PATH`. Name the same roles in \
                   `--allowed-execution-roles`.",
            page: "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html",
            statements: vec![Statement::allow(
                "PassOtherRoles",
                ["iam:PassRole"],
                &["EXECUTION_ROLE_ARN"],
                vec![Condition::new("StringEquals", "iam:PassedToService", &["lambda.amazonaws.com"])],
            )],
        },
        Extra {
            title: "Adoption of endpoints",
            text: "For `--allow-adoption`: the tags of an endpoint that has none of the operator's. Roles, instance \
                   profiles and functions need nothing more, since AWS cannot tell their tagging from a creation.",
            page: "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/supported-iam-actions-tagging.html",
            statements: vec![Statement::allow(
                "AdoptEndpoints",
                ["ec2:CreateTags"],
                &["arn:aws:ec2:REGION:ACCOUNT:vpc-endpoint/*"],
                vec![Condition::new("StringEquals", format!("aws:RequestTag/{CLUSTER}"), &["CLUSTER_ID"])],
            )],
        },
        Extra {
            title: "Functions from container images",
            text: "For `code.image`. The repository's own policy has to let Lambda in as well; where both actions on \
                   that policy are allowed, Lambda sees to it.",
            page: "https://docs.aws.amazon.com/lambda/latest/dg/images-create.html",
            statements: vec![Statement::allow(
                "UseImages",
                [
                    "ecr:BatchGetImage",
                    "ecr:GetDownloadUrlForLayer",
                    "ecr:GetRepositoryPolicy",
                    "ecr:SetRepositoryPolicy",
                ],
                &["arn:aws:ecr:REGION:ACCOUNT:repository/REPOSITORY"],
                Vec::new(),
            )],
        },
        Extra {
            title: "Layers",
            text: "For `layers`; those of other accounts have to be named with theirs.",
            page: "https://docs.aws.amazon.com/lambda/latest/dg/permissions-user-layer.html",
            statements: vec![Statement::allow(
                "UseLayers",
                ["lambda:GetLayerVersion"],
                &["arn:aws:lambda:REGION:ACCOUNT:layer:*:*"],
                Vec::new(),
            )],
        },
        Extra {
            title: "Keys of your own for environments",
            text: "For `kmsKeyArn`. The last action lets the operator read the environment back, to compare it.",
            page: "https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars-encryption.html",
            statements: vec![Statement::allow(
                "UseKeys",
                ["kms:CreateGrant", "kms:Encrypt", "kms:Decrypt"],
                &["KEY_ARN"],
                Vec::new(),
            )],
        },
        Extra {
            title: "File systems",
            text: "For `fileSystems`.",
            page: "https://docs.aws.amazon.com/lambda/latest/dg/configuration-filesystem.html",
            statements: vec![Statement::allow(
                "UseFileSystems",
                ["elasticfilesystem:DescribeMountTargets"],
                &["arn:aws:elasticfilesystem:REGION:ACCOUNT:file-system/*"],
                Vec::new(),
            )],
        },
        Extra {
            title: "Endpoints to service networks",
            text: "For endpoints of type `ServiceNetwork`. AWS does not narrow it to resources.",
            page: "https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonvpclattice.html",
            statements: vec![Statement::allow(
                "UseServiceNetworks",
                ["vpc-lattice:CreateServiceNetworkVpcEndpointAssociation"],
                &["*"],
                Vec::new(),
            )],
        },
        Extra {
            title: "Missing code told from forbidden code",
            text: "With it S3 says 404 of an object that is not there, and Ready says that the object is missing; \
                   without it S3 says 403, and Ready says `AccessDenied`. It lets the operator list the bucket.",
            page: "https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html",
            statements: vec![Statement::allow(
                "ListCode",
                ["s3:ListBucket"],
                &["arn:aws:s3:::CODE_BUCKET"],
                Vec::new(),
            )],
        },
    ]
}

fn restricting() -> Vec<Extra> {
    vec![
        Extra {
            title: "A boundary on every role, by AWS itself",
            text: "Beside `--permissions-boundary`: no role without that boundary is made or given a policy, whatever \
                   becomes of the operator.",
            page: "https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html",
            statements: vec![
                Statement::deny(
                    "DenyRolesWithoutBoundary",
                    ["iam:CreateRole", "iam:PutRolePermissionsBoundary", "iam:AttachRolePolicy", "iam:PutRolePolicy"],
                    &["*"],
                    vec![Condition::new("ArnNotEquals", "iam:PermissionsBoundary", &["BOUNDARY_ARN"])],
                ),
                Statement::deny("DenyNoBoundary", ["iam:DeleteRolePermissionsBoundary"], &["*"], Vec::new()),
            ],
        },
        Extra {
            title: "Only instances that allow it",
            text: "Beside `--require-allow-tag`: no profile is given to an instance that does not carry the tag for \
                   some namespace of the cluster.",
            page: "https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html",
            statements: vec![Statement::deny(
                "DenyOtherInstances",
                [
                    "ec2:AssociateIamInstanceProfile",
                    "ec2:DisassociateIamInstanceProfile",
                    "ec2:ReplaceIamInstanceProfileAssociation",
                ],
                &["*"],
                vec![Condition::new("StringNotLike", format!("aws:ResourceTag/{ALLOW_TAG}"), &["CLUSTER_ID/*"])],
            )],
        },
        Extra {
            title: "Only some VPCs",
            text: "No endpoint is made in another VPC.",
            page: "https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html",
            statements: vec![Statement::deny(
                "DenyOtherVpcs",
                ["ec2:CreateVpcEndpoint"],
                &["arn:aws:ec2:*:*:vpc/*"],
                vec![Condition::new("StringNotEquals", "ec2:VpcID", &["VPC_ID"])],
            )],
        },
    ]
}
