//! A small Redis server and its client, written for tokio.
//!
//! Two packages compile these sources: `on_tokio` with tokio, and `on_wakeful` with `wakeful-tokio`
//! in its place. Only their `Cargo.toml` differ.

pub mod client;
pub mod connection;
pub mod db;
pub mod frame;
pub mod server;
