//! A server that speaks S3. Which one is said in the environment; `pip install 'moto[server]' && moto_server -p 5000` is one
//! that needs no account.

use futures::TryStreamExt as _;
use hutong_recordings::{Credentials, Destination, Looked, Options, S3};

use crate::world::{World, customer, expected, fetch, name, open, options, speak};

/// Address of the server, `http://127.0.0.1:5000`.
const ENDPOINT: &str = "HUTONG_TEST_S3_ENDPOINT";
/// A bucket that is there already.
const BUCKET: &str = "HUTONG_TEST_S3_BUCKET";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a server that speaks S3, see HUTONG_TEST_S3_ENDPOINT"]
async fn recordings_are_uploaded_to_s3_played_from_there_and_deleted() {
    let world = World::new();
    let s3 = S3 {
        endpoint: std::env::var(ENDPOINT).unwrap(),
        region: "us-east-1".to_owned(),
        credentials: Credentials { access_key_id: "test".to_owned(), secret_access_key: "test".to_owned() },
        ..S3::default()
    };
    let url = format!("s3://{}/calls/of-{}", std::env::var(BUCKET).unwrap(), std::process::id());
    let options = Options { keep_days: 3, ..options(&world.spool(), Destination::parse(&url, s3).unwrap()) };
    let recordings = open(options.clone()).await;
    let (mut tape, take) = recordings.record(name(1));
    // Ten minutes: the stereo file is uploaded in parts.
    speak(&mut tape, 0..30_000);
    drop(tape);
    let kept = take.keep();
    recordings.close().await;
    let metrics = recordings.metrics();
    assert_eq!((metrics.waiting_moves, metrics.move_failures), (0, 0));
    assert_eq!(std::fs::read_dir(world.spool().join("ready")).unwrap().count(), 0);

    let stereo = kept.recording.replace(".wav", "-stereo.wav");
    assert_eq!(fetch(&recordings, &stereo).await.len(), 80 + 30_000 * 640);
    let Looked::Found(found) = recordings.find(&kept.customer_recording).await.unwrap() else { panic!() };
    let second = 44 + 16_000 * 300..44 + 16_000 * 301;
    let pieces: Vec<_> = found.read(second).await.unwrap().try_collect().await.unwrap();
    let samples: Vec<i16> = pieces.concat().chunks(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
    assert_eq!(samples, expected(customer, 8000 * 300..8000 * 301));
    assert!(matches!(
        recordings.find(&name(2).file(hutong_recordings::Part::Both).to_string()).await,
        Ok(Looked::Missing)
    ));
    drop(recordings);

    let in_four_days = crate::world::FixedClock(hutong_domain::moment::Moment(crate::world::NOW.0 + 4 * 86_400_000));
    let recordings = hutong_recordings::Recordings::open(options, std::sync::Arc::new(in_four_days)).await.unwrap();
    while recordings.metrics().deleted < 3 {
        tokio::task::yield_now().await;
    }
    assert!(matches!(recordings.find(&stereo).await.unwrap(), Looked::Missing));
    recordings.close().await;
}
