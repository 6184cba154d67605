//! What the spec and the status of a function say of its aspects. The types of each stand in the aspect's file.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::{
    aliases::{Alias, AliasStatus},
    event_invoke::EventInvoke,
    event_sources::{EventSource, EventSourceStatus},
    permissions::{Permission, PermissionStatus},
    recursion::RecursiveLoop,
    runtime_management::RuntimeManagement,
    url::FunctionUrl,
    versions::Versions,
};

/// What a function has beside its code and configuration. What is absent is left as it is in AWS, and not even
/// read; what was given and is then taken out of the spec goes back to AWS's default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AspectsSpec {
    /// Publish a version whenever the code or the configuration has changed since the last one. Versions stay when
    /// this is taken out of the spec: callers may name them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub versions: Option<Versions>,

    /// Aliases of the function. Those that others made are left alone, unless they are named here; `[]`: none of
    /// ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 20))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".to_owned()]))]
    pub aliases: Option<Vec<Alias>>,

    /// An HTTPS address of the function; `status.url` has it. Taken out of the spec: it is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<FunctionUrl>,

    /// Who may invoke the function beside the principals whose own policies allow it: statements of the function's
    /// resource policy. Statements that others made are left alone, unless their id is named here; `[]`: none of
    /// ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 50))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["statementId".to_owned()]))]
    pub permissions: Option<Vec<Permission>>,

    /// How asynchronous invocations are handled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_invoke: Option<EventInvoke>,

    /// Queues and streams that invoke the function: event source mappings, one for each source. Mappings of other
    /// sources are left alone; `[]`: none of ours. They are deleted before the function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 20))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["arn".to_owned()]))]
    pub event_sources: Option<Vec<EventSource>>,

    /// Concurrent executions that are kept for this function alone, and its limit. 0: the function cannot be
    /// invoked. Taken out of the spec: it shares the account's unreserved concurrency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub reserved_concurrency: Option<i32>,

    /// ARN of the code signing configuration that new code has to satisfy. Applied before code is. Taken out of the
    /// spec: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(max = 200),
        regex(pattern = r"^arn:aws[a-z-]*:lambda:[a-z0-9-]+:[0-9]{12}:code-signing-config:csc-[a-z0-9]{17}$")
    )]
    pub code_signing_config_arn: Option<String>,

    /// What AWS does when the function invokes itself in a loop through another service: Allow or Terminate. Taken
    /// out of the spec: Terminate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recursive_loop: Option<RecursiveLoop>,

    /// When AWS moves the function to a new patch version of its runtime. Taken out of the spec: Auto.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime_management: Option<RuntimeManagement>,
}

/// What is known of the aspects: facts, and what was applied, so that only that is ever removed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AspectsStatus {
    /// The newest published version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 20))]
    pub latest_version: Option<String>,

    /// Versions that were published for `spec.versions`, the newest 1,000 of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1000), inner(length(max = 20)))]
    pub published_versions: Vec<String>,

    /// While a version is being published: the newest one before it, or 0. Written before the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 20))]
    pub publishing_after: Option<String>,

    /// Aliases that were applied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 200))]
    pub aliases: Vec<AliasStatus>,

    /// HTTPS address of the function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub url: Option<String>,

    /// Statements of the resource policy that were applied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 400))]
    pub permissions: Vec<PermissionStatus>,

    /// Event source mappings that were applied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 40))]
    pub event_sources: Vec<EventSourceStatus>,

    /// Settings that were applied, so that one taken out of the spec goes back to its default.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 12))]
    pub applied_settings: Vec<Setting>,
}

/// A setting that goes back to AWS's default when it is taken out of the spec after it was applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Setting {
    /// `spec.codeSigningConfigArn`, by default none.
    CodeSigningConfig,
    /// `spec.eventInvoke.maximumEventAgeSeconds`, by default 21,600.
    EventInvokeMaximumEventAge,
    /// `spec.eventInvoke.maximumRetryAttempts`, by default 2.
    EventInvokeMaximumRetryAttempts,
    /// `spec.eventInvoke.onFailure`, by default none.
    EventInvokeOnFailure,
    /// `spec.eventInvoke.onSuccess`, by default none.
    EventInvokeOnSuccess,
    /// `spec.recursiveLoop`, by default Terminate.
    RecursiveLoop,
    /// `spec.reservedConcurrency`, by default none.
    ReservedConcurrency,
    /// `spec.runtimeManagement`, by default Auto.
    RuntimeManagement,
    /// `spec.url`, by default none.
    Url,
    /// `spec.url.cors`, by default none.
    UrlCors,
    /// `spec.url.invokeMode`, by default BUFFERED.
    UrlInvokeMode,
}

#[cfg(test)]
mod tests {
    use kube::core::cel::{validate_cel, validate_cel_update};
    use serde_json::{Value, json};

    use crate::kinds::lambda_function::fixtures::object;

    const QUEUE: &str = "arn:aws:sqs:eu-west-1:123456789012:q";
    const STREAM: &str = "arn:aws:kinesis:eu-west-1:123456789012:stream/s";
    const TABLE: &str = "arn:aws:dynamodb:eu-west-1:123456789012:table/t/stream/2026-01-01T00:00:00.000";

    fn alias(fields: Value) -> Value {
        with(json!({ "name": "live", "version": "1" }), fields, |alias| json!({ "aliases": [alias] }))
    }

    fn permission(fields: Value) -> Value {
        let least = json!({ "statementId": "s", "principal": "*" });
        with(least, fields, |permission| json!({ "permissions": [permission] }))
    }

    fn source(arn: &str, fields: Value) -> Value {
        with(json!({ "arn": arn }), fields, |source| json!({ "eventSources": [source] }))
    }

    #[allow(clippy::needless_pass_by_value, reason = "json!() values read best where they are used")]
    fn with(mut least: Value, fields: Value, wrap: fn(&Value) -> Value) -> Value {
        least.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        wrap(&least)
    }

    #[test]
    fn what_aws_would_not_take_is_rejected() {
        let runtime = |fields: Value| json!({ "runtimeManagement": fields });
        let time = "2026-01-31T00:00:00Z";
        for (fields, expected) in [
            (alias(json!({ "version": "$LATEST", "weights": { "1": 10 } })), "weights need a published version"),
            (alias(json!({ "version": "$LATEST", "provisionedConcurrency": 1 })), "provisionedConcurrency needs a"),
            (alias(json!({ "weights": { "$LATEST": 10 } })), "weights name a version by its number"),
            (permission(json!({ "statementId": "FunctionURLAllowPublicAccess" })), "belongs to a URL"),
            (permission(json!({ "functionUrlAuthType": "NONE" })), "functionUrlAuthType needs action"),
            (
                permission(json!({ "invokedViaFunctionUrl": true, "action": "lambda:InvokeFunctionUrl" })),
                "invokedViaFunctionUrl needs action",
            ),
            (source(STREAM, json!({})), "startingPosition is needed for a stream"),
            (source(QUEUE, json!({ "startingPosition": "LATEST" })), "a queue has none"),
            (source(STREAM, json!({ "startingPosition": "AT_TIMESTAMP" })), "goes with startingPosition AT_TIMESTAMP"),
            (
                source(STREAM, json!({ "startingPosition": "LATEST", "startingPositionTimestamp": time })),
                "goes with startingPosition AT_TIMESTAMP",
            ),
            (
                source(TABLE, json!({ "startingPosition": "AT_TIMESTAMP", "startingPositionTimestamp": time })),
                "only a Kinesis stream",
            ),
            (source(STREAM, json!({ "startingPosition": "LATEST", "maximumConcurrency": 2 })), "is for queues"),
            (source(QUEUE, json!({ "parallelizationFactor": 2 })), "are for streams"),
            (source(QUEUE, json!({ "maximumRecordAgeSeconds": 60 })), "are for streams"),
            (source(QUEUE, json!({ "maximumRetryAttempts": 1 })), "are for streams"),
            (source(QUEUE, json!({ "bisectBatchOnFunctionError": true })), "are for streams"),
            (source(QUEUE, json!({ "tumblingWindowSeconds": 1 })), "are for streams"),
            (source(QUEUE, json!({ "onFailure": QUEUE })), "are for streams"),
            (source(QUEUE, json!({ "batchSize": 11 })), "needs maximumBatchingWindowSeconds"),
            (runtime(json!({ "updateRuntimeOn": "Manual" })), "goes with updateRuntimeOn Manual"),
            (
                runtime(
                    json!({ "updateRuntimeOn": "Auto", "runtimeVersionArn": "arn:aws:lambda:eu-west-1::runtime:a" }),
                ),
                "goes with updateRuntimeOn Manual",
            ),
        ] {
            let errors = validate_cel(&object(fields.clone())).unwrap_err().to_string();
            assert!(errors.contains(expected), "{fields}: {errors}");
        }
    }

    #[test]
    fn what_aws_takes_is_accepted() {
        let time = "2026-01-31T00:00:00Z";
        for fields in [
            alias(json!({ "version": "$LATEST", "weights": {}, "provisionedConcurrency": 0 })),
            alias(json!({ "version": "latest-published", "weights": { "1": 10 }, "provisionedConcurrency": 1 })),
            alias(json!({ "weights": { "latest-published": 10 } })),
            permission(json!({ "functionUrlAuthType": "NONE", "action": "lambda:InvokeFunctionUrl" })),
            permission(json!({ "invokedViaFunctionUrl": true })),
            source(QUEUE, json!({ "batchSize": 11, "maximumBatchingWindowSeconds": 1, "maximumConcurrency": 2 })),
            source(STREAM, json!({ "startingPosition": "LATEST", "parallelizationFactor": 2, "batchSize": 11 })),
            source(STREAM, json!({ "startingPosition": "AT_TIMESTAMP", "startingPositionTimestamp": time })),
            source(TABLE, json!({ "startingPosition": "TRIM_HORIZON", "onFailure": QUEUE })),
            json!({ "url": { "authType": "NONE", "cors": {} }, "versions": {}, "eventInvoke": {} }),
        ] {
            validate_cel(&object(fields.clone())).unwrap_or_else(|errors| panic!("{fields}: {errors}"));
        }
    }

    #[test]
    fn where_a_stream_begins_is_immutable() {
        let before = object(source(STREAM, json!({ "startingPosition": "LATEST" })));
        let after = object(source(STREAM, json!({ "startingPosition": "TRIM_HORIZON" })));
        let errors = validate_cel_update(&after, &before).unwrap_err().to_string();
        assert!(errors.contains("startingPosition is immutable"), "{errors}");
        let at = |time: &str| {
            let fields = json!({ "startingPosition": "AT_TIMESTAMP", "startingPositionTimestamp": time });
            object(source(STREAM, fields))
        };
        let errors = validate_cel_update(&at("2026-01-31T00:00:00Z"), &at("2026-02-28T00:00:00Z")).unwrap_err();
        assert!(errors.to_string().contains("startingPositionTimestamp is immutable"), "{errors}");
        let after = object(source(STREAM, json!({ "startingPosition": "LATEST", "batchSize": 5 })));
        validate_cel_update(&after, &before).unwrap();
    }
}
