//! What a run leaves for the checks after it: files of one JSON value a line, in the folder `PRIVATELINK_RECORDS`. Without
//! that variable nothing is recorded.

use std::{fs::OpenOptions, io::Write, path::PathBuf};

use serde::Serialize;

fn folder() -> Option<PathBuf> {
    std::env::var_os("PRIVATELINK_RECORDS").map(PathBuf::from)
}

/// Whether this run records.
pub fn wanted() -> bool {
    folder().is_some()
}

/// Adds a line to a file.
pub fn record(file: &str, value: &impl Serialize) {
    let Some(folder) = folder() else { return };
    let mut file = OpenOptions::new().create(true).append(true).open(folder.join(file)).unwrap();
    // In one write, since others append to the file at the same time.
    file.write_all(format!("{}\n", serde_json::to_string(value).unwrap()).as_bytes()).unwrap();
}
