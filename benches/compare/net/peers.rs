//! The peers of the network cases, and how the runtime of each is started.

use std::future::Future;
use std::io;
use std::rc::Rc;

/// A peer of the network cases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    Wakeful,
    /// Wakeful's loop as a task of tokio.
    WakefulGuest,
    Tokio,
    TokioLocal,
    Smol,
    Monoio,
    MonoioLegacy,
    Compio,
    /// The hand-written loop of `server/limit.rs`, without a runtime.
    Epoll,
    /// The same with one buffer for all connections; only for echo.
    EpollShared,
}

impl Peer {
    pub const ALL: [Peer; 10] = [
        Peer::Wakeful,
        Peer::WakefulGuest,
        Peer::Tokio,
        Peer::TokioLocal,
        Peer::Smol,
        Peer::Monoio,
        Peer::MonoioLegacy,
        Peer::Compio,
        Peer::Epoll,
        Peer::EpollShared,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Peer::Wakeful => "wakeful",
            Peer::WakefulGuest => "wakeful-guest",
            Peer::Tokio => "tokio",
            Peer::TokioLocal => "tokio-local",
            Peer::Smol => "smol",
            Peer::Monoio => "monoio",
            Peer::MonoioLegacy => "monoio-epoll",
            Peer::Compio => "compio",
            Peer::Epoll => "epoll-loop",
            Peer::EpollShared => "epoll-shared",
        }
    }

    pub fn from_name(name: &str) -> Option<Peer> {
        Peer::ALL.into_iter().find(|peer| peer.name() == name)
    }
}

pub type Result = io::Result<()>;

pub fn wakeful(main: impl Future<Output = Result>) -> Result {
    wakeful::block_on(main)
}

pub fn wakeful_guest(main: impl Future<Output = Result>) -> Result {
    wakeful::tokio_host::block_on(main)
}

pub fn tokio(main: impl Future<Output = Result>) -> Result {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build()?.block_on(main)
}

pub fn tokio_local(main: impl Future<Output = Result>) -> Result {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().build_local(Default::default())?;
    runtime.block_on(main)
}

pub type SmolExecutor = Rc<smol::LocalExecutor<'static>>;

pub fn smol<F: Future<Output = Result>>(main: impl FnOnce(SmolExecutor) -> F) -> Result {
    let executor = Rc::new(smol::LocalExecutor::new());
    smol::block_on(executor.run(main(executor.clone())))
}

/// With io_uring where the system supports it, which is monoio's default.
pub fn monoio(main: impl Future<Output = Result>) -> Result {
    let builder = monoio::RuntimeBuilder::<monoio::FusionDriver>::new();
    builder.enable_timer().build()?.block_on(main)
}

/// With monoio's driver for epoll.
pub fn monoio_legacy(main: impl Future<Output = Result>) -> Result {
    let builder = monoio::RuntimeBuilder::<monoio::LegacyDriver>::new();
    builder.enable_timer().build()?.block_on(main)
}

pub fn compio(main: impl Future<Output = Result>) -> Result {
    compio::runtime::Runtime::new()?.block_on(main)
}
