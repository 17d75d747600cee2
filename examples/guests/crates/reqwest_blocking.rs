//! It blocks the thread, so in a task it stops the loop. A client has a thread with a tokio
//! runtime, and can be neither used nor dropped on a thread that runs tokio's tasks.

use crate::Result;

pub async fn example(server: String) -> Result<String> {
    let reply = reqwest::blocking::get(format!("http://{server}/"))?;
    Ok(reply.error_for_status()?.text()?)
}
