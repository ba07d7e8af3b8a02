//! `hutong call`: a signed request with a stored key.

use std::time::Duration;

use clap::Args;
use http_body_util::{BodyExt as _, Full, Limited};
use hutong_store::key;
use hyper::body::Bytes;
use hyper::{Method, Request, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

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
    /// The server, where it is not the configured address of this machine
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
    let base = args.url.unwrap_or_else(|| format!("http://{}", config.listen));
    let uri: Uri =
        format!("{}/{}", base.trim_end_matches('/'), path.trim_start_matches('/')).parse().map_err(|error| {
            Error::Usage(format!("PATH: {error}; characters such as 中 or spaces have to be %-encoded"))
        })?;
    let signed = hutong_api::sign(&key.app_key, &secret, installation::now());
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in signed {
        request = request.header(name, value);
    }
    if args.body.is_some() {
        request = request.header("content-type", "application/json;charset=utf-8");
    }
    let request = request
        .body(Full::new(Bytes::from(args.body.unwrap_or_default())))
        .map_err(|error| Error::Usage(error.to_string()))?;
    let answer = tokio::time::timeout(TIMEOUT, send(request))
        .await
        .map_err(|_| Error::Failed(format!("no answer within {} s", TIMEOUT.as_secs())))??;
    print(&format!("{answer}\n"))
}

fn method_named(name: &str) -> Result<Method> {
    match name.to_ascii_uppercase().as_str() {
        "GET" => Ok(Method::GET),
        "POST" => Ok(Method::POST),
        _ => Err(Error::Usage(format!("{name:?} is neither GET nor POST"))),
    }
}

async fn send(request: Request<Full<Bytes>>) -> Result<String> {
    let failed = |error: &dyn std::error::Error| Error::Failed(format!("the server did not answer: {error}"));
    let client = Client::builder(TokioExecutor::new()).build_http();
    let response = client.request(request).await.map_err(|error| failed(&error))?;
    let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await.map_err(|error| failed(&*error))?;
    let bytes = body.to_bytes();
    // Indented where it is JSON, as it came where it is not.
    let indented = serde_json::from_slice::<serde_json::Value>(&bytes).map(|json| format!("{json:#}"));
    Ok(indented.unwrap_or_else(|_| String::from_utf8_lossy(&bytes).into_owned()))
}
