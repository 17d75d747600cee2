//! Errors that need a thread with a user or a mount of its own.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::thread;

use futures_util::AsyncWriteExt;
use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_change};
use rustix::thread::UnshareFlags;
use wakeful::fs::{self, Backend, File};

use crate::common::{TempDir, runtime};

/// Each thread has its own user on Linux; the threads of the pool and of the kernel inherit it.
#[test]
fn a_file_of_another_user_is_an_error() {
    for backend in [Backend::Ring, Backend::Pool] {
        let dir = TempDir::new();
        let path = dir.join("secret");
        std::fs::write(&path, "secret").unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o000)).unwrap();
        std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let nobody = move || {
            if rustix::process::geteuid().is_root() {
                let nobody = rustix::process::Uid::from_raw(65534);
                rustix::thread::set_thread_res_uid(nobody, nobody, nobody).unwrap();
            }
            let Some(runtime) = runtime(backend) else {
                return;
            };
            runtime.block_on(async {
                let error = fs::read(&path).await.unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
                let text = format!("read `{}`: Permission denied (os error 13)", path.display());
                assert_eq!(error.to_string(), text);
                let error = File::create(&path).await.unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
            });
        };
        thread::spawn(nobody).join().unwrap();
        drop(dir);
    }
}

/// Mounts a file system of 64 KiB that only this thread and its children can see.
fn mount_small(at: &Path) -> rustix::io::Result<()> {
    // SAFETY: the table of descriptors stays shared; only the mount namespace becomes the thread's
    // own, on which no memory depends.
    unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNS) }?;
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount_change("/", private)?;
    mount("none", at, "tmpfs", MountFlags::empty(), Some(c"size=64k"))
}

#[test]
fn a_disk_that_fills_up_reports_the_error_and_keeps_old_contents() {
    for backend in [Backend::Ring, Backend::Pool] {
        let case = move || {
            let dir = TempDir::new();
            if let Err(error) = mount_small(dir.path()) {
                eprintln!("skipped: this process may not mount a small disk: {error}");
                return;
            }
            if let Some(runtime) = runtime(backend) {
                runtime.block_on(fill(&dir)).unwrap();
            }
            // Otherwise its directory could not be removed.
            rustix::mount::unmount(dir.path(), UnmountFlags::DETACH).unwrap();
        };
        thread::spawn(case).join().unwrap();
    }
}

async fn fill(dir: &TempDir) -> io::Result<()> {
    let path = dir.join("f");
    fs::write_atomic(&path, "old").await?;
    // The new contents don't fit: the old ones stay, and the temporary file is removed.
    let error = fs::write_atomic(&path, vec![1; 100_000]).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull, "{error}");
    assert_eq!(fs::read(&path).await?, b"old");
    assert_eq!(std::fs::read_dir(dir.path())?.count(), 1);
    // A write that comes short continues, and then returns the error.
    let mut file = File::create(dir.join("big")).await?;
    file.write_all(&[2; 50_000]).await?;
    file.write_all(&[3; 50_000]).await?;
    assert_eq!(
        file.flush().await.unwrap_err().kind(),
        io::ErrorKind::StorageFull
    );
    let written = file.metadata().await?.len();
    assert!(
        written > 50_000 && written < 65_536,
        "what fitted is there: {written}"
    );
    fs::remove_file(dir.join("big")).await?;
    drop(file);
    fs::write_atomic(&path, "new").await?;
    assert_eq!(fs::read(&path).await?, b"new");
    Ok(())
}
