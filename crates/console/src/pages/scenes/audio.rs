//! What a version is spoken with, to be heard.

use std::io::Cursor;
use std::ops::RangeInclusive;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::header::{ACCEPT_RANGES, CACHE_CONTROL, CONTENT_RANGE, CONTENT_TYPE, RANGE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use futures::stream;
use http_range_header::parse_range_header;
use hutong_domain::access::Permission;
use hutong_domain::ids::{CompanyId, SceneId, VoiceId};
use hutong_domain::scene::Scene;
use hutong_prompts::Voice as Words;
use hutong_scenes::{COLUMNS, Listed, SceneVoice, recording_list};
use hutong_store::robot::{self, Voice};
use serde::Deserialize;

use super::{Head, ScenePath, Subject, words};
use crate::error::{Error, Result};
use crate::page::{Html, html};
use crate::router::Shared;
use crate::sheet::{Cell, Kind};
use crate::ui::Ui;
use crate::visitor::Visit;

/// Voices that are kept open: somebody listens to one prompt after the other.
const VOICES_MAX: u64 = 16;
const RATE_HZ: u32 = 8_000;

/// Open voices, by company, scene, version and voice: what was published never changes.
pub(crate) type OpenVoices = moka::sync::Cache<(CompanyId, SceneId, i64, VoiceId), Arc<SceneVoice>>;

pub(crate) fn open_voices() -> OpenVoices {
    moka::sync::Cache::new(VOICES_MAX)
}

/// Which version, and in which voice; the newest, and the first, where none is named.
#[derive(Deserialize)]
pub(crate) struct Wanted {
    version: Option<i64>,
    voice: Option<VoiceId>,
    /// Which of its texts, from 0.
    text: Option<usize>,
}

#[derive(Template)]
#[template(path = "scenes/prompts.html")]
struct PromptsPage {
    ui: Ui,
    head: Head,
    voices: Vec<Voice>,
    voice: VoiceId,
    rows: Vec<Row>,
    missing: usize,
}

struct Row {
    place: String,
    line: u32,
    text: String,
    /// What is not recorded of it.
    missing: String,
    /// Where its sound is.
    sound: String,
}

impl PromptsPage {
    fn in_voice(&self, voice: &Voice) -> String {
        let page = self.ui.url(&format!("scenes/{}/prompts", self.head.id));
        format!("{page}?version={}&voice={}", self.head.version, voice.id)
    }
}

/// `GET /c/{company}/scenes/{scene}/prompts`
pub(crate) async fn page(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Path(ScenePath { scene, .. }): Path<ScenePath>,
    Query(Wanted { version, voice, .. }): Query<Wanted>,
) -> Result<Html> {
    visit.require(Permission::SeeCalls)?;
    let Subject { head, .. } = Subject::read(&shared, &visit, scene, version, "prompts").await?;
    let (parsed, voices) = voices(&shared, &visit, (head.id, head.version)).await?;
    let voice = voice.or_else(|| voices.first().map(|voice| voice.id));
    let Some(voice) = voice.filter(|voice| voices.iter().any(|known| known.id == *voice)) else {
        return Err(Error::NotFound);
    };
    let open = open(&shared, &visit, (head.id, head.version), voice).await?;
    let ui = visit.ui.in_section("scenes");
    let sounds = ui.url(&format!("scenes/{}/sound?version={}&voice={voice}", head.id, head.version));
    let rows: Vec<Row> = parsed
        .fixed_texts()
        .iter()
        .enumerate()
        .map(|(index, text)| Row {
            place: words::place(&ui, &text.place).to_owned(),
            line: text.line,
            text: text.text.clone(),
            missing: open.speak(&Words::default(), &text.text).missing,
            sound: format!("{sounds}&text={index}"),
        })
        .collect();
    let missing = rows.iter().filter(|row| !row.missing.is_empty()).count();
    html(&PromptsPage { ui, head, voices, voice, rows, missing })
}

/// `GET /c/{company}/scenes/{scene}/prompts.csv`: what somebody has to record, and under which names of files.
pub(crate) async fn list(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Path(ScenePath { scene, .. }): Path<ScenePath>,
    Query(Wanted { version, .. }): Query<Wanted>,
) -> Result<Response> {
    visit.require(Permission::SeeCalls)?;
    let Subject { head, .. } = Subject::read(&shared, &visit, scene, version, "prompts").await?;
    let parsed = shared.scenes.get(visit.company, head.id, head.version).await?;
    let rows = recording_list(&parsed).into_iter().map(|Listed { file, place, text }| [file, place, text]);
    let rows = rows.map(|row| row.map(Cell::Text).to_vec()).collect();
    Kind::Csv.download("prompts", COLUMNS.map(str::to_owned).to_vec(), stream::iter([Ok(rows)])).await
}

/// `GET /c/{company}/scenes/{scene}/sound`: a WAV file.
pub(crate) async fn sound(
    State(shared): State<Arc<Shared>>,
    visit: Visit,
    Path(ScenePath { scene, .. }): Path<ScenePath>,
    Query(Wanted { version, voice, text }): Query<Wanted>,
    headers: HeaderMap,
) -> Result<Response> {
    visit.require(Permission::SeeCalls)?;
    let (Some(version), Some(voice), Some(text)) = (version, voice, text) else { return Err(Error::NotFound) };
    let Subject { head, .. } = Subject::read(&shared, &visit, scene, Some(version), "prompts").await?;
    let (parsed, voices) = voices(&shared, &visit, (head.id, version)).await?;
    let text = parsed.fixed_texts().get(text).filter(|_| voices.iter().any(|known| known.id == voice));
    let text = text.ok_or(Error::NotFound)?;
    let spoken = open(&shared, &visit, (head.id, version), voice).await?.speak(&Words::default(), &text.text);
    let samples: Vec<i16> = spoken.clips.iter().flat_map(|clip| clip.iter().copied()).collect();
    let wav = wav(&samples).map_err(|error| Error::Refused(error.to_string()))?;
    // A version never changes; others than who may see it have no use of it.
    let about = [(CONTENT_TYPE, "audio/wav"), (CACHE_CONTROL, "private, max-age=3600"), (ACCEPT_RANGES, "bytes")];
    let Some(range) = range(&headers, wav.len()) else { return Ok((about, wav).into_response()) };
    let part = wav.get(range.clone()).unwrap_or_default().to_vec();
    let place = format!("bytes {}-{}/{}", range.start(), range.end(), wav.len());
    Ok((StatusCode::PARTIAL_CONTENT, about, [(CONTENT_RANGE, place)], part).into_response())
}

/// The part that is asked for (RFC 9110, section 14): some browsers play nothing that they cannot have in parts. What
/// cannot be had, or is more than one part, is all of it.
fn range(headers: &HeaderMap, size: usize) -> Option<RangeInclusive<usize>> {
    let asked = headers.get(RANGE)?.to_str().ok()?;
    let ranges = parse_range_header(asked).ok()?.validate(u64::try_from(size).ok()?).ok()?;
    let [range] = ranges.as_slice() else { return None };
    Some(usize::try_from(*range.start()).ok()?..=usize::try_from(*range.end()).ok()?)
}

/// The voices that a version names, in its order.
async fn voices(shared: &Shared, visit: &Visit, (scene, version): (SceneId, i64)) -> Result<(Arc<Scene>, Vec<Voice>)> {
    let company = visit.company;
    let parsed = shared.scenes.get(company, scene, version).await?;
    let known = shared.app.store.read(move |db| robot::voices(db, company, scene)).await?;
    let named = parsed.voices().iter().filter_map(|voice| known.iter().find(|it| it.name == voice.name).cloned());
    let named = named.collect();
    Ok((parsed, named))
}

async fn open(shared: &Shared, visit: &Visit, version: (SceneId, i64), voice: VoiceId) -> Result<Arc<SceneVoice>> {
    let key = (visit.company, version.0, version.1, voice);
    if let Some(open) = shared.voices.get(&key) {
        return Ok(open);
    }
    let (store, default) = (&shared.app.store, &shared.studio.speaker);
    let opened = SceneVoice::open(store, &shared.scenes, (key.0, key.1, key.2), voice, default).await?;
    let opened = Arc::new(opened);
    shared.voices.insert(key, opened.clone());
    Ok(opened)
}

/// Linear samples, which every browser plays.
fn wav(samples: &[i16]) -> std::result::Result<Vec<u8>, hound::Error> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: RATE_HZ,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut file = Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut file, spec)?;
    samples.iter().try_for_each(|sample| writer.write_sample(*sample))?;
    writer.finalize()?;
    Ok(file.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_part_can_be_had_and_anything_else_is_the_whole() {
        let check = |asked: &str, expected: Option<RangeInclusive<usize>>| {
            let headers = HeaderMap::from_iter([(RANGE, asked.parse().unwrap())]);
            assert_eq!(range(&headers, 100), expected, "{asked}");
        };
        check("bytes=0-1", Some(0..=1));
        check("bytes=90-", Some(90..=99));
        check("bytes=0-1,5-6", None);
        check("bytes=200-", None);
        check("nonsense", None);
        assert_eq!(range(&HeaderMap::new(), 100), None);
    }

    #[test]
    fn samples_are_what_they_were_in_the_file() {
        let file = wav(&[0, 1_000, -1_000, i16::MAX]).unwrap();
        let mut read = hound::WavReader::new(Cursor::new(file)).unwrap();
        assert_eq!((read.spec().sample_rate, read.spec().channels), (RATE_HZ, 1));
        let samples: Vec<i16> = read.samples().map(|sample| sample.unwrap()).collect();
        assert_eq!(samples, [0, 1_000, -1_000, i16::MAX]);
    }
}
