//! The compact table on the terminal.

use std::io::IsTerminal;

use crate::case::{Metric, Peer};
use crate::stats::{Group, aims, short};

pub(super) fn print(groups: &[Group<'_>]) {
    let colours = std::io::stdout().is_terminal();
    println!(
        "{:34} {:>7} {:>9} {:>9} {:20}  {:32} aims",
        "case", "", "wakeful", "tokio", "ratio", "better than wakeful"
    );
    for group in groups {
        if let (true, Some(why)) = (group.metrics().is_empty(), group.reason()) {
            println!("{:34} n/a: {why}", group.case.name);
        }
        for (n, metric) in group.metrics().iter().enumerate() {
            let line = line(group, metric, (n == 0).then(|| aims_of(group, groups)));
            if colours && !group.ahead_of_ours(metric).is_empty() {
                println!("\x1b[31m{line}\x1b[0m");
            } else {
                println!("{line}");
            }
        }
    }
}

fn line(group: &Group<'_>, metric: &Metric, aims: Option<String>) -> String {
    let number = |value: Option<f64>| value.map_or_else(|| "n/a".to_owned(), short);
    let ahead: Vec<String> = group
        .ahead_of_ours(metric)
        .into_iter()
        .map(|(peer, ratio)| format!("{} {ratio:.2}", peer.name()))
        .collect();
    let name = match group.size {
        Some(size) => format!("{} {size}", group.case.name),
        None => group.case.name.to_owned(),
    };
    let ratio = group.compared(group.case.ours, Peer::Tokio, &metric.name);
    format!(
        "{:34} {:>7} {:>9} {:>9} {:20}  {:32} {}",
        name,
        format!("{} {}", metric.name, metric.unit),
        number(group.median(group.case.ours, &metric.name)),
        number(group.median(Peer::Tokio, &metric.name)),
        ratio.map_or_else(|| "n/a".to_owned(), |ratio| ratio.text()),
        ahead.join(", "),
        aims.unwrap_or_default()
    )
    .trim_end()
    .to_owned()
}

fn aims_of(group: &Group<'_>, all: &[Group<'_>]) -> String {
    let aims: Vec<String> = aims(group, all)
        .into_iter()
        .map(|aim| {
            let word = if aim.met { "reached" } else { "missed" };
            format!("{word}: {} (is {})", aim.aim, short(aim.reached))
        })
        .collect();
    aims.join("; ")
}
