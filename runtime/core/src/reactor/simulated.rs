//! Sources of a simulated host: sockets without a descriptor.

use std::any::type_name;
use std::io;
use std::os::fd::AsFd;
use std::rc::Rc;

use super::adapter::Async;
use super::source::Source;
use super::{Reactor, current};
use crate::sim::{Backend, Signal};

impl<T: AsFd> Async<T> {
    /// Registers a simulated socket with this thread's runtime. Returns it with the signal that
    /// raises its events. `AsFd` of `T` is not called.
    ///
    /// # Errors
    ///
    /// If the runtime is not that of a simulated host.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[doc(hidden)]
    #[track_caller]
    pub fn simulated(io: T) -> io::Result<(Async<T>, Signal)> {
        let reactor = current::with(Rc::clone);
        let Some(backend) = reactor.simulated() else {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "a simulated socket can't be used in a runtime of its own: use it in the host that \
                 made it",
            ));
        };
        let source = Source::without_descriptor(reactor.clone(), type_name::<T>());
        let signal = backend.signal(source.key());
        Ok((Async::registered(source, io), signal))
    }
}

impl Reactor {
    /// Returns the backend, if it is that of a simulated host.
    pub(crate) fn simulated(&self) -> Option<&Backend> {
        self.device.simulated()
    }
}
