//! Whether the servers of speech answer.

use std::time::Duration;

use hutong_prompts::{Role, entries};
use hutong_speech::recogniser::CallHints;
use hutong_store::line::Line;
use hutong_store::vault::Vault;
use hutong_trunks::settings;

use super::Finding;
use crate::error::Result;
use crate::speech::SpeechConfig;

/// A word that the voice server is asked for.
const TRIED: &str = "您好";
/// For how long a voice server may take for it: one that loads its model first takes its time.
const PATIENCE: Duration = Duration::from_secs(30);

/// Asks recognisers for a word that ships with hutong, and the voice server for another one.
pub(super) async fn look(config: &SpeechConfig, vault: &Vault, lines: &[Line]) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let recognisers = config.recognisers()?;
    let has_voices = |line: &Line| settings::open(&line.settings, vault).is_ok_and(|trunk| !trunk.sandbox);
    if recognisers.is_empty() && lines.iter().any(has_voices) {
        findings.push(Finding::Mend {
            problem: "there are lines over SIP and no recogniser: robots on them understand keys alone".to_owned(),
            mend: "run one, and name it in speech.recognisers".to_owned(),
        });
    }
    let word = entries().iter().find(|it| it.role == Role::Callee && it.text.chars().count() >= 4);
    let samples = word.map(hutong_prompts::Entry::clip).unwrap_or_default();
    let hints = CallHints { language: Some("zh".to_owned()), hotwords: Vec::new() };
    for check in recognisers.check(&samples, &hints).await {
        let name = format!("recogniser {}", check.name);
        findings.push(match check.outcome {
            Ok((text, took)) => Finding::Fine(format!("{name}: understood “{text}” within {} ms", took.as_millis())),
            Err(error) => Finding::Mend {
                problem: format!("{name}: {error}"),
                mend: "check that it runs, and its address, protocol and key in speech.recognisers".to_owned(),
            },
        });
    }
    if let Some(server) = config.voice_server()? {
        let speaker = config.speaker();
        let spoken = tokio::time::timeout(PATIENCE, server.speak(speaker.says(TRIED))).await;
        let failed = |problem: String| Finding::Mend {
            problem: format!("the voice server does not speak as {}: {problem}", speaker.name),
            mend: "check that it runs, and its address, speaker and key in speech.voice".to_owned(),
        };
        findings.push(match spoken {
            Ok(Ok(samples)) => {
                Finding::Fine(format!("the voice server speaks as {}: {} ms of audio", speaker.name, samples.len() / 8))
            }
            Ok(Err(error)) => failed(error.to_string()),
            Err(_elapsed) => failed(format!("no answer within {} s", PATIENCE.as_secs())),
        });
    }
    Ok(findings)
}
