//! Announcements through bad lines, and what is no announcement.

use super::*;
use crate::detect::samples;

/// Samples of these announcements, with the recordings that they are of.
fn shipped() -> Vec<(Sample, Vec<i16>)> {
    let sample = |(row, recording): (String, Vec<i16>)| {
        let meaning = row.split('/').nth(1).and_then(Meaning::from_name).unwrap();
        (Sample { name: row, meaning, fingerprint: Fingerprint::of(&recording) }, recording)
    };
    samples::shipped("announcement").into_iter().map(sample).collect()
}

fn announcements(samples: &[(Sample, Vec<i16>)]) -> Arc<Announcements> {
    Arc::new(Announcements::new(samples.iter().map(|(sample, _)| sample.clone())))
}

/// What is recognised first, and after how many milliseconds.
fn heard(announcements: &Arc<Announcements>, recording: &[i16]) -> Option<(Recognised, usize)> {
    let mut listener = announcements.listen();
    let mut frames = samples::frames(recording).enumerate();
    frames.find_map(|(n, frame)| listener.push(&frame).map(|it| (it, (n + 1) * 20)))
}

/// Hums at 50 Hz and hisses, as bad lines do.
fn bad_line(recording: &[i16], noise_rms: f32) -> Vec<i16> {
    let hum = |n: usize| (n as f32 / 8_000.0 * 50.0 * std::f32::consts::TAU).sin() * noise_rms;
    let humming: Vec<i16> =
        recording.iter().enumerate().map(|(n, sample)| samples::clamp(f32::from(*sample) + hum(n))).collect();
    samples::through_alaw(&samples::noisy(&humming, noise_rms, 5))
}

#[test]
fn every_shipped_announcement_is_known_again_through_any_line() {
    let shipped = shipped();
    let announcements = announcements(&shipped);
    let mut worst = 0.0_f32;
    for (sample, recording) in &shipped {
        let mut check = |line: &str, played: Vec<i16>, least_ms, most_ms| {
            let name = &sample.name;
            let found = heard(&announcements, &played).unwrap_or_else(|| panic!("{name}: not heard: {line}"));
            let (Recognised { name: heard_name, error_share, .. }, after_ms) = found;
            assert_eq!(&heard_name, name, "{line}");
            assert!((least_ms..=most_ms).contains(&after_ms), "{name}: after {after_ms} ms: {line}");
            worst = worst.max(error_share);
        };
        // As it is sent: twice, with a pause.
        let played = [vec![0; 4_000], recording.clone(), vec![0; 8_000], recording.clone(), vec![0; 4_000]].concat();
        check("as it is", played.clone(), 3_000, 4_000);
        check("half a frame off", played[77..].to_vec(), 3_000, 4_000);
        check("12 dB quieter", samples::through_alaw(&samples::louder(&played, 0.25)), 3_000, 4_000);
        check("louder and clipped", samples::louder(&played, 2.5), 3_000, 4_000);
        check("20 dB above the noise", bad_line(&played, 300.0), 3_000, 4_500);
        check("14 dB above the noise", bad_line(&played, 600.0), 3_000, 9_500);
        check("joined in the middle", played[20_000..].to_vec(), 4_000, 9_000);
    }
    assert!(worst > 0.2, "no line of this test changes what is heard: {worst}");
}

#[test]
fn nothing_else_is_taken_for_an_announcement() {
    let shipped = shipped();
    for (n, (sample, recording)) in shipped.iter().enumerate() {
        // Each announcement against all others: none may agree, whatever it means.
        let mut others = shipped.clone();
        others.remove(n);
        let looped = [recording.clone(), vec![0; 8_000], recording.clone()].concat();
        let found = heard(&announcements(&others), &looped);
        assert_eq!(found, None, "{}", sample.name);
    }
    let announcements = announcements(&shipped);
    for role in ["callee", "greeting", "prompt"] {
        let voices: Vec<i16> = samples::shipped(role).into_iter().flat_map(|(_, voice)| voice).collect();
        assert_eq!(heard(&announcements, &voices), None, "{role}");
    }
    let silence = vec![0; 80_000];
    assert_eq!(heard(&announcements, &silence), None);
    assert_eq!(heard(&announcements, &samples::noisy(&silence, 20.0, 3)), None);
    assert_eq!(heard(&announcements, &samples::noisy(&silence, 2_000.0, 4)), None);
    let ringing: Vec<i16> = (0..80_000)
        .map(|n| if n % 40_000 < 8_000 { samples::clamp((n as f32 * 0.353_429_2).sin() * 8_000.0) } else { 0 })
        .collect();
    assert_eq!(heard(&announcements, &ringing), None);
}

#[test]
fn where_other_recordings_agree_as_a_whole_they_differ_clearly_in_a_piece() {
    let shipped = shipped();
    // By how much the worst piece of the most similar place exceeds what is let through.
    let mut margin = f32::INFINITY;
    for (n, (one, _)) in shipped.iter().enumerate() {
        for (other, _) in shipped.iter().skip(n + 1) {
            let (one, other) = (one.fingerprint.bits(), other.fingerprint.bits());
            let length = one.len().min(other.len()).min(BLOCK_FRAMES);
            for (block, place) in one.windows(length).flat_map(|block| other.windows(length).map(move |it| (block, it)))
            {
                let (wrong, frames) = differing(block, place);
                if share(wrong, frames) < ERRORS_MAX {
                    let pieces = block.chunks(PIECE_FRAMES).zip(place.chunks(PIECE_FRAMES));
                    let pieces = pieces.map(|(one, other)| differing(one, other)).filter(|(_, frames)| *frames >= 7);
                    let worst = pieces.map(|(wrong, frames)| share(wrong, frames)).fold(0.0, f32::max);
                    margin = margin.min(worst - PIECE_ERRORS_MAX);
                }
            }
        }
    }
    assert!(margin.is_finite(), "no two recordings share words: this test shows nothing");
    assert!(margin > 0.025, "{margin}");
}

#[test]
fn announcements_that_share_words_wait_for_those_that_they_do_not_share() {
    // A carrier that joins recorded pieces: the same beginning, then the reason, then the same end.
    let shipped = shipped();
    let [(_, start), (_, reason), (_, other_reason), (_, end)] = &shipped[..4] else { panic!("too few") };
    let joined = |reason: &[i16]| [&start[..16_000], &reason[8_000..20_000], end].concat();
    let of = |name: &str, meaning, recording: Vec<i16>| {
        let fingerprint = Fingerprint::of(&recording);
        (Sample { name: name.to_owned(), meaning, fingerprint }, recording)
    };
    let two = [of("off", Meaning::PoweredOff, joined(reason)), of("busy", Meaning::Busy, joined(other_reason))];
    let announcements = announcements(&two);
    for (sample, recording) in &two {
        let (found, after_ms) = heard(&announcements, recording).unwrap();
        assert_eq!(found.name, sample.name);
        assert!(after_ms > 2_500, "{after_ms} ms");
        // Joined in at the end that both share, nobody can tell.
        assert_eq!(heard(&announcements, &recording[28_000..]), None);
    }
    // One of which only the other is known, by two thirds of its words, is not taken for it.
    let known = Arc::new(Announcements::new([two[0].0.clone()]));
    assert_eq!(heard(&known, &two[1].1[..28_000]), None);
}

#[test]
fn what_cannot_be_recognised_is_left_out_and_the_number_of_samples_is_bounded() {
    let (sample, recording) = shipped().remove(0);
    let short = Sample { fingerprint: Fingerprint::of(&recording[..8_000]), ..sample.clone() };
    assert_eq!(Announcements::new([short]).samples().len(), 0);
    let many = std::iter::repeat_n(sample, SAMPLES_MAX + 5);
    assert_eq!(Announcements::new(many).samples().len(), SAMPLES_MAX);
}
