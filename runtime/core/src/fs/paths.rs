//! Operations on names: each runs the function of `std::fs` on the blocking pool.

use std::fs::{self, Metadata, Permissions};
use std::io;
use std::path::{Path, PathBuf};

use super::error::tried;
use super::op::on_pool;

async fn on<T: Send + 'static>(
    what: &'static str,
    path: &Path,
    f: impl FnOnce(PathBuf) -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let owned = path.to_owned();
    on_pool(move || f(owned)).await.map_err(tried(what, path))
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident($what:literal) -> $output:ty;)*) => {$(
        $(#[$doc])*
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
        pub async fn $name(path: impl AsRef<Path>) -> io::Result<$output> {
            on($what, path.as_ref(), fs::$name).await
        }
    )*};
}

names! {
    /// Creates a directory; its parent must exist.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// # let path = std::env::temp_dir().join(format!("wakeful-doc-dir-{}", std::process::id()));
    /// wakeful::block_on(async {
    ///     wakeful::fs::create_dir(&path).await?;
    ///     assert!(wakeful::fs::create_dir(&path).await.is_err());
    ///     wakeful::fs::remove_dir(&path).await
    /// })
    /// # }
    /// ```
    create_dir("make the directory") -> ();

    /// Creates a directory and its missing parents. It is no error if the directory exists.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// # let path = std::env::temp_dir().join(format!("wakeful-doc-dirs-{}", std::process::id()));
    /// wakeful::block_on(async {
    ///     wakeful::fs::create_dir_all(path.join("a/b/c")).await?;
    ///     wakeful::fs::remove_dir_all(&path).await
    /// })
    /// # }
    /// ```
    create_dir_all("make the directory") -> ();

    /// Removes an empty directory. For an example see [`create_dir`].
    remove_dir("remove the directory") -> ();

    /// Removes a directory and its contents; symbolic links are removed, not followed. For an
    /// example see [`create_dir_all`].
    remove_dir_all("remove the directory") -> ();

    /// Removes a file, or one of its names if it has several. For an example see
    /// [`write`](super::write).
    remove_file("remove") -> ();

    /// Returns the metadata of the file at the path; follows symbolic links.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// wakeful::block_on(async {
    ///     assert!(wakeful::fs::metadata("Cargo.toml").await?.is_file());
    ///     Ok(())
    /// })
    /// # }
    /// ```
    metadata("look at") -> Metadata;

    /// Returns the metadata of the file at the path; does not follow a symbolic link. For an
    /// example see [`symlink`].
    symlink_metadata("look at") -> Metadata;

    /// Returns the target of a symbolic link. For an example see [`symlink`].
    read_link("read the link") -> PathBuf;

    /// Returns the absolute path, without symbolic links, `.` and `..`.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// wakeful::block_on(async {
    ///     assert!(wakeful::fs::canonicalize(".").await?.is_absolute());
    ///     Ok(())
    /// })
    /// # }
    /// ```
    canonicalize("resolve") -> PathBuf;
}

/// Returns whether the path exists. A symbolic link without a target does not count.
///
/// # Errors
///
/// Returns an error if this can't be found out, for example without the permission to search a
/// directory of the path.
///
/// # Panics
///
/// Outside a runtime.
///
/// # Cancel safety
///
/// Cancel-safe.
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// wakeful::block_on(async {
///     assert!(wakeful::fs::try_exists("Cargo.toml").await?);
///     assert!(!wakeful::fs::try_exists("no such file").await?);
///     Ok(())
/// })
/// # }
/// ```
pub async fn try_exists(path: impl AsRef<Path>) -> io::Result<bool> {
    on("look for", path.as_ref(), |path| path.try_exists()).await
}

/// Changes the permissions of a file or directory.
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
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// # let path = std::env::temp_dir().join(format!("wakeful-doc-perm-{}", std::process::id()));
/// wakeful::block_on(async {
///     wakeful::fs::write(&path, "").await?;
///     let mut permissions = wakeful::fs::metadata(&path).await?.permissions();
///     permissions.set_readonly(true);
///     wakeful::fs::set_permissions(&path, permissions).await?;
///     wakeful::fs::remove_file(&path).await
/// })
/// # }
/// ```
pub async fn set_permissions(path: impl AsRef<Path>, permissions: Permissions) -> io::Result<()> {
    let change = move |path| fs::set_permissions(path, permissions);
    on("change the permissions of", path.as_ref(), change).await
}

macro_rules! two_names {
    ($($(#[$doc:meta])* $name:ident($what:literal, $with:path) -> $output:ty;)*) => {$(
        $(#[$doc])*
        ///
        /// # Errors
        ///
        /// Returns the error of the system, with the first path.
        ///
        /// # Panics
        ///
        /// Outside a runtime.
        ///
        /// # Cancel safety
        ///
        /// Not cancel-safe: if the future is dropped, the operation may still be carried out.
        pub async fn $name(
            from: impl AsRef<Path>,
            to: impl AsRef<Path>,
        ) -> io::Result<$output> {
            let to = to.as_ref().to_owned();
            on($what, from.as_ref(), move |from| $with(from, to)).await
        }
    )*};
}

two_names! {
    /// Renames a file or directory and replaces an existing file at the new name. Both names must
    /// be on the same file system.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// # let a = std::env::temp_dir().join(format!("wakeful-doc-rename-{}", std::process::id()));
    /// # let b = a.with_extension("b");
    /// wakeful::block_on(async {
    ///     wakeful::fs::write(&a, "").await?;
    ///     wakeful::fs::rename(&a, &b).await?;
    ///     wakeful::fs::remove_file(&b).await
    /// })
    /// # }
    /// ```
    rename("rename", fs::rename) -> ();

    /// Copies the contents and the permissions of a file, and returns the number of bytes.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// # let a = std::env::temp_dir().join(format!("wakeful-doc-copy-{}", std::process::id()));
    /// # let b = a.with_extension("b");
    /// wakeful::block_on(async {
    ///     wakeful::fs::write(&a, "four").await?;
    ///     assert_eq!(wakeful::fs::copy(&a, &b).await?, 4);
    ///     wakeful::fs::remove_file(&a).await?;
    ///     wakeful::fs::remove_file(&b).await
    /// })
    /// # }
    /// ```
    copy("copy", fs::copy) -> u64;

    /// Creates a hard link: `to` becomes a second name of the file `from`.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// # let a = std::env::temp_dir().join(format!("wakeful-doc-link-{}", std::process::id()));
    /// # let b = a.with_extension("b");
    /// wakeful::block_on(async {
    ///     wakeful::fs::write(&a, "shared").await?;
    ///     wakeful::fs::hard_link(&a, &b).await?;
    ///     wakeful::fs::remove_file(&a).await?;
    ///     assert_eq!(wakeful::fs::read(&b).await?, b"shared");
    ///     wakeful::fs::remove_file(&b).await
    /// })
    /// # }
    /// ```
    hard_link("link", fs::hard_link) -> ();

    /// Creates a symbolic link at `to` that points to `from`.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// # let a = std::env::temp_dir().join(format!("wakeful-doc-symlink-{}", std::process::id()));
    /// wakeful::block_on(async {
    ///     wakeful::fs::symlink("/nowhere", &a).await?;
    ///     assert!(wakeful::fs::symlink_metadata(&a).await?.is_symlink());
    ///     assert_eq!(wakeful::fs::read_link(&a).await?.to_str(), Some("/nowhere"));
    ///     wakeful::fs::remove_file(&a).await
    /// })
    /// # }
    /// ```
    symlink("link to", std::os::unix::fs::symlink) -> ();
}
