//! One AWS call: how long and how often it is tried, that it is counted, and what its failure means.

use std::{
    collections::HashSet,
    error::Error,
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use aws_config::{
    SdkConfig, retry::RetryConfig, stalled_stream_protection::StalledStreamProtectionConfig, timeout::TimeoutConfig,
};
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sts::operation::assume_role_with_web_identity::AssumeRoleWithWebIdentityError;
use aws_smithy_runtime_api::client::{
    interceptors::context::InterceptorContext,
    orchestrator::HttpResponse,
    result::SdkError,
    retries::classifiers::{ClassifyRetry, RetryAction},
};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::{
    cloud::{
        fault::{Fault, Service, THROTTLED},
        limits::{Exhausted, Limits, Permit, Verdict, budget::Budget},
        operation::Operation,
    },
    engine::{failure::Class, fence::Closed},
};

const READ_ATTEMPTS: u32 = 3;
const READ_TIMEOUT: Duration = Duration::from_secs(10);
const WRITE_TIMEOUT: Duration = Duration::from_secs(20);
/// A deployment package may have 50 MB:
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>.
const UPLOAD_TIMEOUT: Duration = Duration::from_mins(2);

/// Is told of each call that was sent, once, whatever the number of attempts.
pub trait CallObserver: Send + Sync {
    /// `operation` is in AWS's spelling; `code` is `OK`, AWS's error code, `NoCredentials`, or `NoAnswer`; `seconds`
    /// includes all attempts and the pauses between them.
    fn call(&self, service: Service, operation: &'static str, code: &str, seconds: f64);

    /// A call waited for its turn in this budget, and was then `sent` or given up.
    fn waited(&self, budget: Budget, seconds: f64, sent: bool);
}

/// For calls that change nothing, which are safe to repeat, unless AWS throttled them ([`ThrottlesAreForTheBudget`]).
pub fn reads(config: &SdkConfig) -> SdkConfig {
    limited(config, READ_ATTEMPTS, READ_TIMEOUT)
}

/// For calls that change something: sent once, since the engine looks at the effect before it tries again.
pub fn writes(config: &SdkConfig) -> SdkConfig {
    limited(config, 1, WRITE_TIMEOUT)
}

/// For writes that carry a deployment package.
pub fn uploads(config: &SdkConfig) -> SdkConfig {
    limited(config, 1, UPLOAD_TIMEOUT)
}

/// The attempt's time-out is the only guard: stalled stream protection would end a slow upload earlier.
fn limited(config: &SdkConfig, attempts: u32, timeout: Duration) -> SdkConfig {
    config
        .to_builder()
        .retry_config(RetryConfig::standard().with_max_attempts(attempts))
        .timeout_config(TimeoutConfig::builder().operation_attempt_timeout(timeout).build())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .build()
}

/// Keeps the SDK from repeating what AWS throttled: each repetition is one more call against the limit, and the
/// budget is to learn of the first.
#[derive(Debug)]
pub struct ThrottlesAreForTheBudget;

impl ClassifyRetry for ThrottlesAreForTheBudget {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let Some(answer) = context.response() else { return RetryAction::NoActionIndicated };
        let named = answer.headers().get("x-amzn-errortype").unwrap_or_default();
        let body = answer.body().bytes().map(String::from_utf8_lossy).unwrap_or_default();
        let says = |code: &&str| named.contains(code) || body.contains(code);
        let throttled =
            answer.status().as_u16() == 429 || (!answer.status().is_success() && THROTTLED.iter().any(says));
        if throttled { RetryAction::RetryForbidden } else { RetryAction::NoActionIndicated }
    }

    fn name(&self) -> &'static str {
        "ThrottlesAreForTheBudget"
    }
}

/// What the SDK answers.
pub type Answer<T, E> = Result<T, SdkError<E, HttpResponse>>;

/// Makes calls in one region: only those that [`Operation`] lists, each within its budget.
#[derive(Clone)]
pub struct Caller {
    observer: Arc<dyn CallObserver>,
    limits: Arc<Limits>,
    region: String,
}

impl Caller {
    /// A caller that tells the observer of each call.
    pub fn new(observer: Arc<dyn CallObserver>, limits: Arc<Limits>, region: &str) -> Self {
        Self { observer, limits, region: region.to_owned() }
    }

    /// Runs one call.
    pub async fn run<T, E>(&self, operation: Operation, call: impl Future<Output = Answer<T, E>>) -> Result<T, Fault>
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        // Some of the SDK's futures are so large that a wait should not carry them along.
        let call = Box::pin(call);
        let permit = self.permit(operation).await?;
        let result = self.send(operation, call).await;
        permit.answered(verdict(&result));
        result
    }

    async fn permit(&self, operation: Operation) -> Result<Permit, Fault> {
        let budget = Budget::of(operation);
        let started = Instant::now();
        let permit = self.limits.of(budget, &self.region).permit().await;
        self.observer.waited(budget, started.elapsed().as_secs_f64(), permit.is_ok());
        permit.map_err(|Exhausted| Fault::over_budget(operation.service(), operation.name(), budget.name()))
    }

    async fn send<T, E>(&self, operation: Operation, call: impl Future<Output = Answer<T, E>>) -> Result<T, Fault>
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let started = Instant::now();
        let result = call.await;
        let seconds = started.elapsed().as_secs_f64();
        let unanswered = match &result {
            Ok(_) => "OK",
            Err(error) if find::<CredentialsError>(error).is_some() => "NoCredentials",
            Err(_) => "NoAnswer",
        };
        let result = result.map_err(|error| fault(operation, &error));
        if result.as_ref().is_err_and(|fault| fault.class == Class::NotLeader) {
            return result;
        }
        let code = result.as_ref().err().map(|fault| fault.code.as_str()).filter(|code| !code.is_empty());
        self.observer.call(operation.service(), operation.name(), code.unwrap_or(unanswered), seconds);
        result
    }

    /// Runs a paged call until there is no further page. `split` takes the items and the next page's token out of
    /// an answer. An error on a page is the error of the whole. The SDK's own paginator will not do, because it
    /// takes a token that comes twice for the regular end.
    pub async fn pages<T, A, E, F>(
        &self,
        operation: Operation,
        mut fetch: impl FnMut(Option<String>) -> F,
        split: impl Fn(A) -> (Vec<T>, Option<String>),
    ) -> Result<Vec<T>, Fault>
    where
        F: Future<Output = Answer<A, E>>,
        E: ProvideErrorMetadata + Error + 'static,
    {
        let mut items = Vec::new();
        let mut seen = HashSet::new();
        let mut token = None;
        loop {
            let (page, next) = split(self.run(operation, fetch(token)).await?);
            items.extend(page);
            let Some(next) = next.filter(|next| !next.is_empty()) else { return Ok(items) };
            if !seen.insert(next.clone()) {
                return Err(unusable(operation, "the pages go round in a circle"));
            }
            token = Some(next);
        }
    }
}

/// What the answer says of AWS's limits.
fn verdict<T>(result: &Result<T, Fault>) -> Verdict {
    match result {
        Err(fault) if fault.class == Class::Throttled => Verdict::Throttled(fault.retry_after),
        Err(fault) if fault.code.is_empty() => Verdict::Unknown,
        _ => Verdict::Served,
    }
}

/// AWS said yes, but the answer cannot be used.
pub fn unusable(operation: Operation, what: &str) -> Fault {
    Fault::unanswered(operation.service(), operation.name(), &format!("unusable answer: {what}"))
}

/// A failure that AWS reports inside of an answer.
pub fn refused(operation: Operation, code: &str, message: &str) -> Fault {
    Fault::answered(operation.service(), operation.name(), code, message)
}

/// `None` if the call failed because what it is about does not exist, which these codes say.
pub fn unless_gone<T>(result: Result<T, Fault>, gone: &[&str]) -> Result<Option<T>, Fault> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(fault) if fault.is(gone) => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// Converts a list; AWS leaves an empty one out.
pub fn each<A, T>(list: Option<Vec<A>>, convert: impl FnMut(A) -> T) -> Vec<T> {
    list.unwrap_or_default().into_iter().map(convert).collect()
}

/// A list for a request: absent when empty.
pub fn unless_empty<T>(items: impl Iterator<Item = T>) -> Option<Vec<T>> {
    let items: Vec<T> = items.collect();
    (!items.is_empty()).then_some(items)
}

fn fault<E>(operation: Operation, error: &SdkError<E, HttpResponse>) -> Fault
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let (service, operation) = (operation.service(), operation.name());
    if find::<Closed>(error).is_some() {
        return Fault::not_sent(service, operation);
    }
    let SdkError::ServiceError(answer) = error else {
        let what = silence(error);
        tracing::debug!(?service, operation, causes = causes(error), "{what}");
        return Fault::unanswered(service, operation, &what);
    };
    let status = answer.raw().status().as_u16();
    let code = error.code().unwrap_or_else(|| code_of_silence(answer.raw()));
    if code.is_empty() && answer.raw().status().is_success() {
        return Fault::unanswered(service, operation, UNREADABLE);
    }
    let message = error.message().map_or_else(|| format!("HTTP status {status}"), str::to_owned);
    let mut fault = Fault::answered(service, operation, code, &message);
    if fault.class == Class::Terminal {
        fault.class = class_by_status(status, code);
    }
    fault.retry_after =
        answer.raw().headers().get("retry-after").and_then(|value| value.trim().parse().ok()).map(Duration::from_secs);
    fault
}

/// AWS's code for a refusal without a body, which is how a HEAD request is answered:
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>.
fn code_of_silence(answer: &HttpResponse) -> &'static str {
    let is_empty = answer.body().bytes().is_some_and(<[u8]>::is_empty);
    match answer.status().as_u16() {
        301 if is_empty => "PermanentRedirect",
        403 if is_empty => "AccessDenied",
        _ => "",
    }
}

/// The class of an error whose code says nothing. A 502 counts only without a code, when it comes from something in
/// between: Lambda answers 502 for a wrong VPC or KMS key
/// (<https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_Errors>).
fn class_by_status(status: u16, code: &str) -> Class {
    match status {
        429 => Class::Throttled,
        500 | 503 | 504 => Class::Transient,
        502 if code.is_empty() => Class::Transient,
        _ => Class::Terminal,
    }
}

/// Why no answer came, in words that are the same the next time: no addresses, no ids.
fn silence<E>(error: &SdkError<E, HttpResponse>) -> String
where
    E: Error + 'static,
{
    if let Some(error) = find::<CredentialsError>(error) {
        return format!("no AWS credentials: {}", without_credentials(error));
    }
    let failure = match error {
        SdkError::TimeoutError(_) => return "no answer: timed out".to_owned(),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => return "no answer: timed out".to_owned(),
        SdkError::DispatchFailure(failure) => failure,
        SdkError::ConstructionFailure(_) => return "the request could not be made".to_owned(),
        _ => return UNREADABLE.to_owned(),
    };
    if let Some(error) = tls_error(error) {
        return format!("no answer: {}", distrust(error));
    }
    if let Some(kind) = find::<io::Error>(error).map(io::Error::kind).filter(|kind| TELLING.contains(kind)) {
        return format!("no answer: {kind}");
    }
    if failure.is_io() { "no answer: no connection" } else { "the request could not be sent" }.to_owned()
}

/// What TLS had against the other side. It stands in I/O errors, one in another, which do not tell it as their source.
fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    chain(error).find_map(|error| {
        let mut innermost = error;
        while let Some(inner) = innermost.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            innermost = inner;
        }
        innermost.downcast_ref()
    })
}

/// Without names and times, which rustls's own texts have.
fn distrust(error: &rustls::Error) -> &'static str {
    use rustls::CertificateError as Certificate;
    let rustls::Error::InvalidCertificate(certificate) = error else { return "TLS could not be agreed on" };
    match certificate {
        // The latter where an authority of the same name has another key.
        Certificate::UnknownIssuer | Certificate::BadSignature => {
            "the certificate's issuer is not trusted; AWS_CA_BUNDLE names a file with the authorities that are"
        }
        Certificate::Expired | Certificate::ExpiredContext { .. } => "the certificate has expired",
        Certificate::NotValidYet | Certificate::NotValidYetContext { .. } => "the certificate is not valid yet",
        Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => {
            "the certificate is for another name"
        }
        _ => "the certificate is not valid",
    }
}

fn without_credentials(error: &CredentialsError) -> String {
    let web_identity = find::<AssumeRoleWithWebIdentityError>(error);
    if let Some(code) = web_identity.and_then(ProvideErrorMetadata::code) {
        return format!("AssumeRoleWithWebIdentity: {code}");
    }
    match error {
        CredentialsError::CredentialsNotLoaded(_) => "no source has any",
        CredentialsError::ProviderTimedOut(_) => "their source timed out",
        CredentialsError::InvalidConfiguration(_) => "their configuration is invalid",
        _ => "their source failed",
    }
    .to_owned()
}

const UNREADABLE: &str = "unusable answer: not in the service's format";

/// Kinds whose names help a reader; the others are called "other error" and the like.
const TELLING: &[io::ErrorKind] = &[
    io::ErrorKind::BrokenPipe,
    io::ErrorKind::ConnectionAborted,
    io::ErrorKind::ConnectionRefused,
    io::ErrorKind::ConnectionReset,
    io::ErrorKind::HostUnreachable,
    io::ErrorKind::NetworkUnreachable,
    io::ErrorKind::TimedOut,
    io::ErrorKind::UnexpectedEof,
];

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    chain(error).find_map(|error| error.downcast_ref::<E>())
}

/// All causes, for the log. Only for calls without an answer: an answer may hold secrets.
fn causes(error: &(dyn Error + 'static)) -> String {
    chain(error).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests;
