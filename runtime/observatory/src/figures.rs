//! The figures beside the events: metrics, what each task waits for, deadlocks, descriptors.

use std::fmt::Write;
use std::time::{Duration, Instant};

use wakeful::Metrics;
use wakeful::runtime::{DeadlockKind, TaskState, dump};
use wakeful::trace::{Snapshot, Times};

/// The time between two lists of the tasks while there are many.
const LIST_EVERY: Duration = Duration::from_secs(1);
/// The number of tasks up to which the list is in each part.
const FEW_TASKS: usize = 500;
/// The longest description of what a task waits for, in characters.
const MAX_WORDS: usize = 300;

/// Makes the figures of each part. It keeps what it needs to compare two parts.
pub(crate) struct Figures {
    polls: Option<Times>,
    delays: Option<Times>,
    listed: Option<Instant>,
}

/// The figures of one part.
pub(crate) struct Made {
    pub(crate) json: String,
    pub(crate) tasks: usize,
}

impl Figures {
    pub(crate) fn new() -> Figures {
        Figures {
            polls: None,
            delays: None,
            listed: None,
        }
    }

    /// Returns the figures beside this part of the trace.
    pub(crate) fn next(&mut self, part: &Snapshot) -> Made {
        let metrics = Metrics::current();
        let totals = part.totals();
        let mut json = String::from("{");
        let numbers = [
            ("tasks_alive", metrics.tasks_alive as u64),
            ("tasks_spawned", metrics.tasks_spawned),
            ("tasks_queued", metrics.tasks_queued as u64),
            ("polls", metrics.polls),
            ("wakes_local", metrics.wakes_local),
            ("wakes_remote", metrics.wakes_remote),
            ("wakes_coalesced", metrics.wakes_coalesced),
            ("waits", metrics.waits),
            ("events", metrics.events),
            ("sources", metrics.sources as u64),
            ("timers", metrics.timers as u64),
            ("timers_armed", metrics.timers_armed),
            ("timers_fired", metrics.timers_fired),
            ("timers_late", metrics.timers_late),
            ("stalls", metrics.stalls),
            ("blocking_threads", metrics.blocking_threads as u64),
            ("blocking_queued", metrics.blocking_queued as u64),
            ("recorded_polls", totals.counts.polls),
            ("recorded_wakes", totals.counts.wakes),
            ("ran", totals.counts.ran),
            ("slept", totals.slept),
        ];
        for (name, value) in numbers {
            let _ = write!(json, "\"{name}\": {value}, ");
        }
        times(&mut json, "poll_time", &totals.poll_time, &mut self.polls);
        times(
            &mut json,
            "wake_to_poll",
            &totals.wake_to_poll,
            &mut self.delays,
        );
        if let Some((used, limit)) = descriptors() {
            let _ = write!(
                json,
                "\"descriptors\": {used}, \"descriptor_limit\": {limit}, "
            );
        }
        let is_due = |listed: Instant| listed.elapsed() >= LIST_EVERY;
        if metrics.tasks_alive <= FEW_TASKS || self.listed.is_none_or(is_due) {
            self.listed = Some(Instant::now());
            tasks(&mut json);
        }
        json.truncate(json.trim_end_matches(", ").len());
        json.push('}');
        Made {
            json,
            tasks: metrics.tasks_alive,
        }
    }
}

/// Writes quantiles of the values since the last part, and keeps the times for the next.
fn times(json: &mut String, name: &str, now: &Times, before: &mut Option<Times>) {
    let new = match before {
        Some(before) => now.since(before),
        None => now.clone(),
    };
    let (n, p50, p99, most) = (
        new.count(),
        new.quantile(0.5),
        new.quantile(0.99),
        new.quantile(1.0),
    );
    let _ = write!(
        json,
        "\"{name}\": {{\"n\": {n}, \"p50\": {p50}, \"p99\": {p99}, \"max\": {most}}}, "
    );
    *before = Some(now.clone());
}

/// Returns the number of descriptors that the process has open, and its limit.
#[cfg(unix)]
fn descriptors() -> Option<(u64, u64)> {
    use rustix::io::Errno;
    use rustix::process::{Resource, getrlimit};
    let limit = getrlimit(Resource::Nofile).current?;
    match std::fs::read_dir("/dev/fd") {
        // The descriptor of this folder itself is among them.
        Ok(all) => Some(((all.count() as u64).saturating_sub(1), limit)),
        // None is left for the folder.
        Err(error) if error.raw_os_error() == Some(Errno::MFILE.raw_os_error()) => {
            Some((limit, limit))
        }
        Err(_) => None,
    }
}

#[cfg(not(unix))]
fn descriptors() -> Option<(u64, u64)> {
    None
}

/// Writes the state of each task, and the deadlocks.
fn tasks(json: &mut String) {
    let dump = dump();
    json.push_str("\"tasks\": [");
    for (n, task) in dump.tasks.iter().enumerate() {
        let state = match task.state {
            TaskState::Running => "running",
            TaskState::Queued => "ready",
            TaskState::Waiting => "waiting",
        };
        let comma = if n > 0 { ", " } else { "" };
        let (id, wakers) = (task.id.as_u64(), task.wakers);
        let _ = write!(json, "{comma}[{id}, \"{state}\", {wakers}, ");
        let waits: Vec<String> = task.waits.iter().map(ToString::to_string).collect();
        quote(json, &waits.join(" and "));
        json.push(']');
    }
    json.push_str("], \"deadlocks\": [");
    for (n, report) in dump.deadlocks().iter().enumerate() {
        let kind = match report.kind {
            DeadlockKind::LostTask => "lost",
            _ => "cycle",
        };
        let comma = if n > 0 { ", " } else { "" };
        let ids: Vec<String> = report
            .tasks
            .iter()
            .map(|task| task.id.to_string())
            .collect();
        let _ = write!(
            json,
            "{comma}{{\"kind\": \"{kind}\", \"tasks\": [{}]}}",
            ids.join(", ")
        );
    }
    let _ = write!(json, "], \"waits_recorded\": {}, ", dump.waits_recorded);
}

/// Writes a string of JSON.
fn quote(json: &mut String, text: &str) {
    json.push('"');
    for c in text.chars().take(MAX_WORDS) {
        match c {
            '"' | '\\' => json.extend(['\\', c]),
            '\0'..='\x1f' => _ = write!(json, "\\u{:04x}", c as u32),
            c => json.push(c),
        }
    }
    json.push('"');
}
