//! How each step becomes one AWS call.

use crate::{
    cloud::{Aws, fault::Fault},
    engine::{
        failure::{Class, Failure},
        kind::Subject,
    },
};

use super::{
    diagnose::{self, Asked},
    spec::{DELETING, VpcEndpoint, VpcEndpointStatus},
    step::Step,
};

/// Takes one step.
pub async fn apply(
    cloud: &Aws,
    subject: &Subject<VpcEndpoint>,
    step: &Step,
    status: &mut VpcEndpointStatus,
) -> Result<(), Failure> {
    match step {
        Step::Create { endpoint, .. } => match cloud.ec2.create_endpoint(endpoint).await {
            Ok(created) => {
                status.id = Some(created.id);
                Ok(())
            }
            Err(fault) => Err(diagnose::explain(cloud, &Asked::of_new(endpoint, subject), fault).await),
        },
        Step::Tag { id, tags } => Ok(cloud.ec2.create_tags(id, tags).await?),
        Step::Untag { id, keys } => Ok(cloud.ec2.delete_tags(id, keys).await?),
        Step::Modify(change) => match cloud.ec2.modify_endpoint(change).await {
            Ok(()) => Ok(()),
            Err(fault) => Err(diagnose::explain(cloud, &Asked::of_change(change, subject), fault).await),
        },
        Step::Accept { id, service_id } => {
            cloud.ec2.accept_endpoint(service_id, id).await.map_err(|fault| not_acceptable(service_id, fault))
        }
        Step::Delete { id, .. } => {
            cloud.ec2.delete_endpoint(id).await.map_err(|fault| not_deletable(id, fault))?;
            status.id = Some(id.clone());
            status.state = Some(DELETING.to_owned());
            Ok(())
        }
    }
}

/// Only the service's owner can accept, in the service's region. A connection that has just been accepted cannot be
/// accepted again, so any other refusal is asked about again.
fn not_acceptable(service_id: &str, fault: Fault) -> Failure {
    if !fault.is(&["InvalidVpcEndpointServiceId.NotFound", "InvalidVpcEndpointService.NotFound"]) {
        return insistent("AcceptanceRefused", "AWS does not accept the connection", fault).at("spec.autoAccept");
    }
    let message = format!(
        "{service_id} is not an endpoint service of this account and region, so its owner has to accept the connection; take autoAccept out"
    );
    Failure { class: Class::Terminal, reason: "NotAcceptable".to_owned(), message, ..fault.into() }
        .at("spec.autoAccept")
}

/// What AWS does not delete now, such as an endpoint that a route leads to, is asked for again until it does.
fn not_deletable(id: &str, fault: Fault) -> Failure {
    insistent("DeletionRefused", &format!("AWS does not delete {id}"), fault)
}

/// A failure that is tried again even where the fault is one that usually is not, unless AWS denies the call.
fn insistent(reason: &str, what: &str, fault: Fault) -> Failure {
    let refused = fault.class == Class::Terminal;
    let failure = Failure::from(fault);
    if !refused || failure.reason == "AccessDenied" {
        return failure;
    }
    Failure {
        class: Class::Dependency,
        reason: reason.to_owned(),
        message: format!("{what}: {}", failure.message),
        ..failure
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::fault::Service;

    fn fault(operation: &'static str, code: &str) -> Fault {
        Fault::answered(Service::Ec2, operation, code, "because")
    }

    #[test]
    fn a_deletion_is_asked_for_again_until_aws_may_not_be_asked() {
        for (code, reason, class) in [
            ("InvalidParameter", "DeletionRefused", Class::Dependency),
            ("SomethingNew", "DeletionRefused", Class::Dependency),
            ("DependencyViolation", "WaitingForAWS", Class::Dependency),
            ("RequestLimitExceeded", "Throttled", Class::Throttled),
            ("UnauthorizedOperation", "AccessDenied", Class::Terminal),
        ] {
            let failure = not_deletable("vpce-1", fault("DeleteVpcEndpoints", code));
            assert_eq!((failure.reason.as_str(), failure.class), (reason, class), "{failure}");
            assert!(failure.message.contains(code) && failure.message.contains("because"), "{failure}");
        }
    }

    #[test]
    fn an_acceptance_that_is_anothers_is_refused_and_any_other_is_tried_again() {
        let failure =
            not_acceptable("vpce-svc-1", fault("AcceptVpcEndpointConnections", "InvalidVpcEndpointServiceId.NotFound"));
        assert_eq!((failure.reason.as_str(), failure.class), ("NotAcceptable", Class::Terminal));
        assert!(failure.message.starts_with("spec.autoAccept: vpce-svc-1 "), "{failure}");
        let failure = not_acceptable("vpce-svc-1", fault("AcceptVpcEndpointConnections", "InvalidState"));
        assert_eq!((failure.reason.as_str(), failure.class), ("AcceptanceRefused", Class::Dependency));
        assert!(
            failure.message.starts_with("spec.autoAccept: ") && failure.message.contains("InvalidState"),
            "{failure}"
        );
    }
}
