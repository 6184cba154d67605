//! One step to one call.

use crate::{
    cloud::{Aws, fault::Fault, lambda::Environment},
    engine::{
        failure::{Class, Failure},
        kind::Subject,
    },
};

use super::{
    assume,
    spec::{DeployedObject, LambdaFunction, LambdaFunctionStatus},
    step::Step,
};

/// Takes one step.
pub async fn apply(
    aws: &Aws,
    subject: &Subject<LambdaFunction>,
    step: &Step,
    status: &mut LambdaFunctionStatus,
) -> Result<(), Failure> {
    match step {
        Step::ApplyRole(role) => aws.cluster.apply(&role.reference, role.manifest.clone()).await?,
        Step::Create { new, source } => {
            let created = match aws.lambda.create_function(new).await {
                Ok(created) => created,
                Err(fault) => {
                    let failure = explain(fault, new.settings.environment.as_ref());
                    return Err(assume::explain(aws, subject, failure, new.settings.role.as_deref()).await);
                }
            };
            status.common.arn = Some(created.arn);
            status.common.account_id = Some(aws.account.clone());
            status.common.region = Some(aws.region.clone());
            status.deployed_object = deployed(source.as_ref(), created.code_sha256);
        }
        Step::Tag { arn, tags, .. } => aws.lambda.tag(arn, tags).await?,
        Step::Untag { arn, keys, .. } => aws.lambda.untag(arn, keys).await?,
        Step::Configure { change, .. } => {
            if let Err(fault) = aws.lambda.update_configuration(change).await {
                let failure = explain(fault, change.settings.environment.as_ref());
                return Err(assume::explain(aws, subject, failure, change.settings.role.as_deref()).await);
            }
        }
        Step::Deploy { change, source } => {
            let code_sha256 = aws.lambda.update_code(change).await.map_err(|fault| explain(fault, None))?;
            status.deployed_object = deployed(source.as_ref(), code_sha256);
        }
        Step::Delete { function } => {
            aws.lambda.delete_function(function).await.map_err(|fault| explain(fault, None))?;
        }
        Step::DeleteRole { role, uid } => aws.cluster.delete(role, uid).await?,
        Step::Aspect(step) => step.apply(aws.lambda.as_ref(), &mut status.aspects).await?,
    }
    Ok(())
}

fn deployed(source: Option<&String>, code_sha256: String) -> Option<DeployedObject> {
    source.map(|source| DeployedObject { source: source.clone(), code_sha256 })
}

/// Words by which AWS's texts about a rejected parameter tell the field; the first that fits counts.
const FIELDS: [(&str, &str); 24] = [
    ("environment", "spec.env"),
    ("snapstart", "spec.snapStart"),
    ("ephemeral", "spec.ephemeralStorageSize"),
    ("layer", "spec.layers"),
    ("runtime", "spec.runtime"),
    ("handler", "spec.handler"),
    ("memory", "spec.memorySize"),
    ("timeout", "spec.timeoutSeconds"),
    ("architecture", "spec.architecture"),
    ("s3", "spec.code.s3"),
    ("getobject", "spec.code.s3"),
    ("zip", "spec.code"),
    ("image", "spec.code.image"),
    ("deadletter", "spec.deadLetterTargetArn"),
    ("dlq", "spec.deadLetterTargetArn"),
    ("file system", "spec.fileSystems"),
    ("mount", "spec.fileSystems"),
    ("subnet", "spec.vpc.subnets"),
    ("security group", "spec.vpc.securityGroups"),
    ("kms", "spec.kmsKeyArn"),
    ("log", "spec.logging"),
    ("description", "spec.description"),
    ("tag", "spec.tags"),
    ("role", "spec.executionRole"),
];

/// Names the field at fault. AWS quotes what it rejects, so the values of variables are taken out.
fn explain(fault: Fault, environment: Option<&Environment>) -> Failure {
    let parameter = fault.is(&["InvalidParameterValueException", "ValidationException"]);
    let text = fault.message.to_lowercase();
    let unassumable = fault.class == Class::Dependency && text.contains("cannot be assumed");
    let busy = fault.is(&["ResourceConflictException"]) && text.contains("in progress");
    let mut failure = Failure::from(fault);
    if text.contains("environment") {
        failure.message = without_values(&failure.message, environment);
    }
    if unassumable {
        assume::NOT_YET.clone_into(&mut failure.reason);
    }
    if busy {
        "UpdateInProgress".clone_into(&mut failure.reason);
    }
    match FIELDS.iter().find(|(word, _)| text.contains(word)) {
        Some((_, field)) if parameter => failure.at(field),
        _ => failure,
    }
}

/// Longer values first, since one may hold another.
fn without_values(message: &str, environment: Option<&Environment>) -> String {
    let mut values: Vec<&String> = environment.iter().flat_map(|e| e.values()).filter(|v| !v.is_empty()).collect();
    values.sort_by_key(|value| std::cmp::Reverse(value.len()));
    values.into_iter().fold(message.to_owned(), |message, value| message.replace(value.as_str(), "***"))
}

#[cfg(test)]
mod tests {
    use crate::cloud::{fault::Service, sensitive::Sensitive};

    use super::*;

    fn explained(message: &str) -> Failure {
        let environment = Sensitive([("TOKEN".to_owned(), "hunter2".to_owned())].into());
        let fault = Fault::answered(Service::Lambda, "CreateFunction", "InvalidParameterValueException", message);
        explain(fault, Some(&environment))
    }

    #[test]
    fn messages_name_the_field() {
        for (message, reason, field) in [
            (
                "The role defined for the function cannot be assumed by Lambda.",
                "RoleNotYetAssumable",
                "spec.executionRole",
            ),
            ("The provided execution role does not have permissions to call X", "WaitingForAWS", "spec.executionRole"),
            ("The runtime parameter of nodejs8.10 is no longer supported", "RejectedByAWS", "spec.runtime"),
            ("'MemorySize' value failed to satisfy constraint", "RejectedByAWS", "spec.memorySize"),
            ("Unzipped size must be smaller than 262144000 bytes", "RejectedByAWS", "spec.code"),
            ("something else", "RejectedByAWS", "CreateFunction"),
        ] {
            let failure = explained(message);
            assert_eq!(failure.reason, reason, "{message}");
            assert!(failure.message.starts_with(&format!("{field}: ")), "{}", failure.message);
        }
    }

    #[test]
    fn values_are_taken_out_of_what_aws_quotes() {
        let failure = explained("Value '{TOKEN=hunter2}' at 'environment.variables' failed to satisfy constraint");
        assert_eq!(
            failure.message,
            "spec.env: CreateFunction: InvalidParameterValueException: \
             Value '{TOKEN=***}' at 'environment.variables' failed to satisfy constraint"
        );
    }
}
