//! The files that are generated from the code and committed: `crds/`; in `docs/` the field reference in each kind's page,
//! and the operator's IAM policy with the tables about it; the chart's CustomResourceDefinitions and RBAC rules.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde::Serialize;
use thiserror::Error;

use crate::{cli::CrdsArgs, kinds, permissions, rbac, reference};

/// Why the files could not be written or are not up to date.
#[derive(Debug, Error)]
pub enum GenerateError {
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// A CRD could not be written as YAML.
    #[error("{0}")]
    Yaml(String),
    /// The IAM policy could not be written as JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// A page has no place for what is generated.
    #[error("{0} has no lines that mark where the generated part goes")]
    Unmarked(String),
    /// `--check` found a difference.
    #[error("{0} is not what the code says: run `make crds` and commit it")]
    Outdated(String),
}

/// Writes `<plural>.yaml` of each kind to the folder; the reference in `<docs>/<kind>.md` and the IAM policy in
/// `<docs>/iam-policy.json` and `.md`, and `definitions/` and `rbac/` of the chart, where those folders are given. With
/// `check` compares instead.
pub fn write(args: &CrdsArgs) -> Result<(), GenerateError> {
    let mut files = Vec::new();
    for crd in kinds::crds() {
        files.push((args.dir.join(format!("{}.yaml", crd.spec.names.plural)), yaml(&crd)?));
        if let Some(docs) = &args.docs {
            let path = docs.join(format!("{}.md", kebab(&crd.spec.names.kind)));
            files.push(page(path, |text| reference::update(text, &crd))?);
        }
        if let Some(chart) = &args.chart {
            files.push(definition(chart, &crd)?);
        }
    }
    if let Some(docs) = &args.docs {
        files.push((docs.join("iam-policy.json"), permissions::page::json()?));
        files.push(page(docs.join("iam-policy.md"), permissions::page::update)?);
    }
    if let Some(chart) = &args.chart {
        for (name, rules) in rbac::sets() {
            files.push((chart.join("rbac").join(format!("{name}.yaml")), yaml(&rules)?));
        }
    }
    files.into_iter().try_for_each(|(path, text)| if args.check { compare(&path, &text) } else { store(&path, &text) })
}

fn compare(path: &Path, text: &str) -> Result<(), GenerateError> {
    let found = fs::read_to_string(path).map_err(|source| at(path, source))?;
    if found == text { Ok(()) } else { Err(GenerateError::Outdated(path.display().to_string())) }
}

fn store(path: &Path, text: &str) -> Result<(), GenerateError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).and_then(|()| fs::write(path, text)).map_err(|source| at(path, source))
}

fn at(path: &Path, source: io::Error) -> GenerateError {
    GenerateError::File { path: path.display().to_string(), source }
}

fn yaml(value: &impl Serialize) -> Result<String, GenerateError> {
    serde_saphyr::to_string(value).map_err(|error| GenerateError::Yaml(error.to_string()))
}

/// The chart's part of a CRD: its spec, under the name of the CRD. The template adds metadata; text, because a template
/// that parsed and printed it would write large numbers as floats.
fn definition(chart: &Path, crd: &CustomResourceDefinition) -> Result<(PathBuf, String), GenerateError> {
    let name = crd.metadata.name.clone().unwrap_or_default();
    let text = yaml(&BTreeMap::from([("spec", &crd.spec)]))?;
    Ok((chart.join("definitions").join(format!("{name}.yaml")), text))
}

fn page(path: PathBuf, update: impl FnOnce(&str) -> Option<String>) -> Result<(PathBuf, String), GenerateError> {
    let text = fs::read_to_string(&path).map_err(|source| at(&path, source))?;
    let text = update(&text).ok_or_else(|| GenerateError::Unmarked(path.display().to_string()))?;
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
