//! tokio's own channels and locks need no runtime.

use std::sync::Arc;

use tokio::sync::{Mutex, Notify, oneshot};

use crate::Result;

pub async fn example(_: String) -> Result<String> {
    let (sender, receiver) = oneshot::channel();
    let (notify, text) = (Arc::new(Notify::new()), Arc::new(Mutex::new(String::new())));
    let task = wakeful::spawn({
        let (notify, text) = (notify.clone(), text.clone());
        async move {
            notify.notified().await;
            text.lock().await.push_str("hello");
            sender.send(()).expect("it is received");
        }
    });
    notify.notify_one();
    receiver.await?;
    task.await?;
    Ok(text.lock().await.clone())
}
