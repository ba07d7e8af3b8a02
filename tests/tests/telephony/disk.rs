//! The disk of the spool is full: calls go on without their recordings, and are recorded again once there is room.

use hutong_e2e::callees::Callees;
use hutong_e2e::http::Request;
use hutong_e2e::small_disk::{self, SmallDisk};
use hutong_e2e::wait::until;

use crate::company::{Company, FIRST_LINE, assert_recorded};

/// Hangs up while the robot talks.
const BRIEF: &str = "13800138026";
const NOT_INTERESTED: &str = "13800138021";
const SPOOL_MIB: usize = 16;

#[test]
fn a_full_spool_costs_recordings_and_no_calls() {
    if let Err(reason) = small_disk::is_possible() {
        eprintln!("SKIPPED: this machine mounts no disk for a test (it takes root, and util-linux): {reason}");
        return;
    }
    let callees = Callees::start_at("127.0.0.1:0");
    let company = Company::new("2");
    let line = company.line(FIRST_LINE, callees.address(), &[]);
    let (spool, empty) = (company.installation.data().join("spool"), tempfile::tempdir().unwrap());
    std::fs::create_dir(&spool).unwrap();
    let environment = [("HUTONG_DISK__FREE_MIB_MIN", "8")];
    let disk = SmallDisk::serve(company.installation.data(), &spool, SPOOL_MIB, empty.path(), &environment);
    let client = company.client_of(&disk.server);
    let ready = || Request::get("/readyz").send(disk.server.address()).unwrap();
    assert_eq!(ready().status, 200, "{}", String::from_utf8_lossy(&ready().body));

    disk.fill();
    let report = until("readiness sees that the disk is full", || {
        let answer = ready();
        (answer.status == 503).then(|| String::from_utf8(answer.body).unwrap())
    });
    assert!(report.contains("disk: spool has 0 MiB free") && report.contains("store writes: ok"), "{report}");
    let done = company.dialled(&client, &[line], 1, &[BRIEF]);
    assert_eq!(done[0]["finishStatus"], 0, "the call is made all the same: {done:?}");
    let lost = until("what is lost is counted", || {
        let metrics = Request::get("/metrics").send(disk.server.address()).unwrap().body;
        let metrics = String::from_utf8(metrics).unwrap();
        let line = metrics.lines().find(|line| line.starts_with("hutong_recorder_lost_frames_total "))?;
        let frames: u64 = line.split(' ').nth(1)?.parse().ok()?;
        (frames > 0).then_some(frames)
    });
    assert!(lost > 50, "{lost} frames of a call of some seconds");
    assert!(disk.server.log().contains("No space left on device"), "{}", disk.server.log());

    disk.make_room();
    until("the server is ready again", || (ready().status == 200).then_some(()));
    let done = company.dialled(&client, &[line], 1, &[NOT_INTERESTED]);
    assert_recorded(&client, company.id, &done[0]);
}
