//! docs/security.md against the code: each control's test is there.

use std::{fs, path::Path};

#[test]
fn every_control_has_its_test() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let page = fs::read_to_string(docs.join("security.md")).unwrap();
    let mut tests = 0;
    for link in page.split("[`").skip(1) {
        let (name, rest) = link.split_once("`](").unwrap();
        let file = docs.join(rest.split_once(')').unwrap().0);
        let code = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let there = [format!("fn {name}("), format!("fn {name}<"), format!("\n{name}() {{")]
            .iter()
            .any(|sign| code.contains(sign));
        assert!(there, "{} has no {name}", file.display());
        tests += 1;
    }
    assert!(tests >= 10, "{tests} tests prove what docs/security.md promises");
}
