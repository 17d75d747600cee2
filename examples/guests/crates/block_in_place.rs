//! Use `spawn_blocking`: no other thread could run the loop meanwhile.

use crate::Result;

pub async fn example(_: String) -> Result<String> {
    Ok(tokio::task::block_in_place(|| "done".to_owned()))
}
