//! Output of the comparison: a page, the raw samples, a table on the terminal, and tables in
//! Markdown pages.

mod beside;
mod markdown;
mod page;
mod plot;
mod summary;
mod terminal;

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::case::{Outcome, Peer};
use crate::cases;
use crate::machine::Machine;
use crate::series::Series;
use crate::stats::{Group, groups};
use markdown::Content;

/// A series in the form in which `report.json` contains it.
#[derive(Deserialize, Serialize)]
struct Raw {
    case: String,
    group: String,
    about: String,
    size: Option<u64>,
    peer: String,
    operations: u64,
    samples: Vec<Outcome>,
}

#[derive(Deserialize, Serialize)]
struct Everything {
    machine: Machine,
    quick: bool,
    series: Vec<Raw>,
}

/// Writes `report.html` and `report.json` into `out`, updates the Markdown pages, and prints the
/// table.
pub fn write(
    out: &Path,
    pages: &[PathBuf],
    machine: Machine,
    quick: bool,
    all: &[Series],
) -> Result<(), String> {
    let series = all.iter().map(|series| Raw {
        case: series.case.name.to_owned(),
        group: series.case.group.to_owned(),
        about: series.case.about.to_owned(),
        size: series.size,
        peer: series.peer.name().to_owned(),
        operations: series.n,
        samples: series.samples.clone(),
    });
    let everything = Everything {
        machine,
        quick,
        series: series.collect(),
    };
    let json = serde_json::to_string_pretty(&everything)
        .map_err(|error| format!("cannot write the samples as JSON: {error}"))?;
    let groups = groups(all);
    let machine = &everything.machine;
    let page = page::page(machine, quick, &groups).into_string();
    fs::create_dir_all(out).map_err(|error| format!("cannot create {}: {error}", out.display()))?;
    for (name, text) in [("report.json", json), ("report.html", page)] {
        let path = out.join(name);
        fs::write(&path, text)
            .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    }
    update(pages, machine, quick, &groups)?;
    terminal::print(&groups);
    println!("\n{}", out.join("report.html").display());
    Ok(())
}

fn update(
    pages: &[PathBuf],
    machine: &Machine,
    quick: bool,
    groups: &[Group<'_>],
) -> Result<(), String> {
    let content = Content {
        machine,
        quick,
        groups,
    };
    let mut pages = pages.iter();
    pages.try_for_each(|page| markdown::update(page, &content))
}

/// Prints the figures of two runs beside each other.
pub fn beside(first: &Path, second: &Path) -> Result<(), String> {
    let [(a, first), (b, second)] = [read(first)?, read(second)?];
    for unknown in first.unknown.iter().chain(&second.unknown) {
        eprintln!("left out: {unknown}");
    }
    let [first, second] = [groups(&first.series), groups(&second.series)];
    print!("{}", beside::table([&a, &b], [&first, &second]));
    Ok(())
}

/// Updates Markdown pages from the samples of an earlier run.
pub fn rewrite(from: &Path, pages: &[PathBuf]) -> Result<(), String> {
    let (machine, read) = read(from)?;
    match read.unknown.first() {
        Some(unknown) => Err(format!("cannot read {}: {unknown}", from.display())),
        None => update(pages, &machine, read.quick, &groups(&read.series)),
    }
}

/// The samples of an earlier run.
struct Read {
    quick: bool,
    series: Vec<Series>,
    /// What this program does not know any more.
    unknown: Vec<String>,
}

fn read(from: &Path) -> Result<(Machine, Read), String> {
    let at = |error: &dyn std::fmt::Display| format!("cannot read {}: {error}", from.display());
    let json = fs::read_to_string(from).map_err(|error| at(&error))?;
    let everything: Everything = serde_json::from_str(&json).map_err(|error| at(&error))?;
    let mut read = Read {
        quick: everything.quick,
        series: Vec::new(),
        unknown: Vec::new(),
    };
    for raw in everything.series {
        let mut cases = cases::all().into_iter();
        let case = cases.find(|case| case.name == raw.case);
        let (Some(case), Some(peer)) = (case, Peer::parse(&raw.peer)) else {
            let unknown = format!("no case {} of {} exists any more", raw.case, raw.peer);
            read.unknown.push(unknown);
            continue;
        };
        read.series.push(Series {
            case,
            size: raw.size,
            peer,
            n: raw.operations,
            samples: raw.samples,
        });
    }
    Ok((everything.machine, read))
}
