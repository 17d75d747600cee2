//! `Timeout` and `Buffer` over the timers and tasks of Wakeful. The services need not be `Send`.

use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;

use tower::{ServiceExt, service_fn};
use wakeful_tower::{Buffer, Timeout};

use crate::Result;

pub async fn example(_: String) -> Result<String> {
    let factor = Rc::new(2);
    let double = service_fn(move |number: u32| {
        let factor = factor.clone();
        async move { Ok::<_, Infallible>(*factor * number) }
    });
    let buffered = Buffer::new(double, 8);
    let limited = Timeout::new(buffered, Duration::from_secs(5));
    Ok(limited.oneshot(21).await?.to_string())
}
