//! Number of a shard.

use std::fmt;

/// Number of a shard, counted from 0.
///
/// ```
/// use wakeful::shard::ShardId;
///
/// let id = ShardId::from(1);
/// assert_eq!(id.index(), 1);
/// assert_eq!(id.to_string(), "1");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ShardId(usize);

impl ShardId {
    /// Returns the number.
    pub fn index(self) -> usize {
        self.0
    }

    /// Returns the number as an index into a list of `count` shards.
    ///
    /// # Panics
    ///
    /// If there is no such shard.
    #[inline]
    #[track_caller]
    pub(super) fn among(self, count: usize) -> usize {
        if self.0 >= count {
            self.panic_out_of_range(count);
        }
        self.0
    }

    #[cold]
    #[track_caller]
    fn panic_out_of_range(self, count: usize) -> ! {
        panic!(
            "there is no shard {}: there are {count}, and the last one is {}",
            self.0,
            count - 1
        )
    }
}

impl From<usize> for ShardId {
    fn from(index: usize) -> ShardId {
        ShardId(index)
    }
}

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
