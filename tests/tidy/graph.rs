//! Imports between files, by `use` and by paths in expressions.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{Import, Source, find_word, imports, paths};

/// One import: file `from` names an item that is declared in file `to`.
pub struct Edge {
    /// Index of a file.
    pub from: usize,
    /// Index of another file of the same crate.
    pub to: usize,
    /// Offset in `from`.
    pub at: usize,
    /// The path as it is written, from the crate's root.
    pub path: Vec<String>,
}

/// The modules of one crate.
struct Crate<'a> {
    files: &'a [Source],
    /// The files of each module; several if a feature or the system selects one of them.
    modules: BTreeMap<Vec<String>, Vec<usize>>,
    /// The files that were found, with their modules.
    places: Vec<(usize, Vec<String>)>,
    /// The `use` declarations of each file, tests left out.
    imports: BTreeMap<usize, Vec<Import>>,
}

/// The end of a path through a re-export.
#[derive(Clone, Copy, PartialEq)]
pub enum Reexports {
    /// The file that declares the name.
    Followed,
    /// The file with the re-export.
    Opaque,
}

/// Returns the imports between the files of every crate below the directories `roots`.
///
/// A file contains its child modules, so naming them is no import. Tests are left out.
pub fn edges(files: &[Source], roots: &[&str], reexports: Reexports) -> Vec<Edge> {
    let is_root = |file: &Source| {
        let inside = roots.iter().any(|root| file.path.starts_with(root));
        inside && is_crate_root(file)
    };
    let crates = (0..files.len()).filter(|&index| is_root(&files[index]));
    let mut edges: Vec<Edge> = crates
        .flat_map(|root| Crate::new(files, root).edges(reexports))
        .collect();
    // A file may be part of several crates.
    edges.sort_by_key(|edge| (edge.from, edge.to, edge.at));
    edges.dedup_by_key(|edge| (edge.from, edge.to, edge.at));
    edges
}

/// Returns the groups of files that import each other in a circle, as indexes.
pub fn circles(edges: &[Edge]) -> Vec<BTreeSet<usize>> {
    let mut next: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for edge in edges {
        next.entry(edge.from).or_default().insert(edge.to);
    }
    let reached: BTreeMap<usize, BTreeSet<usize>> = next
        .keys()
        .map(|&file| (file, reachable(&next, file)))
        .collect();
    let mut groups = BTreeSet::new();
    for (&file, to) in &reached {
        if to.contains(&file) {
            let mutual =
                |other: &usize| reached.get(other).is_some_and(|back| back.contains(&file));
            groups.insert(
                to.iter()
                    .copied()
                    .filter(mutual)
                    .collect::<BTreeSet<usize>>(),
            );
        }
    }
    groups.into_iter().collect()
}

/// Returns the files that can be reached from `start` in one step or more.
fn reachable(next: &BTreeMap<usize, BTreeSet<usize>>, start: usize) -> BTreeSet<usize> {
    let mut seen = BTreeSet::new();
    let mut open = vec![start];
    while let Some(node) = open.pop() {
        for &to in next.get(&node).into_iter().flatten() {
            if seen.insert(to) {
                open.push(to);
            }
        }
    }
    seen
}

/// Whether the file is the root of a crate. Binaries and benches of `benches` are listed by name.
fn is_crate_root(file: &Source) -> bool {
    let in_benches = file.path.starts_with("benches/") && file.path.matches('/').count() == 1;
    matches!(file.name(), "lib.rs" | "main.rs") || in_benches
}

/// Whether the children of the file are in its own directory.
fn owns_directory(file: &Source) -> bool {
    file.name() == "mod.rs" || is_crate_root(file)
}

impl<'a> Crate<'a> {
    fn new(files: &'a [Source], root: usize) -> Crate<'a> {
        let mut this = Crate {
            files,
            modules: BTreeMap::new(),
            places: Vec::new(),
            imports: BTreeMap::new(),
        };
        this.add(root, Vec::new());
        this
    }

    /// Adds a file and the files of its child modules.
    fn add(&mut self, index: usize, module: Vec<String>) {
        let file = &self.files[index];
        self.modules.entry(module.clone()).or_default().push(index);
        self.imports.insert(index, imports(&file.product));
        self.places.push((index, module.clone()));
        let directory = file
            .path
            .rsplit_once('/')
            .map_or("", |(directory, _)| directory);
        let own = match owns_directory(file) {
            true => directory.to_string(),
            false => file.path.trim_end_matches(".rs").to_string(),
        };
        for (name, given) in declared(file) {
            let candidates = match given {
                Some(path) => vec![format!("{directory}/{path}")],
                None => vec![format!("{own}/{name}.rs"), format!("{own}/{name}/mod.rs")],
            };
            let found = self
                .files
                .iter()
                .position(|file| candidates.contains(&file.path));
            if let Some(child) = found {
                self.add(child, [&module[..], &[name]].concat());
            }
        }
    }

    fn edges(&self, reexports: Reexports) -> Vec<Edge> {
        let all = self.places.iter();
        all.flat_map(|(from, module)| self.edges_of(*from, module, reexports))
            .collect()
    }

    fn edges_of(&self, from: usize, module: &[String], reexports: Reexports) -> Vec<Edge> {
        let mut edges = Vec::new();
        for (at, path) in self.named(from, module) {
            for to in self.declares(
                &path,
                if reexports == Reexports::Followed {
                    8
                } else {
                    0
                },
            ) {
                let mut places = self.places.iter();
                let is_child = places.any(|(file, of)| *file == to && of.starts_with(module));
                if to != from && !is_child {
                    let path = path.clone();
                    edges.push(Edge { from, to, at, path });
                }
            }
        }
        edges
    }

    /// Returns the paths that the file names, from the crate's root.
    fn named(&self, file: usize, module: &[String]) -> Vec<(usize, Vec<String>)> {
        let source = &self.files[file];
        let imports = &self.imports[&file];
        let here = |at| [module, &source.module_inside(at)[..]].concat();
        let mut named: Vec<(usize, Vec<String>)> = imports
            .iter()
            .filter_map(|import| {
                let path = self.absolute(&here(import.at), &import.path)?;
                Some((import.at, path))
            })
            .collect();
        for first in ["crate", "super", "self"] {
            for (at, path) in paths(&source.product, first) {
                let is_visibility = source.product[..at].ends_with("(in ");
                if !is_visibility && !imports.iter().any(|import| import.range.contains(&at)) {
                    named.extend(self.absolute(&here(at), &path).map(|path| (at, path)));
                }
            }
        }
        named
    }

    fn is_module(&self, path: &[String]) -> bool {
        self.modules.contains_key(path)
    }

    /// Converts a path in module `here` to one from the crate's root; `None` for other crates.
    fn absolute(&self, here: &[String], path: &[String]) -> Option<Vec<String>> {
        match path.first()?.as_str() {
            "crate" => Some(path[1..].to_vec()),
            "self" => Some([here, &path[1..]].concat()),
            "super" => {
                let ups = path.iter().take_while(|part| *part == "super").count();
                let stays = here.len().saturating_sub(ups);
                Some([&here[..stays], &path[ups..]].concat())
            }
            _ => {
                let path = [here, path].concat();
                self.is_module(&path[..=here.len()]).then_some(path)
            }
        }
    }

    /// Returns the files that declare the end of the path, through at most `hops` re-exports.
    fn declares(&self, path: &[String], hops: usize) -> Vec<usize> {
        let depth = (0..=path.len())
            .rev()
            .find(|&depth| self.is_module(&path[..depth]));
        let Some(depth) = depth else {
            return Vec::new();
        };
        let files = &self.modules[&path[..depth]];
        let Some(name) = path.get(depth).filter(|_| hops > 0) else {
            return files.clone();
        };
        let mut found = BTreeSet::new();
        for &file in files {
            let import = self.imports[&file].iter().find(|import| {
                import.name == *name && self.files[file].module_inside(import.at).is_empty()
            });
            let target = import.and_then(|import| self.absolute(&path[..depth], &import.path));
            match target {
                Some(target) if target != path => found.extend(self.declares(&target, hops - 1)),
                _ => _ = found.insert(file),
            }
        }
        found.into_iter().collect()
    }
}

/// Returns the names of `mod name;`, each with the path that an attribute gives it.
fn declared(file: &Source) -> Vec<(String, Option<String>)> {
    let mut found = Vec::new();
    for at in find_word(&file.product, "mod") {
        let rest = &file.product[at + 3..];
        let Some((name, _)) = rest.split_once(';') else {
            continue;
        };
        let name = name.trim();
        if name.is_empty() || !name.chars().all(|c| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let before = &file.text[..at];
        let item = &before[before.rfind([';', '}', '{']).map_or(0, |end| end + 1)..];
        let path = item
            .split_once("#[path = \"")
            .and_then(|(_, rest)| rest.split_once('"'));
        found.push((name.to_string(), path.map(|(path, _)| path.to_string())));
    }
    found
}

/// Returns the circles as lines of text: the paths of their files, sorted, with `<->` between them.
pub fn circle_lines(files: &[Source], roots: &[&str]) -> Vec<String> {
    let circles = circles(&edges(files, roots, Reexports::Opaque)).into_iter();
    let line = |circle: BTreeSet<usize>| {
        let paths: BTreeSet<&str> = circle
            .iter()
            .map(|&file| files[file].path.as_str())
            .collect();
        paths.into_iter().collect::<Vec<_>>().join(" <-> ")
    };
    let mut lines: Vec<String> = circles.map(line).collect();
    lines.sort();
    lines
}

/// Returns why each circle exists: its imports, as places in files.
pub fn explain(files: &[Source], roots: &[&str], line: &str) -> Vec<String> {
    let inside = |file: usize| line.split(" <-> ").any(|path| path == files[file].path);
    let edges = edges(files, roots, Reexports::Opaque).into_iter();
    edges
        .filter(|edge| inside(edge.from) && inside(edge.to))
        .map(|edge| {
            let message = format!(
                "names `{}`, which is in {}",
                edge.path.join("::"),
                files[edge.to].path
            );
            files[edge.from].at(edge.at, &message)
        })
        .collect()
}

#[cfg(test)]
mod self_tests {
    use super::*;

    fn lines(files: &[(&str, &str)]) -> Vec<String> {
        let files: Vec<Source> = files
            .iter()
            .map(|(path, text)| Source::new(path, text))
            .collect();
        circle_lines(&files, &["a/src/"])
    }

    const NONE: [&str; 0] = [];

    #[test]
    fn a_circle_of_files_is_found() {
        let root = ("a/src/lib.rs", "mod one; mod two;");
        let two = ("a/src/two.rs", "fn f() { crate::one::g() }");
        let ring = [root, ("a/src/one.rs", "use super::two::f;"), two];
        assert_eq!(lines(&ring), ["a/src/one.rs <-> a/src/two.rs"]);
        assert_eq!(lines(&[root, ("a/src/one.rs", "fn g() {}"), two]), NONE);
        let test = "#[cfg(test)] mod tests { use super::super::two::f; }";
        assert_eq!(lines(&[root, ("a/src/one.rs", test), two]), NONE);
    }

    #[test]
    fn a_file_contains_its_children() {
        let files = [
            ("a/src/lib.rs", "mod one;"),
            (
                "a/src/one/mod.rs",
                "mod two; pub use two::Two; use self::two::f; fn g() { two::f() }",
            ),
            (
                "a/src/one/two.rs",
                "pub struct Two; pub fn f() { super::g() }",
            ),
        ];
        assert_eq!(lines(&files), NONE);
    }

    #[test]
    fn a_path_through_a_reexport_is_followed_if_requested() {
        let files = [
            ("a/src/lib.rs", "pub use one::One as Uno; mod one; mod two;"),
            ("a/src/one.rs", "pub struct One;"),
            ("a/src/two.rs", "pub struct Two(crate::Uno);"),
        ]
        .map(|(path, text)| Source::new(path, text));
        let to = |reexports| edges(&files, &["a/src/"], reexports)[0].to;
        assert_eq!(to(Reexports::Followed), 1);
        assert_eq!(to(Reexports::Opaque), 0);
    }

    #[test]
    fn a_visibility_is_not_an_import_and_a_given_path_is_followed() {
        let files = [
            (
                "a/src/lib.rs",
                "#[cfg(a)] mod one; #[cfg(not(a))] #[path = \"one/off.rs\"] mod one; mod two;",
            ),
            ("a/src/one/mod.rs", "pub(in crate::two) fn f() {}"),
            ("a/src/one/off.rs", "use super::two::Two;"),
            ("a/src/two.rs", "use crate::one::f; pub struct Two;"),
        ];
        assert_eq!(lines(&files), ["a/src/one/off.rs <-> a/src/two.rs"]);
    }
}
