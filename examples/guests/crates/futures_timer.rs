//! Timers that fire on a thread of the crate. `wakeful::time::sleep` needs none.

use std::time::Duration;

use futures_timer::Delay;

use crate::Result;

pub async fn example(_: String) -> Result<String> {
    Delay::new(Duration::from_millis(1)).await;
    Ok("done".to_owned())
}
