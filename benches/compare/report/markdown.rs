//! The generated parts of Markdown pages, between two comments each:
//!
//! ```text
//! <!-- generated: begin Timers -->
//! <!-- generated: end -->
//! ```
//!
//! The name is that of a group of cases, or `machine`, or `summary`. The rest of a page stays as it
//! is.

use std::fs;
use std::path::Path;

use crate::case::{Case, Metric, Peer};
use crate::machine::Machine;
use crate::stats::{Group, short};

const BEGIN: &str = "<!-- generated: begin ";
const BEGIN_END: &str = " -->\n";
const END: &str = "<!-- generated: end -->";

/// The rows of the summary: a case, a size, and what the operation is called there.
const SUMMARY: &[(&str, Option<u64>, &str)] = &[
    ("spawn/join", None, "spawn and join a task"),
    ("task/yield", None, "yield"),
    ("timer/arm-drop", None, "arm and drop a timer"),
    (
        "remote/wake-parked",
        None,
        "wake a sleeping loop from another thread",
    ),
    (
        "net/echo-64",
        Some(64),
        "echo of 64 bytes, 64 connections: server CPU per request",
    ),
    (
        "net/accept",
        None,
        "accept and close a connection: server CPU",
    ),
];

/// The parts of a report that the pages show.
pub(super) struct Content<'a> {
    pub machine: &'a Machine,
    pub quick: bool,
    pub groups: &'a [Group<'a>],
}

/// Rewrites the generated parts of a page.
pub(super) fn update(path: &Path, content: &Content<'_>) -> Result<(), String> {
    let at = |error| format!("cannot update {}: {error}", path.display());
    let page = fs::read_to_string(path).map_err(|error| at(error.to_string()))?;
    let page = replace(&page, |name| content.part(name)).map_err(at)?;
    fs::write(path, page).map_err(|error| at(error.to_string()))
}

/// Replaces what is between the comments by the parts of these names.
fn replace(page: &str, part: impl Fn(&str) -> Result<String, String>) -> Result<String, String> {
    let mut pieces = page.split(BEGIN);
    let mut new = pieces.next().unwrap_or_default().to_owned();
    let mut count = 0;
    for piece in pieces {
        let (name, rest) = piece
            .split_once(BEGIN_END)
            .ok_or_else(|| format!("no `-->` ends the line of {BEGIN:?}"))?;
        let (_, rest) = rest
            .split_once(END)
            .ok_or_else(|| format!("no {END:?} follows the beginning of {name:?}"))?;
        new += &format!("{BEGIN}{name}{BEGIN_END}{}{END}{rest}", part(name)?);
        count += 1;
    }
    match count {
        0 => Err(format!("it has no part that begins with {BEGIN:?}")),
        _ => Ok(new),
    }
}

impl Content<'_> {
    fn part(&self, name: &str) -> Result<String, String> {
        match name {
            "machine" => Ok(self.machine()),
            "summary" => self.summary(),
            _ => self.group(name),
        }
    }

    fn machine(&self) -> String {
        let machine = self.machine;
        let has = |peer: &Peer| self.groups.iter().any(|group| group.of(*peer).is_some());
        let peers: Vec<&str> = Peer::ALL.into_iter().filter(has).map(Peer::name).collect();
        let versions = machine.versions.iter();
        let versions: Vec<String> = versions
            .map(|(name, version)| format!("{name} {version}"))
            .collect();
        let samples = self.groups.iter().flat_map(|group| &group.series);
        let rounds = samples.map(|series| series.samples.len() / series.case.turns as usize);
        let rows = [
            ("date", machine.date.clone()),
            ("commit", machine.commit.clone()),
            ("command", format!("`{}`", machine.command)),
            (
                "processor",
                format!("{}, {} cores", machine.cpu, machine.cores),
            ),
            ("kernel", machine.kernel.clone()),
            ("compiler", machine.compiler.clone()),
            ("load average before", machine.load.clone()),
            ("rounds", rounds.max().unwrap_or(0).to_string()),
            ("peers", peers.join(", ")),
            ("versions", versions.join(", ")),
        ];
        let mut table = "| | |\n| --- | --- |\n".to_owned();
        for (name, value) in rows {
            table += &format!("| {name} | {value} |\n");
        }
        if self.quick {
            table += "\nA quick run, to test the program: the figures are not measurements.\n";
        }
        table
    }

    /// Returns the few rows for the README.
    fn summary(&self) -> Result<String, String> {
        let date = self.machine.date.split(' ').next().unwrap_or_default();
        let mut table = format!(
            "| operation, measured on {date} | Wakeful | tokio, current_thread |\n\
             | --- | --- | --- |\n"
        );
        for &(case, size, name) in SUMMARY {
            let mut groups = self.groups.iter();
            let group = groups
                .find(|group| group.case.name == case && group.size == size)
                .ok_or_else(|| format!("this run has no case {case:?} for the summary"))?;
            let [ours, its] = [group.case.ours, Peer::Tokio].map(|peer| cell(group, peer, 0));
            table += &format!("| {name} | {ours} | {its} |\n");
        }
        Ok(table)
    }

    /// Returns the table of a group of cases, and what each case is.
    fn group(&self, name: &str) -> Result<String, String> {
        let groups = self.groups.iter().filter(|group| group.case.group == name);
        let groups: Vec<&Group<'_>> = groups.collect();
        if groups.is_empty() {
            return Err(format!("this run has no group of cases {name:?}"));
        }
        let has_limit = groups.iter().any(|group| group.of(Peer::Epoll).is_some());
        let mut head = vec!["case", "figure", "Wakeful", "tokio", "ratio"];
        head.extend(has_limit.then_some("epoll"));
        head.push("best other");
        let mut table = format!("{}{}", row(&head), row(&vec!["---"; head.len()]));
        let mut cases: Vec<&Case> = Vec::new();
        for group in groups {
            if cases.iter().all(|case| case.name != group.case.name) {
                cases.push(group.case);
            }
            for (n, metric) in group.metrics().into_iter().enumerate() {
                if n == 0 || !is_quantile(metric) || is_quantile(group.metrics()[0]) {
                    table += &line(group, n, metric, has_limit);
                }
            }
        }
        table.push('\n');
        for case in cases {
            table += &wrapped(&format!("- `{}`: {}.", case.name, case.about), "  ");
        }
        Ok(table)
    }
}

/// Quantiles are left out of the pages unless a case is about them; the report has them.
fn is_quantile(metric: &Metric) -> bool {
    metric.name.starts_with("p5") || metric.name.starts_with("p9")
}

fn line(group: &Group<'_>, n: usize, metric: &Metric, has_limit: bool) -> String {
    let case = match group.size {
        Some(size) => format!(
            "`{}`, {} {}",
            group.case.name,
            grouped(size),
            group.case.axis
        ),
        None => format!("`{}`", group.case.name),
    };
    let ratio = |of| match group.compared(group.case.ours, of, &metric.name) {
        Some(ratio) => ratio.text(),
        None => "-".to_owned(),
    };
    let best = match group.ahead_of_ours(metric).first() {
        Some(&(peer, ratio)) if metric.lower_is_better => {
            format!("{}, {}", peer.name(), short(ratio))
        }
        Some(&(peer, ratio)) => format!("{}, {}", peer.name(), short(1.0 / ratio)),
        None => "-".to_owned(),
    };
    let mut cells = vec![
        case,
        metric.name.clone(),
        cell(group, group.case.ours, n),
        cell(group, Peer::Tokio, n),
        ratio(Peer::Tokio),
    ];
    cells.extend(has_limit.then(|| ratio(Peer::Epoll)));
    cells.push(best);
    row(&cells)
}

fn row<S: AsRef<str>>(cells: &[S]) -> String {
    let cells: Vec<&str> = cells.iter().map(AsRef::as_ref).collect();
    format!("| {} |\n", cells.join(" | "))
}

/// A peer's median of the metric with this number.
fn cell(group: &Group<'_>, peer: Peer, n: usize) -> String {
    let metric = group.metrics().get(n).copied();
    let median = |metric: &Metric| Some((group.median(peer, &metric.name)?, metric.unit.clone()));
    match metric.and_then(median) {
        Some((value, unit)) => figure(value, &unit),
        None => "n/a".to_owned(),
    }
}

/// A value with a unit of its size: 26,000 ns are 26.0 µs.
pub(super) fn figure(mut value: f64, unit: &str) -> String {
    const TIMES: [&str; 4] = ["ns", "µs", "ms", "s"];
    let first = match unit {
        "ns" => 0,
        "us" => 1,
        "B" => return format!("{} bytes", short(value)),
        "requests/s" => return format!("{} /s", grouped(value.round() as u64)),
        "" => return short(value),
        _ => return format!("{} {unit}", short(value)),
    };
    let mut unit = first;
    while value >= 1000.0 && unit + 1 < TIMES.len() {
        value /= 1000.0;
        unit += 1;
    }
    format!("{} {}", short(value), TIMES[unit])
}

/// 1234567 as 1,234,567.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A paragraph in lines of at most 100 columns, all but the first one indented.
fn wrapped(text: &str, indent: &str) -> String {
    let mut lines = String::new();
    let mut columns = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        if columns == 0 {
        } else if columns + 1 + length > 100 {
            lines += &format!("\n{indent}");
            columns = indent.len();
        } else {
            lines.push(' ');
            columns += 1;
        }
        lines += word;
        columns += length;
    }
    lines + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_around_the_parts_stays() {
        let page = "a\n<!-- generated: begin one -->\nold\n<!-- generated: end -->\nb\n\
                    <!-- generated: begin two words --><!-- generated: end -->";
        let part = |name: &str| Ok(format!("new {name}\n"));
        assert!(
            replace(page, part).is_err(),
            "the beginning has a line of its own"
        );
        let page = page.replace("--><!--", "-->\n<!--");
        let new = replace(&page, part).unwrap();
        assert_eq!(
            new,
            "a\n<!-- generated: begin one -->\nnew one\n<!-- generated: end -->\nb\n\
             <!-- generated: begin two words -->\nnew two words\n<!-- generated: end -->"
        );
        assert_eq!(replace(&new, part).unwrap(), new);
    }

    #[test]
    fn a_page_without_parts_or_with_half_a_part_is_an_error() {
        let part = |name: &str| match name {
            "one" => Ok(String::new()),
            _ => Err("there is no such part".to_owned()),
        };
        for page in [
            "nothing",
            "<!-- generated: begin one -->\nno end",
            "<!-- generated: begin two -->\n<!-- generated: end -->",
        ] {
            assert!(replace(page, part).is_err(), "{page}");
        }
    }

    #[test]
    fn figures_have_a_unit_of_their_size() {
        assert_eq!(figure(26.4, "ns"), "26.4 ns");
        assert_eq!(figure(26_400.0, "ns"), "26.4 µs");
        assert_eq!(figure(1_500.0, "us"), "1.50 ms");
        assert_eq!(figure(1_680_000.4, "requests/s"), "1,680,000 /s");
        assert_eq!(figure(64.6, "B"), "64.6 bytes");
        assert_eq!(figure(1.013, ""), "1.01");
    }

    #[test]
    fn long_lines_are_wrapped() {
        let text = wrapped(&format!("- {}.", vec!["word"; 40].join(" ")), "  ");
        assert!(text.lines().all(|line| line.len() <= 100) && text.lines().count() == 3);
        assert!(text.lines().skip(1).all(|line| line.starts_with("  word")));
    }
}
