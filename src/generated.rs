//! The files that are generated from the code and committed: `crds/`, and in `docs/` the field reference in each kind's
//! page, and the operator's IAM policy with the tables about it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use thiserror::Error;

use crate::{kinds, permissions, reference};

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
    /// The policy could not be written as JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// A page has no place for what is generated.
    #[error("{0} has no lines that mark where the generated part goes")]
    Unmarked(String),
    /// `--check` found a difference.
    #[error("{0} is not what the code says: run `make crds` and commit it")]
    Outdated(String),
}

/// A file and its text.
type File = (PathBuf, String);

/// Writes `<crds>/<plural>.yaml` of each kind, and, where the folder `docs` is given, the reference in
/// `<docs>/<kind>.md` and the IAM policy in `<docs>/iam-policy.json` and `.md`; or with `check` compares.
pub fn write(crds: &Path, docs: Option<&Path>, check: bool) -> Result<(), GenerateError> {
    for (path, text) in files(crds, docs)? {
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
    Ok(())
}

fn files(crds: &Path, docs: Option<&Path>) -> Result<Vec<File>, GenerateError> {
    let mut files = Vec::new();
    for crd in kinds::crds() {
        files.push(manifest(crds, &crd)?);
        if let Some(docs) = docs {
            let path = docs.join(format!("{}.md", kebab(&crd.spec.names.kind)));
            files.push(page(path, |text| reference::update(text, &crd))?);
        }
    }
    if let Some(docs) = docs {
        files.push((docs.join("iam-policy.json"), permissions::page::json()?));
        files.push(page(docs.join("iam-policy.md"), permissions::page::update)?);
    }
    Ok(files)
}

fn manifest(folder: &Path, crd: &CustomResourceDefinition) -> Result<File, GenerateError> {
    let text = serde_saphyr::to_string(crd).map_err(|error| GenerateError::Yaml(error.to_string()))?;
    Ok((folder.join(format!("{}.yaml", crd.spec.names.plural)), text))
}

fn page(path: PathBuf, update: impl FnOnce(&str) -> Option<String>) -> Result<File, GenerateError> {
    let name = path.display().to_string();
    let text = fs::read_to_string(&path).map_err(|source| GenerateError::File { path: name.clone(), source })?;
    let text = update(&text).ok_or(GenerateError::Unmarked(name))?;
    Ok((path, text))
}

/// Ends the generated part of a page.
const END: &str = "<!-- generated: end -->";

/// The page with another text between the line `begin` and the next that ends a generated part; `None` if it has not
/// both.
pub fn splice(page: &str, begin: &str, text: &str) -> Option<String> {
    let (before, rest) = page.split_once(begin)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{begin}\n\n{text}\n{END}{after}"))
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
