//! Files that commands read and write.

use std::{
    io::Read as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use futures_util::StreamExt as _;
use tokio::io::AsyncWriteExt as _;

/// The whole of a file, or of stdin where it is called `-`, up to a limit.
pub(crate) fn read(path: &str, most_bytes: u64) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limited = |reader: Box<dyn std::io::Read>| reader.take(most_bytes + 1).read_to_end(&mut bytes);
    let opened: std::io::Result<Box<dyn std::io::Read>> = match path {
        "-" => Ok(Box::new(std::io::stdin())),
        path => std::fs::File::open(path).map(|file| Box::new(file) as Box<dyn std::io::Read>),
    };
    opened.and_then(limited).with_context(|| format!("{path} can't be read"))?;
    anyhow::ensure!(bytes.len() as u64 <= most_bytes, "{path} is larger than {most_bytes} bytes; give a smaller one");
    Ok(bytes)
}

/// The first so many bytes of a file.
pub(crate) fn read_up_to(path: &Path, most_bytes: u64) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(most_bytes).read_to_end(&mut bytes));
    read.with_context(|| format!("{} can't be read", path.display()))?;
    Ok(bytes)
}

/// As `save`, into a file that only its owner can read.
pub(crate) async fn save_private(response: reqwest::Response, target: &Path) -> anyhow::Result<u64> {
    save_as(response, target, true).await
}

/// Streams an answer into a file: first beside it, so that no half of it is ever taken for the whole. Gives its size.
pub(crate) async fn save(response: reqwest::Response, target: &Path) -> anyhow::Result<u64> {
    save_as(response, target, false).await
}

async fn save_as(response: reqwest::Response, target: &Path, private: bool) -> anyhow::Result<u64> {
    let partial = PathBuf::from(format!("{}.part", target.display()));
    let written = write(response, &partial, private).await;
    if written.is_err() {
        let _ = std::fs::remove_file(&partial);
    }
    let bytes = written.with_context(|| format!("{} can't be written", target.display()))?;
    std::fs::rename(&partial, target).with_context(|| format!("{} can't be written", target.display()))?;
    Ok(bytes)
}

async fn write(response: reqwest::Response, target: &Path, private: bool) -> anyhow::Result<u64> {
    let mut options = tokio::fs::File::options();
    options.create(true).truncate(true).write(true);
    #[cfg(unix)]
    options.mode(if private { 0o600 } else { 0o666 });
    #[cfg(not(unix))]
    let _ = private;
    let mut file = options.open(target).await?;
    let mut body = response.bytes_stream();
    let mut written = 0;
    while let Some(bytes) = body.next().await {
        let bytes = bytes?;
        file.write_all(&bytes).await?;
        written += bytes.len() as u64;
    }
    file.flush().await?;
    file.sync_all().await?;
    Ok(written)
}

pub(crate) fn image_extension(content_type: &str) -> &'static str {
    match content_type.split(';').next().unwrap_or_default().trim() {
        "image/webp" => "webp",
        "image/jpeg" => "jpg",
        _ => "png",
    }
}

/// A name from elsewhere as a name in a folder of ours: no separators, no way up.
pub(crate) fn plain_name(name: &str) -> String {
    let plain: String = name.chars().map(|c| if c.is_control() || "/\\:".contains(c) { '_' } else { c }).collect();
    if plain.trim_matches('.').is_empty() { format!("_{plain}") } else { plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_from_elsewhere_stay_in_their_folder() {
        assert_eq!(plain_name("../../etc/passwd"), ".._.._etc_passwd");
        assert_eq!(plain_name(".."), "_..");
        assert_eq!(plain_name("failure.webp"), "failure.webp");
    }

    #[test]
    fn a_file_over_the_limit_is_refused_with_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("input.json");
        std::fs::write(&path, "12345").unwrap();
        let path = path.to_str().unwrap();
        assert_eq!(read(path, 5).unwrap(), b"12345");
        assert!(read(path, 4).unwrap_err().to_string().contains("larger than 4 bytes"));
    }
}
