//! A subscriber that stores all spans and events, and checks the names, the targets and the type of
//! each field against those that `console-subscriber` reads. That one ignores unknown ones, so a
//! mistake would only be seen as missing data on the screen.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::with_default;
use tracing::{Event, Metadata, Subscriber};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Str(String),
    U64(u64),
    Bool(bool),
    /// Any other type, which is not read.
    Wrong(String),
}

pub type Fields = BTreeMap<&'static str, Value>;

/// A name or target, the required fields, and the optional ones.
type Form = (
    &'static str,
    &'static [(&'static str, char)],
    &'static [(&'static str, char)],
);

const FILE: (&str, char) = ("loc.file", 's');
const LINE: (&str, char) = ("loc.line", 'u');
const COLUMN: (&str, char) = ("loc.col", 'u');

const SPANS: &[Form] = &[
    (
        "runtime.spawn",
        &[
            ("kind", 's'),
            ("task.id", 'u'),
            ("size.bytes", 'u'),
            FILE,
            LINE,
            COLUMN,
        ],
        &[("task.name", 's')],
    ),
    (
        "runtime.resource",
        &[
            ("concrete_type", 's'),
            ("kind", 's'),
            ("is_internal", 'b'),
            FILE,
            LINE,
            COLUMN,
        ],
        &[],
    ),
    (
        "runtime.resource.async_op",
        &[("source", 's'), ("inherits_child_attrs", 'b')],
        &[],
    ),
    ("runtime.resource.async_op.poll", &[], &[]),
];

const EVENTS: &[Form] = &[
    ("runtime::waker", &[("op", 's'), ("task.id", 'u')], &[]),
    (
        "runtime::resource::poll_op",
        &[("op_name", 's'), ("is_ready", 'b')],
        &[],
    ),
    (
        "runtime::resource::state_update",
        &[],
        &[
            ("duration", 'u'),
            ("duration.unit", 's'),
            ("duration.op", 's'),
            ("fd", 'u'),
            ("fd.op", 's'),
            ("readable", 'b'),
            ("readable.op", 's'),
            ("writable", 'b'),
            ("writable.op", 's'),
        ],
    ),
];

/// One span, and the events in it.
#[derive(Clone, Debug)]
pub struct Span {
    pub id: u64,
    pub name: &'static str,
    pub target: &'static str,
    pub fields: Fields,
    /// The span in which it was created.
    pub parent: Option<u64>,
    pub enters: usize,
    pub exits: usize,
    /// The thread that entered it last.
    pub thread: Option<ThreadId>,
    handles: usize,
}

impl Span {
    pub fn is_closed(&self) -> bool {
        self.handles == 0
    }

    #[track_caller]
    pub fn str(&self, field: &str) -> &str {
        match self.fields.get(field) {
            Some(Value::Str(text)) => text,
            other => panic!("{field} of {}: {other:?}", self.name),
        }
    }

    #[track_caller]
    pub fn u64(&self, field: &str) -> u64 {
        match self.fields.get(field) {
            Some(Value::U64(number)) => *number,
            other => panic!("{field} of {}: {other:?}", self.name),
        }
    }
}

/// One event, with the entered spans, the innermost last.
#[derive(Clone, Debug)]
pub struct Told {
    pub target: &'static str,
    pub fields: Fields,
    pub within: Vec<u64>,
    pub thread: ThreadId,
}

#[derive(Default)]
struct State {
    spans: Vec<Span>,
    events: Vec<Told>,
    entered: HashMap<ThreadId, Vec<u64>>,
    complaints: Vec<String>,
}

/// The calls that panic.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Trap {
    Nothing,
    Span,
    Enter,
    Exit,
    Close,
    Event,
}

#[derive(Clone)]
pub struct Recorder {
    state: Arc<Mutex<State>>,
    trap: Trap,
}

impl Recorder {
    pub fn new() -> Recorder {
        Recorder::with_trap(Trap::Nothing)
    }

    pub fn with_trap(trap: Trap) -> Recorder {
        Recorder {
            state: Arc::default(),
            trap,
        }
    }

    /// Calls `f` with this as the subscriber of the thread.
    pub fn on<R>(&self, f: impl FnOnce() -> R) -> R {
        with_default(self.clone(), f)
    }

    /// Runs a future on a new runtime, and drops the runtime.
    pub fn run<F: Future>(future: F) -> (F::Output, Recorder) {
        let recorder = Recorder::new();
        let output = recorder.on(|| wakeful::block_on(future));
        recorder.check();
        (output, recorder)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The runtime catches a subscriber's panics, so complaints are stored and reported here.
    #[track_caller]
    pub fn check(&self) {
        let state = self.state();
        assert!(state.complaints.is_empty(), "{:#?}", state.complaints);
        for (thread, entered) in &state.entered {
            assert!(entered.is_empty(), "{thread:?} is still in {entered:?}");
        }
    }

    pub fn spans(&self) -> Vec<Span> {
        self.state().spans.clone()
    }

    pub fn named(&self, name: &str) -> Vec<Span> {
        let mut spans = self.spans();
        spans.retain(|span| span.name == name);
        spans
    }

    #[track_caller]
    pub fn span(&self, id: u64) -> Span {
        self.state().spans[id as usize - 1].clone()
    }

    /// Returns the tasks of a kind.
    pub fn tasks(&self, kind: &str) -> Vec<Span> {
        let mut tasks = self.named("runtime.spawn");
        tasks.retain(|span| span.str("kind") == kind);
        tasks
    }

    /// Returns the only task of this name.
    #[track_caller]
    pub fn task(&self, name: &str) -> Span {
        let named = Some(Value::Str(name.to_owned()));
        let mut tasks = self.named("runtime.spawn");
        tasks.retain(|span| span.fields.get("task.name") == named.as_ref());
        assert_eq!(tasks.len(), 1, "tasks with the name {name}: {tasks:#?}");
        tasks.remove(0)
    }

    /// Returns the only resource of this type.
    #[track_caller]
    pub fn resource(&self, concrete_type: &str) -> Span {
        let mut found = self.named("runtime.resource");
        found.retain(|span| span.str("concrete_type") == concrete_type);
        assert_eq!(found.len(), 1, "resources {concrete_type}: {found:#?}");
        found.remove(0)
    }

    /// Returns the async operations of a resource.
    pub fn ops(&self, resource: &Span) -> Vec<Span> {
        let mut ops = self.named("runtime.resource.async_op");
        ops.retain(|span| span.parent == Some(resource.id));
        ops
    }

    pub fn events(&self, target: &str) -> Vec<Told> {
        let mut events = self.state().events.clone();
        events.retain(|event| event.target == target);
        events
    }

    /// Returns the operations on the wakers of a task, without the prefix `waker.`.
    pub fn waker_ops(&self, task: &Span) -> Vec<String> {
        let own = |event: &Told| event.fields["task.id"] == Value::U64(task.id);
        let mut events = self.events("runtime::waker");
        events.retain(own);
        let op = |event: &Told| match &event.fields["op"] {
            Value::Str(op) => op.strip_prefix("waker.").expect("an op").to_owned(),
            other => panic!("{other:?}"),
        };
        events.iter().map(op).collect()
    }

    /// Returns the number of wakers of a task, as tokio-console computes it.
    pub fn wakers(&self, task: &Span) -> i64 {
        let count = |op: String| match &*op {
            "clone" => 1,
            "drop" | "wake" => -1,
            _ => 0,
        };
        self.waker_ops(task).into_iter().map(count).sum()
    }

    /// Returns, in order, whether each poll of an operation was ready.
    pub fn poll_ops(&self, op: &Span) -> Vec<bool> {
        let mut events = self.events("runtime::resource::poll_op");
        events.retain(|event| event.within.contains(&op.id));
        let ready = |event: &Told| event.fields["is_ready"] == Value::Bool(true);
        events.iter().map(ready).collect()
    }

    /// Returns the updates of one attribute of a resource.
    pub fn updates(&self, resource: &Span, attribute: &str) -> Vec<Value> {
        let mut events = self.events("runtime::resource::state_update");
        events.retain(|event| event.within.last() == Some(&resource.id));
        let value = |event: &Told| event.fields.get(attribute).cloned();
        events.iter().filter_map(value).collect()
    }

    fn trap(&self, trap: Trap) {
        assert!(self.trap != trap, "the subscriber panics on purpose");
    }
}

struct Visitor(Fields);

impl Visit for Visitor {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), Value::Str(value.to_owned()));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name(), Value::U64(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name(), Value::Bool(value));
    }

    /// Receives all other types.
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0
            .insert(field.name(), Value::Wrong(format!("{value:?}")));
    }
}

/// Returns why the span or event is not one that is read.
fn complaint(forms: &[Form], name: &str, fields: &Fields) -> Option<String> {
    let Some((_, must, may)) = forms.iter().find(|form| form.0 == name) else {
        return Some(format!(
            "console-subscriber does not read {name}: {fields:?}"
        ));
    };
    let lacks = must.iter().find(|(field, _)| !fields.contains_key(field));
    if let Some((field, _)) = lacks {
        return Some(format!("{name} lacks {field}: {fields:?}"));
    }
    fields.iter().find_map(|(field, value)| {
        let letter = match value {
            Value::Str(_) => 's',
            Value::U64(_) => 'u',
            Value::Bool(_) => 'b',
            Value::Wrong(_) => '?',
        };
        let known = must
            .iter()
            .chain(*may)
            .any(|form| *form == (*field, letter));
        (!known).then(|| format!("{name}: {field} came as {value:?}"))
    })
}

impl Subscriber for Recorder {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // The filter of console-subscriber lets these through.
        let (name, target) = (metadata.name(), metadata.target());
        if metadata.is_span() {
            name.starts_with("runtime.")
        } else {
            target.starts_with("runtime")
        }
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut visitor = Visitor(Fields::new());
        span.record(&mut visitor);
        let mut state = self.state();
        let metadata = span.metadata();
        let entered = state.entered.get(&thread::current().id());
        let parent = match span.is_contextual() {
            true => entered.and_then(|entered| entered.last().copied()),
            false => span.parent().map(Id::into_u64),
        };
        let complaint = complaint(SPANS, metadata.name(), &visitor.0);
        state.complaints.extend(complaint);
        let id = state.spans.len() as u64 + 1;
        state.spans.push(Span {
            id,
            name: metadata.name(),
            target: metadata.target(),
            fields: visitor.0,
            parent,
            enters: 0,
            exits: 0,
            thread: None,
            handles: 1,
        });
        drop(state);
        self.trap(Trap::Span);
        Id::from_u64(id)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut visitor = Visitor(Fields::new());
        event.record(&mut visitor);
        let target = event.metadata().target();
        let thread = thread::current().id();
        let mut state = self.state();
        let complaint = complaint(EVENTS, target, &visitor.0);
        state.complaints.extend(complaint);
        let within = state.entered.get(&thread).cloned().unwrap_or_default();
        state.events.push(Told {
            target,
            fields: visitor.0,
            within,
            thread,
        });
        drop(state);
        self.trap(Trap::Event);
    }

    fn enter(&self, id: &Id) {
        let id = id.into_u64();
        let thread = thread::current().id();
        let mut state = self.state();
        let span = &mut state.spans[id as usize - 1];
        span.enters += 1;
        span.thread = Some(thread);
        if span.is_closed() {
            let complaint = format!("entered after its end: {span:?}");
            state.complaints.push(complaint);
        }
        state.entered.entry(thread).or_default().push(id);
        drop(state);
        self.trap(Trap::Enter);
    }

    fn exit(&self, id: &Id) {
        let id = id.into_u64();
        let mut state = self.state();
        state.spans[id as usize - 1].exits += 1;
        let entered = state.entered.entry(thread::current().id()).or_default();
        if entered.pop() != Some(id) {
            state.complaints.push(format!("{id} was not the innermost"));
        }
        drop(state);
        self.trap(Trap::Exit);
    }

    fn clone_span(&self, id: &Id) -> Id {
        self.state().spans[id.into_u64() as usize - 1].handles += 1;
        id.clone()
    }

    fn try_close(&self, id: Id) -> bool {
        let mut state = self.state();
        let span = &mut state.spans[id.into_u64() as usize - 1];
        span.handles -= 1;
        let closed = span.is_closed();
        drop(state);
        self.trap(Trap::Close);
        closed
    }
}
