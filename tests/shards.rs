//! Tests of shards: one loop for each thread, and the APIs through which shards communicate.

#[path = "shards/accept.rs"]
mod accept;
#[path = "shards/calls.rs"]
mod calls;
#[path = "shards/ended.rs"]
mod ended;
#[path = "shards/first_poll.rs"]
mod first_poll;
#[path = "shards/life.rs"]
mod life;
#[path = "shards/mesh.rs"]
mod mesh;
#[path = "shards/reply_spin.rs"]
mod reply_spin;
#[path = "shards/start.rs"]
mod start;
mod support;
