//! Amazon S3: <https://docs.aws.amazon.com/AmazonS3/latest/API/>. Objects with their versions.

use std::collections::BTreeMap;

use async_trait::async_trait;
use privatelink_operator::cloud::{
    fault::{Fault, Service},
    s3::{ObjectHead, S3},
};

use super::{Model, lambda::code_sha256};

/// One version of an object.
#[derive(Clone, Debug)]
pub struct ObjectVersion {
    /// Its id; absent in a bucket without versions.
    pub version: Option<String>,
    /// What it holds.
    pub content: Vec<u8>,
}

/// Objects by bucket and key, oldest version first.
#[derive(Debug, Default)]
pub struct S3State {
    objects: BTreeMap<(String, String), Vec<ObjectVersion>>,
}

impl S3State {
    /// A version, or the latest.
    pub fn object(&self, bucket: &str, key: &str, version: Option<&str>) -> Option<&ObjectVersion> {
        let versions = self.objects.get(&(bucket.to_owned(), key.to_owned()))?;
        match version {
            Some(version) => versions.iter().find(|object| object.version.as_deref() == Some(version)),
            None => versions.last(),
        }
    }
}

#[async_trait]
impl S3 for Model {
    async fn head_object(&self, bucket: &str, key: &str) -> Result<Option<ObjectHead>, Fault> {
        self.aws_read(Service::S3, "HeadObject", |s, _| {
            let head = |object: &ObjectVersion| ObjectHead {
                version: object.version.clone(),
                etag: code_sha256(&object.content),
            };
            Ok(s.s3.object(bucket, key, None).map(head))
        })
        .await
    }
}

impl Model {
    /// A user puts an object, as a new version or in place of the old content.
    pub fn put_object(&self, bucket: &str, key: &str, version: Option<&str>, content: &[u8]) {
        let mut state = self.state();
        let versions = state.s3.objects.entry((bucket.to_owned(), key.to_owned())).or_default();
        if version.is_none() {
            versions.clear();
        }
        versions.push(ObjectVersion { version: version.map(str::to_owned), content: content.to_vec() });
    }

    /// A user deletes an object with all its versions.
    pub fn delete_object(&self, bucket: &str, key: &str) {
        self.state().s3.objects.remove(&(bucket.to_owned(), key.to_owned()));
    }
}
