//! Random reads of 4 KiB at depth 32.

use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use wakeful::fs::Backend;

use super::Big;

const BLOCK: usize = 4096;
const DEPTH: u64 = 32;

/// Returns the next pseudorandom number.
fn next(seed: &mut u64) -> u64 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    *seed
}

fn wakeful(backend: Backend, path: &Path, blocks: u64, reads: u64) -> io::Result<()> {
    let runtime = wakeful::Builder::new().fs_backend(backend).build()?;
    runtime.block_on(async {
        let file = Rc::new(wakeful::fs::File::open(path).await?);
        let tasks: Vec<_> = (1..=DEPTH)
            .map(|mut seed| {
                let file = file.clone();
                wakeful::spawn(async move {
                    let mut buf = [0; BLOCK];
                    for _ in 0..reads / DEPTH {
                        let offset = next(&mut seed) % blocks * BLOCK as u64;
                        file.read_exact_at(&mut buf, offset).await?;
                    }
                    io::Result::Ok(())
                })
            })
            .collect();
        for task in tasks {
            task.await??;
        }
        Ok(())
    })
}

/// The way of `tokio::fs`: each task has a file, in which it seeks and reads.
fn tokio_fs(path: &Path, blocks: u64, reads: u64) -> io::Result<()> {
    use tokio::io::{AsyncReadExt, AsyncSeekExt};
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(async {
        let mut tasks = Vec::new();
        for mut seed in 1..=DEPTH {
            let mut file = tokio::fs::File::open(path).await?;
            tasks.push(tokio::spawn(async move {
                let mut buf = [0; BLOCK];
                for _ in 0..reads / DEPTH {
                    let offset = next(&mut seed) % blocks * BLOCK as u64;
                    file.seek(io::SeekFrom::Start(offset)).await?;
                    file.read_exact(&mut buf).await?;
                }
                io::Result::Ok(())
            }));
        }
        for task in tasks {
            task.await??;
        }
        Ok(())
    })
}

/// The fastest way with tokio: one `pread` in one closure.
fn tokio_pread(path: &Path, blocks: u64, reads: u64) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let file = Arc::new(std::fs::File::open(path)?);
    runtime.block_on(async {
        let tasks: Vec<_> = (1..=DEPTH)
            .map(|mut seed| {
                let file = file.clone();
                tokio::spawn(async move {
                    for _ in 0..reads / DEPTH {
                        let offset = next(&mut seed) % blocks * BLOCK as u64;
                        let file = file.clone();
                        let read = move || {
                            let mut buf = vec![0; BLOCK];
                            file.read_exact_at(&mut buf, offset).map(|()| buf)
                        };
                        tokio::task::spawn_blocking(read).await??;
                    }
                    io::Result::Ok(())
                })
            })
            .collect();
        for task in tasks {
            task.await??;
        }
        Ok(())
    })
}

pub(crate) fn run(full: bool) -> io::Result<()> {
    let (size, reads, rounds) = if full {
        (256 << 20, 100_000, 5)
    } else {
        (4 << 20, 320, 1)
    };
    let big = Big::new(size)?;
    let (path, blocks) = (big.path(), size / BLOCK as u64);
    println!("random reads of 4 KiB, {DEPTH} at a time, thousands a second, best of {rounds}");
    type Case<'a> = (&'static str, Box<dyn Fn(u64) -> io::Result<()> + 'a>);
    let cases: [Case<'_>; 4] = [
        (
            "wakeful, ring",
            Box::new(|n| wakeful(Backend::Ring, path, blocks, n)),
        ),
        (
            "wakeful, pool",
            Box::new(|n| wakeful(Backend::Pool, path, blocks, n)),
        ),
        (
            "tokio::fs, seek and read",
            Box::new(|n| tokio_fs(path, blocks, n)),
        ),
        (
            "tokio, pread in spawn_blocking",
            Box::new(|n| tokio_pread(path, blocks, n)),
        ),
    ];
    for (state, cold, reads) in [("in memory", false, reads), ("cold", true, reads / 5)] {
        // The rounds are interleaved, so that other load affects all ways alike.
        let mut best = [f64::INFINITY; 4];
        for _ in 0..rounds {
            for ((name, case), best) in cases.iter().zip(&mut best) {
                if cold {
                    big.cool()?;
                } else {
                    std::fs::read(path)?;
                }
                let begin = Instant::now();
                match case(reads) {
                    Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                        println!("  skipped: {name}: {error}");
                    }
                    result => result?,
                }
                *best = best.min(begin.elapsed().as_secs_f64());
            }
        }
        for ((name, _), best) in cases.iter().zip(best) {
            println!(
                "  {state:10} {name:32} {:8.1}",
                reads as f64 / best / 1000.0
            );
        }
    }
    Ok(())
}
