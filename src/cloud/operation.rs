//! The AWS operations in use. A call has to name one of them, so this is the whole of what the operator asks of AWS;
//! what its IAM policy has to allow follows in [`permissions`](crate::permissions).

use super::fault::Service;

macro_rules! operations {
    ($($service:ident { $($operation:ident),* $(,)? })*) => {
        /// An operation of AWS, by AWS's name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(missing_docs, reason = "the names are AWS's")]
        pub enum Operation {
            $($($operation,)*)*
        }

        impl Operation {
            /// All operations, by service and name.
            pub const ALL: &[Self] = &[$($(Self::$operation,)*)*];

            /// The service that it is an operation of.
            pub const fn service(self) -> Service {
                match self {
                    $($(Self::$operation)|* => Service::$service,)*
                }
            }

            /// Its name in AWS's spelling.
            pub const fn name(self) -> &'static str {
                match self {
                    $($(Self::$operation => stringify!($operation),)*)*
                }
            }

            /// Whether it changes nothing.
            pub fn is_read(self) -> bool {
                ["Describe", "Get", "Head", "List"].iter().any(|verb| self.name().starts_with(verb))
            }
        }
    };
}

operations! {
    Ec2 {
        AcceptVpcEndpointConnections,
        AssociateIamInstanceProfile,
        CreateTags,
        CreateVpcEndpoint,
        DeleteTags,
        DeleteVpcEndpoints,
        DescribeIamInstanceProfileAssociations,
        DescribeInstances,
        DescribeNetworkInterfaces,
        DescribePrefixLists,
        DescribeRouteTables,
        DescribeSecurityGroups,
        DescribeSubnets,
        DescribeVpcAttribute,
        DescribeVpcEndpointServices,
        DescribeVpcEndpoints,
        DescribeVpcs,
        DisassociateIamInstanceProfile,
        ModifyVpcEndpoint,
        ReplaceIamInstanceProfileAssociation,
    }
    Iam {
        AddRoleToInstanceProfile,
        AttachRolePolicy,
        CreateInstanceProfile,
        CreateRole,
        DeleteInstanceProfile,
        DeleteRole,
        DeleteRolePermissionsBoundary,
        DeleteRolePolicy,
        DetachRolePolicy,
        GetAccountAuthorizationDetails,
        GetAccountSummary,
        GetInstanceProfile,
        GetRole,
        GetRolePolicy,
        ListAttachedRolePolicies,
        ListInstanceProfilesForRole,
        ListPolicies,
        ListRolePolicies,
        ListRoles,
        PutRolePermissionsBoundary,
        PutRolePolicy,
        RemoveRoleFromInstanceProfile,
        TagInstanceProfile,
        TagRole,
        UntagInstanceProfile,
        UntagRole,
        UpdateAssumeRolePolicy,
        UpdateRole,
    }
    Lambda {
        AddPermission,
        CreateAlias,
        CreateEventSourceMapping,
        CreateFunction,
        CreateFunctionUrlConfig,
        DeleteAlias,
        DeleteEventSourceMapping,
        DeleteFunction,
        DeleteFunctionCodeSigningConfig,
        DeleteFunctionConcurrency,
        DeleteFunctionEventInvokeConfig,
        DeleteFunctionUrlConfig,
        DeleteProvisionedConcurrencyConfig,
        GetFunction,
        GetFunctionCodeSigningConfig,
        GetFunctionEventInvokeConfig,
        GetFunctionRecursionConfig,
        GetFunctionUrlConfig,
        GetPolicy,
        GetRuntimeManagementConfig,
        ListAliases,
        ListEventSourceMappings,
        ListFunctions,
        ListProvisionedConcurrencyConfigs,
        ListTags,
        ListVersionsByFunction,
        PublishVersion,
        PutFunctionCodeSigningConfig,
        PutFunctionConcurrency,
        PutFunctionEventInvokeConfig,
        PutFunctionRecursionConfig,
        PutProvisionedConcurrencyConfig,
        PutRuntimeManagementConfig,
        RemovePermission,
        TagResource,
        UntagResource,
        UpdateAlias,
        UpdateEventSourceMapping,
        UpdateFunctionCode,
        UpdateFunctionConfiguration,
        UpdateFunctionUrlConfig,
    }
    S3 {
        HeadObject,
    }
    Sts {
        GetCallerIdentity,
    }
}

impl Operation {
    /// The IAM action that allows it. Most are named like their operation
    /// (<https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html>);
    /// HeadObject is allowed by GetObject
    /// (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html>), and GetCallerIdentity to everybody
    /// (<https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html>).
    pub fn action(self) -> Option<String> {
        match self {
            Self::GetCallerIdentity => None,
            Self::HeadObject => Some("s3:GetObject".to_owned()),
            _ => Some(format!("{}:{}", self.service().prefix(), self.name())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions() {
        for (operation, action) in [
            (Operation::CreateVpcEndpoint, Some("ec2:CreateVpcEndpoint")),
            (Operation::TagRole, Some("iam:TagRole")),
            (Operation::ListTags, Some("lambda:ListTags")),
            (Operation::HeadObject, Some("s3:GetObject")),
            (Operation::GetCallerIdentity, None),
        ] {
            assert_eq!(operation.action().as_deref(), action);
        }
    }
}
