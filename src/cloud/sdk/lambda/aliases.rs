//! The port [`Aliases`].

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_lambda::types::{AliasConfiguration, AliasRoutingConfiguration, ProvisionedConcurrencyConfigListItem};

use crate::cloud::{
    fault::Fault,
    lambda::aliases::{Alias, AliasChange, Aliases, ProvisionedConcurrency},
    operation::Operation,
};

use super::{
    super::call::{each, unless_gone},
    GONE, SdkLambda,
};

/// More are not answered: <https://docs.aws.amazon.com/lambda/latest/api/API_ListAliases.html>.
const PAGE: i32 = 50;

/// What DeleteProvisionedConcurrencyConfig says when there is none.
const NOT_PROVISIONED: &[&str] = &["ResourceNotFoundException", "ProvisionedConcurrencyConfigNotFoundException"];

#[async_trait]
impl Aliases for SdkLambda {
    async fn aliases(&self, function: &str) -> Result<Vec<Alias>, Fault> {
        let call = self.reads.list_aliases().function_name(function).max_items(PAGE);
        self.caller
            .pages(
                Operation::ListAliases,
                |marker| call.clone().set_marker(marker).send(),
                |page| (each(page.aliases, alias), page.next_marker),
            )
            .await
    }

    async fn create_alias(&self, new: &AliasChange) -> Result<(), Fault> {
        let call = self
            .writes
            .create_alias()
            .function_name(&new.function)
            .name(&new.name)
            .set_function_version(new.version.clone())
            .set_description(new.description.clone())
            .set_routing_config(new.weights.as_ref().map(wire_weights));
        self.caller.run(Operation::CreateAlias, call.send()).await.map(drop)
    }

    async fn update_alias(&self, change: &AliasChange) -> Result<(), Fault> {
        let call = self
            .writes
            .update_alias()
            .function_name(&change.function)
            .name(&change.name)
            .set_revision_id(change.revision_id.0.clone())
            .set_function_version(change.version.clone())
            .set_description(change.description.clone())
            .set_routing_config(change.weights.as_ref().map(wire_weights));
        self.caller.run(Operation::UpdateAlias, call.send()).await.map(drop)
    }

    async fn delete_alias(&self, function: &str, name: &str) -> Result<(), Fault> {
        let call = self.writes.delete_alias().function_name(function).name(name);
        unless_gone(self.caller.run(Operation::DeleteAlias, call.send()).await, GONE).map(drop)
    }

    async fn provisioned_concurrency(&self, function: &str) -> Result<Vec<ProvisionedConcurrency>, Fault> {
        let call = self.reads.list_provisioned_concurrency_configs().function_name(function).max_items(PAGE);
        self.caller
            .pages(
                Operation::ListProvisionedConcurrencyConfigs,
                |marker| call.clone().set_marker(marker).send(),
                |page| (each(page.provisioned_concurrency_configs, provisioned), page.next_marker),
            )
            .await
    }

    async fn put_provisioned_concurrency(&self, function: &str, alias: &str, count: i32) -> Result<(), Fault> {
        let call = self
            .writes
            .put_provisioned_concurrency_config()
            .function_name(function)
            .qualifier(alias)
            .provisioned_concurrent_executions(count);
        self.caller.run(Operation::PutProvisionedConcurrencyConfig, call.send()).await.map(drop)
    }

    async fn delete_provisioned_concurrency(&self, function: &str, alias: &str) -> Result<(), Fault> {
        let call = self.writes.delete_provisioned_concurrency_config().function_name(function).qualifier(alias);
        let answer = self.caller.run(Operation::DeleteProvisionedConcurrencyConfig, call.send()).await;
        unless_gone(answer, NOT_PROVISIONED).map(drop)
    }
}

fn wire_weights(weights: &BTreeMap<String, f64>) -> AliasRoutingConfiguration {
    AliasRoutingConfiguration::builder()
        .set_additional_version_weights(Some(weights.clone().into_iter().collect()))
        .build()
}

fn alias(from: AliasConfiguration) -> Alias {
    let weights = from.routing_config.and_then(|routing| routing.additional_version_weights);
    Alias {
        name: from.name.unwrap_or_default(),
        arn: from.alias_arn.unwrap_or_default(),
        version: from.function_version.unwrap_or_default(),
        description: from.description.unwrap_or_default(),
        weights: weights.into_iter().flatten().collect(),
        revision_id: from.revision_id.unwrap_or_default(),
    }
}

fn provisioned(from: ProvisionedConcurrencyConfigListItem) -> ProvisionedConcurrency {
    let arn = from.function_arn.unwrap_or_default();
    ProvisionedConcurrency {
        qualifier: arn.rsplit(':').next().unwrap_or_default().to_owned(),
        requested: from.requested_provisioned_concurrent_executions.unwrap_or_default(),
        status: from.status.map(|status| status.as_str().to_owned()).unwrap_or_default(),
        reason: from.status_reason,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::cloud::{
        lambda::Revision,
        sdk::{
            lambda::tests::lambda,
            replay::{lambda_error, ok},
        },
    };

    #[tokio::test]
    async fn aliases_and_what_is_provisioned_for_them() {
        let aliases = json!({ "Aliases": [{
            "Name": "live", "AliasArn": "arn:f:live", "FunctionVersion": "1", "Description": "d", "RevisionId": "r",
            "RoutingConfig": { "AdditionalVersionWeights": { "2": 0.25 } },
        }] });
        let provisioned = json!({ "ProvisionedConcurrencyConfigs": [{
            "FunctionArn": "arn:aws:lambda:eu-west-1:1:function:f:live", "Status": "FAILED", "StatusReason": "why",
            "RequestedProvisionedConcurrentExecutions": 5,
        }] });
        let (lambda, _) = lambda([ok(&aliases.to_string()), ok(&provisioned.to_string())]);
        let alias = Alias {
            name: "live".to_owned(),
            arn: "arn:f:live".to_owned(),
            version: "1".to_owned(),
            description: "d".to_owned(),
            weights: BTreeMap::from([("2".to_owned(), 0.25)]),
            revision_id: "r".to_owned(),
        };
        assert_eq!(lambda.aliases("f").await, Ok(vec![alias]));
        let live = ProvisionedConcurrency {
            qualifier: "live".to_owned(),
            requested: 5,
            status: "FAILED".to_owned(),
            reason: Some("why".to_owned()),
        };
        assert_eq!(lambda.provisioned_concurrency("f").await, Ok(vec![live]));
    }

    #[tokio::test]
    async fn an_alias_is_changed_where_it_differs() {
        let gone = lambda_error(404, "ProvisionedConcurrencyConfigNotFoundException", "none");
        let (lambda, replay) = lambda([ok("{}"), ok("{}"), ok("{}"), ok("{}"), gone]);
        let change = AliasChange {
            function: "f".to_owned(),
            name: "live".to_owned(),
            revision_id: Revision::from("r"),
            weights: Some(BTreeMap::new()),
            ..AliasChange::default()
        };
        lambda.create_alias(&AliasChange { version: Some("1".to_owned()), ..change.clone() }).await.unwrap();
        lambda.update_alias(&change).await.unwrap();
        lambda.delete_alias("f", "live").await.unwrap();
        lambda.put_provisioned_concurrency("f", "live", 5).await.unwrap();
        lambda.delete_provisioned_concurrency("f", "live").await.unwrap();
        let bodies: Vec<Value> =
            replay.bodies().iter().map(|body| serde_json::from_str(body).unwrap_or_default()).collect();
        let none = json!({ "AdditionalVersionWeights": {} });
        assert_eq!(bodies[0], json!({ "Name": "live", "FunctionVersion": "1", "RoutingConfig": none }));
        assert_eq!(bodies[1], json!({ "RevisionId": "r", "RoutingConfig": none }));
        assert_eq!(bodies[3], json!({ "ProvisionedConcurrentExecutions": 5 }));
    }
}
