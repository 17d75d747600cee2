//! The solution of exercise 34.
//!
//! Each transfer locked its source first, so transfers in opposite directions took the two locks
//! in opposite orders. If every task takes the lock of the smaller id first, a task that waits for
//! a lock holds only locks before it, and no cycle can arise.

use std::rc::Rc;

use wakeful::sync::Mutex;
use wakeful::task::yield_now;
use wakeful::trace::Level;
use wakeful_lab as lab;

pub const ANSWER: char = 'c';

pub struct Account {
    pub id: u32,
    pub balance: Mutex<i64>,
}

/// Moves an amount from one account to another one.
pub async fn transfer(from: &Account, to: &Account, amount: i64) {
    let (first, second) = match from.id < to.id {
        true => (from, to),
        false => (to, from),
    };
    let change = |account: &Account| match account.id == from.id {
        true => -amount,
        false => amount,
    };
    let mut one = first.balance.lock().await;
    yield_now().await; // writes a line to the log, at which other tasks run
    let mut other = second.balance.lock().await;
    *one += change(first);
    yield_now().await; // another line
    *other += change(second);
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
