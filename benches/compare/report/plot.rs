//! Plots as SVG: bars for a case, lines over its sizes. Colours are in the style sheet of the page.

use maud::{Markup, html};

use crate::case::{Metric, Peer};
use crate::stats::{Group, Summary, short};

const LEFT: f64 = 168.0;
const ROW: f64 = 22.0;
const LENGTH: f64 = 230.0;

/// Draws a bar for each peer that has the metric, with a whisker from the smallest to the largest
/// sample.
pub(super) fn bars(group: &Group<'_>, metric: &Metric) -> Markup {
    let rows: Vec<(Peer, Option<Summary>, &str)> = group
        .series
        .iter()
        .map(|series| {
            let why = series.reason().unwrap_or("");
            (series.peer, series.summary(&metric.name), why)
        })
        .collect();
    let longest = longest(&rows);
    let scale = |value: f64| tenth((value / longest).min(1.0) * LENGTH);
    html! {
        svg viewBox={ "0 0 500 " (ROW * rows.len() as f64 + 4.0) } role="img" {
            @for (n, (peer, summary, why)) in rows.iter().enumerate() {
                @let y = ROW * n as f64 + 2.0;
                text class="name" x=(LEFT - 8.0) y=(y + 14.0) { (peer.title()) }
                @if let Some(summary) = summary {
                    @let cut = summary.median > longest;
                    rect class={ "bar " (peer.name()) @if cut { " cut" } }
                        x=(LEFT) y=(y + 3.0) width=(scale(summary.median).max(1.0))
                        height=(ROW - 8.0) rx="2" {}
                    line class="whisker" x1=(LEFT + scale(summary.least)) x2=(LEFT + scale(summary.most))
                        y1=(y + ROW / 2.0 - 1.0) y2=(y + ROW / 2.0 - 1.0) {}
                    text class="value" x=(LEFT + scale(summary.median.max(summary.most)) + 6.0)
                        y=(y + 14.0) {
                        (short(summary.median)) " " (metric.unit) @if cut { " (cut)" }
                    }
                } @else {
                    text class="none" x=(LEFT) y=(y + 14.0) { "n/a" title { (why) } }
                }
            }
        }
    }
}

/// Coordinates are rounded to a tenth.
fn tenth(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// Returns the value of the longest bar. A bar that is many times as long as tokio's is cut, so
/// that the others can be distinguished.
fn longest(rows: &[(Peer, Option<Summary>, &str)]) -> f64 {
    let medians = || {
        rows.iter()
            .filter_map(|(_, summary, _)| Some(summary.as_ref()?.median))
    };
    let tokio = rows
        .iter()
        .find(|(peer, ..)| *peer == Peer::Tokio)
        .and_then(|(_, summary, _)| Some(summary.as_ref()?.median));
    let limit = tokio.map_or(f64::INFINITY, |tokio| 5.0 * tokio);
    let longest = medians()
        .filter(|&median| median <= limit)
        .fold(0.0, f64::max);
    if longest > 0.0 {
        longest
    } else {
        medians().fold(1.0, f64::max)
    }
}

/// The plot area of the lines, and the ranges of both axes, as logarithms to the base 10.
struct Axes {
    x: (f64, f64),
    y: (f64, f64),
}

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 300.0;
const MARGIN: f64 = 52.0;

impl Axes {
    fn x(&self, value: f64) -> f64 {
        let part = (value.log10() - self.x.0) / (self.x.1 - self.x.0);
        tenth(MARGIN + part * (WIDTH - MARGIN - 16.0))
    }

    fn y(&self, value: f64) -> f64 {
        let bottom = HEIGHT - 36.0;
        let part = (value.log10() - self.y.0) / (self.y.1 - self.y.0);
        tenth(bottom - part * (bottom - 12.0))
    }

    fn around(points: &[(Peer, Vec<(f64, f64)>)]) -> Option<Axes> {
        let all = || points.iter().flat_map(|(_, line)| line);
        let range = |value: fn(&(f64, f64)) -> f64| {
            let logs = || all().map(value).map(f64::log10);
            (
                logs().fold(f64::INFINITY, f64::min),
                logs().fold(f64::NEG_INFINITY, f64::max),
            )
        };
        let (x, y) = (range(|point| point.0), range(|point| point.1));
        all().next()?;
        Some(Axes {
            x: (x.0, x.1.max(x.0 + 0.1)),
            y: (y.0.floor(), y.1.ceil().max(y.0.floor() + 1.0)),
        })
    }
}

/// Draws a line for each peer over the sizes of a case, with both axes logarithmic.
pub(super) fn lines(groups: &[&Group<'_>], metric: &Metric, axis: &str) -> Markup {
    let of = |peer: Peer| -> Vec<(f64, f64)> {
        let points = groups
            .iter()
            .filter_map(|group| Some((group.size? as f64, group.median(peer, &metric.name)?)));
        points.filter(|&(x, y)| x > 0.0 && y > 0.0).collect()
    };
    let points: Vec<(Peer, Vec<(f64, f64)>)> = Peer::ALL
        .into_iter()
        .map(|peer| (peer, of(peer)))
        .filter(|(_, line)| !line.is_empty())
        .collect();
    let Some(axes) = Axes::around(&points) else {
        return html! {};
    };
    html! {
        svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" {
            (grid(&axes))
            text class="axis" x=((WIDTH + MARGIN) / 2.0) y=(HEIGHT - 4.0) { (axis) }
            text class="axis unit" x="4" y="10" { (metric.name) ", " (metric.unit) }
            @for (peer, line) in &points {
                @let path: Vec<String> = line
                    .iter()
                    .map(|&(x, y)| format!("{},{}", axes.x(x), axes.y(y)))
                    .collect();
                polyline class={ "line " (peer.name()) } points=(path.join(" ")) {}
                @for &(x, y) in line {
                    circle class={ "dot " (peer.name()) } cx=(axes.x(x)) cy=(axes.y(y)) r="3" {
                        title { (peer.title()) ", " (x) " " (axis) ": " (short(y)) " " (metric.unit) }
                    }
                }
            }
        }
        p.legend {
            @for (peer, _) in &points {
                span { i class={ "swatch " (peer.name()) } {} (peer.title()) }
            }
        }
    }
}

fn grid(axes: &Axes) -> Markup {
    let decades = |(low, high): (f64, f64)| {
        (low.ceil() as i32..=high.floor() as i32).map(|decade| 10_f64.powi(decade))
    };
    let (left, right) = (MARGIN, WIDTH - 16.0);
    html! {
        @for value in decades(axes.y) {
            line class="grid" x1=(left) x2=(right) y1=(axes.y(value)) y2=(axes.y(value)) {}
            text class="tick" x=(left - 6.0) y=(axes.y(value) + 4.0) { (tick(value)) }
        }
        @for value in decades(axes.x) {
            line class="grid" x1=(axes.x(value)) x2=(axes.x(value)) y1="12" y2=(HEIGHT - 36.0) {}
            text class="tick under" x=(axes.x(value)) y=(HEIGHT - 20.0) { (tick(value)) }
        }
    }
}

fn tick(value: f64) -> String {
    match value {
        1e9.. => format!("{}G", value / 1e9),
        1e6.. => format!("{}M", value / 1e6),
        1e3.. => format!("{}k", value / 1e3),
        _ => format!("{value}"),
    }
}
