//! Retries. Give it the timer of Wakeful.

use std::cell::Cell;

use backon::{ExponentialBuilder, Retryable};
use wakeful::time::{Duration, sleep};

use crate::Result;

pub async fn example(_: String) -> Result<String> {
    let tries = Cell::new(0);
    let attempt = async || {
        tries.set(tries.get() + 1);
        (tries.get() == 3).then_some("done").ok_or("not yet")
    };
    let delays = ExponentialBuilder::new().with_min_delay(Duration::from_millis(1));
    let text = attempt.retry(delays).sleep(sleep).await?;
    Ok(format!("{text} after {} tries", tries.get()))
}
