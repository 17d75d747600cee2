//! The places where user code runs, and the kinds of actions that it takes there.

use std::fmt;

macro_rules! names {
    ($(#[$doc:meta])* $type:ident: $($(#[$each:meta])* $name:ident)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $type {
            $($(#[$each])* $name),*
        }

        impl $type {
            pub const ALL: &[$type] = &[$($type::$name),*];
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(self, f)
            }
        }
    };
}

names! {
    /// Where user code runs.
    Place:
    /// Outside of everything: what a program does with its runtimes.
    Top
    /// The poll of a task.
    Poll
    /// The poll of the future of `block_on`.
    Main
    /// The drop of a future.
    FutureDrop
    OutputDrop
    /// The drop of the payload of a panic.
    PayloadDrop
    WakerClone
    WakerWake
    WakerWakeByRef
    WakerDrop
    OrderPush
    OrderPop
    OrderDrop
    /// The closure that makes an order for a runtime.
    OrderMake
    /// The closure of `spawn_with`, on the loop's thread.
    Make
    /// The drop of that closure.
    MakeDrop
    /// The closures of `enter`, and of a task-local's `sync_scope`.
    Inside
    /// The drop of a value of a task-local.
    LocalDrop
    /// `as_fd` of what a descriptor is in.
    AsFd
    /// The drop of that.
    FdDrop
    /// The closure of an operation on a descriptor.
    Operation
    /// The iterator that a `JoinSet` is collected from.
    Iterator
    PanicHook
    /// A destructor of a thread-local.
    ThreadLocal
    /// The trace's hook for trouble.
    TroubleHook
    /// The functions of a `tracing` subscriber.
    Subscriber
}

names! {
    /// What is done.
    Kind:
    Spawn
    Remote
    Abort
    Wake
    Join
    Set
    MakeRuntime
    EndRuntime
    Enter
    Loop
    Trace
    Class
    Timer
    Descriptor
    Broadcast
    Local
    Look
    Panic
}

impl Place {
    /// Whether the place exists in this build.
    #[allow(
        clippy::match_like_matches_macro,
        reason = "without features the arms are all literals"
    )]
    pub fn exists(self) -> bool {
        match self {
            Place::TroubleHook => cfg!(feature = "trace"),
            Place::Subscriber => cfg!(feature = "console"),
            _ => true,
        }
    }

    /// Whether a panic may leave the place. std ends the process for one in the panic hook, and in
    /// the destructor of a thread-local.
    pub fn may_panic(self) -> bool {
        !matches!(self, Place::Top | Place::PanicHook | Place::ThreadLocal)
    }
}

/// Whether an action of this kind can be taken there.
pub fn possible(place: Place, kind: Kind) -> bool {
    place.exists() && (kind != Kind::Panic || place.may_panic())
}
