//! Aliases and provisioned concurrency: <https://docs.aws.amazon.com/lambda/latest/dg/configuration-aliases.html>.

use std::collections::BTreeMap;

use async_trait::async_trait;
use privatelink_operator::cloud::{
    fault::Fault,
    lambda::aliases::{Alias, AliasChange, Aliases, ProvisionedConcurrency},
};
use tokio::time::Instant;

use super::{
    super::{Answer, Model, State, refuse},
    aspects::{ProvisionedRecord, arn, check_revision},
};

fn alias_not_found<T>(function: &str, name: &str) -> Answer<T> {
    refuse("ResourceNotFoundException", format!("Alias not found: {}", arn(function, Some(name))))
}

impl State {
    /// What AWS checks of an alias.
    fn check_alias(&self, function: &str, alias: &Alias) -> Answer<()> {
        let published = self.lambda.aspects.versions.current(function);
        let exists = |version: &str| {
            version == "$LATEST"
                || version.parse().is_ok_and(|n: u64| published.is_some_and(|all| all.contains_key(&n)))
        };
        if let Some(missing) = alias.weights.keys().chain([&alias.version]).find(|version| !exists(version)) {
            return refuse(
                "ResourceNotFoundException",
                format!("Function not found: {}", arn(function, Some(missing))),
            );
        }
        if alias.weights.len() > 1 {
            return refuse(
                "InvalidParameterValueException",
                "Number of items in AdditionalVersionWeights cannot be greater than 1",
            );
        }
        if alias.weights.contains_key(&alias.version) {
            return refuse(
                "InvalidParameterValueException",
                format!(
                    "Invalid function version {}. Function version {0} is already included in routing configuration.",
                    alias.version
                ),
            );
        }
        if alias.version == "$LATEST" && !alias.weights.is_empty() {
            return refuse(
                "InvalidParameterValueException",
                "$LATEST is not supported for an alias pointing to more than 1 version",
            );
        }
        Ok(())
    }

    fn current_aliases(&self, function: &str) -> BTreeMap<String, Alias> {
        self.lambda.aspects.aliases.current(function).cloned().unwrap_or_default()
    }

    fn put_alias(&mut self, function: &str, mut alias: Alias) {
        alias.revision_id = format!("alias-{}", self.number());
        let mut aliases = self.current_aliases(function);
        aliases.insert(alias.name.clone(), alias);
        let lag = self.timing.lag;
        self.lambda.aspects.aliases.put(function, Some(aliases), lag);
    }

    /// Gives the alias a new revision.
    pub fn move_alias_revision(&mut self, function: &str, name: &str) {
        if let Some(alias) = self.current_aliases(function).remove(name) {
            self.put_alias(function, alias);
        }
    }

    fn provisioned_of(&self, function: &str) -> BTreeMap<String, ProvisionedRecord> {
        self.lambda.aspects.provisioned.current(function).cloned().unwrap_or_default()
    }

    /// How much is provisioned for a function in all.
    pub fn provisioned_in_all(&self, function: &str) -> i32 {
        self.provisioned_of(function).values().map(|record| record.requested).sum()
    }
}

fn provisioned_view(alias: &str, record: &ProvisionedRecord, now: Instant) -> ProvisionedConcurrency {
    let status = match record.failure {
        _ if now < record.ready_from => "IN_PROGRESS",
        Some(_) => "FAILED",
        None => "READY",
    };
    ProvisionedConcurrency {
        qualifier: alias.to_owned(),
        requested: record.requested,
        status: status.to_owned(),
        reason: record.failure.filter(|_| status == "FAILED").map(str::to_owned),
    }
}

#[async_trait]
impl Aliases for Model {
    async fn aliases(&self, function: &str) -> Result<Vec<Alias>, Fault> {
        self.lambda_read("ListAliases", |s, now| {
            s.seen_function(function, now)?;
            Ok(s.lambda.aspects.aliases.read(function).unwrap_or_default().into_values().collect())
        })
        .await
    }

    async fn create_alias(&self, new: &AliasChange) -> Result<(), Fault> {
        let new = new.to_owned();
        self.lambda_write("CreateAlias", move |s, now| {
            s.function_target(&new.function, now)?;
            if s.current_aliases(&new.function).contains_key(&new.name) {
                return refuse(
                    "ResourceConflictException",
                    format!("Alias already exists: {}", arn(&new.function, Some(&new.name))),
                );
            }
            let alias = Alias {
                name: new.name.clone(),
                arn: arn(&new.function, Some(&new.name)),
                version: new.version.clone().unwrap_or_default(),
                description: new.description.clone().unwrap_or_default(),
                weights: new.weights.clone().unwrap_or_default(),
                revision_id: String::new(),
            };
            s.check_alias(&new.function, &alias)?;
            s.put_alias(&new.function, alias);
            Ok(())
        })
        .await
    }

    async fn update_alias(&self, change: &AliasChange) -> Result<(), Fault> {
        let change = change.to_owned();
        self.lambda_write("UpdateAlias", move |s, now| {
            s.function_target(&change.function, now)?;
            let Some(mut alias) = s.current_aliases(&change.function).remove(&change.name) else {
                return alias_not_found(&change.function, &change.name);
            };
            check_revision(change.revision_id.0.as_ref(), &alias.revision_id)?;
            alias.version = change.version.clone().unwrap_or(alias.version);
            alias.description = change.description.clone().unwrap_or(alias.description);
            alias.weights = change.weights.clone().unwrap_or(alias.weights);
            s.check_alias(&change.function, &alias)?;
            s.put_alias(&change.function, alias);
            Ok(())
        })
        .await
    }

    async fn delete_alias(&self, function: &str, name: &str) -> Result<(), Fault> {
        let function = function.to_owned();
        let name = name.to_owned();
        self.lambda_write("DeleteAlias", move |s, _| {
            let lag = s.timing.lag;
            let mut aliases = s.current_aliases(&function);
            aliases.remove(&name);
            s.lambda.aspects.aliases.put(&function, Some(aliases), lag);
            let mut provisioned = s.provisioned_of(&function);
            provisioned.remove(&name);
            s.lambda.aspects.provisioned.put(&function, Some(provisioned), lag);
            let mut policies = s.lambda.aspects.policies.current(&function).cloned().unwrap_or_default();
            policies.remove(&Some(name.clone()));
            s.lambda.aspects.policies.put(&function, Some(policies), lag);
            Ok(())
        })
        .await
    }

    async fn provisioned_concurrency(&self, function: &str) -> Result<Vec<ProvisionedConcurrency>, Fault> {
        self.lambda_read("ListProvisionedConcurrencyConfigs", |s, now| {
            let provisioned = s.lambda.aspects.provisioned.read(function).unwrap_or_default();
            Ok(provisioned.iter().map(|(alias, record)| provisioned_view(alias, record, now)).collect())
        })
        .await
    }

    async fn put_provisioned_concurrency(&self, function: &str, alias: &str, count: i32) -> Result<(), Fault> {
        let function = function.to_owned();
        let alias = alias.to_owned();
        self.lambda_write("PutProvisionedConcurrencyConfig", move |s, now| {
            let record = s.function_target(&function, now)?;
            match s.current_aliases(&function).get(&alias) {
                None => return alias_not_found(&function, &alias),
                Some(alias) if alias.version == "$LATEST" => {
                    return refuse(
                        "InvalidParameterValueException",
                        "Provisioned Concurrency Configs cannot be applied to unpublished function versions.",
                    );
                }
                Some(_) => {}
            }
            let mut provisioned = s.provisioned_of(&function);
            let failure = s.lambda.aspects.failing_provision;
            let ready_from = now + s.timing.function;
            provisioned.insert(alias.clone(), ProvisionedRecord { requested: count, ready_from, failure });
            let in_all: i32 = provisioned.values().map(|record| record.requested).sum();
            if record.function.reserved_concurrency.is_some_and(|reserved| in_all > reserved) {
                return refuse(
                    "InvalidParameterValueException",
                    "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function",
                );
            }
            let lag = s.timing.lag;
            s.lambda.aspects.provisioned.put(&function, Some(provisioned), lag);
            Ok(())
        })
        .await
    }

    async fn delete_provisioned_concurrency(&self, function: &str, alias: &str) -> Result<(), Fault> {
        let function = function.to_owned();
        let alias = alias.to_owned();
        self.lambda_write("DeleteProvisionedConcurrencyConfig", move |s, _| {
            let mut provisioned = s.provisioned_of(&function);
            provisioned.remove(&alias);
            let lag = s.timing.lag;
            s.lambda.aspects.provisioned.put(&function, Some(provisioned), lag);
            Ok(())
        })
        .await
    }
}
