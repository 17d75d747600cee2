//! Draws the numbers of a lesson that records nothing as a chart, for the web book.

use std::fmt::Write as _;
use std::fs;

const LABEL: f64 = 190.0;
const WIDTH: f64 = 460.0;
const ROW: f64 = 20.0;
const TOP: f64 = 26.0;

const STYLE: &str = "\
.wakeful-chart{font:12px system-ui,sans-serif}\
.wakeful-chart text{fill:currentColor}\
.wakeful-chart .title{font-weight:bold}\
.wakeful-chart rect{fill:#4a7fe0}\
.wakeful-chart path{stroke:#8886}";

/// Writes a chart with a bar for each value to `target/lab/NAME.svg`. The bars are as long as the
/// logarithms of the values: each grey line stands for ten times as much as the one before.
///
/// # Panics
/// If the file can't be written, if there are no values, or if one is not greater than 0.
///
/// # Examples
/// ```no_run
/// wakeful_lab::chart("00_nothing", "Time in us", &[("slow".to_owned(), 12.5)]);
/// ```
#[track_caller]
pub fn chart(name: &str, title: &str, bars: &[(String, f64)]) {
    let file = crate::folder().join(format!("{name}.svg"));
    fs::create_dir_all(crate::folder())
        .and_then(|()| fs::write(&file, svg(title, bars)))
        .unwrap_or_else(|error| panic!("cannot write the chart {}: {error}", file.display()));
}

#[track_caller]
fn svg(title: &str, bars: &[(String, f64)]) -> String {
    assert!(
        !bars.is_empty() && bars.iter().all(|(_, value)| *value > 0.0),
        "a logarithm needs values greater than 0: {bars:?}"
    );
    let logarithms = || bars.iter().map(|(_, value)| value.log10());
    // The axis begins a bit below the smallest value, so that its bar can be seen.
    let start = (logarithms().fold(f64::INFINITY, f64::min) - 0.1).floor();
    let end = logarithms().fold(f64::NEG_INFINITY, f64::max).ceil();
    let scale = WIDTH / (end - start).max(1.0);
    let height = TOP + ROW * bars.len() as f64 + 24.0;
    let total = LABEL + WIDTH + 90.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"wakeful-chart\" role=\"img\" \
         width=\"{total}\" height=\"{height}\" viewBox=\"0 0 {total} {height}\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n\
         <text class=\"title\" x=\"0\" y=\"14\">{title}</text>\n"
    );
    for power in start as i32..=end as i32 {
        let x = LABEL + (f64::from(power) - start) * scale;
        let bottom = height - 20.0;
        let _ = writeln!(
            svg,
            "<path d=\"M{x:.1} {TOP}V{bottom}\"/><text x=\"{x:.1}\" y=\"{}\" \
             text-anchor=\"middle\">{}</text>",
            height - 6.0,
            10_f64.powi(power)
        );
    }
    for (row, (label, value)) in bars.iter().enumerate() {
        let (y, length) = (TOP + ROW * row as f64, (value.log10() - start) * scale);
        let _ = writeln!(
            svg,
            "<text x=\"0\" y=\"{text}\">{label}</text>\
             <rect x=\"{LABEL}\" y=\"{}\" width=\"{length:.1}\" height=\"{}\"/>\
             <text x=\"{:.1}\" y=\"{text}\">{}</text>",
            y + 3.0,
            ROW - 6.0,
            LABEL + length + 5.0,
            (value * 10.0).round() / 10.0,
            text = y + 14.0,
        );
    }
    svg + "</svg>\n"
}
