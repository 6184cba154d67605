//! The port [`Versions`].

use async_trait::async_trait;
use aws_sdk_lambda::types::FunctionConfiguration;

use crate::cloud::{
    fault::Fault,
    lambda::{
        Function, Versions,
        versions::{Publication, Version, VersionList},
    },
    operation::Operation,
};

use super::{
    super::call::{each, unless_gone, unusable},
    GONE, SdkLambda,
    function::wire::observed,
};

/// More are not answered: <https://docs.aws.amazon.com/lambda/latest/api/API_ListVersionsByFunction.html>.
const PAGE: i32 = 50;

#[async_trait]
impl Versions for SdkLambda {
    async fn versions(&self, function: &str) -> Result<VersionList, Fault> {
        const OPERATION: Operation = Operation::ListVersionsByFunction;
        let call = self.reads.list_versions_by_function().function_name(function).max_items(PAGE);
        let all = self
            .caller
            .pages(
                OPERATION,
                |marker| call.clone().set_marker(marker).send(),
                |page| (each(page.versions, qualified), page.next_marker),
            )
            .await?;
        let mut latest = None;
        let mut published = Vec::new();
        for (version, function) in all {
            match version.parse() {
                Ok(number) => published.push(Version { number, function }),
                Err(_) if version == "$LATEST" => latest = Some(function),
                Err(_) => {}
            }
        }
        published.sort_by_key(|version| version.number);
        match latest {
            Some(latest) => Ok(VersionList { latest, published }),
            None => Err(unusable(OPERATION, "no $LATEST in it")),
        }
    }

    async fn version(&self, function: &str, number: u64) -> Result<Option<Function>, Fault> {
        let call = self.reads.get_function().function_name(function).qualifier(number.to_string());
        let answer = unless_gone(self.caller.run(Operation::GetFunction, call.send()).await, GONE)?;
        Ok(answer.and_then(|answer| answer.configuration).map(observed))
    }

    async fn publish_version(&self, publication: &Publication) -> Result<u64, Fault> {
        const OPERATION: Operation = Operation::PublishVersion;
        let call = self
            .writes
            .publish_version()
            .function_name(&publication.function)
            .set_revision_id(publication.revision_id.0.clone())
            .code_sha256(&publication.code_sha256)
            .set_description(publication.description.clone());
        let answer = self.caller.run(OPERATION, call.send()).await?;
        let number = answer.version.and_then(|version| version.parse().ok());
        number.ok_or_else(|| unusable(OPERATION, "no version in it"))
    }

    async fn delete_version(&self, function: &str, number: u64) -> Result<(), Fault> {
        let call = self.writes.delete_function().function_name(function).qualifier(number.to_string());
        unless_gone(self.caller.run(Operation::DeleteFunction, call.send()).await, GONE).map(drop)
    }
}

fn qualified(from: FunctionConfiguration) -> (String, Function) {
    (from.version.clone().unwrap_or_default(), observed(from))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cloud::{
        lambda::Revision,
        sdk::{
            lambda::tests::lambda,
            replay::{lambda_error, ok},
        },
    };

    #[tokio::test]
    async fn versions_of_all_pages_by_number() {
        let first = json!({ "Versions": [
            { "FunctionName": "f", "Version": "$LATEST", "CodeSha256": "new" },
            { "FunctionName": "f", "Version": "10", "CodeSha256": "new" },
        ], "NextMarker": "m" });
        let second = json!({ "Versions": [{ "FunctionName": "f", "Version": "9", "CodeSha256": "old" }] });
        let (lambda, replay) = lambda([ok(&first.to_string()), ok(&second.to_string())]);
        let list = lambda.versions("f").await.unwrap();
        assert_eq!(list.latest.code_sha256, "new");
        let numbers: Vec<_> = list.published.iter().map(|v| (v.number, v.function.code_sha256.as_str())).collect();
        assert_eq!(numbers, [(9, "old"), (10, "new")]);
        assert!(replay.uris()[1].contains("Marker=m"), "{:?}", replay.uris());
    }

    #[tokio::test]
    async fn a_version_is_published_for_one_revision_and_deleted() {
        let answer = json!({ "Version": "3" }).to_string();
        let (lambda, replay) =
            lambda([ok(&answer), ok("{}"), lambda_error(404, "ResourceNotFoundException", "gone"), ok("{}")]);
        let publication = Publication {
            function: "f".to_owned(),
            revision_id: Revision::from("rev"),
            code_sha256: "sha".to_owned(),
            description: Some("d".to_owned()),
        };
        assert_eq!(lambda.publish_version(&publication).await, Ok(3));
        assert!(lambda.publish_version(&publication).await.is_err(), "an answer without a version is none");
        lambda.delete_version("f", 2).await.unwrap();
        assert_eq!(lambda.version("f", 2).await, Ok(None));
        let body: serde_json::Value = serde_json::from_str(&replay.bodies()[0]).unwrap();
        assert_eq!(body, json!({ "CodeSha256": "sha", "Description": "d", "RevisionId": "rev" }));
        assert!(replay.uris()[2].ends_with("/functions/f?Qualifier=2"), "{:?}", replay.uris());
    }
}
