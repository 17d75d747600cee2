//! Spawning with more to say than [`spawn`](crate::spawn) takes.

use std::future::Future;
use std::panic::Location;

use super::classes::Class;
use super::current;
use crate::task::JoinHandle;

/// Starts a task with a name.
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
    /// A builder with nothing set.
    pub fn new() -> Builder {
        Builder::default()
    }

    /// Names the task. The name can be read inside the task by [`task::name`](crate::executor::name).
    pub fn name(mut self, name: impl Into<String>) -> Builder {
        self.name = Some(name.into().into_boxed_str());
        self
    }

    /// Starts the task in a class, not in that of the running task.
    ///
    /// ```
    /// wakeful::block_on(async {
    ///     let class = wakeful::class::Class::builder("batch").shares(10).build().unwrap();
    ///     let task = wakeful::task::Builder::new().class(&class).name("report").spawn(async { 7 });
    ///     assert_eq!(task.await.unwrap(), 7);
    /// });
    /// ```
    pub fn class(mut self, class: &Class) -> Builder {
        self.class = Some(class.clone());
        self
    }

    /// Starts the task, as [`spawn`](crate::spawn) does.
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
        let location = Location::caller();
        current::with(|executor| {
            let start = || match self.name {
                Some(name) => executor.spawn_named(name, location, future),
                None => executor.spawn(location, future),
            };
            match &self.class {
                Some(class) => executor.in_class(class, start),
                None => start(),
            }
        })
    }
}
