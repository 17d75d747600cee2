//! A room that is a feature's has a twin that stands in for it without, with the same signatures.
//! Compared as text, with the names of the arguments left out, as the twin does not use them.

use std::collections::BTreeSet;

/// Each `pub(crate) fn`, with the `impl` that it is in.
fn signatures(source: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut owner = String::new();
    let mut rest = source;
    while let Some(line) = rest.lines().next() {
        if line.starts_with("impl") {
            owner = line.trim_end_matches(['{', '}', ' ']).to_owned();
        }
        if line.trim_start().starts_with("pub(crate) fn") {
            let end = rest.find(" {").expect("a function has a body");
            found.insert(format!("{owner}: {}", signature(&rest[..end])));
        }
        rest = rest.get(line.len() + 1..).unwrap_or_default();
    }
    found
}

/// On one line, without the names of the arguments.
fn signature(text: &str) -> String {
    let words = text.split_whitespace().map(|word| match word {
        name if name.ends_with(':') => &name[..name.rfind('(').map_or(0, |at| at + 1)],
        word => word,
    });
    // `mut self` is `self` to the caller.
    let words: Vec<&str> = words.filter(|word| !matches!(*word, "" | "mut")).collect();

    words
        .join(" ")
        .replace("(mut ", "(")
        .replace("( ", "(")
        .replace(", )", ")")
}

fn compare(on: &[&str], off: &str) {
    let on = signatures(&on.concat());
    let off = signatures(off);
    assert!(on.len() > 20, "{on:#?}");
    let only_on: Vec<_> = on.difference(&off).collect();
    let only_off: Vec<_> = off.difference(&on).collect();
    assert!(
        only_on.is_empty() && only_off.is_empty(),
        "only with the feature: {only_on:#?}\nonly in off.rs: {only_off:#?}"
    );
}

#[test]
fn the_twins_of_the_trace_have_the_same_signatures() {
    let on = [include_str!("trace/on.rs"), include_str!("trace/tag.rs")];
    compare(&on, include_str!("trace/off.rs"));
}

#[test]
fn the_twins_of_the_console_have_the_same_signatures() {
    let on = [
        include_str!("console/task.rs"),
        include_str!("console/resource.rs"),
    ];
    compare(&on, include_str!("console/off.rs"));
}

#[test]
fn a_difference_is_seen() {
    let one = "impl Tag {\n    pub(crate) fn f(&self, n: u64) -> bool {\n";
    for other in [
        "impl Tag {\n    pub(crate) fn f(&self, n: u32) -> bool {\n",
        "impl Tag {\n    pub(crate) fn f(&self, n: u64) {\n",
        "impl Tag {\n    pub(crate) fn g(&self, n: u64) -> bool {\n",
        "impl Poll {\n    pub(crate) fn f(&self, n: u64) -> bool {\n",
        "impl Tag {\n    pub(crate) fn f(self, n: u64) -> bool {\n",
    ] {
        assert_ne!(signatures(one), signatures(other), "{other}");
    }
    let named =
        "impl Tag {\n    pub(crate) fn f(\n        &self,\n        _: u64,\n    ) -> bool {\n";
    assert_eq!(signatures(one), signatures(named));
}
