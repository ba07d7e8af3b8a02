//! The API over TLS: what browsers are told, and certificates that are renewed while the server runs.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "this is all test, also what stands outside of the test functions"
)]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;

use hutong_e2e::http::{Answer, Request, connect, parse_answer};
use hutong_e2e::{Installation, Server, program, wait};
use rcgen::{CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustix::process::Signal;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tempfile::TempDir;

const NAME: &str = "hutong.example.com";

/// An authority, and the files of a server that it vouches for.
struct Files {
    folder: TempDir,
    authority: CertifiedIssuer<'static, KeyPair>,
}

impl Files {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let files = Self { folder: tempfile::tempdir().unwrap(), authority };
        files.renew();
        files
    }

    fn renew(&self) -> CertificateDer<'static> {
        self.renew_until(2090)
    }

    /// Writes a new certificate, good until that year, and its key; the certificate as it goes over the wire.
    fn renew_until(&self, year: i32) -> CertificateDer<'static> {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![NAME.to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        let certificate = params.signed_by(&key, &self.authority).unwrap();
        std::fs::write(self.certificate(), certificate.pem()).unwrap();
        std::fs::write(self.key(), key.serialize_pem()).unwrap();
        certificate.der().clone()
    }

    fn certificate(&self) -> PathBuf {
        self.folder.path().join("server.pem")
    }

    fn key(&self) -> PathBuf {
        self.folder.path().join("server.key")
    }

    fn serve(&self, installation: &Installation, environment: &[(&str, &str)]) -> Server {
        let (certificate, key) = (self.certificate(), self.key());
        let tls =
            [("HUTONG_TLS__CERTIFICATE", certificate.to_str().unwrap()), ("HUTONG_TLS__KEY", key.to_str().unwrap())];
        installation.serve_with(&[&tls[..], environment].concat())
    }

    /// A connection whose handshake has been made, by a client that trusts the authority alone.
    fn connect(&self, server: &Server) -> StreamOwned<ClientConnection, TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_root_certificates(roots).with_no_client_auth();
        let name = ServerName::try_from(NAME).unwrap();
        let mut connection = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut stream = connect(server.address()).unwrap();
        while connection.is_handshaking() {
            connection.complete_io(&mut stream).unwrap();
        }
        StreamOwned::new(connection, stream)
    }

    fn get(&self, server: &Server, target: &str) -> Answer {
        let mut stream = self.connect(server);
        write!(stream, "GET {target} HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n").unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("the server closes the connection properly");
        parse_answer(&bytes).expect("an answer")
    }

    /// The certificate that a client is shown.
    fn shown(&self, server: &Server) -> CertificateDer<'static> {
        self.connect(server).conn.peer_certificates().unwrap()[0].clone().into_owned()
    }
}

const OF_PAGES: [(&str, &str); 4] = [
    ("content-security-policy", "frame-ancestors 'none'"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
];

#[track_caller]
fn check(answer: &Answer, headers: &[(&str, &str)]) {
    for (name, value) in headers {
        let found = answer.header(name).unwrap_or_else(|| panic!("no {name} in {answer:?}"));
        assert!(found.contains(value), "{name}: {found}");
    }
}

#[test]
fn pages_and_answers_tell_browsers_what_they_may_do_with_them() {
    let installation = Installation::new();
    let server = installation.serve();
    let get = |target: &str| Request::get(target).send(server.address()).unwrap();
    let page = get("/docs/");
    assert_eq!(page.status, 200);
    check(&page, &OF_PAGES);
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("script-src 'self';"), "scripts of this server, and no others: {policy}");
    let text = String::from_utf8(page.body).unwrap();
    let inline = text.split("<script").skip(1).filter(|script| !script.starts_with(" src="));
    assert_eq!(inline.count(), 0, "the policy forbids scripts in a page: {text}");
    for target in ["/openapi/v1/task/getTasks", "/openapi.json", "/healthz", "/nowhere", "/metrics"] {
        check(&get(target), &[("x-content-type-options", "nosniff")]);
    }
    assert_eq!(get("/healthz").header("strict-transport-security"), None, "plain HTTP stays plain");
}

#[test]
fn behind_a_proxy_with_tls_browsers_are_told_to_stay_with_https() {
    let installation = Installation::new();
    let server = installation.serve_with(&[("HUTONG_PUBLIC_URL", "https://hutong.example.com")]);
    check(&Request::get("/healthz").send(server.address()).unwrap(), &[("strict-transport-security", "max-age=")]);
}

#[test]
fn a_certificate_is_renewed_without_a_restart() {
    let (installation, files) = (Installation::new(), Files::new());
    let server = files.serve(&installation, &[]);
    let page = files.get(&server, "/docs/");
    assert_eq!(page.status, 200);
    check(&page, &OF_PAGES);
    check(&page, &[("strict-transport-security", "max-age=")]);
    let mut old = files.connect(&server);
    let renewed = files.renew();
    wait::until("the new files are seen", || (files.shown(&server) == renewed).then_some(()));
    let renewed = files.renew();
    server.signal(Signal::HUP);
    wait::until("the files are read on SIGHUP", || (files.shown(&server) == renewed).then_some(()));
    write!(old, "GET /healthz HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    old.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "a connection of before goes on: {answer}");
    drop(old);
    assert!(server.stop().status.success());
}

#[test]
fn a_renewal_that_cannot_be_used_leaves_the_certificate_as_it_was() {
    let (installation, files) = (Installation::new(), Files::new());
    let server = files.serve(&installation, &[]);
    let shown = files.shown(&server);
    std::fs::write(files.key(), KeyPair::generate().unwrap().serialize_pem()).unwrap();
    server.signal(Signal::HUP);
    wait::until("the log says so", || server.log().contains("stays as it was").then_some(()));
    assert!(server.log().contains("tls.key"), "{}", server.log());
    assert_eq!(files.shown(&server), shown);
}

#[test]
fn a_handshake_that_is_not_made_ends_in_time_and_keeps_nobody_out() {
    let (installation, files) = (Installation::new(), Files::new());
    let server = files.serve(&installation, &[("HUTONG_API__HEADER_TIMEOUT_S", "1")]);
    let mut silent = connect(server.address()).unwrap();
    let mut plain = connect(server.address()).unwrap();
    plain.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    assert_eq!(files.get(&server, "/healthz").status, 200);
    let mut rest = Vec::new();
    silent.read_to_end(&mut rest).expect("the server closes the connection, not the test's patience");
    assert_eq!(rest, b"");
    let _ = plain.read_to_end(&mut rest);
    assert!(!rest.starts_with(b"HTTP"), "nothing is said in the clear");
}

#[test]
fn the_doctor_says_until_when_the_certificate_is_good_and_how_much_room_there_is() {
    let (installation, files) = (Installation::new(), Files::new());
    let _tenant = installation.tenant("公司", 1);
    let doctor = |free_mib_min: &str| {
        let mut command = program::command();
        command.env("HUTONG_DATA", installation.data()).env("HUTONG_DISK__FREE_MIB_MIN", free_mib_min);
        command.env("HUTONG_TLS__CERTIFICATE", files.certificate()).env("HUTONG_TLS__KEY", files.key());
        program::finish(command.arg("doctor")).stdout
    };
    let fine = doctor("1");
    assert!(fine.contains("ok    the certificate of the API is good until 2090-01-01"), "{fine}");
    assert!(fine.contains("ok    disk of data") && fine.contains("ok    the clock shows"), "{fine}");
    files.renew_until(2020);
    let to_mend = doctor("999999999");
    assert!(to_mend.contains("mend  the certificate of the API has ended"), "{to_mend}");
    assert!(to_mend.contains("mend  disk of data") && to_mend.contains("disk.free_mib_min"), "{to_mend}");
}

#[test]
fn a_server_without_tls_outlives_a_reload() {
    let installation = Installation::new();
    let server = installation.serve();
    server.signal(Signal::HUP);
    assert_eq!(Request::get("/healthz").send(server.address()).unwrap().status, 200);
    assert!(server.stop().status.success());
}

#[test]
fn files_that_do_not_fit_are_refused_with_their_key() {
    let files = Files::new();
    let config = files.folder.path().join("config.toml");
    let check = |certificate: &str, key: &str, expected: &str| {
        std::fs::write(&config, format!("[tls]\ncertificate = {certificate:?}\nkey = {key:?}\n")).unwrap();
        let done = program::run(files.folder.path(), &["config", "check", config.to_str().unwrap()]);
        assert_eq!(done.code, Some(2), "{done:?}");
        assert!(done.stderr.contains(expected), "{}", done.stderr);
    };
    let (certificate, key) = (files.certificate(), files.key());
    let (certificate, key) = (certificate.to_str().unwrap(), key.to_str().unwrap());
    check("no-such-file.pem", key, "tls.certificate");
    check(key, key, "tls.certificate");
    check(certificate, certificate, "tls.key");
    let other = files.folder.path().join("other.key");
    std::fs::write(&other, KeyPair::generate().unwrap().serialize_pem()).unwrap();
    check(certificate, other.to_str().unwrap(), "tls.key");
}
