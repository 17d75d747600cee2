//! `Barrier`: tasks wait until a number of them have arrived.

use std::cell::Cell;
use std::fmt;

use super::label::Kind;
use super::notify::Notify;
use crate::scope::on_drop;
use crate::task::coop::consume_budget;

/// Barrier: each task that arrives waits until `n` tasks have arrived, then all of them go on. For
/// tasks of one thread. It may be used any number of times.
///
/// ```
/// use std::rc::Rc;
/// use wakeful::sync::Barrier;
/// use wakeful::task::JoinSet;
///
/// wakeful::block_on(async {
///     let barrier = Rc::new(Barrier::new(3));
///     let mut tasks = JoinSet::new();
///     for _ in 0..3 {
///         let barrier = barrier.clone();
///         tasks.spawn(async move { barrier.wait().await.is_leader() });
///     }
///     let mut leaders = 0;
///     while let Some(is_leader) = tasks.join_next().await {
///         leaders += usize::from(is_leader.unwrap());
///     }
///     assert_eq!(leaders, 1);
/// });
/// ```
pub struct Barrier {
    notify: Notify,
    n: usize,
    /// Tasks of this round that wait.
    arrived: Cell<usize>,
    /// Number of completed rounds.
    rounds: Cell<u64>,
}

impl Barrier {
    /// Returns a barrier for `n` tasks. With `n = 0` no task waits, as with `n = 1`.
    #[track_caller]
    pub fn new(n: usize) -> Barrier {
        Barrier {
            notify: Notify::labelled(Kind::Barrier),
            n,
            arrived: Cell::new(0),
            rounds: Cell::new(0),
        }
    }

    /// Arrives at the barrier, and waits until `n` tasks have arrived. The last of them is the
    /// leader; it does not wait.
    ///
    /// # Cancel safety
    ///
    /// Cancel-safe: a task whose call is dropped before the others have arrived no longer counts.
    /// tokio's barrier counts it.
    pub async fn wait(&self) -> BarrierWaitResult {
        let arrived = self.arrived.get() + 1;
        if arrived >= self.n {
            self.arrived.set(0);
            self.rounds.set(self.rounds.get() + 1);
            self.notify.notify_waiters();
            consume_budget().await;
            return BarrierWaitResult(true);
        }
        self.arrived.set(arrived);
        let round = self.rounds.get();
        let _leave = on_drop(|| {
            if self.rounds.get() == round {
                self.arrived.set(self.arrived.get() - 1);
            }
        });
        self.notify.notified().await;
        BarrierWaitResult(false)
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Barrier")
            .field("n", &self.n)
            .field("arrived", &self.arrived.get())
            .finish_non_exhaustive()
    }
}

/// Result of [`Barrier::wait`].
#[derive(Clone, Debug)]
pub struct BarrierWaitResult(bool);

impl BarrierWaitResult {
    /// Whether the task was the last of its round to arrive. One task of each round is the leader.
    pub fn is_leader(&self) -> bool {
        self.0
    }
}
