//! Layers of the engine: checks the imports of `runtime/core` against the table of ARCHITECTURE.md.

use std::collections::{BTreeMap, BTreeSet};

use crate::graph::{self, Edge, Reexports};
use crate::source::{Source, find_word, paths};

/// The heading above the table.
const HEADING: &str = "\n## Layers\n";

const CORE: &str = "runtime/core/src/";

/// Modules of which a certain other one may name only this, although the layers would allow more.
const ONLY: &[(&str, &str, &str)] = &[("executor", "reactor", "Notifier")];

/// Macros, which are declared at the root of the crate, with their modules.
const MACROS: &[(&str, &str)] = &[
    ("task_local", "task"),
    ("__tokio_read", "tokio_io"),
    ("__tokio_write", "tokio_io"),
];

/// The items of `wakeful_core` that `net` may name.
const NET: &[&str] = &[
    "reactor",
    "time",
    "try_spawn_blocking",
    "task",
    "sim",
    "__tokio_read",
    "__tokio_write",
];

/// Further items that its module `shard` may name.
const NET_SHARD: &[&str] = &["shard", "spawn"];

/// The modules of the table, each with its layer. Of two names that fit a path the longer one
/// applies, so `time` is the rest of the module when `time::clock` is listed.
pub struct Layers(BTreeMap<String, u8>);

impl Layers {
    /// Reads the table: a number begins the first cell, and the second one has the modules, such
    /// as `lib.rs`, `task/*` or `time/{clock,wheel}`.
    pub fn read(page: &str) -> Layers {
        let from = page
            .find(HEADING)
            .map_or("", |at| &page[at + HEADING.len()..]);
        let table = &from[..from.find("\n## ").unwrap_or(from.len())];
        let mut layers = BTreeMap::new();
        for line in table.lines() {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let [_, layer, modules, ..] = cells[..] else {
                continue;
            };
            let Some(Ok(layer)) = layer.split(' ').next().map(str::parse) else {
                continue;
            };
            for written in modules.split('`').skip(1).step_by(2) {
                let names = expand(written).into_iter();
                layers.extend(names.map(|name| (name, layer)));
            }
        }
        Layers(layers)
    }

    fn layer(&self, module: &str) -> u8 {
        self.0.get(module).copied().unwrap_or(u8::MAX)
    }

    /// Returns the name in the table that covers the module of a file.
    fn module(&self, file: &Source) -> Option<&str> {
        let path = file.module().join("::");
        let within = |name: &&str| path == **name || path.starts_with(&format!("{name}::"));
        let names = self.0.keys().map(String::as_str).filter(within);
        names.max_by_key(|name| name.len())
    }
}

/// `time/{clock,wheel}` is `time::clock` and `time::wheel`; `task/*` is `task`.
fn expand(written: &str) -> Vec<String> {
    let written = written.trim_end_matches("/*").trim_end_matches(".rs");
    let (start, list, end) = match (written.find('{'), written.find('}')) {
        (Some(open), Some(close)) if open < close => {
            let list = written[open + 1..close].split(',').collect();
            (&written[..open], list, &written[close + 1..])
        }
        _ => (written, vec![""], ""),
    };
    list.into_iter()
        .map(|name| format!("{start}{}{end}", name.trim()).replace('/', "::"))
        .collect()
}

/// Whether the file is the root of the engine, which re-exports from every layer.
fn is_facade(file: &Source) -> bool {
    file.path == format!("{CORE}lib.rs")
}

/// No module may name one of a higher layer, and no modules of one layer may name each other in a
/// circle.
pub fn layers(files: &[Source], page: &str) -> Vec<String> {
    let layers = Layers::read(page);
    let mut complaints = Vec::new();
    for file in files.iter().filter(|file| file.path.starts_with(CORE)) {
        let is_product = !file.product.trim().is_empty() && !file.module().is_empty();
        if is_product && layers.module(file).is_none() && !is_test_module(files, file) {
            complaints.push(format!(
                "{}: in no layer: add its module to the table in ARCHITECTURE.md",
                file.path
            ));
        }
    }
    let edges = graph::edges(files, &[CORE], Reexports::Followed);
    let mut uses: Vec<(&str, &str, &Edge)> = Vec::new();
    for edge in &edges {
        let (from, to) = (&files[edge.from], &files[edge.to]);
        if is_facade(from) {
            continue;
        }
        let name = edge.path.join("::");
        if is_facade(to) {
            let own = layers.module(from);
            if MACROS
                .iter()
                .any(|(one, module)| *one == name && own == Some(*module))
            {
                continue;
            }
            let message = format!("`{name}` is declared in lib.rs, which is above every layer");
            complaints.push(from.at(edge.at, &message));
            continue;
        }
        let (Some(here), Some(there)) = (layers.module(from), layers.module(to)) else {
            continue;
        };
        if here == there {
            continue;
        }
        for (_, _, only) in ONLY.iter().filter(|(a, b, _)| (*a, *b) == (here, there)) {
            if edge.path.last().is_none_or(|name| name != only) {
                let message = format!("`{here}` may name only `{there}::{only}`");
                complaints.push(from.at(edge.at, &message));
            }
        }
        if layers.layer(here) < layers.layer(there) {
            let message = format!("`{here}` names `{name}`, which is in a higher layer");
            complaints.push(from.at(edge.at, &message));
        }
        uses.push((here, there, edge));
    }
    let mut next: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (here, there, _) in &uses {
        next.entry(here).or_default().insert(there);
    }
    for (here, there, edge) in &uses {
        if reaches(&next, there, here) {
            let name = edge.path.join("::");
            let message = format!("`{here}` names `{name}`, which closes a circle");
            complaints.push(files[edge.from].at(edge.at, &message));
        }
    }
    complaints
}

/// Whether the crate's root declares the module of the file for tests only.
fn is_test_module(files: &[Source], file: &Source) -> bool {
    let module = file.module();
    let declaration = format!("mod {}", module[0]);
    let root = files.iter().find(|file| is_facade(file));
    root.is_some_and(|root| find_word(&root.product, &declaration).next().is_none())
}

fn reaches(next: &BTreeMap<&str, BTreeSet<&str>>, from: &str, to: &str) -> bool {
    let mut seen = BTreeSet::new();
    let mut open = vec![from];
    while let Some(module) = open.pop() {
        if module == to {
            return true;
        }
        if seen.insert(module) {
            open.extend(next.get(module).into_iter().flatten());
        }
    }
    false
}

/// `net` may use the engine only as other users can.
pub fn net(files: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in files
        .iter()
        .filter(|file| file.path.starts_with("net/src/"))
    {
        for (at, path) in paths(&file.product, "wakeful_core") {
            let name = path.get(1).map_or("*", String::as_str);
            let extra = file.path.starts_with("net/src/shard/") && NET_SHARD.contains(&name);
            if !NET.contains(&name) && !extra {
                complaints.push(file.at(
                    at,
                    &format!("`net` names `wakeful_core::{name}`, not one of {NET:?}"),
                ));
            }
        }
        complaints.extend(
            find_word(&file.product, "extern crate").map(|at| file.at(at, "`extern crate`")),
        );
    }
    complaints
}

#[cfg(test)]
mod self_tests {
    use super::*;

    const PAGE: &str = "x\n## Layers\n\n| layer | modules | may import |\n| --- | --- | --- |\n\
        | 4 top | `runtime/*` | all |\n| 2 executor | `executor/*` | 0 |\n\
        | 1 reactor | `reactor/*`, `time/*` | 0 |\n\
        | 0 ground | `task/*`, `time/{clock,wheel}`, `id` | |\n\n## Next\n";

    fn complaints(files: &[(&str, &str)]) -> Vec<String> {
        let root = "mod runtime; mod executor; mod reactor; mod time; mod task; mod id;\
            pub use executor::spawn; macro_rules! m {} #[cfg(test)] mod attic;";
        let mut all = vec![Source::new("runtime/core/src/lib.rs", root)];
        let other = [
            ("runtime/mod.rs", ""),
            (
                "executor/mod.rs",
                "mod set; pub use set::JoinSet; pub fn spawn() {}",
            ),
            ("executor/set.rs", "pub struct JoinSet;"),
            (
                "reactor/mod.rs",
                "mod notifier; pub use notifier::Notifier; pub struct Reactor;",
            ),
            ("reactor/notifier.rs", "pub struct Notifier;"),
            ("time/mod.rs", "mod clock; mod wheel; mod sleep;"),
            ("time/clock.rs", ""),
            ("time/wheel.rs", ""),
            ("time/sleep.rs", ""),
            ("task/mod.rs", "mod raw;"),
            ("task/raw.rs", ""),
            ("id.rs", ""),
        ];
        let given = files.iter().chain(
            other
                .iter()
                .filter(|(path, _)| files.iter().all(|(given, _)| given != path)),
        );
        all.extend(given.map(|(path, text)| Source::new(&format!("{CORE}{path}"), text)));
        layers(&all, PAGE)
    }

    const NONE: [&str; 0] = [];

    #[test]
    fn the_table_is_read() {
        let Layers(layers) = Layers::read(PAGE);
        assert_eq!(layers.len(), 8);
        assert_eq!(layers["time::wheel"], 0);
        assert_eq!(layers["time"], 1);
        assert_eq!(expand("lib.rs"), ["lib"]);
    }

    #[test]
    fn a_lower_layer_and_the_own_module_may_be_named() {
        let text = "use crate::task::raw; use super::id; use crate::reactor::Notifier;";
        assert_eq!(complaints(&[("executor/mod.rs", text)]), NONE);
        assert_eq!(
            complaints(&[("task/raw.rs", "use super::Header; use crate::id::Id;")]),
            NONE
        );
    }

    #[test]
    fn a_higher_layer_may_not_be_named() {
        let one = |path, text| {
            let complaints = complaints(&[(path, text)]);
            assert_eq!(complaints.len(), 1, "{path}: {text}: {complaints:?}");
            complaints[0].clone()
        };
        let message = "runtime/core/src/task/raw.rs:2: `task` names `executor::JoinSet`, \
            which is in a higher layer";
        assert_eq!(
            one("task/raw.rs", "\nuse crate::executor::JoinSet;"),
            message
        );
        one("task/raw.rs", "fn f() { crate::spawn(g) }");
        one("time/clock.rs", "use super::sleep::Sleep;");
        one("reactor/mod.rs", "use super::executor;");
        one("task/mod.rs", "pub use crate::executor::JoinSet;");
        one("id.rs", "use crate::{task::Header, runtime::Runtime};");
        one("runtime/mod.rs", "use crate::m;");
    }

    #[test]
    fn tests_and_comments_may_name_any_layer() {
        let text = "// crate::runtime\n#[cfg(test)] mod tests { use crate::runtime; }";
        assert_eq!(complaints(&[("task/raw.rs", text)]), NONE);
        let inline = "pub mod atomic { use super::Queue; use super::super::task; } struct Queue;";
        assert_eq!(complaints(&[("id.rs", inline)]), NONE);
    }

    #[test]
    fn the_executor_names_only_the_notifier_of_the_reactor() {
        let only =
            "runtime/core/src/executor/mod.rs:1: `executor` may name only `reactor::Notifier`";
        let text = "use crate::reactor::Reactor;";
        assert_eq!(complaints(&[("executor/mod.rs", text)]), [only]);
    }

    #[test]
    fn a_circle_of_modules_is_found() {
        let sleep = ("time/sleep.rs", "use crate::reactor::current;");
        let circle = complaints(&[sleep, ("reactor/mod.rs", "use crate::time::sleep;")]);
        assert_eq!(circle.len(), 2);
        assert!(circle[0].ends_with("which closes a circle"));
        let none = complaints(&[
            sleep,
            ("reactor/mod.rs", "use crate::time::{wheel, clock};"),
        ]);
        assert_eq!(none, NONE);
    }

    #[test]
    fn an_unknown_module_must_be_added_to_the_table() {
        let file = |root: &str| {
            let root = Source::new("runtime/core/src/lib.rs", root);
            let files = [
                root,
                Source::new("runtime/core/src/attic/mod.rs", "fn f() {}"),
            ];
            layers(&files, PAGE)
        };
        assert!(file("mod attic;")[0].contains("add its module to the table"));
        assert_eq!(file("#[cfg(test)] mod attic;"), NONE);
    }

    #[test]
    fn net_names_only_the_listed_items() {
        let net = |text| net(&[Source::new("net/src/tcp.rs", text)]).len();
        let text = "use wakeful_core::reactor::Async; use wakeful_core::{time, task::coop};";
        assert_eq!(net(text), 0);
        assert_eq!(net("use wakeful_core::shard::ShardId;"), 1);
        assert_eq!(net("use wakeful_core::Runtime;"), 1);
        assert_eq!(net("use wakeful_core::{time, spawn};"), 1);
        assert_eq!(net("use wakeful_core::*;"), 1);
    }
}
