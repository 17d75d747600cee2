//! A cache. Tasks that ask for one key meanwhile share the future that computes it.

use moka::future::Cache;

use crate::Result;

pub async fn example(_: String) -> Result<String> {
    let cache = Cache::new(100);
    let value = async {
        wakeful::task::yield_now().await;
        "hello"
    };
    let (first, second) = wakeful::join!(
        cache.get_with("key", value),
        cache.get_with("key", async { "computed twice" }),
    );
    Ok(format!("{first}, {second}"))
}
