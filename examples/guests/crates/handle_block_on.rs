//! A thread that runs the loop can't wait for a future in a nested call. `.await` it.

use tokio::runtime::Handle;

use crate::Result;

pub async fn example(_: String) -> Result<String> {
    Ok(Handle::try_current()?.block_on(async { "done".to_owned() }))
}
