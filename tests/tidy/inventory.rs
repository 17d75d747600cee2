//! Compares the table of unsafe code in docs/src/unsafe.md with the code: file, number of blocks,
//! reason.

use std::collections::BTreeMap;

use crate::is_library;
use crate::source::{Source, find_word};

/// The heading above the table.
const HEADING: &str = "\n## Blocks by file\n";

/// Returns the number of `unsafe` blocks and impls of each file, tests left out.
fn found(files: &[Source]) -> BTreeMap<&str, usize> {
    let libraries = files
        .iter()
        .filter(|file| is_library(file) && !matches!(file.name(), "tests.rs" | "properties.rs"));
    let counts = libraries.map(|file| {
        let count = find_word(&file.product, "unsafe").filter(|&at| {
            let after = file.product[at + "unsafe".len()..].trim_start();
            after.starts_with('{') || after.starts_with("impl")
        });
        (file.path.as_str(), count.count())
    });
    counts.filter(|(_, count)| *count > 0).collect()
}

/// Returns the rows of the table. A row without a reason is ignored.
fn listed(text: &str) -> BTreeMap<&str, usize> {
    let Some(at) = text.find(HEADING) else {
        return BTreeMap::new();
    };
    let rest = &text[at + HEADING.len()..];
    let rest = &rest[..rest.find("\n## ").unwrap_or(rest.len())];
    let rows = rest.lines().filter_map(|line| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, file, count, reason, _] = cells[..] else {
            return None;
        };
        let file = file.strip_prefix('`')?.strip_suffix('`')?;
        (!reason.is_empty()).then_some((file, count.parse().ok()?))
    });
    rows.collect()
}

/// Complains where the table and the code differ.
pub fn inventory(files: &[Source], page: &str) -> Vec<String> {
    let (found, listed) = (found(files), listed(page));
    let mut complaints = Vec::new();
    for (file, count) in &found {
        match listed.get(file) {
            Some(known) if known == count => {}
            Some(known) => complaints.push(format!(
                "{file}: {count} unsafe blocks, and docs/src/unsafe.md says {known}: read the new ones, \
                 then change the table"
            )),
            None => complaints.push(format!(
                "{file}: {count} unsafe blocks, and no row with a reason in docs/src/unsafe.md"
            )),
        }
    }
    let gone = listed.keys().filter(|file| !found.contains_key(*file));
    complaints.extend(gone.map(|file| {
        format!("docs/src/unsafe.md: `{file}` has no unsafe code any more: take its row out")
    }));
    complaints
}

/// Complains about tests that docs/src/testing.md names and that do not exist.
pub fn named_tests(files: &[Source], page: &str) -> Vec<String> {
    let words = page.split('`').skip(1).step_by(2);
    let names = words.filter(|word| {
        word.matches('_').count() >= 2 && word.chars().all(|c| c.is_ascii_lowercase() || c == '_')
    });
    let there = |name: &str| {
        files.iter().any(|file| {
            let mut found = find_word(&file.code, name);
            found.any(|at| file.code[..at].ends_with("fn ") || file.code[..at].ends_with("fn r#"))
        })
    };
    names
        .filter(|name| !there(name))
        .map(|name| format!("docs/src/testing.md: there is no test `{name}`"))
        .collect()
}

#[test]
fn a_missing_test_is_reported() {
    let files = [Source::new("tests/a.rs", "fn one_two_three() {}")];
    let readme = "| `a`: `one_two_three`, `one_two_four` | `tests/README.md` |";
    assert_eq!(named_tests(&files, readme).len(), 1);
}

#[test]
fn the_inventory_is_compared_both_ways() {
    let file = |path: &str, text: &str| Source::new(path, text);
    let files = [
        file(
            "runtime/core/src/a.rs",
            "unsafe { f() };\nunsafe impl Send for A {}",
        ),
        file(
            "runtime/core/src/b.rs",
            "unsafe fn f() {}\n#[cfg(test)] mod tests { fn g() { unsafe {} } }",
        ),
        file("tests/c.rs", "unsafe {}"),
    ];
    let says = |table: &str| inventory(&files, &format!("x{HEADING}{table}\n## Next\n")).len();
    assert_eq!(says("| `runtime/core/src/a.rs` | 2 | because |"), 0);
    assert_eq!(says("| `runtime/core/src/a.rs` | 3 | because |"), 1);
    assert_eq!(says("| `runtime/core/src/a.rs` | 2 | |"), 1, "no reason");
    assert_eq!(says(""), 1);
    assert_eq!(
        says("| `runtime/core/src/a.rs` | 2 | x |\n| `runtime/core/src/b.rs` | 1 | x |"),
        1
    );
    assert_eq!(inventory(&files, "no table").len(), 1);
}
