//! The state that results from all updates.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::time::SystemTime;

use console_api::instrument::Update;
use console_api::resources::resource::kind;
use console_api::{
    Attribute, Field, Location, RegisterMetadata, async_ops, field, resources, tasks,
};

#[derive(Default)]
pub struct Seen {
    pub tasks: BTreeMap<u64, Task>,
    pub resources: BTreeMap<u64, Resource>,
    pub ops: BTreeMap<u64, Op>,
    /// Whether the reported polls returned `Ready`.
    pub poll_ops: BTreeSet<bool>,
    pub dropped_events: u64,
    /// The field names of each kind of span, which are sent once.
    names: HashMap<u64, Vec<String>>,
}

#[derive(Debug, Default)]
pub struct Task {
    pub name: String,
    pub kind: String,
    pub id: Option<u64>,
    pub size: Option<u64>,
    pub place: String,
    pub stats: TaskStats,
}

#[derive(Debug, Default)]
pub struct TaskStats {
    pub polls: u64,
    pub wakes: u64,
    pub self_wakes: u64,
    pub clones: u64,
    pub drops: u64,
    pub done: bool,
    running: bool,
    awake: bool,
}

#[derive(Debug, Default)]
pub struct Resource {
    pub concrete_type: String,
    pub kind: String,
    pub place: String,
    pub attributes: BTreeMap<String, String>,
}

#[derive(Debug, Default)]
pub struct Op {
    pub source: String,
    pub resource: u64,
    pub task: Option<u64>,
    pub polls: u64,
}

impl Task {
    /// Whether all columns of tokio-console have a value of the right type.
    pub fn is_described(&self) -> bool {
        let placed = self.place.starts_with("observed.rs:");
        placed && self.id.is_some() && self.size.is_some()
    }

    /// Whether tokio-console would warn: the task waits, and no waker can wake it.
    pub fn is_lost(&self) -> bool {
        let stats = &self.stats;
        let waits = !stats.done && !stats.running && !stats.awake && stats.polls > 0;
        self.kind == "task" && waits && stats.clones == stats.drops
    }
}

impl Resource {
    pub fn is_placed(&self) -> bool {
        let file = if self.kind == "timer" {
            // `wakeful-net` has timers of its own, but this program does not start them.
            "observed.rs:"
        } else {
            "net/src/"
        };
        self.place.contains(file)
    }
}

impl Seen {
    pub fn take_in(&mut self, update: Update) {
        self.learn_names(update.new_metadata.unwrap_or_default());
        self.take_tasks(update.task_update.unwrap_or_default());
        self.take_resources(update.resource_update.unwrap_or_default());
        self.take_ops(update.async_op_update.unwrap_or_default());
    }

    fn learn_names(&mut self, new: RegisterMetadata) {
        for new in new.metadata {
            if let (Some(id), Some(metadata)) = (new.id, new.metadata) {
                self.names.insert(id.id, metadata.field_names);
            }
        }
    }

    fn name(&self, field: &Field) -> String {
        let index = match &field.name {
            Some(field::Name::StrName(name)) => return name.clone(),
            Some(field::Name::NameIdx(index)) => *index as usize,
            None => return String::new(),
        };
        let names = field.metadata_id.and_then(|id| self.names.get(&id.id));
        names.map_or(String::new(), |names| names[index].clone())
    }

    fn take_tasks(&mut self, update: tasks::TaskUpdate) {
        self.dropped_events += update.dropped_events;
        for new in update.new_tasks {
            let mut task = Task {
                place: place(new.location),
                ..Task::default()
            };
            for field in &new.fields {
                match (&*self.name(field), &field.value) {
                    ("task.name", Some(field::Value::StrVal(name))) => task.name.clone_from(name),
                    ("kind", Some(field::Value::StrVal(kind))) => task.kind.clone_from(kind),
                    ("task.id", Some(field::Value::U64Val(id))) => task.id = Some(*id),
                    ("size.bytes", Some(field::Value::U64Val(size))) => task.size = Some(*size),
                    _ => {}
                }
            }
            self.tasks.insert(new.id.unwrap_or_default().id, task);
        }
        for (id, stats) in update.stats_update {
            if let Some(task) = self.tasks.get_mut(&id) {
                task.stats = TaskStats::of(stats);
            }
        }
    }

    fn take_resources(&mut self, update: resources::ResourceUpdate) {
        self.dropped_events += update.dropped_events;
        for new in update.new_resources {
            let resource = Resource {
                concrete_type: new.concrete_type,
                kind: match new.kind.and_then(|kind| kind.kind) {
                    Some(kind::Kind::Known(_)) => "timer".to_owned(),
                    Some(kind::Kind::Other(kind)) => kind,
                    None => String::new(),
                },
                place: place(new.location),
                attributes: BTreeMap::new(),
            };
            self.resources
                .insert(new.id.unwrap_or_default().id, resource);
        }
        for (id, stats) in update.stats_update {
            let attributes = stats.attributes.iter();
            let attributes: Vec<_> = attributes.filter_map(|it| self.attribute(it)).collect();
            if let Some(resource) = self.resources.get_mut(&id) {
                resource.attributes.extend(attributes);
            }
        }
        self.poll_ops
            .extend(update.new_poll_ops.iter().map(|op| op.is_ready));
    }

    fn attribute(&self, attribute: &Attribute) -> Option<(String, String)> {
        let field = attribute.field.as_ref()?;
        let value = match field.value.as_ref()? {
            field::Value::U64Val(number) => number.to_string(),
            field::Value::BoolVal(is) => is.to_string(),
            other => format!("{other:?}"),
        };
        let unit = attribute.unit.as_deref().unwrap_or_default();
        Some((self.name(field), format!("{value}{unit}")))
    }

    fn take_ops(&mut self, update: async_ops::AsyncOpUpdate) {
        self.dropped_events += update.dropped_events;
        for new in update.new_async_ops {
            let op = Op {
                source: new.source,
                resource: new.resource_id.unwrap_or_default().id,
                ..Op::default()
            };
            self.ops.insert(new.id.unwrap_or_default().id, op);
        }
        for (id, stats) in update.stats_update {
            if let Some(op) = self.ops.get_mut(&id) {
                op.task = stats.task_id.map(|id| id.id);
                op.polls = stats.poll_stats.unwrap_or_default().polls;
            }
        }
    }
}

impl TaskStats {
    fn of(stats: tasks::Stats) -> TaskStats {
        let polls = stats.poll_stats.unwrap_or_default();
        let time =
            |at: Option<_>| at.and_then(|at: prost_types::Timestamp| SystemTime::try_from(at).ok());
        let (began, ended) = (time(polls.last_poll_started), time(polls.last_poll_ended));
        TaskStats {
            polls: polls.polls,
            wakes: stats.wakes,
            self_wakes: stats.self_wakes,
            clones: stats.waker_clones,
            drops: stats.waker_drops,
            done: stats.dropped_at.is_some(),
            running: began > ended,
            awake: time(stats.last_wake) > began,
        }
    }
}

fn place(location: Option<Location>) -> String {
    let location = location.unwrap_or_default();
    let file = location.file.unwrap_or_default();
    // From the name of the package on.
    let parts: Vec<&str> = file.rsplit('/').take(4).collect();
    let file = parts.into_iter().rev().collect::<Vec<_>>().join("/");
    format!("{file}:{}", location.line.unwrap_or_default())
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "tasks: {}", self.tasks.len())?;
        writeln!(
            f,
            "  kind     polls wakes  self clones drops size  id     place            name"
        )?;
        // There are many closures, which differ only in their numbers.
        let mut closures = 0;
        for task in self.tasks.values() {
            closures += usize::from(task.kind == "blocking");
            if task.kind == "blocking" && closures > 2 {
                continue;
            }
            let stats = &task.stats;
            writeln!(
                f,
                "  {:8} {:5} {:5} {:5} {:6} {:5} {:5} {:6} {:16} {}",
                task.kind,
                stats.polls,
                stats.wakes,
                stats.self_wakes,
                stats.clones,
                stats.drops,
                task.size.unwrap_or_default(),
                task.id.unwrap_or_default(),
                task.place,
                task.name,
            )?;
        }
        self.show_resources(f)
    }
}

impl Seen {
    /// Prints resources of the same type and place in one line.
    fn show_resources(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "resources: {}", self.resources.len())?;
        let mut groups: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (id, it) in &self.resources {
            let key = (&it.kind, &it.concrete_type, &it.place);
            groups.entry(key).or_default().push(*id);
        }
        for ((kind, concrete_type, place), ids) in groups {
            let attributes = &self.resources[&ids[0]].attributes;
            let attributes: Vec<_> = attributes.iter().map(|(k, v)| format!("{k}={v}")).collect();
            let own = |op: &&Op| ids.contains(&op.resource);
            let ops: Vec<_> = self.ops.values().filter(own).collect();
            let polls: u64 = ops.iter().map(|op| op.polls).sum();
            let sources: BTreeSet<_> = ops.iter().map(|op| &*op.source).collect();
            let sources: Vec<_> = sources.into_iter().collect();
            writeln!(
                f,
                "  {:3} {kind:5} {concrete_type:11} {:32} {place}: {} async ops, {polls} polls ({})",
                ids.len(),
                attributes.join(" "),
                ops.len(),
                sources.join(", "),
            )?;
        }
        Ok(())
    }
}
