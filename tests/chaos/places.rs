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
    /// A place where user code runs.
    Place:
    /// Outside of all runtimes: the program that uses them.
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
    /// The closure that creates an order for a runtime.
    OrderMake
    /// The closure of `spawn_with`, on the loop's thread.
    Make
    /// The drop of the closure of `spawn_with`.
    MakeDrop
    /// The closures of `enter`, and of a task-local's `sync_scope`.
    Inside
    /// The drop of a value of a task-local.
    LocalDrop
    /// The drop of a message of a channel.
    MessageDrop
    /// `as_fd` of a registered descriptor.
    AsFd
    /// The drop of a descriptor.
    FdDrop
    /// The closure of an operation on a descriptor.
    Operation
    /// The iterator from which a `JoinSet` is collected.
    Iterator
    /// The functions that the loop calls before and after a wait.
    Park
    Unpark
    PanicHook
    /// A destructor of a thread-local.
    ThreadLocal
    /// The trace's hook for panics and stalls.
    TroubleHook
    /// The functions of a `tracing` subscriber.
    Subscriber
}

names! {
    /// The kinds of actions.
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
    Lock
    Channel
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

    /// Whether user code may panic in this place. std aborts the process at a panic in the panic
    /// hook or in the destructor of a thread-local.
    pub fn may_panic(self) -> bool {
        !matches!(self, Place::Top | Place::PanicHook | Place::ThreadLocal)
    }
}

/// Whether an action of this kind is possible in the place.
pub fn possible(place: Place, kind: Kind) -> bool {
    place.exists() && (kind != Kind::Panic || place.may_panic())
}
