//! User code that does anything: every place where the runtime calls user code (polls, drops,
//! wakers, hooks, orders, subscribers and more) makes random public calls, which lead to more such
//! places. A record for each object has its expected state.
//!
//! One seed is one run on a thread of its own. The seeds run in a child process, so that a crash,
//! an abort or a hang ends with the number of the seed, its actions, and the command to repeat it.
//!
//! - `WAKEFUL_CHAOS_SEEDS=100000` runs that many seeds in each test instead of a few hundred,
//!   `WAKEFUL_CHAOS_SECONDS=60` as many as fit into that time, and `WAKEFUL_CHAOS_SEED=7` only that
//!   one.
//! - `WAKEFUL_CHAOS_FIRST=5000` begins at that seed.
//! - `WAKEFUL_CHAOS_LOG=1` prints each action before it is taken.
//! - `WAKEFUL_CHAOS_KEEP_GOING=1` continues after a seed that failed, and lists all at the end.

#[path = "chaos/actions.rs"]
mod actions;
#[path = "support/alone.rs"]
mod alone;
#[path = "chaos/body.rs"]
mod body;
#[path = "chaos/campaign.rs"]
mod campaign;
#[path = "chaos/channels.rs"]
mod channels;
#[path = "chaos/dice.rs"]
mod dice;
#[path = "chaos/elsewhere.rs"]
mod elsewhere;
#[path = "chaos/foreign.rs"]
mod foreign;
#[path = "chaos/found.rs"]
mod found;
#[path = "chaos/guests.rs"]
mod guests;
#[path = "chaos/hooks.rs"]
mod hooks;
#[path = "chaos/locks.rs"]
mod locks;
#[path = "chaos/oracle.rs"]
mod oracle;
#[path = "chaos/places.rs"]
mod places;
#[path = "chaos/runtimes.rs"]
mod runtimes;
#[path = "chaos/story.rs"]
mod story;
#[path = "chaos/world.rs"]
mod world;

use campaign::campaign;
use world::Style;

#[test]
fn user_code_may_do_anything_on_one_thread() {
    campaign("user_code_may_do_anything_on_one_thread", Style::Alone);
}

#[test]
fn user_code_may_do_anything_with_classes() {
    campaign("user_code_may_do_anything_with_classes", Style::Classes);
}

#[test]
fn user_code_may_do_anything_with_other_threads() {
    campaign(
        "user_code_may_do_anything_with_other_threads",
        Style::Threads,
    );
}
