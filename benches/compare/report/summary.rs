//! The beginning of the page: at most ten lines, and one picture of all rows against tokio.

use maud::{Markup, html};

use crate::case::Peer;
use crate::stats::{Group, Ratio, Summary, short};

/// The first metric of a case at one size, against tokio. Below 1 ours is better.
struct Standing {
    name: String,
    heading: &'static str,
    cost: Ratio,
}

#[derive(Clone, Copy, PartialEq)]
enum Place {
    Ahead,
    Tie,
    Behind,
}

impl Standing {
    fn of(group: &Group<'_>) -> Option<Standing> {
        let metric = *group.metrics().first()?;
        let (ours, tokio) = (group.case.ours, Peer::Tokio);
        let cost = match metric.lower_is_better {
            true => group.compared(ours, tokio, &metric.name)?,
            false => group.compared(tokio, ours, &metric.name)?,
        };
        let size = group
            .size
            .map(|size| format!(", {size} {}", group.case.axis));
        Some(Standing {
            name: group.case.name.to_owned() + &size.unwrap_or_default(),
            heading: group.case.group,
            cost,
        })
    }

    fn place(&self) -> Place {
        match self.cost {
            cost if cost.is_tie() => Place::Tie,
            cost if cost.median < 1.0 => Place::Ahead,
            _ => Place::Behind,
        }
    }
}

/// Lines of the summary; with more groups of cases, the last line is about the rest.
const LINES: usize = 10;

pub(super) fn summary(groups: &[Group<'_>]) -> Markup {
    let all: Vec<Standing> = groups.iter().filter_map(Standing::of).collect();
    if all.is_empty() {
        return html! {};
    }
    let mut headings: Vec<&str> = Vec::new();
    for standing in &all {
        if !headings.contains(&standing.heading) {
            headings.push(standing.heading);
        }
    }
    let of = |heading: &str| -> Vec<&Standing> {
        all.iter()
            .filter(|standing| standing.heading == heading)
            .collect()
    };
    let single = headings.len().min(LINES - 2);
    let rest = headings[single..].iter().flat_map(|heading| of(heading));
    let rest: Vec<&Standing> = rest.collect();
    html! {
        ul.summary {
            li { b { (line("All cases", &all.iter().collect::<Vec<_>>())) } }
            @for heading in &headings[..single] { li { (line(heading, &of(heading))) } }
            @if !rest.is_empty() { li { (line("The rest", &rest)) } }
        }
        (picture(&headings, &of))
    }
}

/// "Tasks: 0.16 of tokio's cost in the median (rows: 10); ahead in 9, a tie in 1, behind in none".
fn line(name: &str, of: &[&Standing]) -> String {
    let count = |place| match of
        .iter()
        .filter(|standing| standing.place() == place)
        .count()
    {
        0 => "none".to_owned(),
        count => count.to_string(),
    };
    let median = Summary::new(of.iter().map(|standing| standing.cost.median).collect());
    format!(
        "{name}: {} of tokio's cost in the median (rows: {}); ahead in {}, a tie in {}, \
         behind in {}.",
        median.map_or_else(|| "n/a".to_owned(), |summary| short(summary.median)),
        of.len(),
        count(Place::Ahead),
        count(Place::Tie),
        count(Place::Behind),
    )
}

const LEFT: f64 = 150.0;
const WIDTH: f64 = 760.0;
const ROW: f64 = 30.0;
/// The ends of the axis: a hundredth of tokio's cost, and ten times as much.
const ENDS: (f64, f64) = (0.01, 10.0);

fn x(ratio: f64) -> f64 {
    let (low, high) = (ENDS.0.log10(), ENDS.1.log10());
    let part = (ratio.clamp(ENDS.0, ENDS.1).log10() - low) / (high - low);
    ((LEFT + part * (WIDTH - LEFT - 24.0)) * 10.0).round() / 10.0
}

/// Draws a dot for each row, one line for each heading. The axis is logarithmic.
fn picture<'a>(headings: &[&str], of: &impl Fn(&str) -> Vec<&'a Standing>) -> Markup {
    let bottom = ROW * headings.len() as f64 + 4.0;
    html! {
        svg.strip viewBox={ "0 0 " (WIDTH) " " (bottom + 34.0) } role="img"
            aria-label="The cost of each case in relation to tokio" {
            @for ratio in [0.01, 0.1, 0.5, 2.0, 10.0] {
                line class="grid" x1=(x(ratio)) x2=(x(ratio)) y1="4" y2=(bottom) {}
                text class="tick under" x=(x(ratio)) y=(bottom + 14.0) { (ratio) }
            }
            line class="here" x1=(x(1.0)) x2=(x(1.0)) y1="4" y2=(bottom) {}
            text class="tick under" x=(x(1.0)) y=(bottom + 14.0) { "tokio" }
            text class="axis" x=(x(0.1)) y=(bottom + 30.0) { "← Wakeful costs less" }
            text class="axis" x=(x(3.0)) y=(bottom + 30.0) { "Wakeful costs more →" }
            @for (n, heading) in headings.iter().enumerate() {
                @let middle = ROW * (n as f64 + 0.5) + 4.0;
                text class="name" x=(LEFT - 12.0) y=(middle + 4.0) { (heading) }
                @for (m, standing) in of(heading).iter().enumerate() {
                    // Dots that would cover each other are moved up and down.
                    @let y = middle + ((m % 5) as f64 - 2.0) * 4.0;
                    (dot(standing, y))
                }
            }
        }
    }
}

fn dot(standing: &Standing, y: f64) -> Markup {
    let class = match standing.place() {
        Place::Ahead => "ahead",
        Place::Tie => "tie",
        Place::Behind => "behind",
    };
    let cost = standing.cost;
    html! {
        g class=(class) {
            line x1=(x(cost.low)) x2=(x(cost.high)) y1=(y) y2=(y) {}
            circle cx=(x(cost.median)) cy=(y) r="3.5" {
                title {
                    (standing.name) ": " (short(cost.median)) " of tokio, "
                    (short(cost.low)) " – " (short(cost.high))
                }
            }
        }
    }
}
