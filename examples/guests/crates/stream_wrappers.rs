//! The adapters of `tokio-stream` without timers, and its wrappers of channels.

use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;

use crate::Result;

pub async fn example(_: String) -> Result<String> {
    let (sender, receiver) = mpsc::channel(1);
    let task = wakeful::spawn(async move {
        for number in 1..=4 {
            sender
                .send(number)
                .await
                .expect("it receives until the end");
        }
    });
    let doubled = ReceiverStream::new(receiver).map(|number| 2 * number);
    let doubled: Vec<u32> = doubled.collect().await;
    task.await?;
    Ok(format!("{doubled:?}"))
}
