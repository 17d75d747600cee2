//! A rate limit. It waits by `futures-timer`, whose timers fire on a thread of its own.

use std::num::NonZero;

use governor::{Quota, RateLimiter};

use crate::Result;

pub async fn example(_: String) -> Result<String> {
    let rate = NonZero::new(200).expect("it is not 0");
    let limit = RateLimiter::direct(Quota::per_second(rate).allow_burst(NonZero::<u32>::MIN));
    let start = std::time::Instant::now();
    for _ in 0..3 {
        limit.until_ready().await;
    }
    Ok(format!(
        "2 waits of 5 ms: {}",
        start.elapsed().as_millis() >= 9
    ))
}
