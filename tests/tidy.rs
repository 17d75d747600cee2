//! Checks the sources against the rules of ARCHITECTURE.md and CONTRIBUTING.md.
//!
//! Each check is a function from a file to complaints, and has a test of its own. Lists in
//! `tests/tidy/` have the exceptions that are left: circles between files (`circles.txt`), long
//! lines (`columns.txt`), banned words (`words.txt`), and names of files that do not exist
//! (`files.txt`). The lists may only get shorter. With `WAKEFUL_TIDY_SHORTEN=1` in the environment
//! the test writes them anew, unless a list would grow.

#[path = "tidy/graph.rs"]
mod graph;
#[path = "tidy/inventory.rs"]
mod inventory;
#[path = "tidy/layers.rs"]
mod layers;
#[path = "tidy/self_tests.rs"]
mod self_tests;
#[path = "tidy/source.rs"]
mod source;
#[path = "tidy/text.rs"]
mod text;

use std::collections::BTreeMap;
use std::path::Path;
use std::{env, fs};

use source::{Source, find_word, paths};
use text::Text;

/// Packages whose files may not import each other in a circle.
const NO_CIRCLES: &[&str] = &["runtime/", "net/", "runtime-macros/", "benches/"];

/// Ends of the names of text files. Those in `scripts/` have none.
const TEXTS: &[&str] = &[".rs", ".md", ".toml", ".js"];

/// Tests that may sleep, and the reasons.
const SLEEPERS: &[(&str, &str)] = &[
    (
        "tests/stalls/kinds.rs",
        "the detector has to find a poll that sleeps",
    ),
    (
        "runtime/observatory/tests/browser.rs",
        "the page has to show polls that sleep",
    ),
];

/// Tests that may name a port that is never bound, and the reasons.
const PORTS: &[(&str, &str)] = &[
    (
        "tests/net_connect.rs",
        "addresses that are parsed, and neither bound nor connected to",
    ),
    ("tests/audit.rs", "an address in a text, which is not bound"),
    (
        "runtime/observatory/src/guard.rs",
        "fields of requests, which are compared as texts",
    ),
    (
        "runtime/observatory/tests/limits.rs",
        "the address in an error message",
    ),
];

const MAX_LINES: usize = 600;

#[test]
fn the_repository_is_tidy() {
    let texts = repository();
    let files = sources(&texts);
    let mut complaints = layers::layers(&files, &page("ARCHITECTURE.md"));
    complaints.extend(layers::net(&files));
    complaints.extend(circles(&files));
    complaints.extend(columns(&texts));
    complaints.extend(words(&texts));
    complaints.extend(named_files(&texts));
    complaints.extend(inventory::inventory(&files, &page("docs/src/unsafe.md")));
    complaints.extend(inventory::named_tests(&files, &page("docs/src/testing.md")));
    let checks = [
        clock,
        systems,
        features,
        length,
        leftovers,
        gates,
        sleeps,
        threads,
        unsafe_code,
        ports,
    ]
    .map(|check| files.iter().flat_map(check));
    complaints.extend(checks.into_iter().flatten());
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the package is in the repository")
}

fn page(path: &str) -> String {
    fs::read_to_string(root().join(path)).expect("a file of the repository, in UTF-8")
}

/// Reads every text file, in the order of their paths.
fn repository() -> Vec<Text> {
    let root = root();
    let mut texts = Vec::new();
    walk(root, root, &mut texts);
    texts.sort_by(|a, b| a.path.cmp(&b.path));
    // Without this, a walk that finds no files would report no complaints.
    for known in [
        "runtime/core/src/lib.rs",
        "net/src/lib.rs",
        "tests/tidy.rs",
        "scripts/ci",
    ] {
        assert!(
            texts.iter().any(|text| text.path == known),
            "{known} was not found from {}",
            root.display()
        );
    }
    texts
}

fn sources(texts: &[Text]) -> Vec<Source> {
    let rust = texts.iter().filter(|text| text.path.ends_with(".rs"));
    rust.map(|text| Source::new(&text.path, &text.raw))
        .collect()
}

fn walk(root: &Path, directory: &Path, texts: &mut Vec<Text>) {
    for entry in fs::read_dir(directory).expect("a directory of the repository can be read") {
        let path = entry.expect("an entry of a directory can be read").path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let inside = path.strip_prefix(root).expect("the walk began at the root");
        let inside = inside.to_string_lossy().replace('\\', "/");
        let is_text = TEXTS.iter().any(|end| name.ends_with(end))
            || inside.starts_with("scripts/") && !name.contains('.');
        if path.is_dir() {
            if !name.starts_with('.') && !matches!(name, "target" | "book") {
                walk(root, &path, texts);
            }
        } else if is_text {
            let raw = fs::read_to_string(&path).expect("a source is UTF-8");
            texts.push(Text { path: inside, raw });
        }
    }
}

/// Complains about files that import each other in a circle, except the listed ones.
fn circles(files: &[Source]) -> Vec<String> {
    const LIST: &str = "tests/tidy/circles.txt";
    let found = graph::circle_lines(files, NO_CIRCLES);
    let members =
        |lines: &[String]| -> usize { lines.iter().map(|line| line.split(" <-> ").count()).sum() };
    let listed: Vec<String> = page(LIST).lines().map(String::from).collect();
    if shortened(LIST, members(&found), members(&listed), || {
        found.iter().map(|line| format!("{line}\n")).collect()
    }) {
        return Vec::new();
    }
    let mut complaints = Vec::new();
    for line in found.iter().filter(|line| !listed.contains(line)) {
        complaints.extend(graph::explain(files, NO_CIRCLES, line));
        complaints.push(format!(
            "the files above import each other in a circle: {line}"
        ));
    }
    let gone = listed.iter().filter(|line| !found.contains(line));
    complaints.extend(gone.map(|line| format!("{LIST}: no such circle, take it out: {line}")));
    complaints
}

/// Complains about lines of more than 100 columns, except the listed ones.
fn columns(texts: &[Text]) -> Vec<String> {
    exceptions("tests/tidy/columns.txt", texts, |text| {
        let lines = text::long_lines(text).into_iter();
        lines
            .map(|line| {
                format!(
                    "{}:{line}: more than {} columns",
                    text.path,
                    text::MAX_COLUMNS
                )
            })
            .collect()
    })
}

/// Complains about banned words in prose, except the listed ones.
fn words(texts: &[Text]) -> Vec<String> {
    exceptions("tests/tidy/words.txt", texts, |text| {
        let words = text::banned_words(text).into_iter();
        words
            .map(|(line, word)| format!("{}:{line}: say it without '{word}'", text.path))
            .collect()
    })
}

/// Complains about names of source files in pages that do not exist, except the listed ones.
fn named_files(texts: &[Text]) -> Vec<String> {
    let known: Vec<&str> = texts.iter().map(|text| text.path.as_str()).collect();
    exceptions("tests/tidy/files.txt", texts, |text| {
        let is_page = text.path.ends_with(".md") && text.path != "CHANGELOG.md";
        let missing = is_page.then(|| text::missing_files(text, &known));
        let missing = missing.into_iter().flatten();
        missing
            .map(|(line, file)| format!("{}:{line}: there is no file {file}", text.path))
            .collect()
    })
}

/// Complains if a file has more exceptions than `list` says, or fewer.
fn exceptions(list: &str, texts: &[Text], find: impl Fn(&Text) -> Vec<String>) -> Vec<String> {
    let all = texts.iter().map(|text| (text.path.clone(), find(text)));
    let found: BTreeMap<_, _> = all.filter(|(_, found)| !found.is_empty()).collect();
    let left = text::read(&page(list));
    let total = found.values().map(Vec::len).sum();
    if shortened(list, total, left.values().sum(), || {
        let counts = found
            .iter()
            .map(|(path, found)| (path.clone(), found.len()));
        text::write(&counts.collect())
    }) {
        return Vec::new();
    }
    text::compare(&found, &left, list)
}

/// Writes a list anew if that was requested and the list does not grow. Files may have moved.
fn shortened(list: &str, now: usize, before: usize, write: impl Fn() -> String) -> bool {
    let asked = env::var_os("WAKEFUL_TIDY_SHORTEN").is_some() && now <= before;
    if asked {
        fs::write(root().join(list), write()).expect("the list can be written");
        println!("{list}: {before} -> {now}");
    }
    asked
}

fn is_library(file: &Source) -> bool {
    // An example of a package is a program, and its tests are tests.
    let is_source = !file.path.contains("/examples/") && !file.path.contains("/tests/");
    is_source && (file.path.starts_with("runtime/") || file.path.starts_with("net/src/"))
}

fn is_test(file: &Source) -> bool {
    file.path.starts_with("tests/") || file.path.contains("/tests/")
}

fn excused(table: &[(&str, &str)], file: &Source) -> bool {
    table.iter().any(|(path, _)| *path == file.path)
}

fn complain(file: &Source, text: &str, word: &str, message: &str) -> Vec<String> {
    find_word(text, word)
        .map(|at| file.at(at, message))
        .collect()
}

/// Only `time/clock.rs` may read the clock; virtual time depends on it.
fn clock(file: &Source) -> Vec<String> {
    if !file.path.starts_with("runtime/core/src/") || file.path == "runtime/core/src/time/clock.rs"
    {
        return Vec::new();
    }
    let message = "reads the clock: only time/clock.rs may";
    let mut complaints = complain(file, &file.product, "SystemTime::now", message);
    if file.path != "runtime/core/src/time/stamp.rs" {
        let message = "reads the time stamp counter: only time/stamp.rs may";
        complaints.extend(complain(file, &file.product, "_rdtsc", message));
    }
    let imported = paths(&file.product, "std")
        .iter()
        .any(|(_, path)| path[1..] == ["time", "Instant"]);
    for at in find_word(&file.product, "Instant::now") {
        // Without the import it is the runtime's own `Instant`.
        if imported || file.product[..at].ends_with("std::time::") {
            complaints.push(file.at(at, message));
        }
    }
    complaints
}

/// What differs between systems stands in the folders `sys`.
fn systems(file: &Source) -> Vec<String> {
    // It chooses the ring, which needs a feature and certain processors as well.
    let is_exempt = file.path == "runtime/core/src/fs/mod.rs" || file.path.contains("/src/sys/");
    let is_engine = ["runtime/core/src/", "net/src/"];
    if is_exempt || !is_engine.iter().any(|part| file.path.starts_with(part)) {
        return Vec::new();
    }
    let words = ["target_os", "target_vendor", "target_env", "target_family"];
    let message = "names a system: what differs between systems belongs to the folder sys";
    words
        .iter()
        .flat_map(|word| complain(file, &file.code, word, message))
        .collect()
}

/// A feature may select a module only where the module is declared, not single calls.
fn features(file: &Source) -> Vec<String> {
    if !is_library(file) || matches!(file.name(), "lib.rs" | "mod.rs") {
        return Vec::new();
    }
    let found = file.code.match_indices("cfg").filter(|(at, _)| {
        let rest = &file.code[at + 3..];
        let end = rest.find(']').unwrap_or(rest.len());
        rest.starts_with(['(', '!', '_']) && find_word(&rest[..end], "feature").next().is_some()
    });
    found
        .map(|(at, _)| file.at(at, "a feature is chosen in lib.rs or a mod.rs"))
        .collect()
}

fn length(file: &Source) -> Vec<String> {
    let lines = file.raw.lines().count();
    let too_long = is_library(file) && lines > MAX_LINES;
    let complaint = || {
        format!(
            "{}: {lines} lines, more than {MAX_LINES}: split it along a natural seam",
            file.path
        )
    };
    too_long.then(complaint).into_iter().collect()
}

/// No unfinished code may be left. The names are split here, so that this file passes.
fn leftovers(file: &Source) -> Vec<String> {
    let mut complaints = complain(
        file,
        &file.code,
        "#[ignore]",
        "an ignored test says why: #[ignore = \"..\"]",
    );
    for name in ["todo", "unimplemented", "dbg"] {
        complaints.extend(complain(
            file,
            &file.code,
            &format!("{name}!"),
            &format!("`{name}!` is left over"),
        ));
    }
    let mark = concat!("FIX", "ME");
    complaints.extend(complain(
        file,
        &file.raw,
        mark,
        &format!("a {mark} is left over"),
    ));
    complaints
}

/// A test that only some systems can run says why, so that a gate is no way to skip a failure.
fn gates(file: &Source) -> Vec<String> {
    if !file.path.starts_with("tests/") {
        return Vec::new();
    }
    let mut before = "";
    let mut complaints = Vec::new();
    for (number, line) in file.raw.lines().map(str::trim).enumerate() {
        let gate = line.trim_start_matches("#!").trim_start_matches('#');
        let is_gate = gate.starts_with("[cfg(target_os") || gate.starts_with("[cfg(all(target_os");
        if is_gate && !before.starts_with("// Linux only") {
            complaints.push(format!(
                "{}:{}: put the reason above the gate: // Linux only: ..",
                file.path,
                number + 1
            ));
        }
        before = line;
    }
    complaints
}

/// No test may sleep: a sleep hides a race or slows the run.
fn sleeps(file: &Source) -> Vec<String> {
    if !(is_library(file) || is_test(file)) || excused(SLEEPERS, file) {
        return Vec::new();
    }
    let message = "sleeps: wait for the event, or add the reason to SLEEPERS in tests/tidy.rs";
    let mut complaints = complain(file, &file.code, "thread::sleep", message);
    for (at, path) in paths(&file.code, "std") {
        // `use std::thread::{self, sleep}`, which the search above does not see.
        if path[1..] == ["thread", "sleep"] && !file.code[at..].starts_with("std::thread::sleep") {
            complaints.push(file.at(at, message));
        }
    }
    complaints
}

/// Only the pool for blocking calls, the watchdog and the shards may start threads.
fn threads(file: &Source) -> Vec<String> {
    let may = [
        "runtime/core/src/blocking/",
        "runtime/core/src/shard/thread.rs",
        "runtime/core/src/stall/watchdog.rs",
    ];
    if !is_library(file) || may.iter().any(|path| file.path.starts_with(path)) {
        return Vec::new();
    }
    let starts = ["thread::spawn", "thread::Builder", "thread::scope"].into_iter();
    starts
        .flat_map(|call| {
            complain(
                file,
                &file.product,
                call,
                "starts a thread: only blocking/, shard/thread.rs and stall/watchdog.rs may",
            )
        })
        .collect()
}

/// Each `unsafe` block and impl must have its argument right above it.
fn unsafe_code(file: &Source) -> Vec<String> {
    if !is_library(file) {
        return Vec::new();
    }
    let found = find_word(&file.code, "unsafe").filter(|&at| {
        let after = file.code[at + "unsafe".len()..].trim_start();
        (after.starts_with('{') || after.starts_with("impl")) && !is_argued(file, at)
    });
    found
        .map(|at| file.at(at, "`unsafe` without a SAFETY comment right above"))
        .collect()
}

/// Goes up from the line at `at` to the start of its statement and through the comment above that.
fn is_argued(file: &Source, at: usize) -> bool {
    let line = file.line(at);
    let lines: Vec<&str> = file.raw.lines().take(line).collect();
    for above in lines.iter().rev().skip(1).map(|line| line.trim()) {
        if above.starts_with("//") {
            if above.contains("SAFETY:") {
                return true;
            }
        } else if above.is_empty() || above.ends_with([';', '{', '}', ',']) && !opens_literal(above)
        {
            break;
        }
    }
    lines.last().is_some_and(|line| line.contains("SAFETY:"))
}

/// `let a = Handle {`: the statement continues below, its comment is above.
fn opens_literal(line: &str) -> bool {
    let name = line
        .trim_end_matches('{')
        .trim_end()
        .rsplit([' ', ':', '('])
        .next();
    let is_type = name.is_some_and(|name| name.starts_with(char::is_uppercase));
    is_type && line.ends_with('{') && !line.contains("fn ") && !line.contains("impl")
}

/// No test may name a port: two runs at the same time must not use the same one.
fn ports(file: &Source) -> Vec<String> {
    if excused(PORTS, file) {
        return Vec::new();
    }
    let hosts = ["127.0.0.1:", "0.0.0.0:", "[::1]:", "localhost:"].into_iter();
    let found = hosts.flat_map(|host| {
        file.text
            .match_indices(host)
            .map(move |(at, _)| (at, at + host.len()))
    });
    let found = found.filter(|&(at, end)| {
        let named = file.text[end..].starts_with(|c: char| ('1'..='9').contains(&c));
        // In a library only its tests are checked: the part that `product` lacks and `code` has.
        let in_test = is_test(file)
            || is_library(file) && line_of(&file.product, at) != line_of(&file.code, at);
        named && in_test
    });
    found
        .map(|(at, _)| {
            file.at(
                at,
                "a test names a port: bind 0, or add the reason to PORTS in tests/tidy.rs",
            )
        })
        .collect()
}

fn line_of(text: &str, at: usize) -> &str {
    let start = text[..at].rfind('\n').map_or(0, |start| start + 1);
    text[start..].lines().next().unwrap_or_default()
}
