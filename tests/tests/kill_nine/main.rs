//! Servers that are killed in mid-campaign again and again: what they dialled, what they answered, and what they told an
//! integrator must add up.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "this is all test, also what stands outside of the test functions"
)]

mod campaign;
mod ledger;
mod moment;
mod reader;
mod site;
mod told;

use hutong_e2e::{Client, Installation, Server};
use hutong_testkit::postgres;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use campaign::{Campaign, SEATS};
use ledger::Ledger;
use moment::Moment;
use reader::Reader;
use site::Site;
use told::Told;

/// How often the only server of a SQLite store is killed.
const KILLS_ON_SQLITE: usize = 300;
/// How often one of the two servers that share a PostgreSQL store is killed.
const KILLS_ON_POSTGRESQL: usize = 100;
/// Callbacks go to a receiver on this machine.
const TO_US: (&str, &str) = ("HUTONG_CALLBACKS__PRIVATE_ADDRESSES", "true");
/// What the moments of the kills, and the servers that they hit, are drawn from.
const SEED: u64 = 9;
/// So many kills after one another, the tasks are given new numbers: they never run dry before the last kill.
const KILLS_PER_IMPORT: usize = 5;

#[test]
fn a_server_on_sqlite_that_is_killed_again_and_again_dials_no_attempt_twice_and_loses_no_call() {
    let installation = Installation::with_environment(&[TO_US]);
    let sites = [Site::new(installation.data(), &[TO_US])];
    // The calls of a dead server are over as soon as the next one begins: few seats are enough.
    crash(&installation, &sites, KILLS_ON_SQLITE, 16);
}

#[test]
fn one_of_two_servers_on_postgresql_is_killed_again_and_again_and_no_attempt_is_dialled_twice() {
    let postgres = postgres::Server::start(&[]);
    let environment = [
        (TO_US.0, TO_US.1.to_owned()),
        ("HUTONG_STORE__URL", postgres.url()),
        ("HUTONG_STORE__READERS", "2".to_owned()),
        ("HUTONG_STORE__WRITERS", "2".to_owned()),
        ("HUTONG_KEY", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=".to_owned()),
    ];
    let environment = environment.each_ref().map(|(name, value)| (*name, value.as_str()));
    let installation = Installation::with_environment(&environment);
    let second = tempfile::tempdir().unwrap();
    // The calls of a dead server keep their seats until its lease has run out, which is long after it was started
    // again: there are seats for many dead, and a server limits its calls by itself.
    let environment = [&environment[..], &[("HUTONG_DIALING__CALLS_MAX", "24")]].concat();
    let sites = [Site::new(installation.data(), &environment), Site::new(second.path(), &environment)];
    crash(&installation, &sites, KILLS_ON_POSTGRESQL, 200);
}

/// Runs a campaign on a server at each site and kills one of them, again and again; then lets the campaign finish,
/// and compares what was dialled, what is kept, and what was read. `quota` is how many seats a task has meanwhile.
fn crash(installation: &Installation, sites: &[Site], kills: usize, quota: u32) {
    let tenant = installation.tenant("公司", SEATS);
    let mut chance = StdRng::seed_from_u64(SEED);
    let mut servers: Vec<Server> = sites.iter().map(Site::serve).collect();
    let clients = |servers: &[Server]| -> Vec<Client> {
        servers.iter().map(|server| server.client(&tenant.credentials)).collect()
    };
    let told = Told::begin(installation, &tenant);
    let mut campaign = Campaign::begin(&tenant, &clients(&servers)[0], quota);
    let reader = Reader::start(campaign.tasks(), clients(&servers));
    let mut ledger = Ledger::default();
    for kill in 1..=kills {
        let victim = chance.random_range(0..servers.len());
        Moment::by_chance(&mut chance).wait_for(&servers[victim], &reader);
        ledger.enter(&servers.remove(victim).kill().log);
        reader.ask(clients(&servers));
        servers.insert(victim, if kill < kills { sites[victim].serve() } else { sites[victim].serve_without_limit() });
        reader.ask(clients(&servers));
        if kill % KILLS_PER_IMPORT == 0 && kill < kills {
            campaign.import_more(&clients(&servers)[0]);
        }
    }
    campaign.finish(&clients(&servers)[0]);
    let read = campaign.check(reader.stop(), &clients(&servers));
    told.check(&read);
    for server in servers {
        ledger.enter(&server.stop().log);
    }
    let store = sites[0].store();
    campaign.check_store(&store);
    let lost = ledger.check(&store, &campaign);
    assert!(lost >= kills, "{kills} kills hit {lost} calls in progress: that is no test");
    eprintln!("{kills} kills, {} dials, {lost} of them lost", ledger.dials());
}
