//! Random reads of 4 KiB, 32 at a time, compared with tokio in the same run; and the delay of
//! requests that a loop serves while it reads a large cold file.
//!
//! `cargo bench -p wakeful-benches --bench files`. Creates files of up to 1 GiB in the directory
//! for temporary files, and removes them. Without `--bench` all sizes are small, to test the
//! program.

#[path = "files/cold.rs"]
mod cold;
#[path = "files/random.rs"]
mod random;

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{Advice, fadvise};

/// A file that is removed when the benchmark ends.
struct Big(PathBuf);

impl Big {
    fn new(size: u64) -> io::Result<Big> {
        let name = format!("wakeful-bench-{}-{size}", std::process::id());
        let big = Big(std::env::temp_dir().join(name));
        let mut file = File::create(&big.0)?;
        let block: Vec<u8> = (0..1 << 20).map(|n: u32| (n / 4096) as u8).collect();
        for _ in 0..size >> 20 {
            file.write_all(&block)?;
        }
        file.sync_all()?;
        Ok(big)
    }

    fn path(&self) -> &Path {
        &self.0
    }

    /// Removes the file from the page cache.
    fn cool(&self) -> io::Result<()> {
        Ok(fadvise(File::open(&self.0)?, 0, None, Advice::DontNeed)?)
    }
}

impl Drop for Big {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn main() -> io::Result<()> {
    let args: Vec<String> = std::env::args().collect();
    if let [_, what, path] = &args[..]
        && what == cold::READER
    {
        return cold::read_inside(Path::new(path)).map(drop);
    }
    let full = std::env::args().any(|arg| arg == "--bench");
    let only = |name: &str| {
        std::env::args()
            .skip(1)
            .all(|arg| arg.starts_with('-') || arg == name)
    };
    if only("random") {
        random::run(full)?;
    }
    if only("cold") {
        cold::run(full)?;
    }
    Ok(())
}
