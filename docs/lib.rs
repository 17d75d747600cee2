//! Compiles and runs every Rust block of the README and of the guide, and checks their links:
//! `cargo test -p wakeful-guide`.

/// Makes the blocks of each page documentation tests, and keeps the list for the tests below.
macro_rules! pages {
    ($($name:ident: $path:literal,)*) => {
        $(
            #[cfg(doctest)]
            #[doc = include_str!($path)]
            mod $name {}
        )*

        #[cfg(test)]
        const PAGES: &[&str] = &[$($path),*];
    };
}

pages! {
    readme: "../README.md",
    architecture: "../ARCHITECTURE.md",
    contributing: "../CONTRIBUTING.md",
    behaviour: "src/behaviour.md",
    benchmarks: "src/benchmarks.md",
    course: "src/course.md",
    crates: "src/crates.md",
    decisions: "src/decisions.md",
    design_notes: "src/design-notes.md",
    ecosystem: "src/ecosystem.md",
    from_tokio: "src/from-tokio.md",
    guest: "src/guest.md",
    introduction: "src/introduction.md",
    observing: "src/observing.md",
    raft: "src/raft.md",
    releasing: "src/releasing.md",
    shards: "src/shards.md",
    simulation: "src/simulation.md",
    systems: "src/systems.md",
    testing: "src/testing.md",
    unsafe_code: "src/unsafe.md",
    user_code: "src/user-code.md",
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::PAGES;

    fn here() -> &'static Path {
        Path::new(env!("CARGO_MANIFEST_DIR"))
    }

    /// The targets of `[text](target)` outside of code blocks.
    fn links(page: &str) -> Vec<&str> {
        let text = page.split("```").step_by(2);
        let targets = text.flat_map(|text| text.split("](").skip(1));
        targets
            .filter_map(|rest| rest.split_once(')'))
            .map(|(target, _)| target)
            .collect()
    }

    /// The anchor that a heading gets: lower case, without punctuation, with `-` for spaces.
    fn anchor(heading: &str) -> String {
        let heading = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = heading
            .chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    }

    /// Why the link leads nowhere, if it does.
    fn broken(page: &str, target: &str) -> Option<String> {
        if target.contains("://") {
            return None;
        }
        let (path, fragment) = target.split_once('#').unwrap_or((target, ""));
        let from = here().join(page);
        let file: PathBuf = match path {
            "" => from,
            path => from.parent()?.join(path),
        };
        if !file.exists() {
            return Some(format!("{page}: no file '{path}'"));
        }
        let text = fs::read_to_string(&file).unwrap_or_default();
        let mut headings = text.lines().filter(|line| line.starts_with('#'));
        let known = fragment.is_empty() || headings.any(|heading| anchor(heading) == fragment);
        (!known).then(|| format!("{page}: no heading '#{fragment}' in '{}'", file.display()))
    }

    #[test]
    fn links_lead_somewhere() {
        let mut complaints = Vec::new();
        for page in PAGES {
            let text = fs::read_to_string(here().join(page)).expect("a page can be read");
            complaints.extend(links(&text).iter().filter_map(|link| broken(page, link)));
        }
        assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
        assert!(broken("../README.md", "no-such-file.md").is_some());
        assert!(broken("../README.md", "ARCHITECTURE.md#no-such-heading").is_some());
    }

    #[test]
    fn every_page_of_the_guide_is_compiled_and_in_the_table_of_contents() {
        let summary = fs::read_to_string(here().join("src/SUMMARY.md")).expect("it is there");
        for entry in fs::read_dir(here().join("src")).expect("it is a directory") {
            let name = entry.expect("an entry").file_name();
            let name = name.to_str().expect("UTF-8");
            if name == "SUMMARY.md" {
                continue;
            }
            let path = format!("src/{name}");
            assert!(
                PAGES.contains(&&*path),
                "add {path} to `pages!` in docs/lib.rs"
            );
            let link = format!("]({name})");
            assert!(summary.contains(&link), "add {name} to docs/src/SUMMARY.md");
        }
    }
}
