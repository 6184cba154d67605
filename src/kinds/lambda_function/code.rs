//! Deployment packages. Equal files give equal bytes, so AWS's digest of the package tells drift.

use std::io::{Cursor, Write};

use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};
use thiserror::Error;
use zip::{CompressionMethod, DateTime, System, ZipArchive, ZipWriter, result::ZipError, write::SimpleFileOptions};

use crate::cloud::{lambda::CodeSource, s3::ObjectHead, sensitive::Sensitive};

use super::data::Data;

/// Bytes of `code.inline` in all: `kubectl apply` keeps a copy of the object in an annotation, and Kubernetes
/// allows 256 KiB of annotations.
const INLINE_LIMIT: u64 = 200 * 1024;
/// Bytes of a zip file that is uploaded directly:
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>.
const ZIPPED_LIMIT: u64 = 50 * 1024 * 1024;
/// Bytes of an unzipped package, from the same page.
const UNZIPPED_LIMIT: u64 = 250 * 1024 * 1024;
/// Fixed, because another level would give other bytes for the same files.
const DEFLATE_LEVEL: i64 = 6;

/// File names and contents.
pub type Files = Data;

/// Code as the user gave it.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// The files of `code.inline`.
    Inline(Files),
    /// What a `ConfigMap` holds.
    ConfigMap(Files),
    /// What a `Secret` holds.
    Secret(Files),
    /// An object in S3.
    Object(Object),
    /// URI of an image.
    Image(String),
}

/// Code that can be deployed.
#[derive(Clone, Debug, PartialEq, Hash)]
pub enum Code {
    /// A deployment package.
    Package(Package),
    /// A deployment package in S3, which the operator does not read.
    Object(Object),
    /// URI of an image.
    Image(String),
}

/// A deployment package.
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Package {
    /// The zip file.
    pub zip: Sensitive<Vec<u8>>,
    /// Base64 of its SHA-256, as AWS's `CodeSha256`.
    pub sha256: String,
}

/// A deployment package in S3.
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Object {
    /// Its bucket.
    pub bucket: String,
    /// Its key.
    pub key: String,
    /// Its version; absent in a bucket without versions.
    pub version: Option<String>,
    /// Whether it was the latest version, rather than one that the spec names.
    pub is_latest: bool,
    /// Digest of bucket, key and version (or `ETag`).
    pub source: String,
}

impl Object {
    /// The version that the spec names.
    pub fn pinned(bucket: &str, key: &str, version: &str) -> Self {
        Self {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            version: Some(version.to_owned()),
            is_latest: false,
            source: source(bucket, key, version),
        }
    }

    /// The latest version, as `HeadObject` tells it.
    pub fn latest(bucket: &str, key: &str, head: ObjectHead) -> Self {
        let source = source(bucket, key, head.version.as_deref().unwrap_or(&head.etag));
        Self { bucket: bucket.to_owned(), key: key.to_owned(), version: head.version, is_latest: true, source }
    }
}

/// Short, and of characters that the value of a tag may have.
fn source(bucket: &str, key: &str, version: &str) -> String {
    STANDARD.encode(Sha256::digest([bucket, key, version].join("\0")))
}

impl Code {
    /// What a call sends.
    pub fn source(&self) -> CodeSource {
        match self {
            Self::Package(package) => CodeSource::Zip(package.zip.clone()),
            Self::Object(object) => CodeSource::S3 {
                bucket: object.bucket.clone(),
                key: object.key.clone(),
                version: object.version.clone(),
            },
            Self::Image(uri) => CodeSource::Image(uri.clone()),
        }
    }

    /// Whether the code is to change when a new version of an object in S3 appears, which wakes nobody.
    pub fn follows_latest(&self) -> bool {
        matches!(self, Self::Object(object) if object.is_latest)
    }

    /// The digest that the function's tag has when its code is an object in S3.
    pub fn object_source(&self) -> Option<&str> {
        match self {
            Self::Object(object) => Some(&object.source),
            Self::Package(_) | Self::Image(_) => None,
        }
    }
}

/// Code that cannot be deployed.
#[derive(Debug, Error)]
pub enum CodeError {
    /// No file at all.
    #[error("there is no file in it")]
    Empty,
    /// A file that would land outside the package.
    #[error("file name {0:?}: only relative paths without empty parts, '.' and '..' are allowed")]
    FileName(String),
    /// Too much text in the spec.
    #[error("the files have {0} bytes in all, {INLINE_LIMIT} are allowed; put larger code into a ConfigMap")]
    InlineSize(u64),
    /// Too large for a direct upload.
    #[error("the zip file has {0} bytes, {ZIPPED_LIMIT} are allowed")]
    ZippedSize(u64),
    /// Too large unzipped.
    #[error("the code has {0} bytes unzipped, {UNZIPPED_LIMIT} are allowed")]
    UnzippedSize(u64),
    /// Not a zip file, or one that cannot be written.
    #[error("the zip file is not valid: {0}")]
    Zip(#[from] ZipError),
    /// The zip file could not be written.
    #[error("the zip file cannot be made: {0}")]
    Io(#[from] std::io::Error),
}

impl Source {
    /// The field that the code came from.
    pub fn field(&self) -> &'static str {
        match self {
            Self::Inline(_) => "spec.code.inline",
            Self::ConfigMap(_) => "spec.code.configMapRef",
            Self::Secret(_) => "spec.code.secretRef",
            Self::Object(_) => "spec.code.s3",
            Self::Image(_) => "spec.code.image",
        }
    }

    /// Makes the package, if it is for us to make, and checks it against AWS's limits.
    pub fn code(self) -> Result<Code, CodeError> {
        match self {
            Self::Inline(files) => {
                within(total(&files), INLINE_LIMIT, CodeError::InlineSize)?;
                package(zip(&files)?).map(Code::Package)
            }
            Self::ConfigMap(files) | Self::Secret(files) => match ready_made(&files) {
                Some(zip) => {
                    within(unzipped_size(zip)?, UNZIPPED_LIMIT, CodeError::UnzippedSize)?;
                    package(zip.clone()).map(Code::Package)
                }
                None => package(zip(&files)?).map(Code::Package),
            },
            Self::Object(object) => Ok(Code::Object(object)),
            Self::Image(uri) => Ok(Code::Image(uri)),
        }
    }
}

/// A zip file that stands alone is used as it is.
fn ready_made(files: &Files) -> Option<&Vec<u8>> {
    let (name, content) = files.first_key_value()?;
    let is_zip = name.rsplit_once('.').is_some_and(|(_, extension)| extension.eq_ignore_ascii_case("zip"));
    (files.len() == 1 && is_zip).then_some(content)
}

fn package(zip: Vec<u8>) -> Result<Package, CodeError> {
    within(zip.len() as u64, ZIPPED_LIMIT, CodeError::ZippedSize)?;
    let sha256 = STANDARD.encode(Sha256::digest(&zip));
    Ok(Package { zip: Sensitive(zip), sha256 })
}

fn within(size: u64, limit: u64, error: fn(u64) -> CodeError) -> Result<(), CodeError> {
    if size > limit { Err(error(size)) } else { Ok(()) }
}

fn total(files: &Files) -> u64 {
    files.values().map(|content| content.len() as u64).sum()
}

fn unzipped_size(zip: &[u8]) -> Result<u64, CodeError> {
    let mut archive = ZipArchive::new(Cursor::new(zip))?;
    let sizes: Result<Vec<_>, _> =
        (0..archive.len()).map(|i| archive.by_index_raw(i).map(|file| file.size())).collect();
    Ok(sizes?.into_iter().fold(0, u64::saturating_add))
}

/// Files in the order of their names, with fixed times and permissions.
fn zip(files: &Files) -> Result<Vec<u8>, CodeError> {
    if files.is_empty() {
        return Err(CodeError::Empty);
    }
    within(total(files), UNZIPPED_LIMIT, CodeError::UnzippedSize)?;
    let options = SimpleFileOptions::DEFAULT
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(DEFLATE_LEVEL))
        .last_modified_time(DateTime::DEFAULT)
        .unix_permissions(0o644)
        .system(System::Unix);
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        if name.split('/').any(|part| ["", ".", ".."].contains(&part)) {
            return Err(CodeError::FileName(name.clone()));
        }
        writer.start_file(name, options)?;
        writer.write_all(content)?;
    }
    Ok(writer.finish()?.into_inner())
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use proptest::{collection::hash_map, prelude::*};

    use super::*;

    fn files(entries: impl IntoIterator<Item = (String, Vec<u8>)>) -> Files {
        entries.into_iter().map(|(name, content)| (name, Sensitive(content))).collect()
    }

    fn packaged(source: Source) -> Result<Package, CodeError> {
        source.code().map(|code| match code {
            Code::Package(package) => package,
            other => unreachable!("{other:?} is no package"),
        })
    }

    fn package(name: &str, content: &str) -> Result<Package, CodeError> {
        packaged(Source::Inline(files([(name.to_owned(), content.into())])))
    }

    proptest! {
        #[test]
        fn equal_files_give_equal_bytes(entries in hash_map("[a-z]{1,8}(/[a-z]{1,8})?\\.js", any::<Vec<u8>>(), 1..8)) {
            let entries: Vec<_> = entries.into_iter().collect();
            let forward = packaged(Source::ConfigMap(files(entries.clone()))).unwrap();
            let backward = packaged(Source::Secret(files(entries.clone().into_iter().rev()))).unwrap();
            prop_assert_eq!(&forward, &backward);
            let mut archive = ZipArchive::new(Cursor::new(forward.zip.0)).unwrap();
            for (name, content) in entries {
                let mut read = Vec::new();
                archive.by_name(&name).unwrap().read_to_end(&mut read).unwrap();
                prop_assert_eq!(read, content);
            }
        }
    }

    /// The digest is one that this code gave. Another one after a change here, or with another release of the zip
    /// crate, means that every function's code would be sent again.
    #[test]
    fn bytes_do_not_depend_on_day_or_machine() {
        assert_eq!(
            package("index.js", "exports.handler = async () => ({ statusCode: 200 });\n").unwrap().sha256,
            "Qr/XE6ZKHZFYqnjwGxmRdHMkIWoOJBzVKD8XSgIikAE="
        );
        assert_ne!(package("index.js", "a").unwrap(), package("index.js", "b").unwrap());
        assert_ne!(package("a.js", "a").unwrap(), package("b.js", "a").unwrap());
    }

    #[test]
    fn a_zip_is_used_as_it_is() {
        let zip = package("index.js", "x").unwrap().zip;
        let alone = |name: &str, zip: &[u8]| packaged(Source::Secret(files([(name.to_owned(), zip.to_vec())])));
        assert_eq!(alone("code.ZIP", &zip).unwrap().zip, zip);
        assert_ne!(alone("code", &zip).unwrap().zip, zip);
        assert!(matches!(alone("code.zip", b"no zip"), Err(CodeError::Zip(_))));
        let beside = files([("code.zip".to_owned(), zip.to_vec()), ("a.js".to_owned(), b"a".to_vec())]);
        assert_ne!(packaged(Source::ConfigMap(beside)).unwrap().zip, zip);
    }

    #[test]
    fn limits_are_told_with_their_numbers() {
        for name in ["/etc/passwd", "../x", "a/../b", "a//b", "a/", "", "./a"] {
            assert!(matches!(package(name, ""), Err(CodeError::FileName(_))), "{name}");
        }
        assert!(matches!(packaged(Source::ConfigMap(Files::new())), Err(CodeError::Empty)));
        assert!(package("a", &"x".repeat(204_800)).is_ok());
        assert_eq!(
            package("a", &"x".repeat(204_801)).unwrap_err().to_string(),
            "the files have 204801 bytes in all, 204800 are allowed; put larger code into a ConfigMap"
        );
        let large = files([("a".to_owned(), vec![0; 250 * 1024 * 1024 + 1])]);
        assert_eq!(
            packaged(Source::ConfigMap(large)).unwrap_err().to_string(),
            "the code has 262144001 bytes unzipped, 262144000 are allowed"
        );
    }

    #[test]
    fn another_object_or_version_is_another_source() {
        let head = |version: Option<&str>, etag: &str| ObjectHead {
            version: version.map(str::to_owned),
            etag: etag.to_owned(),
        };
        let one = Object::pinned("bucket", "key", "v1");
        assert_eq!(Object::latest("bucket", "key", head(Some("v1"), "e1")).source, one.source);
        for other in [
            Object::pinned("bucket", "key", "v2"),
            Object::pinned("bucket", "other", "v1"),
            Object::pinned("other", "key", "v1"),
            Object::pinned("bucketk", "ey", "v1"),
            Object::latest("bucket", "key", head(None, "e1")),
        ] {
            assert_ne!(other.source, one.source, "{other:?}");
        }
        assert_eq!(one.source.len(), 44, "it fits into a tag and the status");
    }
}
