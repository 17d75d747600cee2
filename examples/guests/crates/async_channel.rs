//! A channel between a thread and a task. A wake from another thread notifies the loop.

use crate::Result;

pub async fn example(_: String) -> Result<String> {
    let (sender, receiver) = async_channel::bounded(1);
    let sending = wakeful::task::spawn_blocking(move || sender.send_blocking("hello"));
    let text = receiver.recv().await?;
    sending.await??;
    Ok(text.to_owned())
}
