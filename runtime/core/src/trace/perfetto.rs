//! The trace in the JSON format that ui.perfetto.dev and other viewers read.
//!
//! The loop is shown as two threads, one for polls and one for the reactor, because slices of one
//! thread must be nested. An arrow from a wake to its poll is a flow: its start (`s`) lies in the
//! slice that woke, its finish (`f`, bound to the enclosing slice) at the start of the poll. A wake
//! outside of any slice gets a slice of one nanosecond. The wake itself is an instant, with its
//! origin and its effect.
//!
//! Each task has a thread in a second process, with slices while it was ready or running. Numbers
//! of tasks and timers are counters.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;
use std::path::Path;
use std::{fs, io};

use super::event::{Event, Kind, Origin};
// Perfetto shows an escaped `<` as it is written.
use super::json::quote_plain as quote;
use super::snapshot::Snapshot;
use super::states::{self, Counter, State};
use super::words::End;

const EXECUTOR: usize = 1;
const REACTOR: usize = 2;
/// Added to the index of another thread.
const OTHERS: usize = 2;
/// Added to the index of a task, for the thread that shows its states. No system has more threads.
const TASKS: usize = 1 << 22;

impl Snapshot {
    /// Returns the snapshot in the trace event format, which is JSON, for ui.perfetto.dev.
    ///
    /// ```
    /// let json = wakeful::block_on(async { wakeful::trace::snapshot().to_perfetto() });
    /// assert!(json.contains("traceEvents"));
    /// ```
    pub fn to_perfetto(&self) -> String {
        let mut writer = Writer::new(self);
        self.events.iter().for_each(|event| writer.event(event));
        writer.lives();
        writer.states();
        writer.finish()
    }

    /// Writes [`to_perfetto`](Self::to_perfetto) to a file.
    ///
    /// # Errors
    ///
    /// If the file can't be written.
    ///
    /// ```no_run
    /// # fn main() -> std::io::Result<()> {
    /// wakeful::block_on(async { wakeful::trace::snapshot().write_perfetto("trace.json") })
    /// # }
    /// ```
    pub fn write_perfetto(&self, path: impl AsRef<Path>) -> io::Result<()> {
        fs::write(path, self.to_perfetto())
    }
}

struct Writer<'a> {
    snapshot: &'a Snapshot,
    /// The wakes and spawns by their numbers; those of other threads also by their arrivals.
    causes: HashMap<u64, &'a Event>,
    /// Wakes and spawns that led to a poll.
    flows: HashSet<u64>,
    /// Starts and ends of the slices of each thread, ordered by start.
    slices: HashMap<usize, Vec<(u64, u64)>>,
    /// The lines: time, rank among lines of the same time, and text.
    lines: Vec<(u64, u8, String)>,
}

/// Formats nanoseconds as microseconds.
fn micros(nanos: u64) -> String {
    format!("{}.{:03}", nanos / 1000, nanos % 1000)
}

/// Returns the thread on which a slice of this kind is drawn.
fn thread_of(kind: &Kind) -> usize {
    match *kind {
        Kind::Wait { .. } | Kind::Ready { .. } | Kind::TimerFire { .. } => REACTOR,
        Kind::Blocking { thread, .. } => OTHERS + thread,
        _ => EXECUTOR,
    }
}

impl<'a> Writer<'a> {
    fn new(snapshot: &'a Snapshot) -> Writer<'a> {
        let mut slices: HashMap<usize, Vec<(u64, u64)>> = HashMap::new();
        let causes = states::causes(snapshot);
        let mut flows = HashSet::new();
        for event in &snapshot.events {
            if let Kind::Poll {
                cause: Some(cause), ..
            } = event.kind
            {
                flows.extend(causes.get(&cause).map(|event| event.seq));
            }
            // Spans may cross polls, so they are not slices.
            if !matches!(event.kind, Kind::Span { .. })
                && let Some(dur) = event.dur()
            {
                let slices = slices.entry(thread_of(&event.kind)).or_default();
                slices.push((event.ts, event.ts + dur));
            }
        }
        Writer {
            snapshot,
            causes,
            flows,
            slices,
            lines: Vec::new(),
        }
    }

    fn label(&self, task: usize) -> &'a str {
        self.snapshot.tasks[task].label()
    }

    /// Adds an event of the format, with the fields that all events have.
    fn line(&mut self, phase: &str, ts: u64, thread: usize, name: &str, rest: &str) {
        let pid = if thread >= TASKS { 2 } else { 1 };
        let mut line = format!("{{\"ph\":\"{phase}\",\"pid\":{pid},\"tid\":{thread},\"name\":");
        quote(&mut line, name);
        let _ = write!(line, ",\"ts\":{}{rest}}}", micros(ts));
        // Slices come before the lines inside them, ends come last.
        let place = match phase {
            "X" | "b" => 0,
            "e" => 2,
            _ => 1,
        };
        self.lines.push((ts, place, line));
    }

    fn slice(&mut self, event: &Event, name: &str, args: &str) {
        let dur = event.dur().unwrap_or(0);
        let rest = format!(
            ",\"cat\":\"{}\",\"dur\":{},\"args\":{{\"seq\":{}{args}}}",
            event.kind.name(),
            micros(dur),
            event.seq
        );
        self.line("X", event.ts, thread_of(&event.kind), name, &rest);
    }

    fn event(&mut self, event: &Event) {
        match event.kind {
            Kind::Poll {
                task,
                result,
                cause,
                ..
            } => {
                let cause = cause.and_then(|cause| self.causes.get(&cause).copied());
                let mut args = format!(",\"result\":\"{}\"", result.as_str());
                args.push_str(&self.because(cause));
                self.slice(event, self.label(task), &args);
                if let Some(cause) = cause {
                    let rest = format!(",\"cat\":\"wake\",\"id\":{},\"bp\":\"e\"", cause.seq);
                    self.line("f", event.ts, EXECUTOR, "wake", &rest);
                }
            }
            Kind::Wake { .. } => self.wake(event),
            Kind::Spawn { task, .. } => {
                let name = format!("spawn {}", self.label(task));
                self.flow(event, EXECUTOR, &name, &self.by(event));
            }
            Kind::Wait { ended, events, .. } => {
                let ended = ended.as_str();
                let args = format!(",\"ended\":\"{ended}\",\"events\":{events}");
                self.slice(event, "wait", &args);
            }
            Kind::Ready {
                source, fd, woken, ..
            } => {
                let args = format!(",\"fd\":{fd},\"woken\":{woken}");
                self.slice(event, &format!("source {source} is ready"), &args);
            }
            Kind::TimerFire { timer, late, .. } => {
                let args = format!(",\"late_ns\":{late}");
                self.slice(event, &format!("timer {timer}"), &args);
            }
            Kind::Blocking { job, .. } => self.slice(event, &format!("job {job}"), ""),
            Kind::Span { dur, name, .. } => {
                let rest = format!(",\"cat\":\"span\",\"id2\":{{\"local\":\"{}\"}}", event.seq);
                self.line("b", event.ts, EXECUTOR, name, &rest);
                self.line("e", event.ts + dur, EXECUTOR, name, &rest);
            }
            Kind::Await { primitive, .. } => {
                let name = format!("waits for the {}", self.snapshot.primitives[primitive]);
                self.line("i", event.ts, EXECUTOR, &name, ",\"s\":\"t\"");
            }
            Kind::Mark { name, .. } => self.line("i", event.ts, EXECUTOR, name, ",\"s\":\"t\""),
            Kind::Stall { .. } => self.line("i", event.ts, EXECUTOR, "stall", ",\"s\":\"p\""),
            Kind::Lost { n } => {
                let name = format!("{n} events were lost");
                self.line("i", event.ts, EXECUTOR, &name, ",\"s\":\"p\"");
            }
            _ => {}
        }
    }

    /// Whether the time lies in a slice. Slices are nested or separate.
    fn is_inside(&self, thread: usize, ts: u64) -> bool {
        let slices = self.slices.get(&thread).map_or(&[][..], Vec::as_slice);
        let begun = slices.partition_point(|&(begin, _)| begin <= ts);
        // An enclosing slice began before the slices inside it.
        slices[..begun]
            .iter()
            .rev()
            .take(64)
            .any(|&(_, end)| ts <= end)
    }

    /// Returns what made a wake.
    fn origin(&self, origin: Origin) -> String {
        match origin {
            Origin::Task(task) => self.label(task).to_owned(),
            Origin::Source(source) => format!("source {source}"),
            Origin::Timer(timer) => format!("timer {timer}"),
            Origin::Blocking(job) => format!("blocking job {job}"),
            Origin::Thread(thread) => format!("thread {}", self.snapshot.threads[thread]),
            Origin::Outside => "code outside of tasks".to_owned(),
        }
    }

    /// Returns the origin of a wake or spawn, and its primitive, as arguments after others.
    fn by(&self, cause: &Event) -> String {
        let (key, by, through) = match cause.kind {
            Kind::Wake {
                origin, through, ..
            } => ("woken_by", self.origin(origin), through),
            Kind::Spawn { parent, .. } => {
                let origin = parent.map_or(Origin::Outside, Origin::Task);
                ("spawned_by", self.origin(origin), None)
            }
            _ => return String::new(),
        };
        let mut args = format!(",\"{key}\":");
        quote(&mut args, &by);
        if let Some(primitive) = through.map(|place| &self.snapshot.primitives[place]) {
            args.push_str(",\"through\":");
            quote(&mut args, &primitive.to_string());
        }
        args
    }

    fn because(&self, cause: Option<&Event>) -> String {
        cause.map_or_else(String::new, |cause| self.by(cause))
    }

    fn wake(&mut self, event: &Event) {
        let Kind::Wake {
            thread,
            task,
            by_ref,
            origin,
            effect,
            ..
        } = event.kind
        else {
            return;
        };
        let thread = match origin.parts().0 {
            _ if thread > 0 => OTHERS + thread,
            "source" | "timer" => REACTOR,
            _ => EXECUTOR,
        };
        let effect = effect.as_str();
        let args = format!(
            ",\"effect\":\"{effect}\",\"by_ref\":{by_ref}{}",
            self.by(event)
        );
        let name = format!("wake {}", self.label(task));
        self.flow(event, thread, &name, &args);
    }

    /// Adds an instant, and the start of an arrow if the wake or spawn led to a poll.
    fn flow(&mut self, event: &Event, thread: usize, name: &str, args: &str) {
        let args = format!(",\"args\":{{\"seq\":{}{args}}}", event.seq);
        if self.is_inside(thread, event.ts) {
            self.line("i", event.ts, thread, name, &format!(",\"s\":\"t\"{args}"));
        } else {
            let rest = format!(",\"cat\":\"wake\",\"dur\":0.001{args}");
            self.line("X", event.ts, thread, name, &rest);
        }
        if self.flows.contains(&event.seq) {
            let rest = format!(",\"cat\":\"wake\",\"id\":{}", event.seq);
            self.line("s", event.ts, thread, "wake", &rest);
        }
    }

    /// Adds the states of the tasks, and the counters.
    fn states(&mut self) {
        let states = states::states(self.snapshot, &self.causes);
        for counter in states::counters(self.snapshot, &states) {
            // Perfetto's name of a counter is this name and the one of the argument.
            let Counter { name, what, values } = counter;
            for (ts, value) in values {
                let rest = format!(",\"args\":{{\"{what}\":{value}}}");
                self.line("C", ts, EXECUTOR, name, &rest);
            }
        }
        for state in states {
            let State {
                task,
                begin,
                end,
                ready,
                cause,
            } = state;
            let (name, dur) = (if ready { "ready" } else { "running" }, micros(end - begin));
            let by = self.because(cause);
            let args = by.strip_prefix(',').unwrap_or_default();
            let rest = format!(",\"cat\":\"state\",\"dur\":{dur},\"args\":{{{args}}}");
            self.line("X", begin, TASKS + task, name, &rest);
        }
    }

    /// Adds a line for the life of each task.
    fn lives(&mut self) {
        let end = self.snapshot.end;
        let mut lives: Vec<(u64, u64, &str)> = vec![(0, end, ""); self.snapshot.tasks.len()];
        for event in &self.snapshot.events {
            match event.kind {
                Kind::Spawn { task, .. } => lives[task].0 = event.ts,
                Kind::Done { task, outcome, .. } => {
                    lives[task].1 = event.ts;
                    lives[task].2 = outcome.as_str();
                }
                _ => {}
            }
        }
        for (task, (begin, end, outcome)) in lives.into_iter().enumerate() {
            let outcome = if outcome.is_empty() {
                End::Running.as_str()
            } else {
                outcome
            };
            let label = self.label(task);
            let rest = format!(",\"cat\":\"task\",\"id2\":{{\"local\":\"task {task}\"}}");
            self.line("b", begin, EXECUTOR, label, &rest);
            let rest = format!("{rest},\"args\":{{\"outcome\":\"{outcome}\"}}");
            self.line("e", end, EXECUTOR, label, &rest);
        }
    }

    fn finish(mut self) -> String {
        self.lines.sort_by_key(|line| (line.0, line.1));
        let mut out = String::from("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n");
        let mut name = |pid: usize, thread: Option<usize>, name: &str| {
            let (what, thread) = match thread {
                Some(thread) => ("thread_name", thread),
                None if pid == 1 => ("process_name", EXECUTOR),
                None => ("process_name", TASKS),
            };
            let _ = write!(
                out,
                "{{\"ph\":\"M\",\"pid\":{pid},\"tid\":{thread},\"name\":\"{what}\",\
                 \"args\":{{\"name\":"
            );
            quote(&mut out, name);
            out.push_str("}},\n");
        };
        name(1, None, &self.snapshot.program);
        name(1, Some(EXECUTOR), "executor");
        name(1, Some(REACTOR), "reactor");
        for (thread, known) in self.snapshot.threads.iter().enumerate().skip(1) {
            name(1, Some(OTHERS + thread), known);
        }
        name(2, None, "tasks");
        for (task, known) in self.snapshot.tasks.iter().enumerate() {
            name(2, Some(TASKS + task), known.label());
        }
        for (_, _, line) in &self.lines {
            out.push_str(line);
            out.push_str(",\n");
        }
        // Without the last comma.
        out.truncate(out.len() - 2);
        out.push_str("\n]}\n");
        out
    }
}
