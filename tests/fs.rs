//! Files and directories, through the ring and through the pool.

#[path = "fs/cases.rs"]
mod cases;
mod support;
