//! Decompression, over a file of Wakeful. With its feature `tokio` it takes tokio's I/O traits.

use async_compression::futures::bufread::GzipDecoder;
use wakeful::fs::File;
use wakeful::io::{AsyncReadExt, BufReader};

use crate::Result;

pub async fn example(file: String) -> Result<String> {
    let file = File::open(format!("{file}.gz")).await?;
    let mut text = String::new();
    let mut decoder = GzipDecoder::new(BufReader::new(file));
    decoder.read_to_string(&mut text).await?;
    Ok(text)
}
