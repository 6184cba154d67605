use aws_credential_types::provider::{self, ProvideCredentials, SharedCredentialsProvider, future};
use tokio::time;

use super::*;
use crate::{
    cloud::{
        ec2::Ec2,
        iam::Iam,
        lambda::{Functions, NewFunction},
        s3::S3,
        sdk::{
            ec2::SdkEc2,
            iam::SdkIam,
            lambda::SdkLambda,
            replay::{Answer, Replay, ec2_error, lambda_error, query_error},
            s3::SdkS3,
        },
    },
    engine::{failure::Failure, fence},
};

async fn delete_role(answer: Answer) -> Fault {
    let replay = Replay::new([answer]);
    SdkIam::new(&replay.config(), replay.caller(), &fence::tests::open()).delete_role("r").await.unwrap_err()
}

#[tokio::test]
async fn refusals() {
    for (status, code, class) in [
        (400, "Throttling", Class::Throttled),
        (429, "Whatever", Class::Throttled),
        (409, "DeleteConflict", Class::Dependency),
        (409, "EntityAlreadyExists", Class::Conflict),
        (403, "AccessDenied", Class::Terminal),
        (500, "ServiceFailure", Class::Transient),
        (500, "Whatever", Class::Transient),
        (503, "Whatever", Class::Transient),
        (502, "Whatever", Class::Terminal),
        (400, "Whatever", Class::Terminal),
    ] {
        let fault = delete_role(query_error(status, code, "Because. (Request ID: 1-2-3)")).await;
        assert_eq!((fault.code.as_str(), fault.class), (code, class), "{status}");
        assert_eq!((fault.message.as_str(), fault.operation), ("Because.", "DeleteRole"));
    }
}

#[tokio::test]
async fn refusals_that_are_not_aws_s_own() {
    for (status, class) in [
        (429, Class::Throttled),
        (502, Class::Transient),
        (503, Class::Transient),
        (504, Class::Transient),
        (403, Class::Terminal),
    ] {
        let fault = delete_role(Answer::Http(status, None, "<html>no</html>".to_owned())).await;
        assert_eq!((fault.code.as_str(), fault.class), ("", class), "{status}");
        assert_eq!(Failure::from(fault).message, format!("DeleteRole: HTTP status {status}"));
    }
}

#[tokio::test]
async fn retry_after_is_passed_on() {
    for (value, wait) in [("7", Some(7)), ("Wed, 21 Oct 2015 07:28:00 GMT", None)] {
        let body = r#"{"Type":"User","message":"Rate exceeded","Reason":"ReservedFunctionConcurrentInvocationLimitExceeded","__type":"TooManyRequestsException"}"#;
        let replay = Replay::new([Answer::Http(429, Some(("retry-after", value)), body.to_owned())]);
        let lambda = SdkLambda::new(&replay.config(), replay.caller(), &fence::tests::open());
        let fault = lambda.delete_function("f").await.unwrap_err();
        assert_eq!((fault.code.as_str(), fault.class), ("TooManyRequestsException", Class::Throttled));
        assert_eq!(fault.retry_after, wait.map(Duration::from_secs));
    }
}

/// Only the first of them reaches AWS; the SDK alone would send each read three times.
#[tokio::test(start_paused = true)]
async fn what_aws_throttled_is_not_repeated() {
    let replay = Replay::always(ec2_error("RequestLimitExceeded", "Request limit exceeded."));
    let ec2 = SdkEc2::new(&replay.config(), replay.caller(), &fence::tests::open());
    assert_eq!(replay.attempts(ec2.vpcs(&[])).await, 1);
    let replay = Replay::always(query_error(400, "Throttling", "Rate exceeded"));
    let iam = SdkIam::new(&replay.config(), replay.caller(), &fence::tests::open());
    assert_eq!(replay.attempts(iam.role("r")).await, 1);
    let replay = Replay::always(lambda_error(429, "TooManyRequestsException", "Rate exceeded"));
    let lambda = SdkLambda::new(&replay.config(), replay.caller(), &fence::tests::open());
    assert_eq!(replay.attempts(lambda.function("f")).await, 1);
    let replay = Replay::always(Answer::Http(503, None, "<Error><Code>SlowDown</Code></Error>".to_owned()));
    let s3 = SdkS3::new(&replay.config(), replay.caller());
    assert_eq!(replay.attempts(s3.head_object("b", "k")).await, 1);
}

#[tokio::test(start_paused = true)]
async fn over_the_budget_nothing_is_sent() {
    let replay = Replay::always(query_error(400, "Throttling", "Rate exceeded"));
    let iam = SdkIam::new(&replay.config(), replay.caller(), &fence::tests::open());
    for _ in 0..5 {
        assert_eq!(iam.delete_role("r").await.unwrap_err().code, "Throttling");
    }
    let fault = iam.delete_role("r").await.unwrap_err();
    assert_eq!((fault.code.as_str(), fault.class), ("", Class::Throttled));
    let failure = Failure::from(fault);
    assert_eq!(failure.message, "DeleteRole: not sent: the budget iam-write is used up");
    assert_eq!(failure.reason, "Throttled");
    assert_eq!(replay.calls().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn silence_has_few_words() {
    for (answer, message) in [
        (Answer::Nothing, "no answer: timed out"),
        (Answer::Broken(io::ErrorKind::ConnectionRefused), "no answer: connection refused"),
        (Answer::Broken(io::ErrorKind::ConnectionReset), "no answer: connection reset"),
        (Answer::Broken(io::ErrorKind::Other), "no answer: no connection"),
    ] {
        let fault = delete_role(answer).await;
        assert_eq!((fault.code.as_str(), fault.class), ("", Class::Transient));
        assert_eq!(fault.message, message);
    }
}

#[tokio::test]
async fn an_answer_in_another_format_is_no_answer() {
    let replay = Replay::new([Answer::Http(201, None, "certainly".to_owned())]);
    let new = NewFunction { name: "f".to_owned(), ..NewFunction::default() };
    let fault = SdkLambda::new(&replay.config(), replay.caller(), &fence::tests::open())
        .create_function(&new)
        .await
        .unwrap_err();
    assert_eq!((fault.code.as_str(), fault.class), ("", Class::Transient));
    assert_eq!(fault.message, "unusable answer: not in the service's format");
}

type Cause = fn() -> CredentialsError;

#[derive(Debug)]
struct Without(Cause);

impl ProvideCredentials for Without {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let result: provider::Result = Err(self.0());
        future::ProvideCredentials::ready(result)
    }
}

#[tokio::test]
async fn missing_credentials_are_called_so() {
    let cases: [(Cause, &str); 4] = [
        (CredentialsError::not_loaded_no_source, "no AWS credentials: no source has any"),
        (|| CredentialsError::invalid_configuration("/a/path"), "no AWS credentials: their configuration is invalid"),
        (|| CredentialsError::provider_error("10.0.0.1 says no"), "no AWS credentials: their source failed"),
        (
            || {
                let error = aws_smithy_types::error::ErrorMetadata::builder().code("AccessDenied").build();
                CredentialsError::provider_error(AssumeRoleWithWebIdentityError::generic(error))
            },
            "no AWS credentials: AssumeRoleWithWebIdentity: AccessDenied",
        ),
    ];
    for (error, message) in cases {
        let replay = Replay::new([]);
        let config =
            replay.config().to_builder().credentials_provider(SharedCredentialsProvider::new(Without(error))).build();
        let fault = SdkIam::new(&config, replay.caller(), &fence::tests::open()).delete_role("r").await.unwrap_err();
        assert_eq!(fault.message, message);
        assert_eq!(fault.class, Class::Transient);
    }
}

#[tokio::test(start_paused = true)]
async fn time_outs() {
    let replay = Replay::always(Answer::Nothing);
    let lambda = SdkLambda::new(&replay.config(), replay.caller(), &fence::tests::open());
    let began = time::Instant::now();
    lambda.delete_function("f").await.unwrap_err();
    assert_eq!(began.elapsed().as_secs(), 20);

    let began = time::Instant::now();
    lambda.create_function(&NewFunction { name: "f".to_owned(), ..NewFunction::default() }).await.unwrap_err();
    assert_eq!(began.elapsed().as_secs(), 120);

    let began = time::Instant::now();
    assert_eq!(replay.attempts(lambda.function("f")).await, 3);
    assert!((30..60).contains(&began.elapsed().as_secs()), "three attempts of 10 s and short pauses");
}

#[tokio::test(start_paused = true)]
async fn a_call_is_observed_once() {
    let replay = Replay::new([
        lambda_error(500, "ServiceException", ""),
        lambda_error(404, "ResourceNotFoundException", ""),
        Answer::Broken(io::ErrorKind::ConnectionReset),
        Answer::Http(204, None, String::new()),
    ]);
    let lambda = SdkLambda::new(&replay.config(), replay.caller(), &fence::tests::open());
    assert_eq!(lambda.function("f").await, Ok(None));
    lambda.delete_function("f").await.unwrap_err();
    assert_eq!(lambda.delete_function("f").await, Ok(()));
    assert_eq!(
        replay.calls(),
        [
            (Service::Lambda, "GetFunction", "ResourceNotFoundException".to_owned()),
            (Service::Lambda, "DeleteFunction", "NoAnswer".to_owned()),
            (Service::Lambda, "DeleteFunction", "OK".to_owned()),
        ]
    );
}
