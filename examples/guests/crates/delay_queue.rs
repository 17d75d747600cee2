//! `DelayQueue` of `tokio-util` has timers of tokio.

use std::time::Duration;

use futures_util::StreamExt;
use tokio_util::time::DelayQueue;

use crate::Result;

pub async fn example(_: String) -> Result<String> {
    let mut queue = DelayQueue::new();
    queue.insert("late", Duration::from_millis(20));
    queue.insert("early", Duration::from_millis(1));
    let first = queue.next().await.ok_or("the queue is empty")?;
    Ok((*first.get_ref()).to_owned())
}
