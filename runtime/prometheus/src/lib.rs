//! The [`Metrics`] of a [wakeful](https://docs.rs/wakeful) runtime in the OpenMetrics text format,
//! which Prometheus reads.
//!
//! All names begin with `wakeful_`, and times are in seconds. Metrics that the runtime does not
//! record, such as times at [`MetricsLevel::Counts`](wakeful_core::MetricsLevel::Counts), are left
//! out.
//!
//! A program without other metrics needs only [`encode`]:
//!
//! ```
//! let text = wakeful::block_on(async {
//!     wakeful_prometheus::encode(&wakeful::Metrics::current())
//! });
//! assert!(text.contains("wakeful_tasks_spawned_total 0\n"));
//! assert!(text.ends_with("# EOF\n"));
//! ```
//!
//! For a program with a registry of its own, [`MetricsCollector`] is a [`Collector`]:
//!
//! ```
//! use prometheus_client::{encoding::text, registry::Registry};
//! use wakeful_prometheus::MetricsCollector;
//!
//! wakeful::block_on(async {
//!     let mut registry = Registry::default();
//!     registry.register_collector(Box::new(MetricsCollector(wakeful::Metrics::current())));
//!     let mut page = String::new();
//!     text::encode(&mut page, &registry).unwrap();
//!     assert!(page.contains("wakeful_polls_total"));
//! });
//! ```
#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(missing_debug_implementations)]

use std::fmt::Error;
use std::ops::RangeInclusive;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};

use wakeful_core::{Histogram, Metrics, class};

/// The `Content-Type` of an HTTP response with the text of [`encode`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Returns the page that Prometheus fetches.
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// let runtime = wakeful::Runtime::new()?;
/// let page = wakeful_prometheus::encode(&runtime.metrics());
/// assert!(page.contains("# TYPE wakeful_tasks_alive gauge\nwakeful_tasks_alive 0\n"));
/// # Ok(())
/// # }
/// ```
pub fn encode(metrics: &Metrics) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(MetricsCollector(metrics.clone())));
    let mut page = String::new();
    text::encode(&mut page, &registry).expect("writing to a string does not fail");
    page
}

/// A snapshot of the metrics of one runtime, as a collector for a registry.
#[derive(Clone, Debug)]
pub struct MetricsCollector(pub Metrics);

impl From<Metrics> for MetricsCollector {
    fn from(metrics: Metrics) -> MetricsCollector {
        MetricsCollector(metrics)
    }
}

impl Collector for MetricsCollector {
    fn encode(&self, mut page: DescriptorEncoder<'_>) -> Result<(), Error> {
        let metrics = &self.0;
        for (name, help, count) in counters(metrics) {
            let metric = ConstCounter::new(count);
            metric.encode(page.encode_descriptor(name, help, None, MetricType::Counter)?)?;
        }
        for (name, help, number) in gauges(metrics) {
            let metric = ConstGauge::new(i64::try_from(number).unwrap_or(i64::MAX));
            metric.encode(page.encode_descriptor(name, help, None, MetricType::Gauge)?)?;
        }
        for (name, help, times) in times(metrics) {
            let Some(times) = times else { continue };
            let unit = Some(&Unit::Seconds);
            let mut metric = page.encode_descriptor(name, help, unit, MetricType::Histogram)?;
            let buckets = buckets(times, SHORTEST..=LONGEST, SECOND);
            let sum = times.sum() as f64 / SECOND;
            metric.encode_histogram::<NoLabelSet>(sum, times.count(), &buckets, None)?;
        }
        encode_classes(&metrics.classes, &mut page)?;
        let (name, help) = (
            "wakeful_events_per_wait",
            "Events of one call to the system",
        );
        let mut metric = page.encode_descriptor(name, help, None, MetricType::Histogram)?;
        let events = &metrics.events_per_wait;
        let buckets = buckets(events, 0..=12, 1.0);
        metric.encode_histogram::<NoLabelSet>(events.sum() as f64, events.count(), &buckets, None)
    }
}

/// Returns a value of a class.
type OfClass = fn(&class::Stats) -> f64;

/// Writes the metrics of the classes, if there is more than the default class.
fn encode_classes(classes: &[class::Stats], page: &mut DescriptorEncoder<'_>) -> Result<(), Error> {
    let families: [(&str, &str, OfClass); 3] = [
        ("wakeful_class_run", "Time that a class ran", |class| {
            class.run_time.as_secs_f64()
        }),
        (
            "wakeful_class_wait",
            "Time that a class had nothing to run",
            |class| class.wait_time.as_secs_f64(),
        ),
        (
            "wakeful_class_starve",
            "Time that a class had something to run and another one ran",
            |class| class.starve_time.as_secs_f64(),
        ),
    ];
    if classes.len() < 2 {
        return Ok(());
    }
    for (name, help, value) in families {
        let unit = Some(&Unit::Seconds);
        let mut family = page.encode_descriptor(name, help, unit, MetricType::Counter)?;
        for class in classes {
            let labels = [("class", class.name.as_str())];
            ConstCounter::new(value(class)).encode(family.encode_family(&labels)?)?;
        }
    }
    Ok(())
}

/// Nanoseconds in a second.
const SECOND: f64 = 1e9;
/// The upper bounds of the first and the last bucket of a time, as powers of two of nanoseconds:
/// about 1 µs and 17 s.
const SHORTEST: u32 = 10;
const LONGEST: u32 = 34;

type Counter = (&'static str, &'static str, u64);

fn counters(metrics: &Metrics) -> [Counter; 14] {
    [
        (
            "wakeful_tasks_spawned",
            "Tasks spawned",
            metrics.tasks_spawned,
        ),
        ("wakeful_polls", "Polls of tasks", metrics.polls),
        (
            "wakeful_wakes_local",
            "Wakes on the thread of the loop that queued a task",
            metrics.wakes_local,
        ),
        (
            "wakeful_wakes_remote",
            "Wakes from other threads that queued a task",
            metrics.wakes_remote,
        ),
        (
            "wakeful_wakes_coalesced",
            "Wakes of tasks that were already queued",
            metrics.wakes_coalesced,
        ),
        (
            "wakeful_remote_messages",
            "Messages from other threads",
            metrics.remote_messages,
        ),
        (
            "wakeful_notifications",
            "Times that another thread had to wake the loop",
            metrics.notifications,
        ),
        (
            "wakeful_reactor_waits",
            "Calls to the system for events",
            metrics.waits,
        ),
        (
            "wakeful_reactor_events",
            "Events from the system",
            metrics.events,
        ),
        ("wakeful_timers_armed", "Timers armed", metrics.timers_armed),
        ("wakeful_timers_fired", "Timers fired", metrics.timers_fired),
        (
            "wakeful_timers_late",
            "Timers fired more than a millisecond late",
            metrics.timers_late,
        ),
        (
            "wakeful_stalls",
            "Stalls: polls that held the loop for too long",
            metrics.stalls,
        ),
        (
            "wakeful_stalls_ended",
            "Stalls that have ended",
            metrics.stall_time.count(),
        ),
    ]
}

type Gauge = (&'static str, &'static str, usize);

fn gauges(metrics: &Metrics) -> [Gauge; 7] {
    [
        (
            "wakeful_tasks_alive",
            "Tasks not freed",
            metrics.tasks_alive,
        ),
        (
            "wakeful_tasks_queued",
            "Tasks in the run queue",
            metrics.tasks_queued,
        ),
        (
            "wakeful_reactor_sources",
            "Descriptors registered with the reactor",
            metrics.sources,
        ),
        ("wakeful_timers", "Timers that are armed", metrics.timers),
        (
            "wakeful_blocking_threads",
            "Threads of the blocking pool",
            metrics.blocking_threads,
        ),
        (
            "wakeful_blocking_idle_threads",
            "Threads of the blocking pool without work",
            metrics.blocking_idle,
        ),
        (
            "wakeful_blocking_queued",
            "Closures that wait for a thread of the blocking pool",
            metrics.blocking_queued,
        ),
    ]
}

type Times<'a> = (&'static str, &'static str, Option<&'a Histogram>);

fn times(metrics: &Metrics) -> [Times<'_>; 3] {
    [
        (
            "wakeful_wake_to_poll",
            "Time from the wake of a task to its poll",
            metrics.wake_to_poll.as_ref(),
        ),
        (
            "wakeful_poll_time",
            "Length of polls",
            metrics.poll_time.as_ref(),
        ),
        (
            "wakeful_stall_time",
            "Length of the stalls that have ended",
            Some(&metrics.stall_time),
        ),
    ]
}

/// Returns a bucket for each of these powers of two, and one for all larger values.
fn buckets(histogram: &Histogram, powers: RangeInclusive<u32>, scale: f64) -> Vec<(f64, u64)> {
    let mut fine = histogram.buckets().peekable();
    let mut buckets = Vec::new();
    for power in powers {
        let edge = 1_u64 << power;
        let mut count = 0;
        while let Some((_, more)) = fine.next_if(|(bound, _)| *bound <= edge) {
            count += more;
        }
        buckets.push((edge as f64 / scale, count));
    }
    buckets.push((f64::INFINITY, fine.map(|(_, count)| count).sum()));
    buckets
}
