//! Files as an object store. Without tokio it reads them on the loop's thread, so they block it.

use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use crate::Result;

pub async fn example(file: String) -> Result<String> {
    let store: Box<dyn ObjectStore> = Box::new(LocalFileSystem::new());
    let path = Path::from_absolute_path(file)?;
    let bytes = store.get(&path).await?.bytes().await?;
    Ok(String::from_utf8(bytes.to_vec())?)
}
