//! The solution of exercise 28.
//!
//! The handler runs in the middle of a transfer, where 10 are in neither account. It now only sets
//! a flag, which the loop reads at its place, where no transfer is in progress. A loop that sleeps
//! would also have to be woken, so its handler writes a byte to a descriptor for which it waits.

use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, Ordering::SeqCst};

pub const ANSWER: char = 'b';

static ACCOUNTS: [AtomicI32; 2] = [AtomicI32::new(60), AtomicI32::new(40)];

static ASKED: AtomicBool = AtomicBool::new(false);
pub static REPORTS: AtomicU32 = AtomicU32::new(0);
pub static REPORTED: AtomicI32 = AtomicI32::new(0);

fn report() {
    let sum = ACCOUNTS.iter().map(|account| account.load(SeqCst)).sum();
    REPORTED.store(sum, SeqCst);
    REPORTS.fetch_add(1, SeqCst);
}

extern "C" fn on_signal(_signal: libc::c_int) {
    ASKED.store(true, SeqCst);
}

/// Makes some transfers. In the middle of each, `meanwhile` is called with its number.
pub fn run(transfers: u32, meanwhile: impl Fn(u32)) {
    for transfer in 0..transfers {
        ACCOUNTS[0].fetch_sub(10, SeqCst);
        meanwhile(transfer);
        ACCOUNTS[1].fetch_add(10, SeqCst);
        if ASKED.swap(false, SeqCst) {
            report();
        }
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
