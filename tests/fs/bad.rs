//! Invalid arguments and errors of the system: each is reported, and no data is lost.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::thread;

use futures_util::{AsyncReadExt, AsyncWriteExt};
#[cfg(target_os = "linux")]
use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_change};
#[cfg(target_os = "linux")]
use rustix::thread::UnshareFlags;
use wakeful::fs::{self, Backend, File, OpenOptions};

use crate::common::{TempDir, both, runtime};

both! {
    missing_files_and_directories_are_errors_with_the_path
    a_directory_is_not_a_file
    contradictory_options_are_refused
    a_write_to_a_read_only_descriptor_is_an_error
    a_full_device_is_reported_once
}

async fn missing_files_and_directories_are_errors_with_the_path(dir: TempDir) -> io::Result<()> {
    let path = dir.join("missing");
    let name = path.display();
    let text = |what: &str| format!("{what} `{name}`: No such file or directory (os error 2)");
    let error = File::open(&path).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string()),
        (io::ErrorKind::NotFound, text("open"))
    );
    let source = std::error::Error::source(error.get_ref().unwrap()).unwrap();
    let system: &io::Error = source.downcast_ref().unwrap();
    assert_eq!(
        system.raw_os_error(),
        Some(2),
        "the system's own error is the source"
    );
    assert_eq!(fs::read(&path).await.unwrap_err().to_string(), text("read"));
    assert_eq!(
        fs::metadata(&path).await.unwrap_err().to_string(),
        text("look at")
    );
    assert_eq!(
        fs::read_dir(&path).await.unwrap_err().to_string(),
        text("list")
    );
    assert_eq!(
        fs::remove_file(&path).await.unwrap_err().to_string(),
        text("remove")
    );
    let error = fs::write(dir.join("missing/file"), "").await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
    File::create_new(&path).await?;
    let error = File::create_new(&path).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    Ok(())
}

async fn a_directory_is_not_a_file(dir: TempDir) -> io::Result<()> {
    let error = fs::read(dir.path()).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::IsADirectory);
    let name = dir.path().display();
    assert_eq!(
        error.to_string(),
        format!("read `{name}`: Is a directory (os error 21)")
    );
    let mut file = File::open(dir.path()).await?;
    let error = file.read_at(&mut [0; 8], 0).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::IsADirectory);
    let error = file.read(&mut [0; 8]).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::IsADirectory);
    let error = fs::write(dir.path(), "").await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::IsADirectory);
    let error = fs::read_dir("/dev/null").await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotADirectory);
    Ok(())
}

async fn contradictory_options_are_refused(dir: TempDir) -> io::Result<()> {
    fs::write(dir.join("f"), "kept").await?;
    let mut none = OpenOptions::new();
    let mut read_only = OpenOptions::new();
    read_only.read(true).create(true);
    let mut cut_and_append = OpenOptions::new();
    cut_and_append.append(true).truncate(true);
    for (options, word) in [
        (&mut none, "none of"),
        (&mut read_only, "`create`"),
        (&mut cut_and_append, "`truncate`"),
    ] {
        let error = options.open(dir.join("f")).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert!(error.to_string().contains(word), "{error}");
    }
    let error = File::open("a\0b").await.unwrap_err();
    assert!(error.to_string().contains("zero byte"), "{error}");
    assert_eq!(fs::read(dir.join("f")).await?, b"kept");
    Ok(())
}

async fn a_write_to_a_read_only_descriptor_is_an_error(dir: TempDir) -> io::Result<()> {
    fs::write(dir.join("f"), "kept").await?;
    let mut file = File::open(dir.join("f")).await?;
    let bad = Some(rustix::io::Errno::BADF.raw_os_error());
    assert_eq!(
        file.write_at(b"x", 0).await.unwrap_err().raw_os_error(),
        bad
    );
    // The error of a write that was taken over is returned once, by the next call.
    file.write_all(b"x").await?;
    assert_eq!(file.flush().await.unwrap_err().raw_os_error(), bad);
    file.flush().await?;
    let mut text = String::new();
    file.read_to_string(&mut text).await?;
    assert_eq!(text, "kept");
    Ok(())
}

async fn a_full_device_is_reported_once(_: TempDir) -> io::Result<()> {
    let error = fs::write("/dev/full", "text").await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert_eq!(
        error.to_string(),
        "write `/dev/full`: No space left on device (os error 28)"
    );
    let mut file = OpenOptions::new().write(true).open("/dev/full").await?;
    let error = file.write_all_at(b"text", 0).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    file.write_all(b"text").await?;
    assert_eq!(
        file.sync_all().await.unwrap_err().kind(),
        io::ErrorKind::StorageFull
    );
    file.write_all(b"text").await?;
    let next = file.write(b"text").await;
    assert_eq!(
        next.unwrap_err().kind(),
        io::ErrorKind::StorageFull,
        "the next write tells it"
    );
    Ok(())
}

/// Each thread has its own user on Linux; the threads of the pool and of the kernel inherit it.
#[test]
#[cfg(target_os = "linux")]
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
#[cfg(target_os = "linux")]
fn mount_small(at: &Path) -> rustix::io::Result<()> {
    // SAFETY: the table of descriptors stays shared; only the mount namespace becomes the thread's
    // own, on which no memory depends.
    unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNS) }?;
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount_change("/", private)?;
    mount("none", at, "tmpfs", MountFlags::empty(), Some(c"size=64k"))
}

#[test]
#[cfg(target_os = "linux")]
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

#[cfg(target_os = "linux")]
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
