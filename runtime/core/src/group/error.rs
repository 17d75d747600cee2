//! How a group can fail, and the tasks that it names.

use std::error::Error;
use std::fmt;
use std::panic::Location;

use crate::executor::Executor;
use crate::executor::group::Group;
use crate::task::{Id, JoinError};

/// Error of [`TaskGroup::join`](super::TaskGroup::join).
#[derive(Debug)]
#[non_exhaustive]
pub enum GroupError<E> {
    /// A task returned an error. The other tasks were aborted.
    Failed(E),
    /// A task panicked. The other tasks were aborted.
    Panicked(JoinError),
    /// Tasks had not ended at the deadline after a stop, and were aborted.
    TimedOut(Vec<GroupTask>),
}

/// A task of a group that was aborted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GroupTask {
    /// The id of the task.
    pub id: Id,
    /// The name of the task, if it has one.
    pub name: Option<String>,
    /// The place where the task was spawned.
    pub location: &'static Location<'static>,
}

impl GroupTask {
    /// Returns the tasks of a group that are waited for.
    pub(crate) fn all(group: &Group, executor: &Executor) -> Vec<GroupTask> {
        let members = group.members().into_iter();
        members
            .filter(|member| !member.is_background)
            .map(|member| GroupTask {
                id: member.id,
                name: executor.name_of(member.id).map(Into::into),
                location: member.location,
            })
            .collect()
    }
}

/// List of tasks, for a message.
pub(crate) struct List<'a>(pub(crate) &'a [GroupTask]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, task) in self.0.iter().enumerate() {
            write!(f, "{}{task}", if number > 0 { "; " } else { "" })?;
        }
        Ok(())
    }
}

impl fmt::Display for GroupTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {}", self.id)?;
        if let Some(name) = &self.name {
            write!(f, " \"{name}\"")?;
        }
        write!(f, ", spawned at {}", self.location)
    }
}

impl<E: fmt::Display> fmt::Display for GroupError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GroupError::Failed(error) => error.fmt(f),
            GroupError::Panicked(error) => error.fmt(f),
            GroupError::TimedOut(tasks) => {
                write!(f, "aborted at the deadline after a stop: {}", List(tasks))
            }
        }
    }
}

impl<E: Error + 'static> Error for GroupError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            GroupError::Failed(error) => Some(error),
            GroupError::Panicked(error) => Some(error),
            GroupError::TimedOut(_) => None,
        }
    }
}
