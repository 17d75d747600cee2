//! `TaskTracker::track_future` and `CancellationToken` of `tokio-util` need no runtime.

use std::rc::Rc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Result;

pub async fn example(_: String) -> Result<String> {
    let (tracker, token) = (TaskTracker::new(), CancellationToken::new());
    let text = Rc::new("done"); // not `Send`
    let cancelled = token.clone().cancelled_owned();
    let task = wakeful::spawn(tracker.track_future(async move {
        cancelled.await;
        (*text).to_owned()
    }));
    tracker.close();
    token.cancel();
    tracker.wait().await;
    Ok(task.await?)
}
