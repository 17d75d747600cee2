//! Combinators, streams and channels of `futures`.

use futures_util::stream::{self, StreamExt};
use wakeful::time::{Duration, sleep};

use crate::Result;

pub async fn example(_: String) -> Result<String> {
    let numbers = stream::iter([3, 1, 2]).map(|number| async move {
        sleep(Duration::from_millis(20 * number)).await;
        number
    });
    let sorted: Vec<u64> = numbers.buffer_unordered(3).collect().await;
    Ok(format!("{sorted:?}"))
}
