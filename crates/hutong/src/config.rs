//! The configuration: a TOML file, with the environment on top of it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use figment::Figment;
use figment::error::{Error as FigmentError, Kind};
use figment::providers::{Env, Format as _, Toml};
use hutong_domain::address::Networks;
use hutong_domain::caps::Caps;
use hutong_domain::hours::{DiallingDays, Hours, Weekdays};
use hutong_domain::retention::Keep;
use hutong_domain::rules::Rules;
use hutong_domain::window::DaySpan;
use hutong_store::{Options, Url};
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use serde::Deserialize;

use crate::callbacks::CallbacksConfig;
use crate::disk::DiskConfig;
use crate::error::{Error, Result};
use crate::log::LogConfig;
use crate::recordings::{self, RecordingsConfig};
use crate::retention::RetentionConfig;
use crate::speech::SpeechConfig;
use crate::telephony::{MediaConfig, SipConfig};
use crate::tls::TlsConfig;
use crate::traces::TracesConfig;

/// The configuration with every key at its default: also the documentation of the configuration.
pub(crate) const DEFAULT: &str = include_str!("../config.default.toml");

/// The file in a data folder with the configuration that the folder was made with.
pub(crate) const FILE: &str = "config.toml";

/// What an administrator decides about an installation.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) listen: String,
    pub(crate) public_url: String,
    pub(crate) data: PathBuf,
    zone: String,
    store: StoreConfig,
    pub(crate) dialing: DialingConfig,
    pub(crate) sip: SipConfig,
    pub(crate) media: MediaConfig,
    pub(crate) recordings: RecordingsConfig,
    pub(crate) retention: RetentionConfig,
    pub(crate) speech: SpeechConfig,
    pub(crate) callbacks: CallbacksConfig,
    pub(crate) api: ApiConfig,
    pub(crate) tls: TlsConfig,
    pub(crate) disk: DiskConfig,
    pub(crate) metrics: MetricsConfig,
    pub(crate) traces: TracesConfig,
    pub(crate) log: LogConfig,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoreConfig {
    url: String,
    readers: usize,
    writers: usize,
    partitions: u32,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DialingConfig {
    pub(crate) legal_start: Time,
    pub(crate) legal_end: Time,
    weekdays_off: Weekdays,
    days_off: BTreeSet<Date>,
    working_days: BTreeSet<Date>,
    dials_per_day: u32,
    dials_per_week: u32,
    lost_per_mille_max: u32,
    pub(crate) calls_max: usize,
    pub(crate) drain_s: u64,
    pub(crate) seed: u64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApiConfig {
    pub(crate) clock_skew_s: u64,
    request_timeout_s: u64,
    header_timeout_s: u64,
    write_timeout_s: u64,
    connections_max: usize,
    connections_per_address_max: usize,
    failed_requests_per_s_max: u32,
    trusted_proxies: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MetricsConfig {
    pub(crate) enabled: bool,
    pub(crate) listen: String,
}

impl ApiConfig {
    fn check(&self) -> Result<()> {
        let least = [
            ("header_timeout_s", self.header_timeout_s),
            ("write_timeout_s", self.write_timeout_s),
            ("connections_max", self.connections_max as u64),
            ("connections_per_address_max", self.connections_per_address_max as u64),
            ("failed_requests_per_s_max", u64::from(self.failed_requests_per_s_max)),
        ];
        match least.into_iter().find(|(_, value)| *value == 0) {
            Some((key, _)) => Err(Error::config(&format!("api.{key}"), "must be at least 1")),
            None => Ok(()),
        }
    }
}

impl Config {
    /// The defaults, the file over them, and the environment over both.
    pub(crate) fn load(file: Option<&Path>) -> Result<Self> {
        let mut figment = Figment::from(Toml::string(DEFAULT));
        if let Some(file) = file {
            let text = std::fs::read_to_string(file).map_err(|cause| Error::file(file, cause))?;
            figment = figment.merge(Toml::string(&text));
        }
        // The installation's key and log filters of libraries are no part of the configuration.
        let environment = Env::prefixed("HUTONG_").ignore(&["key", "log_filter"]).split("__");
        let config: Self = figment.merge(environment).extract().map_err(|error| explain(&error))?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<()> {
        self.rules()?;
        self.store_options()?;
        self.recording_options()?;
        if !self.public_url.is_empty() {
            recordings::check_url("public_url", &self.public_url)?;
        }
        self.sip.check()?;
        self.media.check()?;
        self.speech.check()?;
        self.callbacks.check()?;
        self.trusted_proxies()?;
        if self.dialing.calls_max == 0 {
            return Err(Error::config("dialing.calls_max", "must be at least 1"));
        }
        self.api.check()?;
        self.tls.check()?;
        self.traces.check()?;
        Ok(())
    }

    pub(crate) fn zone(&self) -> Result<TimeZone> {
        TimeZone::get(&self.zone)
            .map_err(|_| Error::config("zone", &format!("unknown time zone {:?}; try \"Asia/Shanghai\"", self.zone)))
    }

    /// What holds for all companies.
    pub(crate) fn rules(&self) -> Result<Rules> {
        let DialingConfig { dials_per_day, dials_per_week, lost_per_mille_max, .. } = self.dialing;
        if lost_per_mille_max > 1000 {
            return Err(Error::config("dialing.lost_per_mille_max", "must be at most 1000, which is all of them"));
        }
        let cap = |attempts: u32| (attempts > 0).then_some(attempts);
        let caps = Caps { per_day: cap(dials_per_day), per_week: cap(dials_per_week) };
        Ok(Rules { zone: self.zone()?, hours: self.hours()?, caps, lost_per_mille_max })
    }

    /// When people may be called at all.
    fn hours(&self) -> Result<Hours> {
        let DialingConfig { legal_start, legal_end, weekdays_off, days_off, working_days, .. } = &self.dialing;
        let legal = DaySpan::new(*legal_start, *legal_end)
            .ok_or_else(|| Error::config("dialing.legal_end", "must be after dialing.legal_start"))?;
        if let Some(both) = days_off.intersection(working_days).next() {
            return Err(Error::config("dialing.working_days", &format!("{both} stands in dialing.days_off as well")));
        }
        let days = DiallingDays {
            weekdays_off: *weekdays_off,
            days_off: days_off.clone(),
            working_days: working_days.clone(),
        };
        Ok(Hours { legal, days })
    }

    pub(crate) fn store_options(&self) -> Result<Options> {
        let url = if self.store.url.is_empty() {
            Url::Sqlite(self.data.join("hutong.db"))
        } else {
            self.store.url.parse().map_err(|error| Error::config("store.url", &format!("{error}")))?
        };
        let mut options = Options::new(url);
        if self.store.readers > 0 {
            options.readers = self.store.readers;
        }
        if self.store.writers > 0 {
            options.writers = self.store.writers;
        }
        options.partitions = self.store.partitions;
        Ok(options)
    }

    pub(crate) fn recording_options(&self) -> Result<hutong_recordings::Options> {
        self.recordings.options(&self.data, self.zone()?)
    }

    /// For how long the installation keeps what it knows of people.
    pub(crate) const fn keep(&self) -> Keep {
        let RetentionConfig { transcripts_days, numbers_days } = self.retention;
        Keep { recordings_days: self.recordings.keep_days, transcripts_days, numbers_days }
    }

    pub(crate) fn drain(&self) -> Duration {
        Duration::from_secs(self.dialing.drain_s)
    }

    /// Who is believed about where a request comes from.
    pub(crate) fn trusted_proxies(&self) -> Result<Networks> {
        Networks::parse(&self.api.trusted_proxies)
            .map_err(|error| Error::config("api.trusted_proxies", &error.to_string()))
    }

    pub(crate) fn request_limits(&self) -> Result<hutong_api::Limits> {
        Ok(hutong_api::Limits {
            request_time_max: Duration::from_secs(self.api.request_timeout_s),
            clock_skew_max: Duration::from_secs(self.api.clock_skew_s),
            failures_per_s_max: self.api.failed_requests_per_s_max,
            trusted_proxies: self.trusted_proxies()?,
            ..hutong_api::Limits::default()
        })
    }

    pub(crate) fn connection_limits(&self) -> hutong_api::ConnectionLimits {
        hutong_api::ConnectionLimits {
            connections_max: self.api.connections_max,
            connections_per_address_max: self.api.connections_per_address_max,
            header_time_max: Duration::from_secs(self.api.header_timeout_s),
            write_time_max: Duration::from_secs(self.api.write_timeout_s),
            ..hutong_api::ConnectionLimits::default()
        }
    }
}

/// Names the key and, where it does not exist, the nearest one that does.
fn explain(error: &FigmentError) -> Error {
    let mut path = error.path.clone();
    let text = match &error.kind {
        Kind::UnknownField(name, known) => {
            path.push(name.clone());
            let nearest =
                known.iter().max_by(|a, b| strsim::jaro_winkler(name, a).total_cmp(&strsim::jaro_winkler(name, b)));
            match nearest {
                Some(nearest) => format!("no such key; did you mean {nearest:?}?"),
                None => "no such key".to_owned(),
            }
        }
        kind => kind.to_string(),
    };
    Error::config(&path.join("."), &text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Config> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Config::load(Some(file.path()))
    }

    #[test]
    fn the_default_configuration_is_complete_and_valid() {
        let config = load("").unwrap();
        assert_eq!(config.listen, "127.0.0.1:8080");
        assert_eq!(config.store_options().unwrap().url, Url::Sqlite("hutong-data/hutong.db".into()));
    }

    /// The defaults name every key, or they could not be read: there are no others.
    #[test]
    fn every_key_of_the_defaults_is_explained() {
        let mut is_explained = false;
        for line in DEFAULT.lines() {
            match line.split_once(" = ").map(|(key, _)| key) {
                Some(key) if !line.starts_with('#') => assert!(is_explained, "{key} has no comment above it"),
                _ => is_explained = line.starts_with('#'),
            }
        }
        // What is read in blocks of its own stands in a comment, as it would be written.
        for key in ["protocol", "url", "name", "model", "language", "key", "answer_timeout_ms"] {
            assert!(DEFAULT.contains(&format!("\n#   {key} = ")), "speech.recognisers.{key}");
        }
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest_known_name() {
        let error = load("[store]\nulr = \"sqlite:x\"").unwrap_err().to_string();
        assert!(error.contains("store.ulr") && error.contains("\"url\""), "{error}");
    }

    #[test]
    fn days_without_calls_are_read() {
        let text = "weekdays_off = [6, 7]\ndays_off = [\"2026-10-01\"]\nworking_days = [\"2026-10-10\"]";
        let days = load(&format!("[dialing]\n{text}")).unwrap().hours().unwrap().days;
        for (day, dials) in [(1, false), (2, true), (3, false), (10, true), (11, false), (12, true)] {
            assert_eq!(days.dials(jiff::civil::date(2026, 10, day)), dials, "{day}");
        }
    }

    #[test]
    fn recordings_are_kept_in_the_data_folder_or_where_it_is_configured() {
        let check = |text: &str, spool: &str, destination: &str| {
            let options = load(text).unwrap().recording_options().unwrap();
            assert_eq!(options.spool, Path::new(spool));
            let shown = format!("{:?}", options.destination);
            assert!(shown.contains(destination), "{shown}");
            assert!(!shown.contains("s3cret"), "{shown}");
        };
        check("data = \"/d\"", "/d/spool", "Folder(\"/d/recordings\")");
        check("[recordings]\nurl = \"/mnt/r\"\nspool = \"/tmp/s\"", "/tmp/s", "Folder(\"/mnt/r\")");
        let keys = "s3_access_key_id = \"id\"\ns3_secret_access_key = \"s3cret\"\ns3_region = \"cn\"";
        let bucket = "S3 { bucket: \"calls\", prefix: \"a/b\", endpoint: \"\", region: \"cn\"";
        check(&format!("[recordings]\nurl = \"s3://calls/a/b\"\n{keys}"), "hutong-data/spool", bucket);
        assert!(!format!("{:?}", load(&format!("[recordings]\n{keys}")).unwrap()).contains("s3cret"));
    }

    #[test]
    fn a_wrong_value_names_its_key() {
        let check = |text: &str, key: &str| {
            let error = load(text).unwrap_err().to_string();
            assert!(error.contains(key), "{error}");
        };
        check("zone = \"Asia/Nowhere\"", "zone");
        check("[dialing]\nlegal_start = \"21:00:00\"", "dialing.legal_end");
        check("[dialing]\ncalls_max = \"many\"", "dialing.calls_max");
        check("[dialing]\nlost_per_mille_max = 1001", "dialing.lost_per_mille_max");
        check("[dialing]\ndials_per_day = -1", "dialing.dials_per_day");
        check("[dialing]\nweekdays_off = [0]", "dialing.weekdays_off");
        check("[dialing]\ndays_off = [\"2026-02-30\"]", "dialing.days_off");
        let both = "days_off = [\"2026-10-01\"]\nworking_days = [\"2026-10-01\"]";
        check(&format!("[dialing]\n{both}"), "dialing.working_days");
        check("[sip]\nadvertised = \"here\"", "sip.advertised");
        check("[sip]\nlisten = \"5060\"", "sip.listen");
        check("[sip]\nlisten = \"[::]:5060\"", "sip.listen");
        check("[sip]\ntls_authorities = \"no-such-file.pem\"", "sip.tls_authorities");
        check("[sip]\ntls_authorities = \"Cargo.toml\"", "there is no certificate of an authority in it");
        check("[media]\nport_first = 30000", "media.port_last");
        check("[media]\njitter_ms = 500", "media.jitter_ms");
        check("[media]\nlatching = \"always\"", "media.latching");
        check("[callbacks]\nin_flight_max = 0", "callbacks.in_flight_max");
        check("[callbacks]\ntasks_at_once = 1000000", "callbacks.tasks_at_once");
        check("[store]\nurl = \"mysql://x\"", "store.url");
        check("[api]\ntrusted_proxies = [\"10.0.0.1/8\"]", "api.trusted_proxies: 10.0.0.1/8");
        check("public_url = \"hutong.example.com\"", "public_url");
        check("public_url = \"https://hutong.example.com/?a=b\"", "public_url");
        check("[recordings]\nurl = \"ftp://x\"", "recordings.url");
        check("[recordings]\nurl = \"s3://\"", "recordings.url");
        check("[recordings]\naddress_valid_s = 5", "recordings.address_valid_s");
        check("[recordings]\nmoves_max = 0", "recordings.moves_max");
        check("[recordings]\nkeep_days = -1", "recordings.keep_days");
        check("[api]\nwrite_timeout_s = 0", "api.write_timeout_s");
        check("[api]\ntrusted_proxies = [\"proxy\"]", "api.trusted_proxies");
        check("[traces]\nurl = \"collector:4318\"", "traces.url");
        check("[traces]\nsample_ratio = 1.5", "traces.sample_ratio");
        check("[tls]\ncertificate = \"server.pem\"", "tls.key");
        check("[tls]\nkey = \"server.key\"", "tls.certificate");
        check("[retention]\ntranscripts_days = -1", "retention.transcripts_days");
        check("[retention]\nnumbers_day = 1", "numbers_days");
        check("[recordings]\nurl = \"s3://a\"\ns3_endpoint = \"minio:9000\"", "recordings.s3_endpoint");
        let half = "url = \"s3://a\"\ns3_access_key_id = \"a\"";
        check(&format!("[recordings]\n{half}"), "recordings.s3_secret_access_key");
    }
}
