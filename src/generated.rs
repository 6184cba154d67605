//! The files that are generated from the code and committed: `crds/`, and the field reference in each kind's page of
//! `docs/`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use thiserror::Error;

use crate::{kinds, reference};

/// Why the files could not be written or are not up to date.
#[derive(Debug, Error)]
pub enum GenerateError {
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A CRD could not be written as YAML.
    #[error("{0}")]
    Yaml(String),
    /// A page has no place for the reference.
    #[error("{0} has no lines that mark where the field reference goes")]
    Unmarked(String),
    /// `--check` found a difference.
    #[error("{0} is not what the code says: run `make crds` and commit it")]
    Outdated(String),
}

/// Writes `<crds>/<plural>.yaml` of each kind, and the reference in `<docs>/<kind>.md` where that folder is given; or
/// with `check` compares.
pub fn write(crds: &Path, docs: Option<&Path>, check: bool) -> Result<(), GenerateError> {
    for crd in kinds::crds() {
        let page = docs.map(|docs| page(docs, &crd)).transpose()?;
        for (path, text) in [manifest(crds, &crd)?].into_iter().chain(page) {
            let at = |source| GenerateError::File { path: path.display().to_string(), source };
            if check {
                if fs::read_to_string(&path).map_err(at)? != text {
                    return Err(GenerateError::Outdated(path.display().to_string()));
                }
            } else {
                fs::create_dir_all(path.parent().unwrap_or(crds)).map_err(at)?;
                fs::write(&path, text).map_err(at)?;
            }
        }
    }
    Ok(())
}

fn manifest(folder: &Path, crd: &CustomResourceDefinition) -> Result<(PathBuf, String), GenerateError> {
    let text = serde_saphyr::to_string(crd).map_err(|error| GenerateError::Yaml(error.to_string()))?;
    Ok((folder.join(format!("{}.yaml", crd.spec.names.plural)), text))
}

fn page(folder: &Path, crd: &CustomResourceDefinition) -> Result<(PathBuf, String), GenerateError> {
    let path = folder.join(format!("{}.md", kebab(&crd.spec.names.kind)));
    let name = path.display().to_string();
    let text = fs::read_to_string(&path).map_err(|source| GenerateError::File { path: name.clone(), source })?;
    let text = reference::update(&text, crd).ok_or(GenerateError::Unmarked(name))?;
    Ok((path, text))
}

/// `VpcEndpoint` to `vpc-endpoint`.
fn kebab(kind: &str) -> String {
    let mut name = String::new();
    for c in kind.chars() {
        if c.is_ascii_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.push(c.to_ascii_lowercase());
    }
    name
}
