//! AWS errors, classified once. What the class means for the next attempt stands in `engine::requeue`.

use std::time::Duration;

use crate::engine::{
    failure::{Class, Failure},
    fence::Closed,
};

/// The AWS services that the operator calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// Amazon EC2.
    Ec2,
    /// AWS Identity and Access Management.
    Iam,
    /// AWS Lambda.
    Lambda,
    /// Amazon S3.
    S3,
    /// AWS Security Token Service.
    Sts,
}

impl Service {
    /// What its IAM actions begin with, and its name in metrics.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Ec2 => "ec2",
            Self::Iam => "iam",
            Self::Lambda => "lambda",
            Self::S3 => "s3",
            Self::Sts => "sts",
        }
    }
}

/// One refused or failed AWS call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The service that was called.
    pub service: Service,
    /// The operation in AWS's spelling, such as `CreateVpcEndpoint`.
    pub operation: &'static str,
    /// AWS's error code; empty when no answer came.
    pub code: String,
    /// AWS's text, without request ids.
    pub message: String,
    /// Decides about the next attempt.
    pub class: Class,
    /// How long AWS asked to wait.
    pub retry_after: Option<Duration>,
}

impl Fault {
    /// Classifies an error that AWS answered with.
    pub fn answered(service: Service, operation: &'static str, code: &str, message: &str) -> Self {
        Self {
            service,
            operation,
            code: code.to_owned(),
            message: without_request_ids(message),
            class: classify(service, code, message),
            retry_after: None,
        }
    }

    /// A call to which no usable answer came: the effect is unknown.
    pub fn unanswered(service: Service, operation: &'static str, what: &str) -> Self {
        Self {
            service,
            operation,
            code: String::new(),
            message: what.to_owned(),
            class: Class::Transient,
            retry_after: None,
        }
    }

    /// A write that was not sent, since the lease has run out.
    pub fn not_sent(service: Service, operation: &'static str) -> Self {
        Self { class: Class::NotLeader, ..Self::unanswered(service, operation, &Closed.to_string()) }
    }

    /// A call that was not sent, since the operator's own budget for such calls is used up.
    pub fn over_budget(service: Service, operation: &'static str, budget: &str) -> Self {
        let what = format!("not sent: the budget {budget} is used up");
        Self { class: Class::Throttled, ..Self::unanswered(service, operation, &what) }
    }

    /// Whether the code is one of these.
    pub fn is(&self, codes: &[&str]) -> bool {
        codes.contains(&self.code.as_str())
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        let reason = match fault.class {
            Class::Throttled => "Throttled",
            Class::Transient => "AWSUnavailable",
            Class::Dependency | Class::Reference => "WaitingForAWS",
            Class::Conflict => "Conflict",
            Class::NotLeader => "NotLeader",
            Class::Terminal if is_denied(&fault.code) => "AccessDenied",
            Class::Terminal => "RejectedByAWS",
        };
        let message = if fault.code.is_empty() {
            format!("{}: {}", fault.operation, fault.message)
        } else {
            format!("{}: {}: {}", fault.operation, fault.code, fault.message)
        };
        Self {
            class: fault.class,
            reason: reason.to_owned(),
            message,
            code: (!fault.code.is_empty()).then_some(fault.code),
            retry_after: fault.retry_after,
        }
    }
}

/// Codes that say "not now" on any service.
pub const THROTTLED: &[&str] = &[
    "RequestLimitExceeded",
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestThrottled",
    "RequestThrottledException",
    "TooManyRequestsException",
    "SlowDown",
    "PriorRequestNotComplete",
    "EC2ThrottledException",
    "BandwidthLimitExceeded",
];

/// Codes of a service that is not well.
const TRANSIENT: &[&str] = &[
    "InternalError",
    "InternalFailure",
    "InternalServerError",
    "InternalServiceError",
    "ServiceException",
    "ServiceFailure",
    "ServiceFailureException",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "Unavailable",
    "RequestTimeout",
    "RequestTimeoutException",
    "RequestExpired",
    "ExpiredToken",
    "ExpiredTokenException",
];

/// Codes of a change that met another change.
const CONFLICT: &[&str] = &[
    "ConcurrentModification",
    "ConcurrentModificationException",
    "ResourceConflictException",
    "PreconditionFailedException",
    "EntityTemporarilyUnmodifiable",
    "EntityAlreadyExists",
];

/// Codes that pass when something else has come, gone or become visible.
const DEPENDENCY: &[&str] = &[
    "DependencyViolation",
    "DeleteConflict",
    "IncorrectState",
    "IncorrectInstanceState",
    "IdempotentParameterMismatch",
    "ResourceInUseException",
    "ResourceNotReadyException",
    "NoSuchEntity",
    "ResourceNotFoundException",
];

/// Texts of otherwise terminal codes that mean "not yet", as AWS words them while IAM propagates.
/// Sources: AWS's own troubleshooting pages for eventual consistency in IAM, and the retry lists that
/// the Terraform AWS provider keeps for CreateFunction and AssociateIamInstanceProfile.
const NOT_YET: &[(Service, &str)] = &[
    (Service::Lambda, "cannot be assumed by Lambda"),
    (Service::Lambda, "execution role does not have permissions"),
    (Service::Lambda, "throttled by EC2"),
    (Service::Lambda, "KMS key is invalid for CreateGrant"),
    (Service::Ec2, "Invalid IAM Instance Profile name"),
    (Service::Ec2, "Invalid IAM Instance Profile ARN"),
    (Service::Ec2, "has no associated IAM Roles"),
    (Service::Iam, "Invalid principal in policy"),
];

/// The class of an AWS error.
pub fn classify(service: Service, code: &str, message: &str) -> Class {
    if THROTTLED.contains(&code) {
        Class::Throttled
    } else if TRANSIENT.contains(&code) {
        Class::Transient
    } else if CONFLICT.contains(&code) {
        Class::Conflict
    } else if DEPENDENCY.contains(&code) || code.ends_with(".NotFound") || is_not_yet(service, message) {
        Class::Dependency
    } else {
        Class::Terminal
    }
}

fn is_not_yet(service: Service, message: &str) -> bool {
    NOT_YET.iter().any(|(of, text)| *of == service && message.contains(text))
}

fn is_denied(code: &str) -> bool {
    ["AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthFailure"].contains(&code)
}

/// AWS ends many messages with `(… Request ID: …)`; an id that changes must not reach a condition.
fn without_request_ids(message: &str) -> String {
    let lower = message.to_ascii_lowercase();
    let cut = ["request id:", "requestid:", "request_id:"]
        .iter()
        .filter_map(|marker| lower.find(marker))
        .min()
        .map_or(message.len(), |at| message[..at].rfind('(').unwrap_or(at));
    message.get(..cut).unwrap_or(message).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes() {
        for (service, code, message, class) in [
            (Service::Ec2, "RequestLimitExceeded", "", Class::Throttled),
            (Service::Lambda, "TooManyRequestsException", "", Class::Throttled),
            (Service::Ec2, "InvalidVpcEndpointId.NotFound", "", Class::Dependency),
            (Service::Ec2, "InvalidParameter", "", Class::Terminal),
            (
                Service::Ec2,
                "InvalidParameterValue",
                "Value (x) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name",
                Class::Dependency,
            ),
            (
                Service::Lambda,
                "InvalidParameterValueException",
                "The role defined for the function cannot be assumed by Lambda.",
                Class::Dependency,
            ),
            (Service::Lambda, "InvalidParameterValueException", "Unzipped size must be smaller", Class::Terminal),
            (Service::Lambda, "ResourceConflictException", "", Class::Conflict),
            (Service::Iam, "MalformedPolicyDocument", "Invalid principal in policy: \"AWS\"", Class::Dependency),
            (Service::Iam, "MalformedPolicyDocument", "Syntax errors in policy.", Class::Terminal),
            (Service::Iam, "Throttling", "Rate exceeded", Class::Throttled),
            (Service::Sts, "InternalFailure", "", Class::Transient),
        ] {
            assert_eq!(classify(service, code, message), class, "{code} {message}");
        }
    }

    #[test]
    fn request_ids_are_cut() {
        assert_eq!(without_request_ids("Bad thing (Service: Ec2, Status Code: 400, Request ID: 1-2)"), "Bad thing");
        assert_eq!(without_request_ids("Bad thing. RequestId: abc"), "Bad thing.");
        assert_eq!(without_request_ids("fine"), "fine");
    }
}
