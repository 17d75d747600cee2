//! Deadlocks: tasks that nothing can wake any more. Pure functions of a [`Dump`].

use std::collections::{HashMap, HashSet};
use std::fmt;

use super::dump::{Dump, TaskDump, TaskState, WaitDump};
use crate::task::Id;

/// Report of tasks that can't be woken any more. See
/// [`Builder::detect_deadlocks`](crate::Builder::detect_deadlocks).
///
/// It prints as several lines: what was found, and one for each task.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DeadlockReport {
    /// What was found.
    pub kind: DeadlockKind,
    /// The tasks that wait.
    pub tasks: Vec<TaskDump>,
    /// Tasks of which each waits for the next one, and the last one for the first one. Empty if
    /// there is no such cycle.
    pub cycle: Vec<Id>,
}

/// Kind of a [`DeadlockReport`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DeadlockKind {
    /// No task of the loop can run any more: every waker is in a wait for another task of the loop,
    /// or for an item of [`sync`](crate::sync).
    Certain,
    /// Some tasks wait for each other's mutexes, or for each other's ends, while the rest of the loop
    /// continues. (A guard that borrows a leaked lock, `&'static Mutex`, is taken to be in the task
    /// that has locked.)
    Cycle,
    /// A task waits, and no waker of it exists, so nothing can wake it. Only an abort ends it.
    LostTask,
    /// Nothing has happened for some time, and the loop has nothing to wait for: no timer, no
    /// descriptor, no closure and no handle. But some wakers are held where the runtime can't see
    /// them, by a thread or in a `FuturesUnordered`.
    Suspected,
}

impl DeadlockReport {
    /// Whether the tasks can't be woken, whatever happens. They can be aborted.
    pub fn is_certain(&self) -> bool {
        match self.kind {
            DeadlockKind::Certain | DeadlockKind::LostTask => true,
            // Another task may have an owned guard by now, and release the lock.
            DeadlockKind::Cycle => !self.tasks.iter().any(|task| {
                let mut waits = task.waits.iter();
                waits.any(|wait| matches!(wait, WaitDump::Sync { may_move: true, .. }))
            }),
            DeadlockKind::Suspected => false,
        }
    }
}

impl fmt::Display for DeadlockReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.kind, self.is_certain()) {
            (DeadlockKind::Certain, _) => "deadlock: no task of this loop can run any more",
            (DeadlockKind::Cycle, true) => "deadlock: these tasks wait for each other",
            (DeadlockKind::Cycle, false) => {
                "suspected deadlock: these tasks wait for each other, unless a task has moved its \
                 guard to another one"
            }
            (DeadlockKind::LostTask, _) => {
                "lost task: no waker of it exists, so only an abort can end it"
            }
            (DeadlockKind::Suspected, _) => {
                "suspected deadlock: the loop has nothing to wait for, but some wakers are held \
                 elsewhere, by a thread or another future"
            }
        })?;
        for task in &self.tasks {
            write!(f, "\n  {task}")?;
        }
        if let Some(first) = self.cycle.first() {
            f.write_str("\n  cycle: ")?;
            for task in &self.cycle {
                write!(f, "task {task} -> ")?;
            }
            write!(f, "task {first}")?;
        }
        Ok(())
    }
}

impl Dump {
    /// Returns the deadlocks in this list, while other tasks can still run: one
    /// [`Cycle`](DeadlockKind::Cycle) of all tasks that wait for each other, and a
    /// [`LostTask`](DeadlockKind::LostTask) for each task that waits without a waker. Cycles are
    /// found if waits are recorded.
    ///
    /// A task that is about to be aborted or dropped may be among them: a second list tells.
    ///
    /// ```
    /// use wakeful::runtime::{DeadlockKind, dump};
    ///
    /// wakeful::block_on(async {
    ///     wakeful::spawn(std::future::pending::<()>());
    ///     wakeful::task::yield_now().await;
    ///     let found = dump().deadlocks();
    ///     assert_eq!(found[0].kind, DeadlockKind::LostTask);
    /// });
    /// ```
    pub fn deadlocks(&self) -> Vec<DeadlockReport> {
        let lost = lost(self).into_iter();
        let mut found: Vec<_> = lost
            .map(|id| some_tasks(self, &[id], DeadlockKind::LostTask))
            .collect();
        let entangled = entangled(self);
        if !entangled.is_empty() {
            let kind = DeadlockKind::Cycle;
            found.push(some_tasks(self, &entangled, kind));
        }
        found
    }
}

/// Hook of `#[wakeful::test]`: fails the test if tasks are certain to wait for each other, and
/// prints other reports.
pub(super) fn fail(report: &DeadlockReport) {
    let fails = matches!(report.kind, DeadlockKind::Certain | DeadlockKind::Cycle);
    assert!(!(fails && report.is_certain()), "{report}");
    eprintln!("wakeful: {report}");
}

/// Returns the report on a loop in which nothing can happen any more.
pub(super) fn whole_loop(dump: Dump, kind: DeadlockKind) -> DeadlockReport {
    let tasks: Vec<_> = dump.tasks.into_iter().filter(is_waiting).collect();
    DeadlockReport {
        kind,
        cycle: cycle(&tasks),
        tasks,
    }
}

/// Returns the ids of the tasks that wait and have no waker. The future of `block_on` is left out:
/// in many programs it never ends, on purpose.
pub(super) fn lost(dump: &Dump) -> Vec<Id> {
    let lost = |task: &&TaskDump| is_waiting(task) && task.wakers == 0 && !task.is_main;
    dump.tasks.iter().filter(lost).map(|task| task.id).collect()
}

/// Returns the ids of the tasks that wait for each other, while others may run.
///
/// A task is one of them if each of its wakers is in a wait for a lock that only such tasks hold,
/// or for the end of such a task. So the search begins with all tasks whose waits are known, and
/// removes tasks until this is true of all that are left.
pub(super) fn entangled(dump: &Dump) -> Vec<Id> {
    let mut stuck: Vec<&TaskDump> = dump
        .tasks
        .iter()
        .filter(|task| task.waits_are_known() && !task.waits.is_empty())
        .collect();
    let mut ids: HashSet<Id> = stuck.iter().map(|task| task.id).collect();
    // For each task, the tasks that wait for it.
    let mut waiting: HashMap<Id, Vec<Id>> = HashMap::new();
    let mut removed = Vec::new();
    for task in &stuck {
        for wait in &task.waits {
            let others = waited_for(wait);
            if others.is_empty() || others.iter().any(|other| !ids.contains(other)) {
                removed.push(task.id);
            }
            for &other in others {
                waiting.entry(other).or_default().push(task.id);
            }
        }
    }
    while let Some(id) = removed.pop() {
        if ids.remove(&id) {
            removed.extend(waiting.remove(&id).unwrap_or_default());
        }
    }
    stuck.retain(|task| ids.contains(&task.id));
    stuck.iter().map(|task| task.id).collect()
}

/// Returns the report on these tasks.
pub(super) fn some_tasks(dump: &Dump, ids: &[Id], kind: DeadlockKind) -> DeadlockReport {
    let tasks = dump.tasks.iter().filter(|task| ids.contains(&task.id));
    let tasks: Vec<TaskDump> = tasks.cloned().collect();
    DeadlockReport {
        kind,
        cycle: cycle(&tasks),
        tasks,
    }
}

fn is_waiting(task: &TaskDump) -> bool {
    task.state == TaskState::Waiting
}

/// Returns the only tasks that can end a wait. Empty for semaphores, channels and the like: any
/// task may add permits or send. Also for an `RwLock`: a reader may wait for a writer that is
/// queued before it and gives up.
fn waited_for(wait: &WaitDump) -> &[Id] {
    match wait {
        WaitDump::Join { task } => std::slice::from_ref(task),
        WaitDump::Sync {
            kind: "mutex",
            held_by,
            ..
        } => held_by,
        WaitDump::Sync { .. } => &[],
    }
}

/// Returns tasks of which each waits for the next one, and the last one for the first one.
fn cycle(tasks: &[TaskDump]) -> Vec<Id> {
    let by_id: HashMap<Id, &TaskDump> = tasks.iter().map(|task| (task.id, task)).collect();
    let next = |id: Id| {
        let mut waits = by_id.get(&id)?.waits.iter();
        waits.find_map(|wait| match wait {
            WaitDump::Join { task } => Some(*task),
            WaitDump::Sync { held_by, .. } => held_by.first().copied(),
        })
    };
    // Tasks that lead to no cycle.
    let mut visited = HashSet::new();
    for start in tasks {
        let mut path = Vec::new();
        let mut places = HashMap::new();
        let mut at = Some(start.id);
        while let Some(id) = at.filter(|id| !visited.contains(id)) {
            if let Some(&place) = places.get(&id) {
                return path.split_off(place);
            }
            places.insert(id, path.len());
            path.push(id);
            at = next(id);
        }
        visited.extend(path);
    }
    Vec::new()
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use std::num::NonZeroU64;
    use std::panic::Location;
    use std::time::Duration;

    use super::*;

    fn id(number: u64) -> Id {
        Id::new(NonZeroU64::new(number).expect("not zero"))
    }

    fn lock(kind: &'static str, holder: u64) -> WaitDump {
        WaitDump::Sync {
            kind,
            made_at: Location::caller(),
            waited: Duration::ZERO,
            held_by: vec![id(holder)],
            may_move: false,
        }
    }

    fn task(number: u64, wakers: u64, waits: Vec<WaitDump>) -> TaskDump {
        TaskDump {
            id: id(number),
            name: None,
            location: None,
            is_main: false,
            state: TaskState::Waiting,
            wakers,
            waits,
            holds: Vec::new(),
        }
    }

    fn entangled_of(tasks: Vec<TaskDump>) -> Vec<u64> {
        let waits_recorded = true;
        let dump = Dump {
            tasks,
            waits_recorded,
        };
        entangled(&dump).into_iter().map(Id::as_u64).collect()
    }

    #[test]
    fn two_tasks_with_each_others_locks_are_entangled_and_so_is_a_task_that_joins_one() {
        let tasks = vec![
            task(1, 1, vec![lock("mutex", 2)]),
            task(2, 1, vec![lock("mutex", 1)]),
            task(3, 1, vec![WaitDump::Join { task: id(1) }]),
            task(4, 1, vec![lock("mutex", 5)]),
            task(5, 1, Vec::new()),
        ];
        assert_eq!(
            cycle(&tasks)
                .into_iter()
                .map(Id::as_u64)
                .collect::<Vec<_>>(),
            [1, 2]
        );
        assert_eq!(entangled_of(tasks), [1, 2, 3]);
    }

    #[test]
    fn a_task_with_another_way_to_be_woken_is_not_entangled() {
        // A second waker: in a timer, for example.
        let with_timer = vec![
            task(1, 2, vec![lock("mutex", 2)]),
            task(2, 1, vec![lock("mutex", 1)]),
        ];
        assert_eq!(entangled_of(with_timer), [0; 0]);
        // Any task may add permits.
        let semaphores = vec![
            task(1, 1, vec![lock("semaphore", 2)]),
            task(2, 1, vec![lock("semaphore", 1)]),
        ];
        assert_eq!(entangled_of(semaphores), [0; 0]);
    }

    #[test]
    fn a_task_that_waits_for_its_own_lock_is_entangled() {
        assert_eq!(entangled_of(vec![task(7, 1, vec![lock("mutex", 7)])]), [7]);
    }
}
