//! Direct reads of the function and of its owned role.

use crate::{
    cloud::{
        Aws,
        lambda::Function,
        ownership::{Tags, Verdict},
    },
    engine::{failure::Failure, kind::Subject},
};

use super::{
    aspects, names,
    role::{self, ObservedRole, RoleOwner},
    spec::LambdaFunction,
};

/// What there is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observed {
    /// The function, if it is ours or ours to take.
    pub found: Option<Found>,
    /// The `InstanceRole` of the name that `executionRole.create` uses, whosever it is.
    pub role: Option<ObservedRole>,
    /// The function's aspects, if nothing is under way with it; while deleting, what has to go before it.
    pub aspects: Option<aspects::Observed>,
}

/// A function that may be worked on.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// What AWS says of it.
    pub function: Function,
    /// Its tags.
    pub tags: Tags,
    /// Whether its tags are those of this very object; otherwise it is to be claimed first.
    pub ours: bool,
}

/// The name of the function. The object decides, since its name for the function cannot change; the status
/// is asked when the object could not be decoded.
pub fn function_name(subject: &Subject<LambdaFunction>) -> String {
    match (&subject.object, &subject.status.function_name) {
        (None, Some(recorded)) => recorded.clone(),
        (object, _) => names::function(object.as_ref().map(|object| &object.spec), &subject.namespace, &subject.name),
    }
}

/// Reads the owned role, unless the object is being deleted, and the function, unless it can't have been made yet.
pub async fn observe(aws: &Aws, subject: &Subject<LambdaFunction>) -> Result<Option<Observed>, Failure> {
    let role = if subject.deleting { None } else { owned_role(aws, subject).await? };
    let found = if role.as_ref().is_some_and(|role| awaits_role(subject, role)) {
        None
    } else {
        match aws.lambda.function(&function_name(subject)).await? {
            Some(function) => judge(aws, subject, function)?,
            None => None,
        }
    };
    let aspects = observe_aspects(aws, subject, found.as_ref()).await?;
    Ok((found.is_some() || role.is_some() || aspects.is_some()).then_some(Observed { found, role, aspects }))
}

async fn observe_aspects(
    aws: &Aws,
    subject: &Subject<LambdaFunction>,
    found: Option<&Found>,
) -> Result<Option<aspects::Observed>, Failure> {
    if subject.deleting {
        let left = aspects::observe::observe_deletion(aws, subject, &function_name(subject), found.is_some()).await?;
        return Ok((found.is_some() || !left.event_sources.is_empty()).then_some(left));
    }
    match found.filter(|found| found.ours && is_at_rest(&found.function)) {
        Some(found) => aspects::observe::observe(aws, subject, &found.function).await.map(Some),
        None => Ok(None),
    }
}

/// Whether nothing is under way with the function, so that a look at its aspects is not in vain.
fn is_at_rest(function: &Function) -> bool {
    matches!(function.state.as_str(), "Active" | "Inactive" | "ActiveNonInvocable")
        && function.last_update_status.as_deref() != Some("InProgress")
}

/// Whether nothing can be done before the function's own role has an ARN, because no creation was ever begun.
fn awaits_role(subject: &Subject<LambdaFunction>, role: &ObservedRole) -> bool {
    let creates = |object: &LambdaFunction| object.spec.execution_role.create.is_some();
    subject.object.as_deref().is_some_and(creates)
        && role.owner == RoleOwner::Us
        && role.arn.is_none()
        && subject.status.function_name.is_none()
}

/// A function that is not ours fails the pass; while deleting it is none of our business, unless it was ours
/// and has lost its tags.
fn judge(aws: &Aws, subject: &Subject<LambdaFunction>, function: Function) -> Result<Option<Found>, Failure> {
    let Some(tags) = function.tags.clone() else {
        return Err(Failure::terminal(
            "AccessDenied",
            format!("GetFunction: the tags of function {} are not shown; lambda:ListTags is needed", function.name),
        ));
    };
    match aws.owner(subject).judge(&format!("function {}", function.name), &tags) {
        Verdict::Ours => Ok(Some(Found { function, tags, ours: true })),
        Verdict::Claim if subject.deleting => Ok(None),
        Verdict::Claim => {
            aws.adoptable(subject, &format!("function {}", function.name), &tags)?;
            Ok(Some(Found { function, tags, ours: false }))
        }
        Verdict::Refused(failure) if subject.deleting && failure.reason != "OwnershipTagsMissing" => Ok(None),
        Verdict::Refused(failure) => Err(failure),
    }
}

async fn owned_role(aws: &Aws, subject: &Subject<LambdaFunction>) -> Result<Option<ObservedRole>, Failure> {
    let reference = role::owned_reference(&subject.namespace, &subject.name);
    let object = aws.cluster.get(&reference).await?;
    Ok(object.map(|object| ObservedRole::new(reference, &object, &subject.name, &subject.uid)))
}
