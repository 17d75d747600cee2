//! Who may name whom: the table of ARCHITECTURE.md, and the checks that hold the code to it.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{Source, find_word, paths};

/// The rooms of `runtime/core/src` and their floors. The longest name that fits a path is its room, so `time` is
/// what is left of it without the clock, the wheel and what joins them.
const ROOMS: &[(&str, u8)] = &[
    // Adapters.
    ("tokio_io", 5),
    ("shard", 4),
    ("runtime", 4),
    ("stall", 3),
    ("blocking", 3),
    ("signal", 3),
    ("process", 3),
    ("io", 3),
    ("fs", 3),
    ("executor", 2),
    ("reactor", 1),
    ("time", 1),
    ("context", 0),
    ("task", 0),
    ("time::clock", 0),
    ("time::wheel", 0),
    ("time::driver", 0),
    ("observe", 0),
    ("time::stamp", 0),
    ("trace", 0),
    ("faults", 0),
    ("console", 0),
    ("id", 0),
    ("os_error", 0),
    ("unwind", 0),
    ("primitives", 0),
    // Tests of all of them, under loom.
    ("models", 5),
];

/// The facade: above every floor, it may name everything, and nothing may name it.
const FACADE: &[&str] = &["runtime/core/src/lib.rs"];

/// Names that have two paths, and the room that they live in.
const ALIASES: &[(&str, &str)] = &[
    ("spawn", "executor"),
    ("spawn_blocking", "blocking"),
    ("task_local", "task"),
    ("__tokio_read", "tokio_io"),
    ("__tokio_write", "tokio_io"),
];

/// One room may name only this of another, although the floors would allow more.
const ONLY: &[(&str, &str, &str)] = &[("executor", "reactor", "Notifier")];

/// What `net` may name of `wakeful`.
const NET: &[&str] = &[
    "reactor",
    "time",
    "spawn_blocking",
    "task",
    "__tokio_read",
    "__tokio_write",
];

/// And what its module `shard` may name besides.
const NET_SHARD: &[&str] = &["shard", "spawn"];

/// One arrow between two rooms.
struct Use {
    from: &'static str,
    to: &'static str,
    complaint: String,
}

fn floor(room: &str) -> u8 {
    ROOMS
        .iter()
        .find(|(name, _)| *name == room)
        .map_or(u8::MAX, |(_, floor)| *floor)
}

fn room(path: &[String]) -> Option<&'static str> {
    let path = path.join("::");
    let within = |name: &str| path == name || path.starts_with(&format!("{name}::"));
    if let Some((_, room)) = ALIASES.iter().find(|(name, _)| within(name)) {
        return Some(room);
    }
    let rooms = ROOMS
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| within(name));
    rooms.max_by_key(|name| name.len())
}

/// Each path of a file, from the crate's root on: `super::a` as much as `crate::a`.
fn absolute_paths(file: &Source) -> Vec<(usize, Vec<String>)> {
    let from_root = paths(&file.product, "crate").into_iter();
    let mut all: Vec<_> = from_root
        .map(|(at, path)| (at, path[1..].to_vec()))
        .collect();
    for (at, path) in paths(&file.product, "super") {
        let ups = path.iter().take_while(|part| *part == "super").count();
        let module = file.module_at(at);
        let stays = module.len().saturating_sub(ups);
        all.push((at, [&module[..stays], &path[ups..]].concat()));
    }
    all
}

/// `pub use` in a `mod.rs` is a door for the user, not an import: the facade, told in several places.
fn is_door(file: &Source, at: usize) -> bool {
    file.name() == "mod.rs" && file.product[..at].ends_with("pub use ")
}

fn uses(file: &Source, complaints: &mut Vec<String>) -> Vec<Use> {
    if FACADE.contains(&file.path.as_str()) {
        return Vec::new();
    }
    let Some(from) = room(&file.module()) else {
        complaints.push(format!(
            "{}: not in a known room: add it to the table in tests/tidy/floors.rs",
            file.path
        ));
        return Vec::new();
    };
    let mut uses = Vec::new();
    for (at, path) in absolute_paths(file) {
        if path.is_empty() || is_door(file, at) {
            continue;
        }
        let Some(to) = room(&path) else {
            let message = format!(
                "`{}` is in no known room: add it to the table in tests/tidy/floors.rs",
                path.join("::")
            );
            complaints.push(file.at(at, &message));
            continue;
        };
        for (_, _, only) in ONLY.iter().filter(|(a, b, _)| (*a, *b) == (from, to)) {
            if path.last().is_none_or(|name| name != only) {
                complaints.push(file.at(at, &format!("`{from}` may name only `{to}::{only}`")));
            }
        }
        if from != to {
            let complaint = file.at(at, &format!("`{from}` names `{}`", path.join("::")));
            uses.push(Use {
                from,
                to,
                complaint,
            });
        }
    }
    uses
}

/// No room names one on a floor above, and no rooms of a floor name each other in a circle.
pub fn floors(files: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    let inside = files
        .iter()
        .filter(|file| file.path.starts_with("runtime/core/src/"));
    let uses: Vec<Use> = inside
        .flat_map(|file| uses(file, &mut complaints))
        .collect();
    for arrow in &uses {
        if floor(arrow.from) < floor(arrow.to) {
            complaints.push(format!("{}, which is on a floor above", arrow.complaint));
        }
    }
    let mut arrows: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for arrow in &uses {
        arrows.entry(arrow.from).or_default().insert(arrow.to);
    }
    for arrow in uses
        .iter()
        .filter(|arrow| reaches(&arrows, arrow.to, arrow.from))
    {
        complaints.push(format!("{}, which closes a circle", arrow.complaint));
    }
    complaints
}

fn reaches(arrows: &BTreeMap<&str, BTreeSet<&str>>, from: &str, to: &str) -> bool {
    let mut seen = BTreeSet::new();
    let mut open = vec![from];
    while let Some(room) = open.pop() {
        if room == to {
            return true;
        }
        if seen.insert(room) {
            open.extend(arrows.get(room).into_iter().flatten());
        }
    }
    false
}

/// `net` is an ordinary user of the reactor: it needs nothing that others cannot have.
pub fn net(files: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in files
        .iter()
        .filter(|file| file.path.starts_with("net/src/"))
    {
        for (at, path) in paths(&file.product, "wakeful") {
            let name = path.get(1).map_or("*", String::as_str);
            let extra = file.path.starts_with("net/src/shard/") && NET_SHARD.contains(&name);
            if !NET.contains(&name) && !extra {
                complaints.push(file.at(
                    at,
                    &format!("`net` names `wakeful::{name}`, not one of {NET:?}"),
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

    fn complaints(files: &[(&str, &str)]) -> Vec<String> {
        let files: Vec<_> = files
            .iter()
            .map(|(path, text)| Source::new(&format!("runtime/core/src/{path}"), text))
            .collect();
        floors(&files)
    }

    #[test]
    fn a_lower_floor_and_the_own_room_may_be_named() {
        assert_eq!(
            complaints(&[(
                "executor/mod.rs",
                "use crate::task::raw; use super::id; mod a; use crate::reactor::Notifier;"
            )]),
            [""; 0]
        );
        assert_eq!(
            complaints(&[(
                "task/raw.rs",
                "use super::header::Header; use crate::sync::Queue;"
            )]),
            [""; 0]
        );
        assert_eq!(
            complaints(&[("lib.rs", "pub use crate::runtime::Runtime;")]),
            [""; 0]
        );
        assert_eq!(
            complaints(&[("task/mod.rs", "pub use crate::executor::JoinSet;")]),
            [""; 0]
        );
    }

    #[test]
    fn a_floor_above_may_not() {
        let above = "runtime/core/src/task/raw.rs:2: `task` names `executor::Executor`, which is on a floor above";
        assert_eq!(
            complaints(&[("task/raw.rs", "\nuse crate::executor::Executor;")]),
            [above]
        );
        assert_eq!(
            complaints(&[("task/raw.rs", "fn f() { crate::spawn(g) }")]).len(),
            1
        );
        assert_eq!(
            complaints(&[("time/clock.rs", "use super::sleep::Sleep;")]).len(),
            1
        );
        assert_eq!(
            complaints(&[("reactor/mod.rs", "use super::executor;")]).len(),
            1
        );
        assert_eq!(
            complaints(&[("task/mod.rs", "pub(crate) use crate::executor::JoinSet;")]).len(),
            1
        );
        assert_eq!(
            complaints(&[("task/raw.rs", "pub use crate::executor::JoinSet;")]).len(),
            1
        );
        assert_eq!(
            complaints(&[("id.rs", "use crate::{sync::Queue, runtime::Runtime};")]).len(),
            1
        );
    }

    #[test]
    fn tests_and_comments_may_name_anything() {
        assert_eq!(
            complaints(&[(
                "task/raw.rs",
                "// crate::runtime\n#[cfg(test)] mod tests { use crate::runtime; }"
            )]),
            [""; 0]
        );
        let inline = "pub mod atomic { use super::Queue; use super::super::id; } struct Queue;";
        assert_eq!(complaints(&[("sync.rs", inline)]), [""; 0]);
    }

    #[test]
    fn only_the_notifier_of_the_reactor() {
        let only = "runtime/core/src/executor/mod.rs:1: `executor` may name only `reactor::Notifier`";
        assert_eq!(
            complaints(&[("executor/mod.rs", "use crate::reactor::Reactor;")]),
            [only]
        );
    }

    #[test]
    fn a_circle_is_found() {
        let circle = complaints(&[
            ("time/sleep.rs", "use crate::reactor::current;"),
            ("reactor/mod.rs", "use crate::time::sleep;"),
        ]);
        assert_eq!(circle.len(), 2);
        assert!(circle[0].ends_with("which closes a circle"));
        // The wheel is on the ground, and so is what joins it with the clock.
        let none = complaints(&[
            ("time/sleep.rs", "use crate::reactor::current;"),
            ("reactor/mod.rs", "use crate::time::{wheel, driver};"),
        ]);
        assert_eq!(none, [""; 0]);
    }

    #[test]
    fn an_unknown_room_asks_for_a_line_in_the_table() {
        assert!(complaints(&[("attic/mod.rs", "")])[0].contains("add it to the table"));
        assert!(
            complaints(&[("task/raw.rs", "use crate::attic::Box;")])[0]
                .contains("add it to the table")
        );
    }

    #[test]
    fn net_names_little() {
        let net = |text| net(&[Source::new("net/src/tcp.rs", text)]).len();
        assert_eq!(
            net(
                "use wakeful::reactor::Async; use wakeful::{time, task::coop}; wakeful::spawn_blocking(f)"
            ),
            0
        );
        assert_eq!(net("use wakeful::shard::ShardId;"), 1);
        assert_eq!(net("use wakeful::Runtime;"), 1);
        assert_eq!(net("use wakeful::{time, spawn};"), 1);
        assert_eq!(net("use wakeful::*;"), 1);
    }
}
