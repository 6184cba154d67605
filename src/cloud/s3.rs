//! The part of Amazon S3 that the operator uses, as a port: <https://docs.aws.amazon.com/AmazonS3/latest/API/>.

use async_trait::async_trait;

use super::fault::Fault;

/// What HeadObject says of the latest version of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectHead {
    /// Its version; absent in a bucket that has never had versions.
    pub version: Option<String>,
    /// Changes with the content.
    pub etag: String,
}

/// The S3 calls in use.
#[async_trait]
pub trait S3: Send + Sync {
    /// HeadObject; `None` when there is no such object, and when it cannot be told because the caller may not list
    /// the bucket.
    async fn head_object(&self, bucket: &str, key: &str) -> Result<Option<ObjectHead>, Fault>;
}
