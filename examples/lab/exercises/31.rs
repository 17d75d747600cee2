//! Exercise 31: an account that pays out more than it has.
//!
//! What it should do: `withdraw` asks the bank, which takes a second, and then takes the amount
//! out of the account. It returns false, and takes nothing, if there is not enough. Several tasks
//! may call it at a time: then none waits for another one, and the balance never falls below 0.
//!
//! Repair `withdraw`. It needs a change of one or two lines.
//!
//! The question, to answer before you run it: `main` has an account with 100 and calls `withdraw`
//! of 80 in two tasks. What is the balance at the end, before your repair?
//!
//! - a: 20
//! - b: -60
//! - c: 100
//! - d: there is none, as the second task panics
//!
//! Run it: `cargo run --example exercise_31`. Check it: `cargo run --example lab -- check 31`.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use wakeful::time::{pause, sleep};
use wakeful::trace::Level;
use wakeful_lab as lab;

pub const ANSWER: char = '?';

pub struct Account {
    pub balance: Cell<i64>,
}

impl Account {
    /// Returns whether the amount was taken out.
    pub async fn withdraw(&self, amount: i64) -> bool {
        if self.balance.get() < amount {
            return false;
        }
        ask_the_bank().await;
        self.balance.set(self.balance.get() - amount);
        true
    }
}

async fn ask_the_bank() {
    sleep(Duration::from_secs(1)).await;
}

pub fn main() {
    let snapshot = lab::record(Level::Wakes, async {
        pause(); // the clock jumps to the next timer, so a second takes no time
        let account = Rc::new(Account {
            balance: Cell::new(100),
        });
        let tasks = ["first", "second"].map(|name| {
            let account = account.clone();
            lab::spawn(name, async move { account.withdraw(80).await })
        });
        for task in tasks {
            println!("withdrawn: {}", task.await.expect("it does not panic"));
        }
        println!("balance: {}", account.balance.get());
    });
    lab::show("exercise_31", &snapshot);
}
