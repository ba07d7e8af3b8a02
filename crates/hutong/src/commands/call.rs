//! `hutong call`: a signed request with a stored key.

use std::time::Duration;

use axum::http::{Method, Uri};
use clap::Args;
use hutong_store::key;
use reqwest::{Client, RequestBuilder};

use crate::cli::{InstallationArgs, print};
use crate::error::{Error, Result};
use crate::installation;

/// Longest answer that is printed.
const ANSWER_BYTES_MAX: usize = 64 << 20;
const TIMEOUT: Duration = Duration::from_secs(60);

#[derive(Debug, Args)]
pub(crate) struct CallArgs {
    /// GET (the default) or POST, then the path: `hutong call GET /openapi/v1/task/getTasks?companyId=1`
    #[arg(value_name = "[GET|POST] PATH", num_args = 1..=2, required = true)]
    target: Vec<String>,
    /// A JSON body
    #[arg(long, value_name = "JSON")]
    body: Option<String>,
    /// The key to sign with; the newest valid one where it is not given
    #[arg(long)]
    key: Option<String>,
    /// The server, where it is not the configured one: `public_url` where TLS is served, or else `listen`
    #[arg(long)]
    url: Option<String>,
    #[command(flatten)]
    installation: InstallationArgs,
}

pub(crate) async fn run(args: CallArgs) -> Result<()> {
    let config = args.installation.load()?;
    let installation = installation::open(&config)?;
    let (method, path) = match args.target.as_slice() {
        [path] => (Method::GET, path),
        [method, path] => (method_named(method)?, path),
        _ => return Err(Error::Usage("give a method and a path".to_owned())),
    };
    let keys = installation.store.read(key::all).await?;
    let valid = keys
        .into_iter()
        .rfind(|known| known.revoked_at.is_none() && args.key.as_ref().is_none_or(|wanted| *wanted == known.app_key));
    let key = valid.ok_or_else(|| Error::Failed("no such valid key; `hutong key list` shows them all".to_owned()))?;
    let secret = installation.vault.open(&key.sealed_secret)?;
    let base = args.url.unwrap_or_else(|| {
        // A certificate is for a name, which only the public address has.
        let is_named = config.tls.scheme() == "https" && !config.public_url.is_empty();
        if is_named { config.public_url.clone() } else { format!("{}://{}", config.tls.scheme(), config.listen) }
    });
    let uri: Uri =
        format!("{}/{}", base.trim_end_matches('/'), path.trim_start_matches('/')).parse().map_err(|error| {
            Error::Usage(format!("PATH: {error}; characters such as 中 or spaces have to be %-encoded"))
        })?;
    let signed = hutong_api::sign(&key.app_key, &secret, installation::now());
    let mut request = client()?.request(method, uri.to_string());
    for (name, value) in signed {
        request = request.header(name, value);
    }
    if args.body.is_some() {
        request = request.header("content-type", "application/json;charset=utf-8");
    }
    let answer = send(request.body(args.body.unwrap_or_default())).await?;
    print(&format!("{answer}\n"))
}

fn method_named(name: &str) -> Result<Method> {
    match name.to_ascii_uppercase().as_str() {
        "GET" => Ok(Method::GET),
        "POST" => Ok(Method::POST),
        _ => Err(Error::Usage(format!("{name:?} is neither GET nor POST"))),
    }
}

fn client() -> Result<Client> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    // Secrets go to the server and nowhere else.
    let client = Client::builder().timeout(TIMEOUT).no_proxy().redirect(reqwest::redirect::Policy::none()).build();
    client.map_err(|error| Error::Failed(error.to_string()))
}

async fn send(request: RequestBuilder) -> Result<String> {
    let mut response = request.send().await.map_err(|error| failed(&error))?;
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| failed(&error))? {
        if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(Error::Failed(format!("the answer has more than {ANSWER_BYTES_MAX} bytes")));
        }
        bytes.extend_from_slice(&chunk);
    }
    // Indented where it is JSON, as it came where it is not.
    let indented = serde_json::from_slice::<serde_json::Value>(&bytes).map(|json| format!("{json:#}"));
    Ok(indented.unwrap_or_else(|_| String::from_utf8_lossy(&bytes).into_owned()))
}

/// The whole chain of causes: the first one alone says only which request failed.
fn failed(error: &dyn std::error::Error) -> Error {
    let mut text = format!("the server did not answer: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    Error::Failed(text)
}
