//! The port [`S3`] over aws-sdk-s3.

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_s3::{Client, config};

use crate::cloud::{
    fault::Fault,
    operation::Operation,
    s3::{ObjectHead, S3},
};

use super::call::{self, Caller, ThrottlesAreForTheBudget, unless_gone, unusable};

/// The version of objects that were written while a bucket's versioning was suspended or off. It does not change
/// with the content: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/VersioningWorkflows.html>.
const NULL_VERSION: &str = "null";

/// Amazon S3 in one region.
pub struct SdkS3 {
    reads: Client,
    caller: Caller,
}

impl SdkS3 {
    /// With the configuration's region and credentials. Buckets have names of their own in the service's domain, but
    /// not below an endpoint that was given.
    pub fn new(config: &SdkConfig, caller: Caller) -> Self {
        let reads = call::reads(config);
        let reads = config::Builder::from(&reads)
            .force_path_style(config.endpoint_url().is_some())
            .retry_classifier(ThrottlesAreForTheBudget)
            .build();
        Self { reads: Client::from_conf(reads), caller }
    }
}

#[async_trait]
impl S3 for SdkS3 {
    async fn head_object(&self, bucket: &str, key: &str) -> Result<Option<ObjectHead>, Fault> {
        const OPERATION: Operation = Operation::HeadObject;
        let call = self.reads.head_object().bucket(bucket).key(key);
        let answer = unless_gone(self.caller.run(OPERATION, call.send()).await, &["NotFound"])?;
        answer
            .map(|head| {
                let version = head.version_id.filter(|version| version != NULL_VERSION);
                let etag = head.e_tag.unwrap_or_default();
                if version.is_none() && etag.is_empty() {
                    return Err(unusable(OPERATION, "neither a version nor an ETag in it"));
                }
                Ok(ObjectHead { version, etag })
            })
            .transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cloud::sdk::replay::{Answer, Replay},
        engine::failure::Class,
    };

    async fn head(answer: Answer) -> Result<Option<ObjectHead>, Fault> {
        let replay = Replay::always(answer);
        SdkS3::new(&replay.config(), replay.caller()).head_object("code", "a/b.zip").await
    }

    #[tokio::test]
    async fn versions_and_etags() {
        let header = |name, value| Answer::Http(200, Some((name, value)), String::new());
        let found = head(header("x-amz-version-id", "v1")).await.unwrap().unwrap();
        assert_eq!((found.version.as_deref(), found.etag.as_str()), (Some("v1"), ""));
        let found = head(header("etag", "\"abc\"")).await.unwrap().unwrap();
        assert_eq!((found.version.as_deref(), found.etag.as_str()), (None, "\"abc\""));
        assert!(head(header("x-amz-version-id", "null")).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn answers_without_a_body_are_told_apart_by_their_status() {
        let status = |status| head(Answer::Http(status, None, String::new()));
        assert_eq!(status(404).await, Ok(None));
        for (code, expected, class) in [
            (403, "AccessDenied", Class::Terminal),
            (301, "PermanentRedirect", Class::Terminal),
            (503, "", Class::Transient),
        ] {
            let fault = status(code).await.unwrap_err();
            assert_eq!((fault.code.as_str(), fault.class), (expected, class), "{code}");
        }
    }
}
