//! tokio's own timers. `wakeful::time` has the same without tokio.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::Result;

pub async fn example(_: String) -> Result<String> {
    sleep(Duration::from_millis(1)).await;
    let elapsed = timeout(Duration::from_millis(1), sleep(Duration::from_secs(9))).await;
    Ok(elapsed.expect_err("it waits for 9 s").to_string())
}
