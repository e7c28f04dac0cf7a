//! An image: taken by name, or built from a folder with a Dockerfile.

use std::collections::VecDeque;
use std::io::SeekFrom;
use std::path::Path;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use testcontainers::bollard::Docker;
use testcontainers::bollard::body_try_stream;
use testcontainers::bollard::models::{BuildInfo, BuildInfoAux};
use testcontainers::bollard::query_parameters::{BuildImageOptionsBuilder, BuilderVersion};
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerRequest, GenericImage};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use super::engine::{EngineError, is_unknown, start_error, words};

/// What a folder may hold at most; more is a folder that was not meant.
const FOLDER_MAX_BYTES: u64 = 1 << 30;
/// Of a build's output, its end is kept.
const LAST_LINES: usize = 15;
const CHUNK_BYTES: usize = 64 << 10;

/// Makes sure that the engine has the image.
///
/// # Errors
/// When it does not, and cannot pull it.
pub async fn pull_unless_there(docker: &Docker, image: &str) -> Result<(), EngineError> {
    match docker.inspect_image(image).await {
        Ok(_) => return Ok(()),
        Err(error) if is_unknown(&error) => {}
        Err(error) => {
            return Err(EngineError::Pull {
                image: image.to_owned(),
                why: words(&error),
            });
        }
    }
    let (name, tag) = name_and_tag(image);
    ContainerRequest::from(GenericImage::new(name, tag))
        .pull_image()
        .await
        .map(drop)
        .map_err(|error| start_error(image, &error))
}

/// A port of a registry is no tag.
pub fn name_and_tag(image: &str) -> (&str, &str) {
    match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (image, "latest"),
    }
}

/// Builds `tag` from `folder`, with all that is in it.
///
/// # Errors
/// When there is no Dockerfile, the folder is too large, or the engine cannot build it.
pub async fn build(docker: &Docker, folder: &Path, tag: &str) -> Result<(), EngineError> {
    let mut last = VecDeque::with_capacity(LAST_LINES);
    build_saying(docker, folder, tag, &mut last)
        .await
        .map_err(|why| EngineError::Build {
            folder: folder.display().to_string(),
            why,
            last_lines: last_lines(&last),
        })
}

async fn build_saying(
    docker: &Docker,
    folder: &Path,
    tag: &str,
    last: &mut VecDeque<String>,
) -> Result<(), String> {
    if !folder.join("Dockerfile").is_file() {
        return Err("there is no file `Dockerfile` in it".to_owned());
    }
    let text = |error: std::io::Error| error.to_string();
    let bytes = size_bytes(folder).map_err(text)?;
    if bytes > FOLDER_MAX_BYTES {
        return Err(format!(
            "it holds {} MiB, and all of it would be sent to the engine, {} MiB at most: give the image a folder of its own",
            bytes >> 20,
            FOLDER_MAX_BYTES >> 20
        ));
    }
    let context = packed(folder).await.map_err(text)?;
    let options = BuildImageOptionsBuilder::new()
        .dockerfile("Dockerfile")
        .t(tag)
        .rm(true)
        .forcerm(true);
    // Podman has a builder of its own, and no sessions.
    let version = docker.version().await.map_err(|error| words(&error))?;
    let is_podman = version
        .components
        .unwrap_or_default()
        .iter()
        .any(|component| component.name.contains("Podman"));
    let options = if is_podman {
        options
    } else {
        options
            .version(BuilderVersion::BuilderBuildKit)
            .session(tag)
    };
    let mut building = docker.build_image(
        options.build(),
        None,
        Some(body_try_stream(chunks(context))),
    );
    while let Some(progress) = building.next().await {
        let progress = progress.map_err(|error| words(&error))?;
        remember(last, &progress);
    }
    match docker.inspect_image(tag).await {
        Ok(_) => Ok(()),
        Err(error) => Err(words(&error)),
    }
}

/// Bytes of all files below it.
fn size_bytes(folder: &Path) -> std::io::Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            bytes += size_bytes(&entry.path())?;
        } else if kind.is_file() {
            bytes += entry.metadata()?.len();
        }
    }
    Ok(bytes)
}

/// The folder as a tar archive, in a file without a name.
async fn packed(folder: &Path) -> std::io::Result<File> {
    let file = File::from_std(tempfile::tempfile()?);
    let mut archive = tokio_tar::Builder::new(file);
    archive.follow_symlinks(false);
    archive.append_dir_all(".", folder).await?;
    let mut file = archive.into_inner().await?;
    file.seek(SeekFrom::Start(0)).await?;
    Ok(file)
}

fn chunks(file: File) -> impl Stream<Item = std::io::Result<Bytes>> + Send + 'static {
    stream::try_unfold(file, |mut file| async move {
        let mut chunk = vec![0; CHUNK_BYTES];
        let bytes = file.read(&mut chunk).await?;
        chunk.truncate(bytes);
        Ok((bytes > 0).then(|| (Bytes::from(chunk), file)))
    })
}

/// Keeps the last lines of what a builder says, of either generation.
fn remember(last: &mut VecDeque<String>, progress: &BuildInfo) {
    let mut said = progress.stream.clone().unwrap_or_default();
    if let Some(BuildInfoAux::BuildKit(status)) = &progress.aux {
        for vertex in &status.vertexes {
            if vertex.started.is_some() && vertex.completed.is_none() {
                said.push_str(&vertex.name);
                said.push('\n');
            }
        }
        for log in &status.logs {
            said.push_str(&String::from_utf8_lossy(&log.msg));
        }
    }
    for line in said.lines().filter(|line| !line.trim().is_empty()) {
        if last.len() == LAST_LINES {
            last.pop_front();
        }
        last.push_back(line.to_owned());
    }
}

fn last_lines(last: &VecDeque<String>) -> String {
    if last.is_empty() {
        return String::new();
    }
    let lines: Vec<&str> = last.iter().map(String::as_str).collect();
    format!("; its last lines:\n{}", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_may_have_a_registry_with_a_port_a_digest_and_no_tag() {
        for (image, parts) in [
            ("a.example/otelcol:1.2.3", ("a.example/otelcol", "1.2.3")),
            ("otelcol", ("otelcol", "latest")),
            (
                "a.example:5000/otelcol",
                ("a.example:5000/otelcol", "latest"),
            ),
            ("a.example:5000/otelcol:9", ("a.example:5000/otelcol", "9")),
            ("otelcol@sha256:00ff", ("otelcol@sha256", "00ff")),
        ] {
            assert_eq!(name_and_tag(image), parts);
        }
    }

    #[test]
    fn of_a_long_output_the_end_is_kept() {
        let mut last = VecDeque::new();
        for line in 0..40 {
            let stream = Some(format!("line {line}\n\n"));
            let progress = BuildInfo {
                stream,
                ..BuildInfo::default()
            };
            remember(&mut last, &progress);
        }
        let lines = last_lines(&last);
        assert!(lines.starts_with("; its last lines:\nline 25\n"), "{lines}");
        assert!(lines.ends_with("line 39"), "{lines}");
        assert_eq!(last_lines(&VecDeque::new()), "");
    }
}
