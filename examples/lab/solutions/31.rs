//! The solution of exercise 31.
//!
//! While a task waits for the bank, other tasks run and may change the balance. So what was read
//! before the `.await` says nothing after it: look at the balance again, and change it before the
//! next `.await`.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use wakeful::time::{pause, sleep};
use wakeful::trace::Level;
use wakeful_lab as lab;

pub const ANSWER: char = 'b';

pub struct Account {
    pub balance: Cell<i64>,
}

impl Account {
    /// Returns whether the amount was taken out.
    pub async fn withdraw(&self, amount: i64) -> bool {
        ask_the_bank().await;
        if self.balance.get() < amount {
            return false;
        }
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
