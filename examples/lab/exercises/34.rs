//! Exercise 34: two transfers that wait for each other.
//!
//! What it should do: `transfer` moves an amount from one account to another one. It holds both
//! locks while it does so, so that no task sees the money in neither account or in both. Transfers
//! in both directions at the same time must end.
//!
//! Repair `transfer`. It needs a change of a few lines. The ids of two accounts differ.
//!
//! The question, to answer before you run it: `main` transfers in both directions in two tasks.
//! What happens before your repair?
//!
//! - a: both transfers end
//! - b: one ends, and the other one waits forever
//! - c: both wait forever, and the loop sleeps
//! - d: both wait forever, and the loop polls them again and again
//!
//! Run it: `cargo run --example exercise_34`. Check it: `cargo run --example lab -- check 34`.

use std::rc::Rc;

use wakeful::sync::Mutex;
use wakeful::task::yield_now;
use wakeful::trace::Level;
use wakeful_lab as lab;

pub const ANSWER: char = '?';

pub struct Account {
    pub id: u32,
    pub balance: Mutex<i64>,
}

/// Moves an amount from one account to another one.
pub async fn transfer(from: &Account, to: &Account, amount: i64) {
    let mut source = from.balance.lock().await;
    yield_now().await; // writes a line to the log, at which other tasks run
    let mut target = to.balance.lock().await;
    *source -= amount;
    yield_now().await; // another line
    *target += amount;
}

pub fn main() {
    let snapshot = lab::record(Level::Wakes, async {
        let accounts = Rc::new([1, 2].map(|id| Account {
            id,
            balance: Mutex::new(100),
        }));
        let its = accounts.clone();
        let there = lab::spawn("there", async move { transfer(&its[0], &its[1], 10).await });
        let its = accounts.clone();
        let back = lab::spawn("back", async move { transfer(&its[1], &its[0], 20).await });
        lab::settle().await;
        let [there, back] = [there, back].map(|task| task.is_finished());
        println!("there has ended: {there}, back has ended: {back}");
        for Account { id, balance } in accounts.iter() {
            println!("account {id} is locked: {}", balance.try_lock().is_err());
        }
    });
    lab::show("exercise_34", &snapshot);
}
