//! Helpers for readers and writers, and the standard streams of the process.
//!
//! Most items are those of `futures_util::io`, under this name so that programs need no second
//! dependency. The traits are those of `futures-io`, which all streams of Wakeful implement.
//!
//! | for | use |
//! | --- | --- |
//! | `read_exact`, `read_to_end`, `read_to_string`, `take`, `chain` | [`AsyncReadExt`] |
//! | `read_line`, `lines`, `read_until` | [`AsyncBufReadExt`], on a [`BufReader`] |
//! | `write_all`, `flush`, `close` | [`AsyncWriteExt`] |
//! | bytes from a reader to a writer | [`copy`], [`copy_buf`] |
//! | both directions of two streams | [`copy_bidirectional`] |
//! | fewer and larger reads and writes | [`BufReader`], [`BufWriter`], [`LineWriter`] |
//! | two halves of a stream | [`split`]; sockets have `into_split`, which costs less |
//! | a stream made of two halves | [`join`] |
//! | a stream in memory, for tests | [`duplex`], [`Cursor`] |
//! | no bytes, the same bytes, a writer that takes everything | [`empty`], [`repeat`], [`sink`] |
//! | standard input and output | `stdin`, `stdout` and `stderr`, with the feature `io-std` |
//! | the helpers for tokio's traits | the module `tokio`, with the feature `tokio-io` |
//!
//! ```
//! use wakeful::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
//!
//! # fn main() -> wakeful::io::Result<()> {
//! wakeful::block_on(async {
//!     let (mut client, server) = wakeful::io::duplex(16);
//!     client.write_all(b"first\nsecond\n").await?;
//!     let mut server = BufReader::new(server);
//!     let mut line = String::new();
//!     server.read_line(&mut line).await?;
//!     assert_eq!(line, "first\n");
//!     Ok(())
//! })
//! # }
//! ```
//!
//! The helpers consume the [cooperative budget](crate::task::coop) through the streams that they
//! use. Readers and writers in memory, such as [`repeat`] and [`Cursor`], consume none: a loop over
//! them does not yield.
//!
//! # Standard streams
//!
//! A standard stream is usually shared with other processes, such as the shell, and so is its
//! `O_NONBLOCK` flag. That flag is therefore never changed. On Linux a pipe or a terminal is opened
//! again through `/proc/self/fd`, which gives a separate flag, and the reactor waits for it. All
//! other streams are read by a thread that does not keep the process from ending, and written by
//! the blocking pool: files, sockets, `/dev/null`, a terminal of another user, devices that are a
//! different one when opened again (such as the master of a pseudoterminal), and all streams on
//! other systems.
//!
//! A write by the pool returns when the bytes are accepted, before they reach the system. No
//! accepted byte is lost when the program ends in the usual way: [`block_on`](crate::block_on)
//! returns when the system has them all, and so does the end of the runtime, with
//! [`shutdown_background`](crate::Runtime::shutdown_background) as well. Both wait for as long as
//! the reader of the output takes, as `println!` does. Nothing waits for them in a call of
//! `std::process::exit` inside `block_on`, or if `main` returns while the runtime runs on another
//! thread: flush there. With [`Runtime::turn`](crate::Runtime::turn) or
//! [`Runtime::drive`](crate::Runtime::drive) in place of `block_on`, the end of the runtime waits.
//!
//! The writes of a runtime to one stream reach the system in the order in which they are accepted,
//! whichever handle makes them. Flush before a `print!`, or its bytes may be earlier than those of
//! the pool, and flush one stream before a write to the other if both are the same file.

mod bidirectional;
#[cfg(feature = "io-std")]
mod descriptor;
mod duplex;
mod join;
#[cfg(feature = "io-std")]
mod reopen;
#[cfg(feature = "io-std")]
mod stdin;
#[cfg(feature = "io-std")]
mod stdin_thread;
#[cfg(feature = "io-std")]
mod stdout;
#[cfg(feature = "tokio-io")]
pub mod tokio;
pub mod unix;

#[doc(no_inline)]
pub use std::io::{Error, ErrorKind, IoSlice, IoSliceMut, Result, SeekFrom};

pub use bidirectional::{copy_bidirectional, copy_bidirectional_with_sizes};
pub use duplex::{DuplexStream, duplex};
#[doc(no_inline)]
pub use futures_util::io::{
    AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncSeek, AsyncSeekExt, AsyncWrite,
    AsyncWriteExt, BufReader, BufWriter, Chain, Cursor, Empty, LineWriter, Lines, ReadHalf, Repeat,
    Sink, Take, WriteHalf, copy, copy_buf, empty, repeat, sink,
};
pub use join::{Join, join, split};
#[cfg(feature = "io-std")]
pub use stdin::{Stdin, stdin};
#[cfg(feature = "io-std")]
pub use stdout::{Stderr, Stdout, stderr, stdout};

pub use crate::reactor::{Interest, Ready};
