//! Checks of text: lines of at most 100 columns, and banned words.

use std::collections::BTreeMap;

use crate::source::{Source, find_word};

pub const MAX_COLUMNS: usize = 100;

/// Words that are not plain technical English. See CONTRIBUTING.md.
const BANNED: &[&str] = &[
    // Persons, for tasks, threads and programs.
    "nobody",
    "somebody",
    "someone",
    "anybody",
    "anyone",
    "everybody",
    "no one",
    "whoever",
    "whom",
    "who waits",
    "who wakes",
    "who asks",
    "those who",
    // Images, for queues, threads, notifications and yields.
    "in line",
    "at home",
    "goes home",
    "comes home",
    "look on",
    "looks on",
    "look out",
    "looks out",
    "look-out",
    "rouse",
    "doze",
    "is told",
    "are told",
    "told of",
    "heard of",
    "hears of",
    "give way",
    "gives way",
    "gave way",
    "lie about",
    "lies about",
    "affair",
    // Unusual phrases.
    "so many",
    "in vain",
    "is to be had",
    "by itself alone",
    "as it is called",
    "for ever",
];

/// The file with the banned words.
const LIST: &str = "tests/tidy/text.rs";

/// A text file of the repository: source, page, manifest or script.
pub struct Text {
    /// From the repository's root, with `/`.
    pub path: String,
    pub raw: String,
}

impl Text {
    fn is(&self, end: &str) -> bool {
        self.path.ends_with(end)
    }
}

/// Returns the numbers of the lines with more than 100 columns.
///
/// Left out are rows of tables, URLs, inline tables of TOML, and long strings, which can't be
/// broken.
pub fn long_lines(text: &Text) -> Vec<usize> {
    let lines = text.raw.lines().enumerate();
    let long = lines.filter(|(_, line)| {
        let bare = line.trim_start();
        let in_comment = bare.trim_start_matches('/').trim_start_matches('!');
        let is_row = bare.starts_with('|') || in_comment.trim_start().starts_with('|');
        let is_inline_table = text.is(".toml") && line.contains("= {");
        line.chars().count() > MAX_COLUMNS
            && !(is_row || is_inline_table || line.contains("://"))
            && (text.is(".md") || without_string(line) > MAX_COLUMNS)
    });
    long.map(|(index, _)| index + 1).collect()
}

/// Returns the columns of a line without the contents of its longest string.
fn without_string(line: &str) -> usize {
    let longest = |quote| {
        let strings = line.split(quote).skip(1).step_by(2);
        strings
            .map(|string| string.chars().count())
            .max()
            .unwrap_or(0)
    };
    line.chars().count() - longest('"').max(longest('\''))
}

/// Returns the numbers of the lines with banned words, each with its word.
///
/// In a Rust file these are words in comments, in strings and in names of functions.
pub fn banned_words(text: &Text) -> Vec<(usize, &'static str)> {
    let prose = match text.is(".rs") {
        true if text.path == LIST => String::new(),
        true => prose(&text.raw),
        false => text.raw.clone(),
    }
    .to_lowercase();
    let mut found = Vec::new();
    for word in BANNED {
        let line = |at| prose[..at].matches('\n').count() + 1;
        found.extend(find_word(&prose, word).map(|at| (line(at), *word)));
    }
    found
}

/// Returns the comments, strings and names of functions of a Rust file, with blanks for everything
/// else and for the `_` in names.
fn prose(raw: &str) -> String {
    let source = Source::new("", raw);
    let chars = raw.bytes().zip(source.code.bytes());
    let kept = chars.map(|(raw, code)| {
        if raw == code && raw != b'\n' {
            b' '
        } else {
            raw
        }
    });
    let mut kept: Vec<u8> = kept.collect();
    for at in find_word(&source.code, "fn") {
        let rest = source.code[at..].bytes().skip("fn ".len());
        let name = rest.take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
        for (index, byte) in name.enumerate() {
            kept[at + "fn ".len() + index] = if byte == b'_' { b' ' } else { byte };
        }
    }
    String::from_utf8_lossy(&kept).into_owned()
}

/// Returns the source files that a page names and that do not exist, each with its line.
///
/// `known` has the paths of all files. A page may leave out the beginning of a path.
pub fn missing_files(page: &Text, known: &[&str]) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (index, line) in page.raw.lines().enumerate() {
        for word in line.split('`').skip(1).step_by(2) {
            let is_path = word.ends_with(".rs") || word.ends_with(".js");
            let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
            let ends = |path: &&str| path.strip_suffix(word).is_some_and(ends_in_directory);
            if is_path && word.chars().all(is_plain) && !known.iter().any(ends) {
                found.push((index + 1, word.to_string()));
            }
        }
    }
    found
}

fn ends_in_directory(start: &str) -> bool {
    start.is_empty() || start.ends_with('/')
}

/// The number of exceptions that each file has left: a list that may only get shorter.
pub type Left = BTreeMap<String, usize>;

/// Reads lines of a path and a number.
pub fn read(list: &str) -> Left {
    let lines = list.lines().filter_map(|line| line.rsplit_once(' '));
    lines
        .filter_map(|(path, count)| Some((path.to_string(), count.parse().ok()?)))
        .collect()
}

/// Writes what [`read`] reads.
pub fn write(left: &Left) -> String {
    left.iter()
        .map(|(path, count)| format!("{path} {count}\n"))
        .collect()
}

/// Compares the exceptions of each file with the list.
pub fn compare(found: &BTreeMap<String, Vec<String>>, left: &Left, list: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    for (path, here) in found {
        let allowed = left.get(path).copied().unwrap_or(0);
        if here.len() > allowed {
            complaints.extend(here.iter().cloned());
            complaints.push(format!("{path}: {} above, {allowed} in {list}", here.len()));
        }
    }
    for (path, allowed) in left {
        let here = found.get(path).map_or(0, Vec::len);
        if here < *allowed {
            complaints.push(format!(
                "{path}: {here}, and {allowed} in {list}: shorten the list with \
                 WAKEFUL_TIDY_SHORTEN=1 cargo test -p wakeful-tests --test tidy"
            ));
        }
    }
    complaints
}

#[cfg(test)]
mod self_tests {
    use super::*;

    fn text(path: &str, raw: String) -> Text {
        let path = path.to_string();
        Text { path, raw }
    }

    #[test]
    fn long_lines_are_found() {
        let long = |path, raw: String| long_lines(&text(path, raw));
        let word = "x".repeat(MAX_COLUMNS);
        assert_eq!(long("a.md", format!("{word}\n{word}x")), [2]);
        assert_eq!(long("a.rs", format!("//! {word}")), [1]);
        assert_eq!(long("scripts/a", format!("# {word}")), [1]);
        let none: [usize; 0] = [];
        assert_eq!(long("a.md", "ü".repeat(MAX_COLUMNS)), none);
        assert_eq!(long("a.md", format!("| {word} |")), none);
        assert_eq!(long("a.rs", format!("    /// | {word} |")), none);
        assert_eq!(long("a.rs", format!("let a = \"{word}\";")), none);
        assert_eq!(long("a.rs", format!("// https://{word}")), none);
        assert_eq!(long("a.toml", format!("a = {{ version = {word} }}")), none);
    }

    #[test]
    fn banned_words_are_found_in_prose() {
        let words = |path, raw: &str| banned_words(&text(path, raw.to_string()));
        assert_eq!(
            words("a.md", "one\nNobody is told."),
            [(2, "nobody"), (2, "is told")]
        );
        let code = "fn f() { whoever() } // in line\nlet a = \"whom\"; /* affair */ // inline";
        assert_eq!(
            words("a.rs", code),
            [(2, "whom"), (1, "in line"), (2, "affair")]
        );
        assert_eq!(words("a.rs", "\nfn it_is_in_vain() {}"), [(2, "in vain")]);
        assert_eq!(words("a.rs", "struct Nobody; mod whoever {}"), []);
    }

    #[test]
    fn files_that_a_page_names_exist() {
        let known = ["a/src/one.rs", "a/src/b/two.rs"];
        let missing = |raw: &str| missing_files(&text("a.md", raw.to_string()), &known).len();
        assert_eq!(
            missing("`one.rs`, `b/two.rs`, `a/src/one.rs`, `*.rs`, three.rs"),
            0
        );
        assert_eq!(missing("`wo.rs` and `src/two.rs`, `three.js`"), 3);
    }

    #[test]
    fn the_list_may_only_get_shorter() {
        let left = read("a.rs 2\nb c.rs 1\n");
        assert_eq!(write(&left), "a.rs 2\nb c.rs 1\n");
        let found = |a: usize| {
            let lines = |count| vec!["line".to_string(); count];
            BTreeMap::from([
                ("a.rs".to_string(), lines(a)),
                ("b c.rs".to_string(), lines(1)),
            ])
        };
        assert_eq!(compare(&found(2), &left, "list").len(), 0);
        assert_eq!(compare(&found(3), &left, "list").len(), 4);
        assert_eq!(compare(&found(1), &left, "list").len(), 1);
        assert_eq!(compare(&found(1), &Left::new(), "list").len(), 4);
    }
}
