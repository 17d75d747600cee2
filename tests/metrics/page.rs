//! The page is valid OpenMetrics text. Checked by the parser below, and by the reference parser if
//! it is installed.

use std::collections::HashMap;
use std::io::Write;
use std::process::{Command, Stdio};

use wakeful_prometheus::encode;

use super::*;

/// Returns a page with every metric, none of them zero.
fn page() -> String {
    let runtime = Builder::new()
        .metrics_level(MetricsLevel::Times)
        .build()
        .unwrap();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..100).map(|_| wakeful::spawn(yield_now())).collect();
        for task in tasks {
            task.await.unwrap();
        }
        sleep(Duration::from_millis(1)).await;
        wakeful::spawn_blocking(|| ()).await.unwrap();
    });
    encode(&runtime.metrics())
}

/// The families by name: type, and samples in order.
struct Family<'a> {
    kind: &'a str,
    samples: Vec<(&'a str, &'a str)>,
}

/// Strict about the parts of the specification that occur here: HELP and TYPE once and first,
/// samples right below, names that fit the type, one EOF at the end.
fn parse(page: &str) -> HashMap<&str, Family<'_>> {
    let body = page.strip_suffix("# EOF\n").expect("EOF is the last line");
    let mut families: HashMap<&str, Family<'_>> = HashMap::new();
    let mut current = "";
    let mut helped = "";
    for line in body.lines() {
        if let Some(rest) = line.strip_prefix("# ") {
            let (keyword, rest) = rest.split_once(' ').expect("a keyword");
            let (name, text) = rest.split_once(' ').expect("a name");
            match keyword {
                "HELP" => {
                    assert!(!text.is_empty() && !families.contains_key(name), "{line}");
                    helped = name;
                }
                "TYPE" => {
                    assert_eq!(name, helped, "{line}");
                    let samples = Vec::new();
                    families.insert(
                        name,
                        Family {
                            kind: text,
                            samples,
                        },
                    );
                    current = name;
                }
                "UNIT" => assert!(name == current && name.ends_with(text), "{line}"),
                _ => panic!("{line}"),
            }
        } else {
            let (name, value) = line.rsplit_once(' ').expect("a value");
            let suffix = name.strip_prefix(current).expect("a sample of its family");
            value.parse::<f64>().expect("a number");
            let family = families.get_mut(current).expect("TYPE comes first");
            family.samples.push((suffix, value));
        }
    }
    families
}

#[test]
fn the_page_is_valid_openmetrics_text() {
    let page = page();
    for (name, family) in parse(&page) {
        assert!(name.starts_with("wakeful_"), "{name}");
        let legal = |c: char| c.is_ascii_lowercase() || c == '_';
        assert!(name.chars().all(legal), "{name}");
        let suffixes: Vec<_> = family.samples.iter().map(|(suffix, _)| *suffix).collect();
        match family.kind {
            "counter" => assert_eq!(suffixes, ["_total"], "{name}"),
            "gauge" => assert_eq!(suffixes, [""], "{name}"),
            "histogram" => histogram(name, &family),
            kind => panic!("{name} is a {kind}"),
        }
    }
}

/// Checks that counts increase with the bounds, and that the last bound is infinite.
fn histogram(name: &str, family: &Family<'_>) {
    let of = |wanted| {
        let found = family.samples.iter().find(|(suffix, _)| *suffix == wanted);
        found.unwrap_or_else(|| panic!("{name} has no {wanted}")).1
    };
    let count: u64 = of("_count").parse().unwrap();
    assert!(of("_sum").parse::<f64>().unwrap() >= 0.0);
    let mut last = (f64::NEG_INFINITY, 0);
    for (suffix, value) in &family.samples {
        let Some(bound) = suffix.strip_prefix("_bucket{le=\"") else {
            continue;
        };
        let bound = bound.strip_suffix("\"}").expect("one label");
        let bound: f64 = bound.parse().expect("a number");
        let value: u64 = value.parse().expect("a count");
        assert!(bound > last.0 && value >= last.1, "{name}: {bound} {value}");
        last = (bound, value);
    }
    assert_eq!(last, (f64::INFINITY, count), "{name}");
}

#[test]
fn the_numbers_are_those_of_the_snapshot() {
    let page = page();
    let families = parse(&page);
    let value = |name: &str| families[name].samples[0].1;
    assert_eq!(value("wakeful_tasks_spawned"), "101");
    assert_eq!(value("wakeful_timers_fired"), "1");
    assert_eq!(value("wakeful_tasks_alive"), "0");
    assert_eq!(value("wakeful_blocking_threads"), "1");
    let polls = &families["wakeful_poll_time_seconds"].samples;
    let count = polls.iter().find(|(suffix, _)| *suffix == "_count");
    assert_eq!(count.unwrap().1, value("wakeful_polls"));
    // Without measured times there are no histograms.
    let counts = encode(&Runtime::new().unwrap().metrics());
    assert!(!parse(&counts).contains_key("wakeful_poll_time_seconds"));
}

#[test]
fn the_reference_parser_accepts_the_page() {
    const READ: &str = "\
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
print(len(list(parse(sys.stdin.read()))))";
    let has_parser = |python: &&str| {
        let import = ["-c", "import prometheus_client.openmetrics.parser"];
        let quiet = Command::new(python)
            .args(import)
            .stderr(Stdio::null())
            .status();
        quiet.is_ok_and(|status| status.success())
    };
    let Some(python) = ["python3", "/usr/bin/python3"].into_iter().find(has_parser) else {
        eprintln!(
            "skipped: there is no python3 with prometheus_client (python3-prometheus-client)"
        );
        return;
    };
    let page = page();
    let mut child = Command::new(python)
        .args(["-c", READ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(page.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{page}");
    let count = String::from_utf8(output.stdout).unwrap();
    assert_eq!(count.trim().parse(), Ok(parse(&page).len()));
}
