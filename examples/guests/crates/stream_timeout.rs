//! `timeout`, `throttle` and `chunks_timeout` of `tokio_stream::StreamExt` set timers of tokio.

use std::time::Duration;

use tokio_stream::StreamExt;

use crate::Result;

pub async fn example(_: String) -> Result<String> {
    let stream = tokio_stream::pending::<()>().timeout(Duration::from_millis(5));
    let mut stream = std::pin::pin!(stream);
    match stream.next().await {
        Some(Err(elapsed)) => Ok(elapsed.to_string()),
        other => Err(format!("it has not waited: {other:?}").into()),
    }
}
