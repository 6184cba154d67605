//! The port [`Lambda`] over aws-sdk-lambda. Nothing here is logged: GetFunction answers with a presigned address of
//! the code and with the environment's values.

use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_lambda::{
    Client,
    operation::create_function::CreateFunctionOutput,
    primitives::Blob,
    types::{self, Architecture, FunctionCode, FunctionConfiguration, PackageType, Runtime},
};

use crate::cloud::{
    fault::{Fault, Service},
    lambda::{CodeChange, ConfigurationChange, Environment, Function, Lambda, NewFunction},
    ownership::Tags,
    sensitive::Sensitive,
};

use super::call::{self, CallObserver, Caller, each, unless_empty, unless_gone};

/// More are not answered: <https://docs.aws.amazon.com/lambda/latest/api/API_ListFunctions.html>.
const PAGE: i32 = 50;

const GONE: &[&str] = &["ResourceNotFoundException"];

/// AWS Lambda in one region.
pub struct SdkLambda {
    reads: Client,
    writes: Client,
    uploads: Client,
    caller: Caller,
}

impl SdkLambda {
    /// With the configuration's region and credentials.
    pub fn new(config: &SdkConfig, observer: Arc<dyn CallObserver>) -> Self {
        Self {
            reads: Client::new(&call::reads(config)),
            writes: Client::new(&call::writes(config)),
            uploads: Client::new(&call::uploads(config)),
            caller: Caller::new(Service::Lambda, observer),
        }
    }
}

#[async_trait]
impl Lambda for SdkLambda {
    async fn function(&self, name: &str) -> Result<Option<Function>, Fault> {
        const OPERATION: &str = "GetFunction";
        let call = self.reads.get_function().function_name(name);
        let Some(answer) = unless_gone(self.caller.run(OPERATION, call.send()).await, GONE)? else { return Ok(None) };
        // Tags that may not be read are not the same as none: whose function it is would be guessed.
        if let Some(error) = answer.tags_error {
            return Err(self.caller.refused(OPERATION, &error.error_code, &error.message));
        }
        let Some(configuration) = answer.configuration else {
            return Err(self.caller.unusable(OPERATION, "no configuration in it"));
        };
        let tags = answer.tags.unwrap_or_default().into_iter().collect();
        Ok(Some(Function { tags: Some(tags), ..observed(configuration) }))
    }

    async fn functions(&self) -> Result<Vec<Function>, Fault> {
        let call = self.reads.list_functions().max_items(PAGE);
        self.caller
            .pages(
                "ListFunctions",
                |marker| call.clone().set_marker(marker).send(),
                |page| (each(page.functions, listed), page.next_marker),
            )
            .await
    }

    async fn create_function(&self, new: &NewFunction) -> Result<Function, Fault> {
        let call = self
            .uploads
            .create_function()
            .function_name(&new.name)
            .package_type(PackageType::Zip)
            .code(FunctionCode::builder().zip_file(Blob::new(new.zip.0.clone())).build())
            .publish(false)
            .runtime(Runtime::from(new.runtime.as_str()))
            .handler(&new.handler)
            .set_architectures(wire_architectures(new.architecture.as_deref()))
            .set_memory_size(new.memory_size)
            .set_timeout(new.timeout_seconds)
            .set_environment(new.environment.as_ref().map(wire_environment))
            .role(&new.role)
            .set_tags(Some(new.tags.clone().into_iter().collect()));
        let answer = self.caller.run("CreateFunction", call.send()).await?;
        Ok(Function { tags: Some(new.tags.clone()), ..created(answer) })
    }

    async fn update_configuration(&self, change: &ConfigurationChange) -> Result<(), Fault> {
        let call = self
            .writes
            .update_function_configuration()
            .function_name(&change.name)
            .revision_id(&change.revision_id)
            .set_runtime(change.runtime.as_deref().map(Runtime::from))
            .set_handler(change.handler.clone())
            .set_memory_size(change.memory_size)
            .set_timeout(change.timeout_seconds)
            .set_environment(change.environment.as_ref().map(wire_environment))
            .set_role(change.role.clone());
        self.caller.run("UpdateFunctionConfiguration", call.send()).await.map(drop)
    }

    async fn update_code(&self, change: &CodeChange) -> Result<(), Fault> {
        let call = self
            .uploads
            .update_function_code()
            .function_name(&change.name)
            .revision_id(&change.revision_id)
            .zip_file(Blob::new(change.zip.0.clone()))
            .publish(false)
            .set_architectures(wire_architectures(change.architecture.as_deref()));
        self.caller.run("UpdateFunctionCode", call.send()).await.map(drop)
    }

    async fn delete_function(&self, name: &str) -> Result<(), Fault> {
        let call = self.writes.delete_function().function_name(name);
        unless_gone(self.caller.run("DeleteFunction", call.send()).await, GONE).map(drop)
    }

    async fn tag(&self, arn: &str, tags: &Tags) -> Result<(), Fault> {
        let call = self.writes.tag_resource().resource(arn).set_tags(Some(tags.clone().into_iter().collect()));
        self.caller.run("TagResource", call.send()).await.map(drop)
    }

    async fn untag(&self, arn: &str, keys: &BTreeSet<String>) -> Result<(), Fault> {
        let call = self.writes.untag_resource().resource(arn).set_tag_keys(unless_empty(keys.iter().cloned()));
        self.caller.run("UntagResource", call.send()).await.map(drop)
    }
}

fn wire_architectures(architecture: Option<&str>) -> Option<Vec<Architecture>> {
    architecture.map(|architecture| vec![Architecture::from(architecture)])
}

fn wire_environment(environment: &Environment) -> types::Environment {
    types::Environment::builder().set_variables(Some(environment.0.clone().into_iter().collect())).build()
}

fn environment(from: Option<types::EnvironmentResponse>) -> Environment {
    Sensitive(from.and_then(|environment| environment.variables).into_iter().flatten().collect())
}

/// The SDK has two types with the same fields for a function.
macro_rules! function {
    ($from:expr) => {{
        let from = $from;
        Function {
            name: from.function_name.unwrap_or_default(),
            arn: from.function_arn.unwrap_or_default(),
            state: from.state.map(|state| state.as_str().to_owned()).unwrap_or_default(),
            state_reason: from.state_reason,
            state_reason_code: from.state_reason_code.map(|code| code.as_str().to_owned()),
            last_update_status: from.last_update_status.map(|status| status.as_str().to_owned()),
            last_update_reason: from.last_update_status_reason,
            runtime: from.runtime.map(|runtime| runtime.as_str().to_owned()),
            handler: from.handler,
            architecture: from
                .architectures
                .and_then(|architectures| Some(architectures.first()?.as_str().to_owned()))
                .unwrap_or_default(),
            memory_size: from.memory_size.unwrap_or_default(),
            timeout_seconds: from.timeout.unwrap_or_default(),
            environment: environment(from.environment),
            role: from.role.unwrap_or_default(),
            code_sha256: from.code_sha256.unwrap_or_default(),
            revision_id: from.revision_id.unwrap_or_default(),
            tags: None,
        }
    }};
}

fn observed(from: FunctionConfiguration) -> Function {
    function!(from)
}

fn created(from: CreateFunctionOutput) -> Function {
    function!(from)
}

/// Without the environment, which may be any team's and is of no use to a sweep.
fn listed(mut from: FunctionConfiguration) -> Function {
    from.environment = None;
    observed(from)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use futures::{FutureExt, TryFutureExt};
    use serde_json::{Value, json};

    use super::*;
    use crate::cloud::sdk::replay::{Answer, Replay, lambda_error, ok};

    fn lambda(answers: impl IntoIterator<Item = Answer>) -> (SdkLambda, Arc<Replay>) {
        let replay = Replay::new(answers);
        (SdkLambda::new(&replay.config(), replay.clone()), replay)
    }

    fn configuration() -> Value {
        json!({
            "FunctionName": "f", "FunctionArn": "arn:f", "Runtime": "nodejs24.x", "Role": "arn:r",
            "Handler": "index.handler", "Timeout": 3, "MemorySize": 128, "CodeSha256": "sha", "RevisionId": "rev",
            "Environment": {"Variables": {"PASSWORD": "hunter2"}}, "State": "Active", "StateReason": "why",
            "StateReasonCode": "Idle", "LastUpdateStatus": "InProgress", "LastUpdateStatusReason": "because",
            "Architectures": ["arm64"], "PackageType": "Zip",
        })
    }

    fn environment() -> Environment {
        Sensitive(BTreeMap::from([("PASSWORD".to_owned(), "hunter2".to_owned())]))
    }

    fn one() -> Function {
        Function {
            name: "f".to_owned(),
            arn: "arn:f".to_owned(),
            state: "Active".to_owned(),
            state_reason: Some("why".to_owned()),
            state_reason_code: Some("Idle".to_owned()),
            last_update_status: Some("InProgress".to_owned()),
            last_update_reason: Some("because".to_owned()),
            runtime: Some("nodejs24.x".to_owned()),
            handler: Some("index.handler".to_owned()),
            architecture: "arm64".to_owned(),
            memory_size: 128,
            timeout_seconds: 3,
            environment: environment(),
            role: "arn:r".to_owned(),
            code_sha256: "sha".to_owned(),
            revision_id: "rev".to_owned(),
            tags: Some(Tags::from([("k".to_owned(), "v".to_owned())])),
        }
    }

    #[tokio::test]
    async fn a_function() {
        let answer = json!({
            "Configuration": configuration(), "Tags": {"k": "v"}, "Code": {"Location": "https://presigned"},
        });
        let (lambda, _) =
            lambda([ok(&answer.to_string()), lambda_error(404, "ResourceNotFoundException", "Function not found")]);
        let function = lambda.function("f").await.unwrap().unwrap();
        assert_eq!(function, one());
        assert!(!format!("{function:?}").contains("hunter2"));
        assert_eq!(lambda.function("f").await, Ok(None));
    }

    #[tokio::test]
    async fn unreadable_tags_are_a_fault_and_not_the_lack_of_tags() {
        let answer = json!({
            "Configuration": configuration(),
            "TagsError": {"ErrorCode": "AccessDeniedException", "Message": "not authorized: lambda:ListTags"},
        });
        let (lambda, _) = lambda([ok(&answer.to_string()), ok(&json!({"Configuration": configuration()}).to_string())]);
        assert_eq!(lambda.function("f").await.unwrap_err().code, "AccessDeniedException");
        assert_eq!(lambda.function("f").await.unwrap().unwrap().tags, Some(Tags::new()));
    }

    #[tokio::test]
    async fn a_list_has_no_environments() {
        let (lambda, replay) = lambda([
            ok(&json!({"Functions": [configuration()], "NextMarker": "m"}).to_string()),
            ok(&json!({"Functions": [configuration()]}).to_string()),
        ]);
        let listed = Function { environment: Environment::default(), tags: None, ..one() };
        assert_eq!(lambda.functions().await, Ok(vec![listed.clone(), listed]));
        let uris = replay.uris();
        assert!(uris[0].ends_with("/2015-03-31/functions?MaxItems=50"), "{}", uris[0]);
        assert!(uris[1].contains("Marker=m") && uris[1].contains("MaxItems=50"), "{}", uris[1]);
    }

    fn new_function() -> NewFunction {
        NewFunction {
            name: "f".to_owned(),
            runtime: "nodejs24.x".to_owned(),
            handler: "index.handler".to_owned(),
            architecture: Some("arm64".to_owned()),
            environment: Some(environment()),
            role: "arn:r".to_owned(),
            zip: Sensitive(b"zip".to_vec()),
            tags: Tags::from([("k".to_owned(), "v".to_owned())]),
            ..NewFunction::default()
        }
    }

    #[tokio::test]
    async fn a_create() {
        let (lambda, replay) = lambda([ok(&configuration().to_string())]);
        assert_eq!(lambda.create_function(&new_function()).await, Ok(one()));
        assert_eq!(
            serde_json::from_str::<Value>(&replay.bodies()[0]).unwrap(),
            json!({
                "FunctionName": "f", "PackageType": "Zip", "Publish": false, "Runtime": "nodejs24.x",
                "Handler": "index.handler", "Architectures": ["arm64"], "Role": "arn:r",
                "Code": {"ZipFile": "emlw"}, "Environment": {"Variables": {"PASSWORD": "hunter2"}}, "Tags": {"k": "v"},
            })
        );
    }

    #[tokio::test]
    async fn updates_are_tied_to_a_revision() {
        let (lambda, replay) = lambda([ok("{}"), ok("{}")]);
        let change = ConfigurationChange {
            name: "f".to_owned(),
            revision_id: "rev".to_owned(),
            environment: Some(Environment::default()),
            ..ConfigurationChange::default()
        };
        lambda.update_configuration(&change).await.unwrap();
        let change = CodeChange {
            name: "f".to_owned(),
            revision_id: "rev".to_owned(),
            zip: Sensitive(b"zip".to_vec()),
            architecture: None,
        };
        lambda.update_code(&change).await.unwrap();
        let bodies: Vec<Value> = replay.bodies().iter().map(|body| serde_json::from_str(body).unwrap()).collect();
        assert_eq!(bodies[0], json!({"RevisionId": "rev", "Environment": {"Variables": {}}}));
        assert_eq!(bodies[1], json!({"RevisionId": "rev", "ZipFile": "emlw", "Publish": false}));
    }

    #[tokio::test]
    async fn a_function_that_is_gone_needs_no_deletion() {
        let (lambda, _) = lambda([
            lambda_error(404, "ResourceNotFoundException", ""),
            lambda_error(409, "ResourceConflictException", ""),
        ]);
        assert_eq!(lambda.delete_function("f").await, Ok(()));
        assert_eq!(lambda.delete_function("f").await.unwrap_err().code, "ResourceConflictException");
    }

    #[tokio::test(start_paused = true)]
    async fn writes_are_sent_once_and_reads_three_times() {
        let replay = Replay::always(Answer::Http(500, None, String::new()));
        let lambda = SdkLambda::new(&replay.config(), replay.clone());
        let new = new_function();
        let configuration = ConfigurationChange { name: "f".to_owned(), ..ConfigurationChange::default() };
        let code = CodeChange { name: "f".to_owned(), ..CodeChange::default() };
        let (tags, keys) = (Tags::from([("k".to_owned(), "v".to_owned())]), BTreeSet::from(["k".to_owned()]));
        for write in [
            lambda.create_function(&new).map_ok(drop).boxed(),
            lambda.update_configuration(&configuration),
            lambda.update_code(&code),
            lambda.delete_function("f"),
            lambda.tag("arn:f", &tags),
            lambda.untag("arn:f", &keys),
        ] {
            assert_eq!(replay.attempts(write).await, 1);
        }
        for read in [lambda.function("f").map_ok(drop).boxed(), lambda.functions().map_ok(drop).boxed()] {
            assert_eq!(replay.attempts(read).await, 3);
        }
    }
}
