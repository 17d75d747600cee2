//! How does a program with loops use more than one processor? With one loop for each, and messages.
//!
//! `Shards` starts threads, and each has a runtime of its own. A task and its data stay on one
//! shard, so the tasks need no locks. What other shards need of the data, they ask for: a call
//! sends a closure to the shard that owns the data, which runs it as a task and sends the result
//! back.
//!
//! Here two shards count the words of two texts. Each word belongs to one shard, which has the only
//! counter for it. Look at `Rc` and `RefCell`: the compiler does not let them leave their thread.
//! The page shows one more call, on the shard that makes it.
//!
//! `cargo run --example lab_29_shards`

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::{Barrier, LazyLock};
use std::thread::{self, ThreadId};

use wakeful::Shards;
use wakeful::shard::Shard;
use wakeful::trace::{Level, Snapshot, mark, set_level};
use wakeful_lab as lab;

const TEXTS: [&str; 2] = ["the cat sat on the mat", "the dog sat on the cat"];

type Counts = BTreeMap<&'static str, u32>;

thread_local! {
    /// The counts of the words that belong to this thread's shard.
    static COUNTS: Rc<RefCell<Counts>> = Rc::default();
}

/// Returns the shard to which a word belongs.
fn owner(word: &str, shards: usize) -> usize {
    word.bytes().map(usize::from).sum::<usize>() % shards
}

/// Counts the words of this shard's text, on this shard or by calls to others.
async fn count() -> u32 {
    let shard = Shard::current();
    let mut calls = 0;
    for word in TEXTS[shard.id().index()].split(' ') {
        let owner = owner(word, shard.count());
        calls += u32::from(owner != shard.id().index());
        let counted = shard.call(owner, move || async move {
            let counts = COUNTS.with(Rc::clone);
            *counts.borrow_mut().entry(word).or_default() += 1;
        });
        counted.await.expect("the owner is running");
    }
    calls
}

/// Runs `make` as a task on each shard, and returns the outputs.
fn on_both<M, F>(shards: &Shards, make: M) -> [F::Output; 2]
where
    M: Fn() -> F + Copy + Send + 'static,
    F: Future + 'static,
    F::Output: Send + 'static,
{
    let tasks = [0, 1].map(|shard| shards.spawn_on(shard, make));
    tasks.map(|task| wakeful::block_on(task).expect("no task panics"))
}

/// Makes one call from shard 0 to shard 1, and records it on shard 0.
async fn recorded_call() -> (ThreadId, Snapshot) {
    set_level(Level::Wakes);
    mark("calls shard 1");
    let called = Shard::current().call(1, || async { thread::current().id() });
    let thread = called.await.expect("shard 1 is running");
    mark("has the result");
    (thread, wakeful::trace::snapshot())
}

fn main() {
    let shards = Shards::builder().shards(2).build();
    let shards = shards.expect("two threads can be started");

    // Each of these two polls waits, inside the poll, for the other. One thread could not do that.
    static MEETING: LazyLock<Barrier> = LazyLock::new(|| Barrier::new(2));
    let threads = on_both(&shards, || async {
        MEETING.wait();
        thread::current().id()
    });
    println!("Two polls have run at the same time, on {threads:?}.");

    let calls = on_both(&shards, count);
    let counts = on_both(&shards, || async {
        COUNTS.with(|counts| counts.borrow().clone())
    });
    for shard in [0, 1] {
        println!("Shard {shard}: {} calls to the other shard.", calls[shard]);
        println!("    Its words: {:?}", counts[shard]);
    }

    let caller = shards.spawn_on(0, || lab::spawn("caller", recorded_call()));
    let caller = wakeful::block_on(caller).and_then(|ended| ended);
    let (called, snapshot) = caller.expect("it does not panic");
    shards.join().expect("no shard failed");
    lab::show("29_shards", &snapshot);
    println!("The caller waits as for a socket. The tasks without names belong to the shard: they");
    println!("send calls to the other shard in batches, and receive the results.");

    // The tasks of two shards run at the same time, and a call runs on the thread of its shard.
    assert!(threads[0] != threads[1] && called == threads[1]);
    // Each word has one counter, on the shard that owns it.
    let all: u32 = counts.iter().flat_map(BTreeMap::values).sum();
    assert_eq!(all, 12);
    assert!(counts[0].keys().all(|word| owner(word, 2) == 0));
    assert!(counts[1].keys().all(|word| owner(word, 2) == 1));
    assert_eq!(calls, [3, 3]);
    let marks = [
        "caller marks \"calls shard 1\"",
        "caller marks \"has the result\"",
    ];
    lab::assert_story(&snapshot, &marks);
}
