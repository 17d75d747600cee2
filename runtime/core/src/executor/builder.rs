//! Builder of a task with a name or a class.

use std::borrow::Borrow;
use std::future::Future;
use std::panic::Location;

use super::classes::Class;
use super::{Executor, current};
use crate::console::About;
use crate::task::{Id, JoinHandle};

/// Configures and spawns a task.
///
/// ```
/// wakeful::block_on(async {
///     let task = wakeful::task::Builder::new()
///         .name("greeter")
///         .spawn(async { wakeful::task::name() });
///     assert_eq!(task.await.unwrap().as_deref(), Some("greeter"));
/// });
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a builder does nothing until `spawn` is called"]
pub struct Builder {
    name: Option<Box<str>>,
    class: Option<Class>,
}

impl Builder {
    /// Creates a builder with default settings.
    pub fn new() -> Builder {
        Builder::default()
    }

    /// Sets the name of the task, which [`task::name`](crate::executor::name) returns inside of it.
    pub fn name(mut self, name: impl Into<String>) -> Builder {
        self.name = Some(name.into().into_boxed_str());
        self
    }

    /// Sets the class of the task. Default: the class of the running task.
    ///
    /// ```
    /// wakeful::block_on(async {
    ///     let class = wakeful::class::Class::builder("batch").shares(10).build().unwrap();
    ///     let builder = wakeful::task::Builder::new().class(&class).name("report");
    ///     let task = builder.spawn(async { 7 });
    ///     assert_eq!(task.await.unwrap(), 7);
    /// });
    /// ```
    pub fn class(mut self, class: &Class) -> Builder {
        self.class = Some(class.clone());
        self
    }

    /// Spawns the task, as [`spawn`](crate::spawn) does.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn spawn<F>(self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        self.spawn_current(None, Location::caller(), future)
    }

    /// Spawns the task, as [`spawn`](Self::spawn) does: that takes futures that are not `Send`, so
    /// this has tokio's name for the same.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn spawn_local<F>(self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        self.spawn_current(None, Location::caller(), future)
    }

    /// Spawns the task on the executor of this thread. With an `id`, the task works for something
    /// that has this id and is shown in its place.
    #[track_caller]
    pub(crate) fn spawn_current<F>(
        self,
        id: Option<Id>,
        location: &'static Location<'static>,
        future: F,
    ) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        current::with(|executor| {
            let spawn = |id, about: About<'_>| executor.spawn_as(id, location, future, about);
            self.start(executor, id, spawn)
        })
    }

    /// Calls `spawn` in the class, and names the task that it spawns.
    #[track_caller]
    pub(super) fn start<T, H: Borrow<JoinHandle<T>>>(
        self,
        executor: &Executor,
        id: Option<Id>,
        spawn: impl FnOnce(Id, About<'_>) -> H,
    ) -> H {
        let about = match (&id, &self.name) {
            (Some(_), _) => About::hidden(),
            (None, Some(name)) => About::named(name),
            (None, None) => About::task(),
        };
        let id = id.unwrap_or_else(|| executor.next_id());
        let spawn = || spawn(id, about);
        let task = match &self.class {
            Some(class) => executor.in_class(class, spawn),
            None => spawn(),
        };
        if let Some(name) = self.name {
            executor.name_task(task.borrow(), name);
        }
        task
    }
}
