//! The network half: a server process on one core, the load on the other.

pub mod alone;
mod cases;
mod child;
mod load;
mod machine;
mod measure;
mod peers;
mod run;
pub mod server;
mod syscalls;
mod wire;
