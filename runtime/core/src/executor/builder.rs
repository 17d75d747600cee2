//! Builder of a task with a name or a class.

use std::future::Future;
use std::panic::Location;

use super::classes::Class;
use super::current;
use crate::task::JoinHandle;

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
