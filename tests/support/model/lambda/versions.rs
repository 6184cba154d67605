//! Versions: <https://docs.aws.amazon.com/lambda/latest/dg/configuration-versions.html>.

use async_trait::async_trait;
use privatelink_operator::cloud::{
    fault::Fault,
    lambda::{
        Function, Settings, Versions,
        versions::{Publication, Version, VersionList},
    },
};
use tokio::time::Instant;

use super::{
    super::{Model, refuse},
    aspects::{VersionRecord, arn, check_revision, not_found},
};

/// What PublishVersion compares: all but what differs by itself.
fn content(function: &Function) -> Function {
    Function {
        arn: String::new(),
        state: String::new(),
        state_reason: None,
        state_reason_code: None,
        last_update_status: None,
        last_update_reason: None,
        last_update_reason_code: None,
        revision_id: String::new(),
        tags: None,
        reserved_concurrency: None,
        settings: Settings { description: None, ..function.settings.clone() },
        ..function.clone()
    }
}

/// How GetFunction and ListVersionsByFunction show a version.
fn view(record: &VersionRecord, number: u64, now: Instant) -> Function {
    let state = if now < record.active_from { "Pending" } else { "Active" };
    Function {
        arn: arn(&record.function.name, Some(&number.to_string())),
        state: state.to_owned(),
        last_update_status: Some("Successful".to_owned()),
        ..record.function.clone()
    }
}

#[async_trait]
impl Versions for Model {
    async fn versions(&self, function: &str) -> Result<VersionList, Fault> {
        self.lambda_read("ListVersionsByFunction", |s, now| {
            let latest = s.seen_function(function, now)?;
            let latest = Function { tags: None, reserved_concurrency: None, state: String::new(), ..latest };
            let published = s.lambda.aspects.versions.read(function).unwrap_or_default();
            let listed = published.iter().map(|(number, record)| Version {
                number: *number,
                function: Function { state: String::new(), ..view(record, *number, now) },
            });
            Ok(VersionList { latest, published: listed.collect() })
        })
        .await
    }

    async fn version(&self, function: &str, number: u64) -> Result<Option<Function>, Fault> {
        self.lambda_read("GetFunction", |s, now| {
            let published = s.lambda.aspects.versions.read(function).unwrap_or_default();
            Ok(published.get(&number).map(|record| view(record, number, now)))
        })
        .await
    }

    async fn publish_version(&self, publication: &Publication) -> Result<u64, Fault> {
        let publication = publication.to_owned();
        self.lambda_write("PublishVersion", move |s, now| {
            let name = publication.function.as_str();
            let record = s.idle_function(name, now)?;
            let Some(latest) = record.view(now) else { return not_found(name) };
            check_revision(publication.revision_id.0.as_ref(), &latest.revision_id)?;
            if publication.code_sha256 != latest.code_sha256 {
                return refuse(
                    "InvalidParameterValueException",
                    "CodeSHA256 is different from current CodeSHA256 in $LATEST.",
                );
            }
            let mut published = s.lambda.aspects.versions.current(name).cloned().unwrap_or_default();
            if let Some((number, newest)) = published.last_key_value()
                && content(&newest.function) == content(&latest)
            {
                return Ok(*number);
            }
            let number = s.lambda.aspects.last_versions.get(name).copied().unwrap_or_default() + 1;
            s.lambda.aspects.last_versions.insert(name.to_owned(), number);
            let mut function = Function { tags: None, reserved_concurrency: None, ..latest };
            if let Some(description) = &publication.description {
                function.settings.description = Some(description.clone());
            }
            published.insert(number, VersionRecord { function, active_from: now + s.timing.function });
            let lag = s.timing.lag;
            s.lambda.aspects.versions.put(name, Some(published), lag);
            s.move_revision(name);
            Ok(number)
        })
        .await
    }

    async fn delete_version(&self, function: &str, number: u64) -> Result<(), Fault> {
        let function = function.to_owned();
        self.lambda_write("DeleteFunction", move |s, _| {
            let version = number.to_string();
            let aliases = s.lambda.aspects.aliases.current(&function).cloned().unwrap_or_default();
            if aliases.values().any(|alias| alias.version == version || alias.weights.contains_key(&version)) {
                return refuse(
                    "ResourceConflictException",
                    format!("Version {version} of function {function} is referenced by an alias."),
                );
            }
            let mut published = s.lambda.aspects.versions.current(&function).cloned().unwrap_or_default();
            published.remove(&number);
            let lag = s.timing.lag;
            s.lambda.aspects.versions.put(&function, Some(published), lag);
            Ok(())
        })
        .await
    }
}
