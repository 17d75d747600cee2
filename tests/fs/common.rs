//! A directory for a test, a runtime for a backend, and the same case for both backends. If this
//! system does not support a backend, the test prints that it is skipped.

use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicUsize, Ordering};

use wakeful::fs::{self, Backend};
use wakeful::{Builder, Runtime};

/// A directory that is removed when it is dropped.
pub struct TempDir(PathBuf);

impl TempDir {
    pub fn new() -> TempDir {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("wakeful-fs-{}-{number}", process::id()));
        std::fs::create_dir(&path).expect("the directory is new");
        TempDir(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Returns a runtime with that backend, or `None` if this system does not support it.
pub fn runtime(backend: Backend) -> Option<Runtime> {
    match Builder::new().fs_backend(backend).build() {
        Ok(runtime) => Some(runtime),
        Err(error) if error.kind() == io::ErrorKind::Unsupported => {
            eprintln!("skipped with {backend:?}: {error}");
            None
        }
        Err(error) => panic!("{backend:?}: {error}"),
    }
}

pub fn on<F: Future<Output = io::Result<()>>>(backend: Backend, case: impl FnOnce(TempDir) -> F) {
    let Some(runtime) = runtime(backend) else {
        return;
    };
    runtime.block_on(async {
        assert_eq!(fs::backend(), backend);
        case(TempDir::new()).await.unwrap();
    });
}

/// `both!(a b)` tests the functions `a` and `b` once with each backend.
macro_rules! both {
    ($($name:ident)*) => {
        mod ring {
            $(#[test] fn $name() { crate::common::on(wakeful::fs::Backend::Ring, super::$name); })*
        }
        mod pool {
            $(#[test] fn $name() { crate::common::on(wakeful::fs::Backend::Pool, super::$name); })*
        }
    };
}
pub(crate) use both;
