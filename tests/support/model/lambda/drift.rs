//! What others do to a function's aspects behind the operator's back.

use privatelink_operator::cloud::lambda::{
    aliases::Alias,
    controls::{EventInvokeConfig, RuntimeManagementConfig},
    urls::FunctionUrl,
};
use serde_json::json;

use super::{
    super::{State, replica::Lag},
    aspects::arn,
    event_sources::MappingRecord,
};

/// One change by somebody else to what a function has beside code and configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AspectDrift {
    /// The published versions that no alias uses, and the aliases, are deleted.
    DeleteAliases,
    /// Aliases get another description.
    DescribeAliases,
    /// Aliases stand for `$LATEST`.
    MoveAliases,
    /// The provisioned concurrency is changed.
    ChangeProvisioned,
    /// The URL is deleted.
    DeleteUrl,
    /// The URL asks for no authentication.
    OpenUrl,
    /// Pages of other origins may use the URL.
    ChangeCors,
    /// The URL answers in another way.
    ChangeInvokeMode,
    /// All statements of the resource policies are removed.
    RemovePermissions,
    /// All statements allow another principal.
    ChangePermissions,
    /// Asynchronous invocations are handled otherwise.
    ChangeEventInvoke,
    /// Asynchronous invocations are handled by default.
    DeleteEventInvoke,
    /// The reserved concurrency is changed.
    ChangeConcurrency,
    /// The reserved concurrency is removed.
    RemoveConcurrency,
    /// Recursive loops are handled otherwise.
    ChangeRecursion,
    /// The runtime is updated at another time.
    ChangeRuntimeManagement,
    /// Another code signing configuration is set.
    ChangeCodeSigning,
    /// The event source mappings are deleted.
    DeleteMappings,
    /// The event source mappings get other settings.
    ChangeMappings,
    /// Others make an alias, a statement and an event source mapping of their own.
    AddForeign,
    /// Others set all that can be set beside.
    SetAll,
}

/// All that can happen to what no sweep sees.
pub const RECHECKED: &[AspectDrift] = &[
    AspectDrift::DeleteAliases,
    AspectDrift::DescribeAliases,
    AspectDrift::MoveAliases,
    AspectDrift::ChangeProvisioned,
    AspectDrift::DeleteUrl,
    AspectDrift::OpenUrl,
    AspectDrift::ChangeCors,
    AspectDrift::ChangeInvokeMode,
    AspectDrift::RemovePermissions,
    AspectDrift::ChangePermissions,
    AspectDrift::ChangeEventInvoke,
    AspectDrift::DeleteEventInvoke,
    AspectDrift::ChangeConcurrency,
    AspectDrift::RemoveConcurrency,
    AspectDrift::ChangeRecursion,
    AspectDrift::ChangeRuntimeManagement,
    AspectDrift::ChangeCodeSigning,
];

impl State {
    /// Lets a drift happen to the aspects of a function.
    pub fn drift_aspects(&mut self, name: &str, drift: AspectDrift) {
        match drift {
            AspectDrift::ChangeConcurrency => self.set_reserved(name, Some(77)),
            AspectDrift::RemoveConcurrency => self.set_reserved(name, None),
            AspectDrift::DeleteMappings | AspectDrift::ChangeMappings => self.drift_mappings(name, drift),
            AspectDrift::AddForeign => self.add_foreign(name),
            AspectDrift::SetAll => {
                self.add_foreign(name);
                self.set_all(name);
            }
            _ => self.drift_settings(name, drift),
        }
    }

    fn set_reserved(&mut self, name: &str, reserved: Option<i32>) {
        let Some(mut record) = self.lambda.functions.current(name).cloned() else { return };
        record.function.reserved_concurrency = reserved;
        self.lambda.functions.put(name, Some(record), Lag::NONE);
    }

    fn drift_mappings(&mut self, name: &str, drift: AspectDrift) {
        let all: Vec<_> = self.lambda.aspects.mappings.all().map(|(uuid, m)| (uuid.clone(), m.clone())).collect();
        for (uuid, mut record) in all.into_iter().filter(|(_, m)| m.mapping.function_arn == arn(name, None)) {
            if drift == AspectDrift::DeleteMappings {
                self.lambda.aspects.mappings.put(&uuid, None, Lag::NONE);
                continue;
            }
            record.mapping.settings.batch_size = Some(7);
            record.mapping.settings.enabled = Some(false);
            self.lambda.aspects.mappings.put(&uuid, Some(record), Lag::NONE);
        }
    }

    fn drift_settings(&mut self, name: &str, drift: AspectDrift) {
        let aspects = &mut self.lambda.aspects;
        let mut aliases = aspects.aliases.current(name).cloned().unwrap_or_default();
        let mut provisioned = aspects.provisioned.current(name).cloned().unwrap_or_default();
        let mut policies = aspects.policies.current(name).cloned().unwrap_or_default();
        match drift {
            AspectDrift::DeleteAliases => {
                aliases.clear();
                provisioned.clear();
                policies.retain(|qualifier, _| qualifier.is_none());
            }
            AspectDrift::DescribeAliases => {
                for alias in aliases.values_mut() {
                    "changed".clone_into(&mut alias.description);
                }
            }
            AspectDrift::MoveAliases => {
                provisioned.clear();
                for alias in aliases.values_mut() {
                    "$LATEST".clone_into(&mut alias.version);
                    alias.weights.clear();
                }
            }
            AspectDrift::ChangeProvisioned => {
                for provisioned in provisioned.values_mut() {
                    provisioned.requested = 1;
                }
            }
            AspectDrift::DeleteUrl => aspects.urls.put(name, None, Lag::NONE),
            AspectDrift::OpenUrl | AspectDrift::ChangeCors | AspectDrift::ChangeInvokeMode => {
                if let Some(mut url) = aspects.urls.current(name).cloned() {
                    match drift {
                        AspectDrift::OpenUrl => "NONE".clone_into(&mut url.auth_type),
                        AspectDrift::ChangeCors => url.cors.allow_origins = vec!["*".to_owned()],
                        _ => "BUFFERED".clone_into(&mut url.invoke_mode),
                    }
                    aspects.urls.put(name, Some(url), Lag::NONE);
                }
            }
            AspectDrift::RemovePermissions => policies.clear(),
            AspectDrift::ChangePermissions => {
                for statement in policies.values_mut().flatten() {
                    statement["Principal"] = json!({ "Service": "sns.amazonaws.com" });
                }
            }
            AspectDrift::ChangeEventInvoke => {
                let config = EventInvokeConfig {
                    maximum_event_age_seconds: Some(61),
                    maximum_retry_attempts: Some(1),
                    on_failure: Some("arn:aws:sqs:ap-northeast-1:123456789012:other".to_owned()),
                    on_success: None,
                };
                aspects.event_invoke.put(name, Some(config), Lag::NONE);
            }
            AspectDrift::DeleteEventInvoke => aspects.event_invoke.put(name, None, Lag::NONE),
            AspectDrift::ChangeRecursion => aspects.recursion.put(name, None, Lag::NONE),
            AspectDrift::ChangeRuntimeManagement => aspects.runtimes.put(name, None, Lag::NONE),
            AspectDrift::ChangeCodeSigning => {
                aspects.code_signing.put(name, Some("arn:other".to_owned()), Lag::NONE);
            }
            _ => {}
        }
        aspects.aliases.put(name, Some(aliases), Lag::NONE);
        aspects.provisioned.put(name, Some(provisioned), Lag::NONE);
        aspects.policies.put(name, Some(policies), Lag::NONE);
    }

    fn add_foreign(&mut self, name: &str) {
        let aspects = &mut self.lambda.aspects;
        let mut aliases = aspects.aliases.current(name).cloned().unwrap_or_default();
        let foreign = Alias {
            name: "foreign".to_owned(),
            arn: arn(name, Some("foreign")),
            version: "$LATEST".to_owned(),
            ..Alias::default()
        };
        aliases.insert(foreign.name.clone(), foreign);
        aspects.aliases.put(name, Some(aliases), Lag::NONE);
        let mut policies = aspects.policies.current(name).cloned().unwrap_or_default();
        policies.entry(None).or_default().push(json!({
            "Sid": "foreign", "Effect": "Allow", "Principal": { "Service": "apigateway.amazonaws.com" },
            "Action": "lambda:InvokeFunction", "Resource": arn(name, None),
        }));
        aspects.policies.put(name, Some(policies), Lag::NONE);
        let queue = "arn:aws:sqs:ap-northeast-1:123456789012:foreign";
        let uuid = "ffffffff-0000-0000-0000-000000000000";
        aspects.mappings.put(uuid, Some(MappingRecord::foreign(name, queue, uuid)), Lag::NONE);
    }

    fn set_all(&mut self, name: &str) {
        self.set_reserved(name, Some(5));
        let aspects = &mut self.lambda.aspects;
        let url = FunctionUrl {
            url: "https://foreign.on.aws/".to_owned(),
            auth_type: "AWS_IAM".to_owned(),
            invoke_mode: "BUFFERED".to_owned(),
            ..FunctionUrl::default()
        };
        aspects.urls.put(name, Some(url), Lag::NONE);
        let event_invoke = EventInvokeConfig { maximum_retry_attempts: Some(0), ..EventInvokeConfig::default() };
        aspects.event_invoke.put(name, Some(event_invoke), Lag::NONE);
        aspects.code_signing.put(name, Some("arn:foreign".to_owned()), Lag::NONE);
        aspects.recursion.put(name, Some("Allow".to_owned()), Lag::NONE);
        let runtime =
            RuntimeManagementConfig { update_runtime_on: "FunctionUpdate".to_owned(), runtime_version_arn: None };
        aspects.runtimes.put(name, Some(runtime), Lag::NONE);
    }
}
