//! The files that are generated from the code and committed: `crds/`, the field reference in each kind's page of `docs/`,
//! and the chart's CustomResourceDefinitions and RBAC rules.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde::Serialize;
use thiserror::Error;

use crate::{cli::CrdsArgs, kinds, rbac, reference};

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
    /// A page has no place for the reference.
    #[error("{0} has no lines that mark where the field reference goes")]
    Unmarked(String),
    /// `--check` found a difference.
    #[error("{0} is not what the code says: run `make crds` and commit it")]
    Outdated(String),
}

/// Writes `<plural>.yaml` of each kind to the folder; the reference in `<docs>/<kind>.md`, and `definitions/` and `rbac/`
/// of the chart, where those folders are given. With `check` compares instead.
pub fn write(args: &CrdsArgs) -> Result<(), GenerateError> {
    let mut files = Vec::new();
    for crd in kinds::crds() {
        files.push((args.dir.join(format!("{}.yaml", crd.spec.names.plural)), yaml(&crd)?));
        if let Some(docs) = &args.docs {
            files.push(page(docs, &crd)?);
        }
        if let Some(chart) = &args.chart {
            files.push(definition(chart, &crd)?);
        }
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

fn page(folder: &Path, crd: &CustomResourceDefinition) -> Result<(PathBuf, String), GenerateError> {
    let path = folder.join(format!("{}.md", kebab(&crd.spec.names.kind)));
    let text = fs::read_to_string(&path).map_err(|source| at(&path, source))?;
    let text = reference::update(&text, crd).ok_or_else(|| GenerateError::Unmarked(path.display().to_string()))?;
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
