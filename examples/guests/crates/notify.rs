//! Changes of files. The crate reads events on a thread of its own and calls a closure there.

use notify::{EventKind, RecursiveMode, Watcher};

use crate::Result;

pub async fn example(file: String) -> Result<String> {
    let directory = std::env::temp_dir().join(format!("watched-{}", std::process::id()));
    wakeful::fs::create_dir(&directory).await?;
    let (sender, receiver) = flume::unbounded();
    let mut watcher = notify::recommended_watcher(move |event| drop(sender.send(event)))?;
    watcher.watch(&directory, RecursiveMode::NonRecursive)?;
    wakeful::fs::copy(file, directory.join("new")).await?;
    let event = loop {
        let event = receiver.recv_async().await??;
        if matches!(event.kind, EventKind::Create(_)) {
            break event;
        }
    };
    wakeful::fs::remove_dir_all(&directory).await?;
    let name = event.paths[0].file_name().ok_or("no name")?;
    Ok(format!("created: {}", name.display()))
}
