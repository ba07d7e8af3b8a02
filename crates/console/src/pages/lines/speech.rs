//! Trying who speaks and who understands.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use askama::Template;
use axum::body::Bytes;
use axum::extract::{Multipart, Path, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use axum_extra::extract::Form;
use hutong_domain::access::Permission;
use hutong_domain::ids::CompanyId;
use hutong_domain::say;
use hutong_telephony::detect::wav::write_alaw;
use serde::Deserialize;

use crate::equipment::Understood;
use crate::error::{Error, Result};
use crate::page::html;
use crate::router::Shared;
use crate::ui::Ui;
use crate::visitor::Visit;

/// Characters that are spoken for a trial.
const TEXT_CHARS_MAX: usize = 200;
/// Bytes of a file that is to be understood: some twenty seconds of 48 kHz.
const FILE_BYTES_MAX: usize = 2 << 20;
/// What was spoken lately, to be listened to.
const KEPT_MAX: usize = 16;
/// Samples of telephone audio in a millisecond.
const SAMPLES_PER_MS: u64 = 8;

/// What was spoken for trials, the latest first.
#[derive(Default)]
pub(crate) struct Spoken {
    last: AtomicU64,
    kept: Mutex<VecDeque<(u64, CompanyId, Bytes)>>,
}

impl Spoken {
    fn keep(&self, company: CompanyId, file: Vec<u8>) -> u64 {
        let id = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.truncate(KEPT_MAX - 1);
        kept.push_front((id, company, file.into()));
        id
    }

    fn find(&self, company: CompanyId, id: u64) -> Option<Bytes> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().find(|(known, of, _)| (*known, *of) == (id, company)).map(|(.., file)| file.clone())
    }
}

#[derive(Template)]
#[template(path = "speech_tried.html")]
struct Tried<'a> {
    ui: &'a Ui,
    /// Where the audio is, how long it lasts, and how long it took.
    spoken: Option<(String, Duration, Duration)>,
    understood: Vec<Understood>,
    problem: String,
}

impl<'a> Tried<'a> {
    fn none(ui: &'a Ui) -> Self {
        Self { ui, spoken: None, understood: Vec::new(), problem: String::new() }
    }

    fn refused(ui: &'a Ui, problem: &str) -> Result<Response> {
        let part = Self { problem: problem.to_owned(), ..Self::none(ui) };
        Ok((StatusCode::UNPROCESSABLE_ENTITY, html(&part)?).into_response())
    }
}

/// What is to be spoken.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct GivenText {
    text: String,
}

/// `POST /c/{company}/lines/speech/speak`
pub(crate) async fn speak(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Form(GivenText { text }): Form<GivenText>,
) -> Result<Response> {
    visit.require(Permission::PlaceCalls)?;
    let (ui, text) = (&visit.ui, text.trim().to_owned());
    if text.is_empty() || text.chars().count() > TEXT_CHARS_MAX {
        return Tried::refused(ui, ui.t("请输入 1 至 200 个字", "A text of 1 to 200 characters"));
    }
    let _trial = shared.trial(ui)?;
    let begun = shared.app.clock.now();
    let spoken = shared.installation.equipment.speak(text).await;
    let took = shared.app.clock.now().since(begun);
    match spoken {
        Ok(samples) => {
            let lasts = Duration::from_millis(samples.len() as u64 / SAMPLES_PER_MS);
            let id = shared.spoken.keep(visit.company, write_alaw(&samples));
            let address = ui.url(&format!("lines/speech/{id}"));
            Ok(html(&Tried { spoken: Some((address, lasts, took)), ..Tried::none(ui) })?.into_response())
        }
        Err(why) => Tried::refused(ui, ui.message(&why)),
    }
}

/// `GET /c/{company}/lines/speech/{id}`: what was spoken.
pub(crate) async fn listen(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Path((_, id)): Path<(String, u64)>,
) -> Result<Response> {
    visit.require(Permission::PlaceCalls)?;
    let file = shared.spoken.find(visit.company, id).ok_or(Error::NotFound)?;
    Ok(([(CONTENT_TYPE, "audio/wav"), (CACHE_CONTROL, "no-store")], file).into_response())
}

/// `POST /c/{company}/lines/speech/understand`: a short WAV file.
pub(crate) async fn understand(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    mut form: Multipart,
) -> Result<Response> {
    visit.require(Permission::PlaceCalls)?;
    let ui = &visit.ui;
    let unreadable = |error: axum::extract::multipart::MultipartError| {
        let words = say!("The file did not arrive whole: {error}", "文件没有传完整，请重试：{error}");
        Error::Refused(ui.message(&words).to_owned())
    };
    let mut file = Vec::new();
    while let Some(mut field) = form.next_field().await.map_err(unreadable)? {
        if field.name() != Some("file") {
            continue;
        }
        while let Some(chunk) = field.chunk().await.map_err(unreadable)? {
            if file.len() + chunk.len() > FILE_BYTES_MAX {
                return Tried::refused(
                    ui,
                    ui.t("文件超过 2 MB，请上传 20 秒以内的录音", "A file of at most 2 MB: some 20 seconds"),
                );
            }
            file.extend_from_slice(&chunk);
        }
    }
    if file.is_empty() {
        return Tried::refused(ui, ui.t("请选择 WAV 文件", "Choose a WAV file"));
    }
    let _trial = shared.trial(ui)?;
    match shared.installation.equipment.understand(file).await {
        Ok(understood) => Ok(html(&Tried { understood, ..Tried::none(ui) })?.into_response()),
        Err(why) => Tried::refused(ui, ui.message(&why)),
    }
}
