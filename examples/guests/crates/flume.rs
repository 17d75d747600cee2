//! The same with `flume`.

use crate::Result;

pub async fn example(_: String) -> Result<String> {
    let (sender, receiver) = flume::bounded(1);
    let sending = wakeful::task::spawn_blocking(move || sender.send("hello"));
    let text = receiver.recv_async().await?;
    sending.await??;
    Ok(text.to_owned())
}
