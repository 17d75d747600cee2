//! Tests of files and directories, with the ring and with the pool.

// Linux only: the module `refused`, which needs it.
#[cfg(target_os = "linux")]
#[path = "support/alone.rs"]
mod alone;
#[path = "fs/bad.rs"]
mod bad;
#[path = "fs/cancel.rs"]
mod cancel;
#[path = "fs/cases.rs"]
mod cases;
#[path = "fs/common.rs"]
mod common;
#[path = "fs/end.rs"]
mod end;
#[path = "support/fifo.rs"]
mod fifo;
#[path = "fs/full.rs"]
mod full;
// Linux only: elsewhere a thread has no user and no mount namespace of its own.
#[cfg(target_os = "linux")]
#[path = "fs/linux.rs"]
mod linux;
#[path = "fs/names.rs"]
mod names;
// Linux only: the completion ring, and seccomp.
#[cfg(target_os = "linux")]
#[path = "fs/refused.rs"]
mod refused;
// Linux only: seccomp.
#[cfg(target_os = "linux")]
#[path = "support/seccomp.rs"]
mod seccomp;
mod support;
#[path = "fs/taken_over.rs"]
mod taken_over;
#[path = "fs/tokio_names.rs"]
mod tokio_names;
