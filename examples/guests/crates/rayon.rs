//! Work on its pool of threads, and a channel for the result.

use rayon::prelude::*;

use crate::Result;

pub async fn example(_: String) -> Result<String> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    rayon::spawn(move || {
        let sum: u64 = (1..=1000_u64).into_par_iter().map(|n| n * n).sum();
        let _ = sender.send(sum);
    });
    Ok(receiver.await?.to_string())
}
