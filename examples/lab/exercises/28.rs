//! Exercise 28: a handler that sees half of a change.
//!
//! What it should do: a signal asks for a report. A report is the sum of the two accounts, which is
//! always 100, except in the middle of a transfer. `run` makes transfers, and is the loop of the
//! program: if a report was asked for, it makes the report before it begins the next transfer, and
//! before it returns. Several signals during one transfer are one report. Without a signal there is
//! no report.
//!
//! Repair the program. It needs a change of a few lines: the handler must not make the report.
//!
//! The question, to answer before you run it: which sum does this program print, before your
//! repair?
//!
//! - a: 100
//! - b: 90
//! - c: 110
//! - d: 0, as no report is made
//!
//! Run it: `cargo run --example exercise_28`. Check it: `cargo run --example lab -- check 28`.

use std::sync::atomic::{AtomicI32, AtomicU32, Ordering::SeqCst};

pub const ANSWER: char = '?';

static ACCOUNTS: [AtomicI32; 2] = [AtomicI32::new(60), AtomicI32::new(40)];

pub static REPORTS: AtomicU32 = AtomicU32::new(0);
pub static REPORTED: AtomicI32 = AtomicI32::new(0);

fn report() {
    let sum = ACCOUNTS.iter().map(|account| account.load(SeqCst)).sum();
    REPORTED.store(sum, SeqCst);
    REPORTS.fetch_add(1, SeqCst);
}

extern "C" fn on_signal(_signal: libc::c_int) {
    report();
}

/// Makes some transfers. In the middle of each, `meanwhile` is called with its number.
pub fn run(transfers: u32, meanwhile: impl Fn(u32)) {
    for transfer in 0..transfers {
        ACCOUNTS[0].fetch_sub(10, SeqCst);
        meanwhile(transfer);
        ACCOUNTS[1].fetch_add(10, SeqCst);
    }
}

pub fn install() {
    let handler = on_signal as extern "C" fn(libc::c_int);
    // SAFETY: the handler only uses atomics.
    unsafe { libc::signal(libc::SIGUSR1, handler as libc::sighandler_t) };
}

/// Sends the signal to this thread, which handles it at once.
pub fn interrupt() {
    // SAFETY: sends a signal that has a handler.
    unsafe { libc::raise(libc::SIGUSR1) };
}

pub fn main() {
    install();
    run(3, |transfer| {
        if transfer == 1 {
            interrupt();
        }
    });
    println!("the reported sum is {}", REPORTED.load(SeqCst));
}
