//! Looking at the places of recordings from outside.

use std::sync::Arc;

use hutong_recordings::{Destination, Error, look_at_spool, try_destination};
use object_store::ObjectStore as _;
use object_store::memory::InMemory;

use crate::store::Failing;
use crate::world::{World, name, speak};

#[tokio::test(flavor = "multi_thread")]
async fn a_spool_is_looked_at_while_it_is_used() {
    let world = World::new();
    let empty = look_at_spool(&world.spool()).unwrap();
    assert!(empty.free_bytes > 0 && (empty.live, empty.waiting) == (0, 0), "{empty:?}");

    for folder in ["kept", "ready"] {
        std::fs::create_dir_all(world.spool().join(folder)).unwrap();
        std::fs::write(world.spool().join(folder).join("2026_11_20_7_3-1-stereo.wav"), b"whole").unwrap();
        std::fs::write(world.spool().join(folder).join("notes.txt"), b"not ours").unwrap();
    }
    let left = look_at_spool(&world.spool()).unwrap();
    assert_eq!((left.live, left.waiting), (0, 2));

    let recordings = world.open().await;
    let (mut tape, _take) = recordings.record(name(1));
    speak(&mut tape, 0..25);
    while !world.live(name(1)).exists() {
        tokio::task::yield_now().await;
    }
    assert_eq!(look_at_spool(&world.spool()).unwrap().live, 1);
    let names: Vec<_> = std::fs::read_dir(world.spool()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 4, "the folders and the lock, and nothing else: {names:?}");

    let in_the_way = world.spool().join("lock");
    assert!(matches!(look_at_spool(&in_the_way), Err(Error::File { path, .. }) if path == in_the_way));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_for_recordings_is_tried_and_nothing_of_that_stays() {
    let world = World::new();
    try_destination(Destination::Folder(world.kept())).await.unwrap();
    assert_eq!(std::fs::read_dir(world.kept()).unwrap().count(), 0);
    let objects = Arc::new(InMemory::new());
    try_destination(Destination::Objects(objects.clone())).await.unwrap();
    assert_eq!(objects.list_with_delimiter(None).await.unwrap().objects, []);

    std::fs::write(world.spool(), b"in the way").unwrap();
    let in_the_way = try_destination(Destination::Folder(world.spool())).await;
    assert!(matches!(in_the_way, Err(Error::File { .. })), "{in_the_way:?}");
    let failing = try_destination(Destination::Objects(Failing::new(1))).await.unwrap_err().to_string();
    assert!(failing.contains("could not be written") && failing.contains("out of order"), "{failing}");
}
