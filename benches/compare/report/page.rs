//! The page: one file without external parts, with a light and a dark theme.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{plot, summary};
use crate::case::{Case, Metric, Peer};
use crate::machine::Machine;
use crate::stats::{Group, aims, short};

const STYLE: &str = include_str!("style.css");

pub(super) fn page(machine: &Machine, quick: bool, groups: &[Group<'_>]) -> Markup {
    let mut headings: Vec<&str> = Vec::new();
    for group in groups {
        if !headings.contains(&group.case.group) {
            headings.push(group.case.group);
        }
    }
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Wakeful compared with other runtimes" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { "Wakeful compared with other runtimes" }
                @if quick {
                    p.warning { "A quick run, to test the program: the samples are short, and the numbers vary a lot." }
                }
                (summary::summary(groups))
                (how_to_read())
                (about(machine))
                (aims_table(groups))
                @for heading in headings {
                    @let of: Vec<&Group<'_>> = groups.iter().filter(|group| group.case.group == heading).collect();
                    h2 { (heading) }
                    (table(&of))
                    (plots(&of))
                }
            }
        }
    }
}

fn how_to_read() -> Markup {
    html! {
        p {
            "Each sample is a process of its own. In a round every case runs once for each peer in turn, so "
            "that other load on the machine affects all peers alike. The numbers are medians over the "
            "rounds, with the smallest and the largest sample below. "
            b { "×" } " is the ratio to tokio current_thread in this run: the median over the rounds. "
            b { "≈" } " marks a tie: the interval around that median, which a pointer on it shows, contains "
            "1. In 95 of 100 runs the interval holds the median of many rounds. "
            i { "cpu" } " is the processor time of the whole process, in user and kernel mode; " i { "time" }
            " is the elapsed time, for cases with threads that wait. The other one is in the raw samples, "
            a href="report.json" { "report.json" } ". A row is " span.lost { "red" }
            " if another runtime is better than Wakeful by more than 1 %, and it is no tie."
        }
    }
}

fn about(machine: &Machine) -> Markup {
    let facts = [
        (
            "processor",
            format!("{}, {} cores", machine.cpu, machine.cores),
        ),
        ("kernel", machine.kernel.clone()),
        ("compiler", machine.compiler.clone()),
        ("date", machine.date.clone()),
        ("load average before", machine.load.clone()),
        ("command", machine.command.clone()),
    ];
    html! {
        div.facts {
            table {
                @for (name, value) in facts { tr { th { (name) } td { (value) } } }
            }
            table {
                @for (package, version) in &machine.versions {
                    tr { th { (package) } td { (version) } }
                }
            }
        }
    }
}

fn aims_table(groups: &[Group<'_>]) -> Markup {
    let rows = || {
        groups.iter().flat_map(|group| {
            aims(group, groups)
                .into_iter()
                .map(move |aim| (name(group), aim))
        })
    };
    let met = rows().filter(|(_, aim)| aim.met).count();
    html! {
        h2 { "Aims" }
        p { (met) " of " (rows().count()) " reached." }
        div.wide {
            table.numbers {
                thead { tr { th { "case" } th { "at most" } th { "reached" } th {} } }
                @for (case, aim) in rows() {
                    tr.lost[!aim.met] {
                        td { (case) }
                        td { (aim.aim) }
                        td.number { (short(aim.reached)) }
                        td { @if aim.met { "reached" } @else { "missed" } }
                    }
                }
            }
        }
    }
}

fn name(group: &Group<'_>) -> String {
    match group.size {
        Some(size) => format!("{}, {size} {}", group.case.name, group.case.axis),
        None => group.case.name.to_owned(),
    }
}

/// Returns a table with a row for each metric of each case and size, and a column for each peer.
fn table(groups: &[&Group<'_>]) -> Markup {
    let has = |peer: Peer| groups.iter().any(|group| group.of(peer).is_some());
    let peers: Vec<Peer> = Peer::ALL.into_iter().filter(|&peer| has(peer)).collect();
    html! {
        div.wide {
            table.numbers {
                thead {
                    tr {
                        th { "case" } th { "" }
                        @for peer in &peers { th { (peer.title()) } }
                    }
                }
                @for group in groups {
                    @for (n, metric) in group.metrics().iter().enumerate() {
                        @let ahead = group.ahead_of_ours(metric);
                        tr.lost[!ahead.is_empty()].more[n > 0] {
                            td title=(group.case.about) { @if n == 0 { (name(group)) } }
                            td.unit { (metric.name) ", " (metric.unit) }
                            @for &peer in &peers {
                                (cell(group, peer, metric, ahead.first().map(|(peer, _)| *peer)))
                            }
                        }
                    }
                }
            }
        }
    }
}

fn cell(group: &Group<'_>, peer: Peer, metric: &Metric, best: Option<Peer>) -> Markup {
    let series = group.of(peer);
    let summary = series.and_then(|series| series.summary(&metric.name));
    html! {
        @if let Some(summary) = summary {
            td.number.best[best == Some(peer)].ours[peer == group.case.ours] {
                (short(summary.median))
                @if let Some(ratio) = group.compared(peer, Peer::Tokio, &metric.name) {
                    " " span.ratio title={ (short(ratio.low)) " – " (short(ratio.high)) } {
                        "×" (short(ratio.median))
                        @if peer != Peer::Tokio && ratio.is_tie() { " ≈" }
                    }
                }
                small { (short(summary.least)) " – " (short(summary.most)) }
            }
        } @else {
            td.number.none title=[series.and_then(|series| series.reason())] { "n/a" }
        }
    }
}

/// Returns a card for each case: its description, its plot, and the notes about its numbers.
fn plots(groups: &[&Group<'_>]) -> Markup {
    let mut cases: Vec<&'static Case> = Vec::new();
    for group in groups {
        if cases.iter().all(|case| case.name != group.case.name) {
            cases.push(group.case);
        }
    }
    html! {
        div.cards {
            @for case in cases {
                @let of: Vec<&Group<'_>> = groups.iter().copied().filter(|group| group.case.name == case.name).collect();
                (card(case, &of))
            }
        }
    }
}

fn card(case: &Case, groups: &[&Group<'_>]) -> Markup {
    let mut reasons: Vec<(Peer, &str)> = Vec::new();
    for series in groups.iter().flat_map(|group| &group.series) {
        if let Some(why) = series.reason()
            && !reasons.contains(&(series.peer, why))
        {
            reasons.push((series.peer, why));
        }
    }
    let metric = groups
        .iter()
        .find_map(|group| group.metrics().first().copied());
    html! {
        section.card.broad[!case.points.is_empty()] {
            h3 { (case.name) }
            p { (case.about) }
            @if let Some(metric) = metric {
                @if case.points.is_empty() {
                    (plot::bars(groups[0], metric))
                } @else {
                    (plot::lines(groups, metric, case.axis))
                }
            }
            @for (peer, note) in case.notes { p.note { (peer.title()) ": " (note) } }
            @for (peer, why) in &reasons { p.note { (peer.title()) ": n/a, " (why) } }
        }
    }
}
