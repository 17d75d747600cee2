//! Tests of files and directories, with the ring and with the pool.

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
#[path = "fs/full.rs"]
mod full;
#[path = "fs/names.rs"]
mod names;
// Filters of system calls and rings are Linux's.
#[cfg(target_os = "linux")]
#[path = "fs/refused.rs"]
mod refused;
#[cfg(target_os = "linux")]
#[path = "support/seccomp.rs"]
mod seccomp;
mod support;
#[path = "fs/taken_over.rs"]
mod taken_over;
#[path = "fs/tokio_names.rs"]
mod tokio_names;
