//! tokio's files use its blocking pool. `wakeful::fs` has the same without tokio.

use crate::Result;

pub async fn example(file: String) -> Result<String> {
    Ok(tokio::fs::read_to_string(file).await?)
}
