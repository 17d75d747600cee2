//! Exercise 22: a future with a block inside.
//!
//! What it should do: `checksum` adds up the bytes of `data`, block by block, and lets the other
//! tasks run after each block. Its future takes at most 256 bytes.
//!
//! Repair `add_block`. It needs a change of a few lines.
//!
//! The question, to answer before you run it: how big is the future of `checksum`, before your
//! repair?
//!
//! - a: less than 256 bytes
//! - b: about 4 KB
//! - c: about 8 KB
//!
//! Run it: `cargo run --example exercise_22`. Check it: `cargo run --example lab -- check 22`.

use wakeful::task::yield_now;

pub const ANSWER: char = '?';

const BLOCK: usize = 4096;

/// Adds up one block, then lets the other tasks run.
async fn add_block(data: &[u8]) -> u32 {
    let mut block = [0; BLOCK];
    block[..data.len()].copy_from_slice(data); // stands for a read from a file
    let sum = block.iter().map(|byte| u32::from(*byte)).sum();
    yield_now().await;
    sum
}

/// Adds up to two blocks of data.
pub async fn checksum(data: &[u8]) -> u32 {
    let (first, second) = data.split_at(data.len().min(BLOCK));
    let first = add_block(first).await;
    let second = add_block(second).await;
    first + second
}

pub fn main() {
    let data = [1; BLOCK + 10];
    let future = checksum(&data);
    println!(
        "The future of `checksum` takes {} bytes.",
        size_of_val(&future)
    );
    println!("The sum is {}.", wakeful::block_on(future));
}
