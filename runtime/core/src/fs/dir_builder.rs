//! How a directory is created.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use super::error::tried;
use super::op::on_pool;

/// Options to create a directory, with the semantics of [`std::fs::DirBuilder`].
///
/// ```
/// use wakeful::fs::{self, DirBuilder};
///
/// # fn main() -> std::io::Result<()> {
/// # let path = std::env::temp_dir().join(format!("wakeful-doc-build-{}", std::process::id()));
/// wakeful::block_on(async {
///     DirBuilder::new().recursive(true).mode(0o700).create(path.join("a/b")).await?;
///     assert!(fs::metadata(path.join("a/b")).await?.is_dir());
///     fs::remove_dir_all(&path).await
/// })
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct DirBuilder {
    recursive: bool,
    mode: u32,
}

impl DirBuilder {
    /// Returns the default options.
    pub fn new() -> DirBuilder {
        DirBuilder {
            recursive: false,
            mode: 0o777,
        }
    }

    /// Sets whether missing parents are created too. Then it is no error if the directory exists.
    /// Default: off.
    pub fn recursive(&mut self, recursive: bool) -> &mut DirBuilder {
        self.recursive = recursive;
        self
    }

    /// Sets the permissions of new directories; the system removes those of the umask. Default:
    /// `0o777`.
    pub fn mode(&mut self, mode: u32) -> &mut DirBuilder {
        self.mode = mode;
        self
    }

    /// Creates a directory.
    ///
    /// # Errors
    ///
    /// Returns the error of the system, with the path.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// Not cancel-safe: if the future is dropped, the operation may still be carried out.
    pub async fn create(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let path = path.as_ref();
        let mut builder = fs::DirBuilder::new();
        builder.recursive(self.recursive).mode(self.mode);
        let owned = path.to_owned();
        let created = on_pool(move || builder.create(owned)).await;
        created.map_err(tried("make the directory", path))
    }
}

impl Default for DirBuilder {
    fn default() -> DirBuilder {
        DirBuilder::new()
    }
}
