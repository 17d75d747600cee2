//! Exercise 30: a poll that touches new memory.
//!
//! What it should do: `table` returns `PAGES` pages of memory, each of which has been touched: its
//! first byte is 1. `vec![0; n]` takes new memory from the kernel, which has no pages yet. The page
//! faults must not be taken by the thread of the loop, which would stand still.
//!
//! Repair `table`. It needs a change of a few lines.
//!
//! The question, to answer before you run it: where does this program take the page faults, before
//! your repair?
//!
//! - a: in `vec![0; PAGES * PAGE]`, which fills the memory with zeros
//! - b: in the loop that writes to each page
//! - c: in the `await` of `main`, while the task waits
//! - d: in the loop of `main` that reads the pages
//!
//! Run it: `cargo run --example exercise_30`. Check it: `cargo run --example lab -- check 30`.

pub const ANSWER: char = '?';

pub const PAGE: usize = 4096;
pub const PAGES: usize = 4096;

pub async fn table() -> Vec<u8> {
    let mut table = vec![0; PAGES * PAGE];
    for page in 0..PAGES {
        table[page * PAGE] = 1;
    }
    table
}

/// Returns the page faults of this thread so far.
pub fn faults() -> i64 {
    // SAFETY: the struct consists of numbers, so zeros are a value of it; the call fills it.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_THREAD, &mut usage);
        usage
    };
    usage.ru_minflt
}

pub fn main() {
    wakeful::block_on(async {
        let before = faults();
        let table = table().await;
        println!("faults of the loop's thread: {}", faults() - before);
        let touched: usize = table
            .iter()
            .step_by(PAGE)
            .map(|&byte| usize::from(byte))
            .sum();
        println!("pages touched: {touched}");
    });
}
