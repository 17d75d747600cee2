//! Output of the comparison: a page, the raw samples, and a table on the terminal.

mod page;
mod plot;
mod terminal;

use std::fs;
use std::path::Path;

use serde::Serialize;

use crate::case::Outcome;
use crate::machine::Machine;
use crate::series::Series;
use crate::stats::groups;

/// A series in the form in which `report.json` contains it.
#[derive(Serialize)]
struct Raw<'a> {
    case: &'a str,
    group: &'a str,
    about: &'a str,
    size: Option<u64>,
    peer: &'a str,
    operations: u64,
    samples: &'a [Outcome],
}

#[derive(Serialize)]
struct Everything<'a> {
    machine: &'a Machine,
    quick: bool,
    series: Vec<Raw<'a>>,
}

/// Writes `report.html` and `report.json` into `out`, and prints the table.
pub fn write(out: &Path, machine: &Machine, quick: bool, all: &[Series]) -> Result<(), String> {
    let series = all.iter().map(|series| Raw {
        case: series.case.name,
        group: series.case.group,
        about: series.case.about,
        size: series.size,
        peer: series.peer.name(),
        operations: series.n,
        samples: &series.samples,
    });
    let everything = Everything {
        machine,
        quick,
        series: series.collect(),
    };
    let json = serde_json::to_string_pretty(&everything)
        .map_err(|error| format!("cannot write the samples as JSON: {error}"))?;
    let groups = groups(all);
    let page = page::page(machine, quick, &groups).into_string();
    fs::create_dir_all(out).map_err(|error| format!("cannot create {}: {error}", out.display()))?;
    for (name, text) in [("report.json", json), ("report.html", page)] {
        let path = out.join(name);
        fs::write(&path, text)
            .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    }
    terminal::print(&groups);
    println!("\n{}", out.join("report.html").display());
    Ok(())
}
