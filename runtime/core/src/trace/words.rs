//! Outcomes and effects of events, as enums whose values have names in the JSON.

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$word_doc:meta])* $word:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$word_doc])* $word,)*
        }

        impl $name {
            const ALL: &[$name] = &[$($name::$word),*];

            /// Returns the name of the value in the JSON.
            ///
            /// ```
            #[doc = concat!("use wakeful::trace::", stringify!($name), ";")]
            #[doc = concat!(
                "# for (word, text) in [",
                $("(", stringify!($name), "::", stringify!($word), ", \"", $text, "\"),",)*
                "] {"
            )]
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
    /// Outcome of a poll, a task or a closure of the blocking pool.
    End {
        /// The future returned `Pending`.
        Pending = "pending",
        /// The future or closure returned.
        Ready = "ready",
        /// The future or closure panicked.
        Panicked = "panicked",
        /// The future or closure was dropped before it returned.
        Cancelled = "cancelled",
        /// The poll had not ended when the snapshot was taken, by the poll itself.
        Running = "running",
    }
}

words! {
    /// Effect of a wake.
    Effect {
        /// The task was queued.
        Queued = "queued",
        /// The task was already queued.
        Coalesced = "coalesced",
        /// The task was woken during its own poll, and was queued again.
        DuringPoll = "during_poll",
        /// The task had ended; nothing happened.
        AfterDone = "after_done",
        /// The wake came from another thread and was sent to the loop.
        Sent = "sent",
    }
}

words! {
    /// Reason for the end of a wait of the reactor.
    Ended {
        /// A descriptor became ready.
        Io = "io",
        /// The timeout passed.
        Timer = "timer",
        /// Another thread notified the reactor, or a signal arrived.
        Notify = "notify",
        /// The reactor did not wait, and there was no event.
        Poll = "poll",
        /// The system call failed.
        Error = "error",
    }
}
