//! What all connections share.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use super::guard::Guard;
use super::live::Watchers;

type Answer = Pin<Box<dyn Future<Output = Option<String>>>>;

/// The actions of a program that the page offers as buttons.
#[derive(Clone)]
pub(crate) struct Actions {
    pub(crate) targets: Rc<[String]>,
    handler: Rc<dyn Fn(String) -> Answer>,
}

impl Actions {
    pub(crate) fn new<F>(targets: &[&str], handler: impl Fn(String) -> F + 'static) -> Actions
    where
        F: Future<Output = Option<String>> + 'static,
    {
        Actions {
            targets: targets.iter().map(ToString::to_string).collect(),
            handler: Rc::new(move |target| Box::pin(handler(target))),
        }
    }

    /// Whether the path is one of an action.
    pub(crate) fn exists(&self, path: &str) -> bool {
        let paths = self.targets.iter().map(|target| target.split('?').next());
        paths.flatten().any(|known| known == path)
    }

    pub(crate) fn call(&self, target: String) -> Answer {
        (self.handler)(target)
    }
}

/// The state that all connections share.
pub(crate) struct Site {
    pub(crate) guard: Guard,
    pub(crate) open: Cell<usize>,
    pub(crate) watchers: Watchers,
    pub(crate) actions: Actions,
}
