//! The solution of exercise 22.
//!
//! A variable that is in scope at an `.await` and has been borrowed is a part of the future. In a
//! block of its own, `block` ends before the wait, and is on the stack of the poll.

use wakeful::task::yield_now;

pub const ANSWER: char = 'b';

const BLOCK: usize = 4096;

/// Adds up one block, then lets the other tasks run.
async fn add_block(data: &[u8]) -> u32 {
    let sum = {
        let mut block = [0; BLOCK];
        block[..data.len()].copy_from_slice(data); // stands for a read from a file
        block.iter().map(|byte| u32::from(*byte)).sum()
    };
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
