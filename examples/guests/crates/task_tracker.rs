//! `TaskTracker::spawn` of `tokio-util` spawns a task of tokio.

use tokio_util::task::TaskTracker;

use crate::Result;

pub async fn example(_: String) -> Result<String> {
    let tracker = TaskTracker::new();
    let task = tracker.spawn(async { "done" });
    tracker.close();
    tracker.wait().await;
    Ok(task.await?.to_owned())
}
