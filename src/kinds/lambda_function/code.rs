//! Deployment packages. Equal files give equal bytes, so AWS's digest of the package tells drift.

use std::{
    collections::BTreeMap,
    io::{Cursor, Write},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};
use thiserror::Error;
use zip::{CompressionMethod, DateTime, System, ZipArchive, ZipWriter, result::ZipError, write::SimpleFileOptions};

use crate::cloud::sensitive::Sensitive;

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
pub type Files = BTreeMap<String, Sensitive<Vec<u8>>>;

/// Code as the user gave it.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// The files of `code.inline`.
    Inline(Files),
    /// The files of a ConfigMap.
    ConfigMap(Files),
    /// A zip file that is used as it is.
    Zip(Sensitive<Vec<u8>>),
}

/// A deployment package.
#[derive(Clone, Debug, PartialEq)]
pub struct Package {
    /// The zip file.
    pub zip: Sensitive<Vec<u8>>,
    /// Base64 of its SHA-256, as AWS's `CodeSha256`.
    pub sha256: String,
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
            Self::ConfigMap(_) | Self::Zip(_) => "spec.code.configMapRef",
        }
    }

    /// Makes the package and checks it against AWS's limits.
    pub fn package(self) -> Result<Package, CodeError> {
        let zip = match self {
            Self::Inline(files) => {
                within(total(&files), INLINE_LIMIT, CodeError::InlineSize)?;
                zip(&files)?
            }
            Self::ConfigMap(files) => zip(&files)?,
            Self::Zip(zip) => {
                within(unzipped_size(&zip)?, UNZIPPED_LIMIT, CodeError::UnzippedSize)?;
                zip.0
            }
        };
        within(zip.len() as u64, ZIPPED_LIMIT, CodeError::ZippedSize)?;
        let sha256 = STANDARD.encode(Sha256::digest(&zip));
        Ok(Package { zip: Sensitive(zip), sha256 })
    }
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

    fn package(name: &str, content: &str) -> Result<Package, CodeError> {
        Source::Inline(files([(name.to_owned(), content.into())])).package()
    }

    proptest! {
        #[test]
        fn equal_files_give_equal_bytes(entries in hash_map("[a-z]{1,8}(/[a-z]{1,8})?\\.js", any::<Vec<u8>>(), 1..8)) {
            let entries: Vec<_> = entries.into_iter().collect();
            let forward = Source::ConfigMap(files(entries.clone())).package().unwrap();
            let backward = Source::ConfigMap(files(entries.clone().into_iter().rev())).package().unwrap();
            prop_assert_eq!(&forward, &backward);
            let mut archive = ZipArchive::new(Cursor::new(forward.zip.0)).unwrap();
            for (name, content) in entries {
                let mut read = Vec::new();
                archive.by_name(&name).unwrap().read_to_end(&mut read).unwrap();
                prop_assert_eq!(read, content);
            }
        }
    }

    #[test]
    fn bytes_do_not_depend_on_day_or_machine() {
        assert_eq!(
            package("index.js", "exports.handler = async () => ({ statusCode: 200 });\n").unwrap().sha256,
            "recorded"
        );
        assert_ne!(package("index.js", "a").unwrap(), package("index.js", "b").unwrap());
        assert_ne!(package("a.js", "a").unwrap(), package("b.js", "a").unwrap());
    }

    #[test]
    fn a_zip_is_used_as_it_is() {
        let zip = package("index.js", "x").unwrap().zip;
        assert_eq!(Source::Zip(zip.clone()).package().unwrap().zip, zip);
        assert!(matches!(Source::Zip(Sensitive(b"no zip".to_vec())).package(), Err(CodeError::Zip(_))));
    }

    #[test]
    fn limits_are_told_with_their_numbers() {
        for name in ["/etc/passwd", "../x", "a/../b", "a//b", "a/", "", "./a"] {
            assert!(matches!(package(name, ""), Err(CodeError::FileName(_))), "{name}");
        }
        assert!(matches!(Source::ConfigMap(Files::new()).package(), Err(CodeError::Empty)));
        assert!(package("a", &"x".repeat(204_800)).is_ok());
        assert_eq!(
            package("a", &"x".repeat(204_801)).unwrap_err().to_string(),
            "the files have 204801 bytes in all, 204800 are allowed; put larger code into a ConfigMap"
        );
        let large = files([("a".to_owned(), vec![0; 250 * 1024 * 1024 + 1])]);
        assert_eq!(
            Source::ConfigMap(large).package().unwrap_err().to_string(),
            "the code has 262144001 bytes unzipped, 262144000 are allowed"
        );
    }
}
