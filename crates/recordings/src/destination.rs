//! Where recordings are kept: a folder, or a bucket of an object store that speaks S3.

use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::prefix::PrefixStore;
use object_store::{
    Attribute, Attributes, ClientOptions, MultipartUpload, ObjectStore, PutMultipartOptions, PutOptions, RetryConfig,
};
use tokio::io::AsyncReadExt as _;

use crate::error::{Error, Result};
use crate::name::{FileName, RecordingName};
use crate::retention;

/// What browsers know WAV files by.
const CONTENT_TYPE: &str = "audio/wav";
/// Larger files are uploaded in parts of this size: S3 takes none below 5 MiB but the last.
const PART_BYTES: usize = 8 << 20;
/// Attempts at one request within an upload; whole uploads are tried for ever.
const REQUEST_RETRIES_MAX: usize = 3;
const REQUEST_TIME_MAX: Duration = Duration::from_secs(60);
const CONNECT_TIME_MAX: Duration = Duration::from_secs(10);

/// Where recordings are kept.
#[derive(Debug, Clone)]
pub enum Destination {
    /// A folder of this machine, or one that is mounted.
    Folder(PathBuf),
    /// A bucket.
    S3(S3),
    /// Any object store.
    Objects(Arc<dyn ObjectStore>),
}

/// A bucket of an object store that speaks S3. What is empty is taken from the usual AWS environment
/// (`AWS_ACCESS_KEY_ID`, `AWS_REGION`, `AWS_ENDPOINT_URL`, instance roles and so on).
#[derive(Debug, Clone, Default)]
pub struct S3 {
    /// The bucket.
    pub bucket: String,
    /// What names of objects begin with; may be empty.
    pub prefix: String,
    /// Address of a server that is not AWS, `http://` or `https://`.
    pub endpoint: String,
    /// The region.
    pub region: String,
    /// Who we are.
    pub credentials: Credentials,
    /// Whether the bucket is the first label of the host (`BUCKET.HOST`) and not of the path.
    pub virtual_hosted: bool,
}

/// An access key of an object store.
#[derive(Clone, Default)]
pub struct Credentials {
    /// Its public half.
    pub access_key_id: String,
    /// Its secret half.
    pub secret_access_key: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

impl Destination {
    /// Reads `s3://BUCKET/PREFIX`, or the path of a folder. What else a bucket needs is in `s3`.
    ///
    /// # Errors
    /// [`Error::BadUrl`] on other addresses, and where the bucket is missing.
    pub fn parse(url: &str, s3: S3) -> Result<Self> {
        let Some((scheme, rest)) = url.split_once("://") else { return Ok(Self::Folder(url.into())) };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        match scheme {
            "file" => Ok(Self::Folder(rest.into())),
            "s3" if bucket.is_empty() => Err(Error::BadUrl(format!("{url:?} names no bucket: s3://BUCKET/PREFIX"))),
            "s3" => {
                let (bucket, prefix) = (bucket.to_owned(), prefix.trim_matches('/').to_owned());
                Ok(Self::S3(S3 { bucket, prefix, ..s3 }))
            }
            _ => Err(Error::BadUrl(format!("{url:?} is neither a folder nor s3://BUCKET/PREFIX"))),
        }
    }
}

/// Deletes recordings where they are kept, with all their files: for a process that is not the one that records. What a
/// server still has in its spool, it alone can delete: [`crate::Recordings::remove`].
///
/// # Errors
/// [`Error::Store`] when one cannot be deleted, or what opening the destination fails with.
pub async fn remove_from(destination: Destination, names: &[RecordingName]) -> Result<()> {
    let objects = Opened::new(destination)?.objects;
    for name in names {
        retention::remove(&*objects, *name).await?;
    }
    Ok(())
}

/// A destination that is open.
#[derive(Debug)]
pub(crate) struct Opened {
    /// To read, list and delete.
    pub(crate) objects: Arc<dyn ObjectStore>,
    /// Where files can be moved to without reading them.
    folder: Option<PathBuf>,
}

impl Opened {
    pub(crate) fn new(destination: Destination) -> Result<Self> {
        Ok(match destination {
            Destination::Folder(folder) => {
                std::fs::create_dir_all(&folder).map_err(Error::file(&folder))?;
                let objects = LocalFileSystem::new_with_prefix(&folder)?.with_automatic_cleanup(true);
                Self { objects: Arc::new(objects), folder: Some(folder) }
            }
            Destination::S3(s3) => Self { objects: open_s3(s3)?, folder: None },
            Destination::Objects(objects) => Self { objects, folder: None },
        })
    }

    /// Brings a file of the spool to its place; it is not in the spool any more then. Doing it again does no harm.
    pub(crate) async fn take(&self, source: &Path, name: FileName) -> Result<()> {
        match &self.folder {
            Some(folder) => {
                let (source, target) = (source.to_owned(), folder.join(name.to_string()));
                match tokio::task::spawn_blocking(move || move_file(&source, &target)).await {
                    Ok(moved) => moved,
                    Err(broken) => Err(Error::file(folder)(std::io::Error::other(broken))),
                }
            }
            None => {
                self.upload(source, name).await?;
                tokio::fs::remove_file(source).await.map_err(Error::file(source))
            }
        }
    }

    async fn upload(&self, source: &Path, name: FileName) -> Result<()> {
        let mut file = tokio::fs::File::open(source).await.map_err(Error::file(source))?;
        let target = name.to_string().into();
        let attributes = Attributes::from_iter([(Attribute::ContentType, CONTENT_TYPE)]);
        let first = read_part(&mut file).await.map_err(Error::file(source))?;
        if first.len() < PART_BYTES {
            let options = PutOptions { attributes, ..PutOptions::default() };
            self.objects.put_opts(&target, first.into(), options).await?;
            return Ok(());
        }
        let options = PutMultipartOptions { attributes, ..PutMultipartOptions::default() };
        let mut upload = self.objects.put_multipart_opts(&target, options).await?;
        let sent = send_parts(&mut *upload, first, &mut file, source).await;
        if sent.is_err() {
            // Parts that were uploaded would be paid for until somebody removes them.
            let _ = upload.abort().await;
        }
        sent
    }
}

/// One part after the other: several files are uploaded at once already.
async fn send_parts(
    upload: &mut dyn MultipartUpload,
    first: Vec<u8>,
    file: &mut tokio::fs::File,
    source: &Path,
) -> Result<()> {
    let mut part = first;
    while !part.is_empty() {
        upload.put_part(part.into()).await?;
        part = read_part(file).await.map_err(Error::file(source))?;
    }
    upload.complete().await?;
    Ok(())
}

/// The next part of a file; less than a whole part only at its end.
async fn read_part(file: &mut tokio::fs::File) -> std::io::Result<Vec<u8>> {
    let mut part = Vec::new();
    file.take(PART_BYTES as u64).read_to_end(&mut part).await?;
    Ok(part)
}

/// Renames a file, or copies it where its place is on another file system.
fn move_file(source: &Path, target: &Path) -> Result<()> {
    if let Some(parent) = target.parent() {
        std::fs::create_dir_all(parent).map_err(Error::file(parent))?;
    }
    match std::fs::rename(source, target) {
        Err(error) if error.kind() == ErrorKind::CrossesDevices => {
            // Whoever reads while it is copied must not find half of it.
            let part = target.with_extension("part");
            std::fs::copy(source, &part)
                .and_then(|_| std::fs::File::open(&part)?.sync_all())
                .and_then(|()| std::fs::rename(&part, target))
                .map_err(Error::file(&part))?;
            std::fs::remove_file(source).map_err(Error::file(source))
        }
        // The source, or the folder that was just made.
        renamed => renamed.map_err(Error::file(source)),
    }
}

fn open_s3(s3: S3) -> Result<Arc<dyn ObjectStore>> {
    let S3 { bucket, prefix, endpoint, region, credentials, virtual_hosted } = s3;
    // Another part of the program may have chosen already: then that is what TLS is done with.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = ClientOptions::new()
        .with_timeout(REQUEST_TIME_MAX)
        .with_connect_timeout(CONNECT_TIME_MAX)
        .with_allow_http(endpoint.starts_with("http://"));
    let retry = RetryConfig { max_retries: REQUEST_RETRIES_MAX, ..RetryConfig::default() };
    let mut builder = AmazonS3Builder::from_env()
        .with_bucket_name(bucket)
        .with_virtual_hosted_style_request(virtual_hosted)
        .with_client_options(client)
        .with_retry(retry);
    if !endpoint.is_empty() {
        builder = builder.with_endpoint(endpoint);
    }
    if !region.is_empty() {
        builder = builder.with_region(region);
    }
    if !credentials.access_key_id.is_empty() {
        let Credentials { access_key_id, secret_access_key } = credentials;
        builder = builder.with_access_key_id(access_key_id).with_secret_access_key(secret_access_key);
    }
    let objects = builder.build()?;
    Ok(if prefix.is_empty() { Arc::new(objects) } else { Arc::new(PrefixStore::new(objects, prefix)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_is_a_folder_or_a_bucket() {
        let folder = |url: &str| match Destination::parse(url, S3::default()) {
            Ok(Destination::Folder(path)) => path.display().to_string(),
            other => panic!("{other:?}"),
        };
        assert_eq!(folder("/var/recordings"), "/var/recordings");
        assert_eq!(folder("recordings"), "recordings");
        assert_eq!(folder("file:///var/recordings"), "/var/recordings");
        let bucket = |url: &str| match Destination::parse(url, S3 { region: "r".to_owned(), ..S3::default() }) {
            Ok(Destination::S3(S3 { bucket, prefix, region, .. })) => (bucket, prefix, region),
            other => panic!("{other:?}"),
        };
        let parts = |bucket: &str, prefix: &str| (bucket.to_owned(), prefix.to_owned(), "r".to_owned());
        assert_eq!(bucket("s3://calls"), parts("calls", ""));
        assert_eq!(bucket("s3://calls/a/b/"), parts("calls", "a/b"));
        for wrong in ["s3://", "s3:///a", "http://x/y", "gs://calls"] {
            assert!(Destination::parse(wrong, S3::default()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_bucket_is_opened_without_being_asked_anything() {
        let credentials = Credentials { access_key_id: "id".to_owned(), secret_access_key: "s3cret".to_owned() };
        for endpoint in ["", "https://127.0.0.1:1", "http://127.0.0.1:1"] {
            let s3 = S3 { endpoint: endpoint.to_owned(), credentials: credentials.clone(), ..S3::default() };
            let opened = Opened::new(Destination::parse("s3://calls/a", s3).unwrap()).unwrap();
            assert!(opened.folder.is_none());
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let credentials = Credentials { access_key_id: "id".to_owned(), secret_access_key: "s3cret".to_owned() };
        let shown = format!("{:?}", S3 { credentials, ..S3::default() });
        assert!(shown.contains("id") && !shown.contains("s3cret"), "{shown}");
    }
}
