//! Checks the dependencies of the library packages: that only the listed ones are used, each in one
//! version and with a fitting licence. Also checks the addresses on which the examples listen.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Packages that are compiled with the default features.
const CORE: &[&str] = &[
    "bitflags",
    "cfg-if",
    "crossbeam-queue",
    "crossbeam-utils",
    "errno",
    "futures-core",
    "futures-io",
    "futures-sink",
    "futures-task",
    "futures-util",
    "libc",
    "linux-raw-sys",
    "memchr",
    "pin-project-lite",
    "polling",
    "rustix",
    "slab",
    "socket2",
];

/// The optional features, and the adapters to other crates.
const ALL: &[&str] = &[
    "--all-features",
    "-p",
    "wakeful-hickory",
    "-p",
    "wakeful-hyper",
    "-p",
    "wakeful-openraft",
    "-p",
    "wakeful-prometheus",
    "-p",
    "wakeful-quinn",
    "-p",
    "wakeful-tokio",
    "-p",
    "wakeful-tower",
];

/// What the optional features and the adapters add.
const OPTIONAL: &[&str] = &[
    // backtrace
    "addr2line",
    "adler2",
    "backtrace",
    "gimli",
    "miniz_oxide",
    "object",
    "rustc-demangle",
    // io-uring
    "io-uring",
    // prometheus
    "dtoa",
    "itoa",
    "lock_api",
    "parking_lot",
    "parking_lot_core",
    "prometheus-client",
    "prometheus-client-derive-encode",
    "scopeguard",
    "smallvec",
    // signal, process
    "signal-hook-registry",
    // console
    "once_cell",
    "tracing",
    "tracing-core",
    // hyper, with HTTP/1 and HTTP/2
    "atomic-waker",
    "bytes",
    "equivalent",
    "fnv",
    "h2",
    "hashbrown",
    "http",
    "http-body",
    "httparse",
    "httpdate",
    "hyper",
    "hyper-util",
    "indexmap",
    "tokio-util",
    "tower-service",
    "try-lock",
    "want",
    // hyper: TLS, for which a program chooses the cryptography
    "futures-rustls",
    "rustls",
    "rustls-pki-types",
    "rustls-webpki",
    "subtle",
    "untrusted",
    "zeroize",
    // hyper: the extractor for axum
    "axum-core",
    "http-body-util",
    "mime",
    "sync_wrapper",
    "tower-layer",
    // hyper (its channels), tokio-io (traits), openraft (channels), tokio-host (the host)
    "tokio",
    // tokio-host: the driver of tokio
    "mio",
    // wakeful-tokio: `select!` and the like
    "tokio-macros",
    // tokio-macros, prometheus, openraft: their macros
    "proc-macro2",
    "quote",
    "syn",
    "unicode-ident",
    // openraft
    "autocfg",
    "chacha20",
    "chrono",
    "cpufeatures",
    "futures-channel",
    "futures-macro",
    "getrandom",
    "iana-time-zone",
    "num-traits",
    "openraft-macros",
    "openraft-rt",
    "rand",
    "rand_core",
    "semver",
    // hickory: names in other alphabets are most of it
    "async-trait",
    "critical-section",
    "data-encoding",
    "displaydoc",
    "form_urlencoded",
    "hickory-net",
    "hickory-proto",
    "icu_collections",
    "icu_locale_core",
    "icu_normalizer",
    "icu_normalizer_data",
    "icu_properties",
    "icu_properties_data",
    "icu_provider",
    "idna",
    "idna_adapter",
    "ipnet",
    "litemap",
    "percent-encoding",
    "portable-atomic",
    "potential_utf",
    "stable_deref_trait",
    "synstructure",
    "tinystr",
    "url",
    "utf8_iter",
    "utf_types",
    "writeable",
    "yoke",
    "yoke-derive",
    "zerofrom",
    "zerofrom-derive",
    "zerotrie",
    "zerovec",
    "zerovec-derive",
    // quinn
    "cfg_aliases",
    "lru-slab",
    "quinn",
    "quinn-proto",
    "quinn-udp",
    "rand_pcg",
    "rustc-hash",
    "thiserror",
    "thiserror-impl",
    "tinyvec",
    // tower
    "tower-layer",
    "tower-service",
];

/// Licences of packages that a program under MIT or Apache-2.0 may contain.
const LICENCES: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

struct Package {
    name: String,
    version: String,
    licence: String,
}

fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("the package is in the repository")
}

/// Returns the packages that are compiled into the libraries, except our own.
fn packages(more: &[&str]) -> Vec<Package> {
    let output = Command::new(env!("CARGO"))
        .current_dir(root())
        .args(["tree", "--locked", "--edges", "normal,build"])
        .args(["--prefix", "none", "--no-dedupe", "--format", "{p}|{l}"])
        .args(["-p", "wakeful", "-p", "wakeful-net", "-p", "wakeful-macros"])
        .args(more)
        .output()
        .expect("cargo runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo tree: {errors}");
    let text = String::from_utf8(output.stdout).expect("cargo writes UTF-8");
    let lines: BTreeSet<&str> = text.lines().filter(|line| !line.is_empty()).collect();
    let packages = lines.into_iter().map(|line| {
        let (package, licence) = line.split_once('|').expect("the format of --format");
        let mut words = package.split(' ');
        Package {
            name: words.next().expect("a name").to_string(),
            version: words.next().expect("a version").to_string(),
            licence: licence.to_string(),
        }
    });
    let packages: Vec<_> = packages
        .filter(|package| !package.name.starts_with("wakeful"))
        .collect();
    assert!(packages.len() > 10, "too few packages: {}", packages.len());
    packages
}

fn unlisted(packages: &[Package], chosen: &[&[&str]]) -> Vec<String> {
    let unlisted = packages
        .iter()
        .filter(|package| !chosen.iter().any(|list| list.contains(&&*package.name)));
    unlisted
        .map(|package| format!("{} {}", package.name, package.version))
        .collect()
}

fn twice(packages: &[Package]) -> Vec<String> {
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in packages {
        versions
            .entry(&package.name)
            .or_default()
            .insert(&package.version);
    }
    let twice = versions.iter().filter(|(_, versions)| versions.len() > 1);
    twice
        .map(|(name, versions)| format!("{name}: {versions:?}"))
        .collect()
}

/// Whether the expression allows a licence of the list. `AND` binds more tightly than `OR`.
fn is_free(expression: &str) -> bool {
    // `MIT/Apache-2.0` is an old form of `MIT OR Apache-2.0`.
    let expression = expression.replace('/', " OR ");
    let any = split(&expression, " OR ");
    if any.len() > 1 {
        return any.iter().any(|part| is_free(part));
    }
    let all = split(&expression, " AND ");
    if all.len() > 1 {
        return all.iter().all(|part| is_free(part));
    }
    let one = expression.trim();
    match one.strip_prefix('(').and_then(|one| one.strip_suffix(')')) {
        Some(inside) => is_free(inside),
        None => LICENCES.contains(&one),
    }
}

/// Splits at `separator` outside of brackets.
fn split<'a>(text: &'a str, between: &str) -> Vec<&'a str> {
    let (mut parts, mut from, mut depth) = (Vec::new(), 0, 0);
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ if depth == 0 && at >= from && text[at..].starts_with(between) => {
                parts.push(&text[from..at]);
                from = at + between.len();
            }
            _ => {}
        }
    }
    parts.push(&text[from..]);
    parts
}

#[test]
fn the_core_has_only_the_listed_dependencies() {
    let unlisted = unlisted(&packages(&[]), &[CORE]);
    let advice = "review the package and its maintainers, then add it to the list in tests/audit.rs, \
        or do without it";
    assert!(unlisted.is_empty(), "new packages {unlisted:?}: {advice}");
}

#[test]
fn features_and_adapters_have_only_the_listed_dependencies_in_one_version() {
    let packages = packages(ALL);
    let unlisted = unlisted(&packages, &[CORE, OPTIONAL]);
    let advice = "review the package and its maintainers, then add it to the list in tests/audit.rs, \
        or do without it";
    assert!(unlisted.is_empty(), "new packages {unlisted:?}: {advice}");
    let twice = twice(&packages);
    assert!(twice.is_empty(), "in more than one version: {twice:?}");
}

#[test]
fn every_licence_allows_redistribution_under_mit_or_apache() {
    for package in packages(ALL) {
        let Package { name, licence, .. } = &package;
        assert!(is_free(licence), "{name} is under '{licence}'");
    }
}

#[test]
fn the_audit_detects_violations() {
    let package = |name: &str, version: &str| Package {
        name: name.to_string(),
        version: version.to_string(),
        licence: String::new(),
    };
    let packages = [package("a", "v1"), package("b", "v1"), package("a", "v2")];
    assert_eq!(unlisted(&packages, &[&["a"]]), ["b v1"]);
    assert_eq!(twice(&packages).len(), 1);
    for free in [
        "MIT",
        "MIT/Apache-2.0",
        "(MIT OR Apache-2.0) AND Unicode-3.0",
        "GPL-3.0-only OR MIT",
        "Apache-2.0 WITH LLVM-exception OR GPL-2.0",
    ] {
        assert!(is_free(free), "{free}");
    }
    for bound in [
        "",
        "GPL-3.0-only",
        "MIT AND GPL-2.0",
        "(GPL-2.0 OR LGPL-2.1) AND MIT",
    ] {
        assert!(!is_free(bound), "{bound}");
    }
}

fn sources(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("a directory of the repository");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let found = paths.flat_map(|path| match path.is_dir() {
        true => sources(&path),
        false => vec![path],
    });
    found
        .filter(|path| {
            path.extension()
                .is_some_and(|end| end == "rs" || end == "md")
        })
        .collect()
}

/// Returns the default addresses of the programs in a text.
fn addresses(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for (before, skipped) in [(".address(\"", 1), ("bind(\"", 0), ("listen(\"", 0)] {
        for (at, _) in text.match_indices(before) {
            let line = text[at + before.len()..].lines().next().unwrap_or_default();
            // Follows the name of the argument, if there is one.
            found.extend(line.split('"').nth(skipped * 2));
        }
    }
    found
}

#[test]
fn examples_listen_on_loopback_by_default() {
    let mut checked = 0;
    let mut files = sources(&root().join("examples"));
    files.push(root().join("README.md"));
    for path in files {
        let text = fs::read_to_string(&path).expect("UTF-8");
        for address in addresses(&text) {
            let loopback = ["127.0.0.1:", "localhost:", "[::1]:"];
            let is_loopback = loopback.iter().any(|start| address.starts_with(start));
            assert!(is_loopback, "{}: '{address}'", path.display());
            checked += 1;
        }
    }
    assert!(checked >= 10, "only {checked} addresses were found");
    let bad = "let a = args.address(\"ADDRESS\", \"0.0.0.0:1\");";
    assert_eq!(addresses(bad), ["0.0.0.0:1"]);
}
