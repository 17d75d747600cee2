//! Use `wakeful::spawn`, which takes futures that are not `Send`.

use std::rc::Rc;

use crate::Result;

pub async fn example(_: String) -> Result<String> {
    let text = Rc::new("done");
    let task = tokio::task::spawn_local(async move { (*text).to_owned() });
    Ok(task.await?)
}
