//! The trace as JSON, which the page reads.

use std::collections::HashMap;
use std::fmt::Write;

use super::counts::Counts;
use super::event::{Event, Kind, Origin};
use super::level::Level;
use super::snapshot::Snapshot;

/// The kinds of events with their fields, in the order of the values.
const KINDS: &[(&str, &[&str])] = &[
    ("spawn", &["ts", "task", "parent"]),
    ("poll", &["ts", "dur", "task", "result", "cause"]),
    ("done", &["ts", "task", "outcome", "wakers"]),
    ("freed", &["ts", "task"]),
    ("clone", &["ts", "thread", "task", "wakers"]),
    ("drop", &["ts", "thread", "task", "wakers"]),
    (
        "wake",
        &[
            "ts", "thread", "task", "by_ref", "origin", "from", "effect", "through",
        ],
    ),
    ("received", &["ts", "task", "effect", "sent"]),
    ("register", &["ts", "source", "fd"]),
    ("deregister", &["ts", "source", "fd"]),
    ("wait", &["ts", "dur", "timeout", "events", "ended"]),
    (
        "ready",
        &["ts", "dur", "source", "fd", "readiness", "woken"],
    ),
    ("timer_arm", &["ts", "timer", "deadline", "task"]),
    ("timer_fire", &["ts", "dur", "timer", "late"]),
    ("timer_cancel", &["ts", "timer"]),
    ("submit", &["ts", "job", "queue"]),
    ("blocking", &["ts", "dur", "thread", "job", "outcome"]),
    ("drain", &["ts", "n"]),
    ("stall", &["ts", "task", "dur"]),
    ("mark", &["ts", "task", "name"]),
    ("span", &["ts", "dur", "task", "name"]),
    ("lost", &["ts", "n"]),
    ("await", &["ts", "task", "primitive"]),
    ("gap", &["ts", "dur", "n", "slept"]),
    ("sum", &["ts", "dur", "task", "ran", "polls", "wakes"]),
];

/// Writes a string of JSON. `<` is escaped as well, so the text can be embedded in HTML.
fn quote(out: &mut String, text: &str) {
    write_quoted(out, text, |c| c == '<');
}

/// Writes a string of JSON, in which only the necessary characters are escaped.
pub(super) fn quote_plain(out: &mut String, text: &str) {
    write_quoted(out, text, |_| false);
}

fn write_quoted(out: &mut String, text: &str, more: impl Fn(char) -> bool) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if more(c) => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            '\u{7f}' | '\u{2028}' | '\u{2029}' | '\0'..='\x1f' => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Writer of a list, which adds the commas.
struct List<'a> {
    out: &'a mut String,
    empty: bool,
}

impl List<'_> {
    fn new(out: &mut String) -> List<'_> {
        out.push('[');
        List { out, empty: true }
    }

    fn next(&mut self) -> &mut String {
        if !std::mem::take(&mut self.empty) {
            self.out.push(',');
        }
        self.out
    }

    fn number(&mut self, n: u64) -> &mut Self {
        let _ = write!(self.next(), "{n}");
        self
    }

    fn signed(&mut self, n: i32) -> &mut Self {
        let _ = write!(self.next(), "{n}");
        self
    }

    fn index(&mut self, n: usize) -> &mut Self {
        self.number(n as u64)
    }

    fn maybe(&mut self, n: Option<u64>) -> &mut Self {
        match n {
            Some(n) => self.number(n),
            None => {
                self.next().push_str("null");
                self
            }
        }
    }

    fn maybe_index(&mut self, n: Option<usize>) -> &mut Self {
        self.maybe(n.map(|n| n as u64))
    }

    fn word(&mut self, word: &str) -> &mut Self {
        quote(self.next(), word);
        self
    }

    fn end(self) {
        self.out.push(']');
    }
}

/// Texts that are written once and referred to by index.
#[derive(Default)]
struct Texts<'a> {
    texts: Vec<&'a str>,
    places: HashMap<&'a str, usize>,
}

impl<'a> Texts<'a> {
    fn place(&mut self, text: &'a str) -> usize {
        *self.places.entry(text).or_insert_with(|| {
            self.texts.push(text);
            self.texts.len() - 1
        })
    }
}

fn strings<'a>(out: &mut String, key: &str, texts: impl IntoIterator<Item = &'a str>) {
    let _ = write!(out, "\n\"{key}\": ");
    let mut list = List::new(out);
    for text in texts {
        list.word(text);
    }
    list.end();
    out.push(',');
}

impl Snapshot {
    /// Returns the snapshot as JSON. The format has a name and a version; it contains lists of
    /// tasks, threads, primitives and names, the kinds of events with the names of their fields,
    /// and each event as a list.
    ///
    /// The text has no `<`, so it can be embedded in HTML.
    ///
    /// ```
    /// let json = wakeful::block_on(async { wakeful::trace::snapshot().to_json() });
    /// assert!(json.contains(r#""format": "wakeful-trace""#));
    /// ```
    pub fn to_json(&self) -> String {
        let mut names = Texts::default();
        let mut locations = Texts::default();
        let mut tasks = String::new();
        self.write_tasks(&mut tasks, &mut names, &mut locations);
        let mut primitives = String::new();
        self.write_primitives(&mut primitives, &mut locations);
        let mut places = String::new();
        self.write_places(&mut places, &mut locations);
        let mut events = String::with_capacity(self.events.len() * 48);
        let mut list = List::new(&mut events);
        for event in &self.events {
            list.next().push('\n');
            event.write(list.out, &mut names);
        }
        list.end();

        let mut out = String::with_capacity(events.len() + tasks.len() + 4096);
        out.push_str("{\"format\": \"wakeful-trace\", \"version\": 1, \"program\": ");
        quote(&mut out, &self.program);
        let level = match self.level {
            Level::Off => 0,
            Level::Polls => 1,
            Level::Wakes => 2,
            Level::Clones => 3,
        };
        let (end, lost) = (self.end, self.lost);
        let _ = write!(
            out,
            ",\n\"level\": {level}, \"start\": 0, \"end\": {end}, \"lost\": {lost}, \
             \"complete\": {},\n\"totals\": {{\"spawned\": {}, \"slept\": {}, ",
            self.is_complete, self.totals.spawned, self.totals.slept
        );
        write_counts(&mut out, &self.totals.counts);
        let _ = write!(out, "}},\n\"places\": {places},");
        strings(&mut out, "locations", locations.texts);
        strings(&mut out, "names", names.texts);
        strings(&mut out, "threads", self.threads.iter().map(String::as_str));
        let _ = write!(out, "\n\"tasks\": {tasks},\n\"primitives\": {primitives},");
        out.push_str("\n\"kinds\": ");
        write_kinds(&mut out);
        let _ = write!(out, ",\n\"events\": {events}}}\n");
        out
    }

    fn write_tasks<'a>(
        &'a self,
        out: &mut String,
        names: &mut Texts<'a>,
        locations: &mut Texts<'a>,
    ) {
        let mut list = List::new(out);
        for task in &self.tasks {
            let out = list.next();
            out.push_str("\n{\"id\": ");
            quote(out, &task.id);
            let name = task.name.as_deref().map(|name| names.place(name));
            let location = task.location.as_deref().map(|at| locations.place(at));
            for (key, place) in [("name", name), ("location", location)] {
                let _ = match place {
                    Some(place) => write!(out, ", \"{key}\": {place}"),
                    None => write!(out, ", \"{key}\": null"),
                };
            }
            out.push_str(", \"parent\": ");
            match &task.parent {
                Some(parent) => quote(out, parent),
                None => out.push_str("null"),
            }
            let _ = write!(
                out,
                ", \"size\": {}, \"alive\": {}, \"number\": {}, ",
                task.size, task.alive, task.number
            );
            write_counts(out, &task.counts);
            out.push('}');
        }
        list.end();
    }
}

impl Snapshot {
    fn write_places<'a>(&'a self, out: &mut String, locations: &mut Texts<'a>) {
        let mut list = List::new(out);
        for place in &self.places {
            let out = list.next();
            let location = locations.place(&place.location);
            let _ = write!(
                out,
                "\n{{\"location\": {location}, \"spawned\": {}, \"alive\": {}, ",
                place.spawned, place.alive
            );
            write_counts(out, &place.counts);
            out.push('}');
        }
        list.end();
    }

    fn write_primitives<'a>(&'a self, out: &mut String, locations: &mut Texts<'a>) {
        let mut list = List::new(out);
        for primitive in &self.primitives {
            let out = list.next();
            out.push_str("{\"kind\": ");
            quote(out, primitive.kind);
            let location = locations.place(&primitive.location);
            let _ = write!(out, ", \"location\": {location}}}");
        }
        list.end();
    }
}

fn write_counts(out: &mut String, counts: &Counts) {
    let Counts {
        polls,
        ran,
        longest,
        wakes,
        self_wakes,
        delay,
    } = counts;
    let _ = write!(
        out,
        "\"polls\": {polls}, \"ran\": {ran}, \"longest\": {longest}, \"wakes\": {wakes}, \
         \"self_wakes\": {self_wakes}, \"delay\": {delay}"
    );
}

fn write_kinds(out: &mut String) {
    let mut list = List::new(out);
    for (name, fields) in KINDS {
        let out = list.next();
        let _ = write!(out, "\n{{\"name\": \"{name}\", \"fields\": ");
        let mut names = List::new(out);
        for field in *fields {
            names.word(field);
        }
        names.end();
        out.push('}');
    }
    list.end();
}

impl Kind {
    /// Returns the index in `KINDS`.
    fn place(&self) -> usize {
        match self {
            Kind::Spawn { .. } => 0,
            Kind::Poll { .. } => 1,
            Kind::Done { .. } => 2,
            Kind::Freed { .. } => 3,
            Kind::Clone { .. } => 4,
            Kind::Drop { .. } => 5,
            Kind::Wake { .. } => 6,
            Kind::Received { .. } => 7,
            Kind::Register { .. } => 8,
            Kind::Deregister { .. } => 9,
            Kind::Wait { .. } => 10,
            Kind::Ready { .. } => 11,
            Kind::TimerArm { .. } => 12,
            Kind::TimerFire { .. } => 13,
            Kind::TimerCancel { .. } => 14,
            Kind::Submit { .. } => 15,
            Kind::Blocking { .. } => 16,
            Kind::Drain { .. } => 17,
            Kind::Stall { .. } => 18,
            Kind::Mark { .. } => 19,
            Kind::Span { .. } => 20,
            Kind::Lost { .. } => 21,
            Kind::Await { .. } => 22,
            Kind::Gap { .. } => 23,
            Kind::Sum { .. } => 24,
        }
    }

    /// Returns the name of the kind in the JSON.
    ///
    /// ```
    /// use wakeful::trace::Kind;
    ///
    /// assert_eq!(Kind::Lost { n: 1 }.name(), "lost");
    /// ```
    pub fn name(&self) -> &'static str {
        KINDS[self.place()].0
    }
}

impl Origin {
    /// Returns the word of the origin, and its number.
    pub(super) fn parts(self) -> (&'static str, Option<u64>) {
        match self {
            Origin::Task(task) => ("task", Some(task as u64)),
            Origin::Source(source) => ("source", Some(source)),
            Origin::Timer(timer) => ("timer", Some(timer)),
            Origin::Blocking(job) => ("blocking", Some(job)),
            Origin::Thread(thread) => ("thread", Some(thread as u64)),
            Origin::Outside => ("outside", None),
        }
    }
}

impl Event {
    fn write<'a>(&'a self, out: &mut String, names: &mut Texts<'a>) {
        let mut list = List::new(out);
        list.index(self.kind.place())
            .number(self.seq)
            .number(self.ts);
        match &self.kind {
            &Kind::Spawn { task, parent } => list.index(task).maybe_index(parent),
            &Kind::Poll {
                dur,
                task,
                result,
                cause,
            } => list
                .number(dur)
                .index(task)
                .word(result.as_str())
                .maybe(cause),
            &Kind::Done {
                task,
                outcome,
                wakers,
            } => list.index(task).word(outcome.as_str()).maybe(wakers),
            &Kind::Freed { task } => list.index(task),
            &Kind::Clone {
                thread,
                task,
                wakers,
            }
            | &Kind::Drop {
                thread,
                task,
                wakers,
            } => list.index(thread).index(task).maybe(wakers),
            &Kind::Wake {
                thread,
                task,
                by_ref,
                origin,
                through,
                effect,
            } => {
                let (origin, from) = origin.parts();
                list.index(thread).index(task).next().push_str(if by_ref {
                    "true"
                } else {
                    "false"
                });
                list.word(origin)
                    .maybe(from)
                    .word(effect.as_str())
                    .maybe_index(through)
            }
            &Kind::Received { task, effect, sent } => {
                list.index(task).word(effect.as_str()).maybe(sent)
            }
            &Kind::Await { task, primitive } => list.maybe_index(task).index(primitive),
            &Kind::Mark { task, name } => list.maybe_index(task).index(names.place(name)),
            &Kind::Span { dur, task, name } => {
                list.number(dur).maybe_index(task).index(names.place(name))
            }
            &Kind::Sum {
                dur,
                task,
                ran,
                polls,
                wakes,
            } => list
                .number(dur)
                .maybe_index(task)
                .number(ran)
                .number(polls)
                .number(wakes),
            &Kind::Stall { task, dur } => list.maybe_index(task).number(dur),
            kind => kind.write_around(&mut list),
        };
        list.end();
    }
}

impl Kind {
    /// Writes events of the reactor, the timers and the pool.
    fn write_around<'a, 'b>(&self, list: &'a mut List<'b>) -> &'a mut List<'b> {
        match *self {
            Kind::Register { source, fd } | Kind::Deregister { source, fd } => {
                list.number(source).signed(fd)
            }
            Kind::Wait {
                dur,
                timeout,
                events,
                ended,
            } => list
                .number(dur)
                .maybe(timeout)
                .number(events)
                .word(ended.as_str()),
            Kind::Ready {
                dur,
                source,
                fd,
                readiness,
                woken,
            } => list
                .number(dur)
                .number(source)
                .signed(fd)
                .word(&readiness.letters())
                .number(woken),
            Kind::TimerArm {
                timer,
                deadline,
                task,
            } => list.number(timer).number(deadline).maybe_index(task),
            Kind::TimerFire { dur, timer, late } => list.number(dur).number(timer).number(late),
            Kind::TimerCancel { timer } => list.number(timer),
            Kind::Submit { job, queue } => list.number(job).number(queue),
            Kind::Blocking {
                dur,
                thread,
                job,
                outcome,
            } => list
                .number(dur)
                .index(thread)
                .number(job)
                .word(outcome.as_str()),
            Kind::Drain { n } | Kind::Lost { n } => list.number(n),
            Kind::Gap { dur, n, slept } => list.number(dur).number(n).number(slept),
            _ => list,
        }
    }
}
