//! Which shard.

use std::fmt;

/// The number of a shard, from 0 on.
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
    /// The number itself.
    pub fn index(self) -> usize {
        self.0
    }

    /// The number, as an index into what has `count` places.
    ///
    /// # Panics
    ///
    /// If it has no such place.
    #[inline]
    #[track_caller]
    pub(super) fn among(self, count: usize) -> usize {
        if self.0 >= count {
            self.is_none_of(count);
        }
        self.0
    }

    #[cold]
    #[track_caller]
    fn is_none_of(self, count: usize) -> ! {
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
