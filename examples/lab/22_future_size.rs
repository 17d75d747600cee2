//! How big is my future, and what is in it? Everything that is alive across an `.await`.
//!
//! A thread's stack is large and shared by all its calls. A future stores only what it needs after
//! a wait. So the question for each variable is: is it still alive at an `.await`?
//!
//! Look at the sizes below; on the page, a task's panel shows the size of its future.
//!
//! `cargo run --example lab_22_future_size`; then exercise 22, `exercises/22.rs`.

use std::hint::black_box;

use wakeful::task::yield_now;
use wakeful::trace::Level;
use wakeful_lab as lab;

const KILOBYTE: usize = 1024;

/// Uses the buffer after the wait, so the future stores it.
async fn used_after() {
    let buffer = black_box([1_u8; KILOBYTE]);
    yield_now().await;
    black_box(&buffer);
}

/// Drops the buffer before the wait.
async fn scoped() {
    {
        let buffer = black_box([1_u8; KILOBYTE]);
        black_box(&buffer);
    }
    yield_now().await;
}

/// Does not use the buffer after the wait, but keeps it in scope. Today's compiler stores a
/// variable that has been borrowed until the end of its scope.
async fn borrowed_before() {
    let buffer = black_box([1_u8; KILOBYTE]);
    black_box(&buffer);
    yield_now().await;
}

/// Awaits a future, which is then a part of this one.
async fn calls_one() {
    used_after().await;
}

/// Awaits two futures one after the other: they share the same bytes.
async fn calls_two_in_turn() {
    used_after().await;
    used_after().await;
}

/// Awaits two futures at once: this one stores both.
async fn calls_two_at_once() {
    futures_util::future::join(used_after(), used_after()).await;
}

/// Awaits a boxed future: this one stores a pointer, the rest is on the heap.
async fn calls_a_boxed_one() {
    Box::pin(used_after()).await;
}

fn main() {
    let sizes = [
        ("used_after", size_of_val(&used_after())),
        ("scoped", size_of_val(&scoped())),
        ("borrowed_before", size_of_val(&borrowed_before())),
        ("calls_one", size_of_val(&calls_one())),
        ("calls_two_in_turn", size_of_val(&calls_two_in_turn())),
        ("calls_two_at_once", size_of_val(&calls_two_at_once())),
        ("calls_a_boxed_one", size_of_val(&calls_a_boxed_one())),
    ];
    for (name, size) in sizes {
        println!("{name:<22} {size:>5} bytes");
    }

    let snapshot = lab::record(Level::Wakes, async {
        let small = lab::spawn("small", scoped());
        let large = lab::spawn("large", calls_two_at_once());
        small.await.expect("it does not panic");
        large.await.expect("it does not panic");
    });
    lab::show("22_future_size", &snapshot);
    for name in ["small", "large"] {
        let task = &snapshot.tasks()[lab::task(&snapshot, name)];
        println!("Recorded size of {name}: {} bytes.", task.size);
    }
    println!("Put a large array into a Vec or a Box, or into a scope that ends before the wait.");

    // Variables that are alive across an `.await` are in the future, all others on the stack.
    let [after, scoped, _, one, in_turn, at_once, boxed] = sizes.map(|(_, size)| size);
    assert!(after >= KILOBYTE);
    assert!(scoped < 64 && boxed < 64);
    assert!(one >= after && in_turn < after + KILOBYTE);
    assert!(at_once >= 2 * KILOBYTE);
}
