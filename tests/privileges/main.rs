//! What the operator may do, against what it did in a whole run of the integration tests: not less, and not more. The
//! run left its recordings in the folder PRIVATELINK_RECORDS; `make test` makes both.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what is wrong by panicking")]

mod aws;
mod cluster;

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::de::DeserializeOwned;

/// The lines of a recording of a whole run.
fn recorded<T: DeserializeOwned>(name: &str) -> Vec<T> {
    let folder =
        std::env::var_os("PRIVATELINK_RECORDS").expect("PRIVATELINK_RECORDS names a folder; run by `make test`");
    let folder = PathBuf::from(folder);
    assert!(folder.join("complete").exists(), "all integration tests have passed before; run by `make test`");
    let text = fs::read_to_string(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let lines =
        text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{name}: {error}: {line}")));
    lines.collect()
}

/// A file of the repository.
fn file(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
