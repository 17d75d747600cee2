//! What can be said of an event, in one word.

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$word_doc:meta])* $word:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$word_doc])* $word,)*
        }

        impl $name {
            const ALL: &[$name] = &[$($name::$word),*];

            /// The word as the JSON has it.
            ///
            /// ```
            #[doc = concat!("use wakeful::trace::", stringify!($name), ";")]
            #[doc = concat!("# for (word, text) in [", $("(", stringify!($name), "::", stringify!($word), ", \"", $text, "\"),",)* "] {")]
            /// assert_eq!(word.as_str(), text);
            /// # }
            /// ```
            pub fn as_str(self) -> &'static str {
                match self {
                    $($name::$word => $text,)*
                }
            }

            pub(super) fn from_code(code: u8) -> $name {
                $name::ALL[usize::from(code) % $name::ALL.len()]
            }
        }
    };
}

words! {
    /// What became of a poll, a task or a closure of the blocking pool.
    End {
        /// The future waits.
        Pending = "pending",
        /// It returned.
        Ready = "ready",
        /// It panicked.
        Panicked = "panicked",
        /// It was dropped before it returned.
        Cancelled = "cancelled",
        /// It had not ended when the snapshot was taken: a poll that took the snapshot itself.
        Running = "running",
    }
}

words! {
    /// What a wake did.
    Effect {
        /// The task was put in line.
        Queued = "queued",
        /// The task stood in line already.
        Coalesced = "coalesced",
        /// It came during the task's own poll, and put the task in line again.
        DuringPoll = "during_poll",
        /// The task is over; nothing happened.
        AfterDone = "after_done",
        /// It came from another thread and travels to the loop.
        Sent = "sent",
    }
}

words! {
    /// What ended a wait of the reactor.
    Ended {
        /// Events of descriptors.
        Io = "io",
        /// The timeout.
        Timer = "timer",
        /// Another thread, or a signal.
        Notify = "notify",
        /// It did not wait, and there was nothing.
        Poll = "poll",
        /// An error of the system.
        Error = "error",
    }
}
