//! RTCP (RFC 3550 section 6): what each side tells the other about what it hears, and when it leaves.

use std::time::Duration;

use rtcp_types::{
    Bye, Compound, Packet, ReceiverReport, ReceiverReportBuilder, ReportBlock, RtcpPacketWriterExt, Sdes, SdesChunk,
    SdesItem, SenderReport, SenderReportBuilder,
};

/// Time between two reports.
pub(crate) const INTERVAL: Duration = Duration::from_secs(5);

/// Bytes of the largest packet that we write: a report with one block, a description, a farewell.
pub(crate) const REPORT_BYTES_MAX: usize = 128;

/// Packets of one compound that are looked at.
const COMPOUND_PACKETS_MAX: usize = 16;

/// Seconds between the epochs of NTP and of Unix.
const NTP_UNIX_SECONDS: u64 = 2_208_988_800;

/// What the far side last told of how it hears us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RemoteReport {
    /// Share lost of our packets since its report before, in 1/256.
    pub fraction_lost: u8,
    /// Lost of our packets since the beginning; duplicates may make it wrong, as the RFC says.
    pub lost: u32,
    /// Jitter of our packets as it sees them, in 1/8000 s.
    pub jitter_samples: u32,
    /// Time of our report's way there and back.
    pub round_trip: Option<Duration>,
}

/// Counts what is received of one stream (RFC 3550 appendices A.1, A.3 and A.8).
#[derive(Debug, Clone, Default)]
pub(crate) struct Reception {
    base: Option<u16>,
    highest: u16,
    cycles: u32,
    received: u32,
    expected_before: u32,
    received_before: u32,
    /// Sixteen times the jitter, as the appendix keeps it.
    jitter_scaled: u32,
    transit: Option<u32>,
}

impl Reception {
    /// A valid packet came: `arrival` is its moment in units of 1/8000 s.
    pub(crate) fn count(&mut self, sequence: u16, timestamp: u32, arrival: u32) {
        if self.base.is_none() {
            self.base = Some(sequence);
            self.highest = sequence;
        }
        self.received = self.received.wrapping_add(1);
        let ahead = sequence.wrapping_sub(self.highest).cast_signed();
        if ahead > 0 {
            if sequence < self.highest {
                self.cycles = self.cycles.wrapping_add(1 << 16);
            }
            self.highest = sequence;
        }
        let transit = arrival.wrapping_sub(timestamp);
        if let Some(before) = self.transit.replace(transit) {
            let distance = transit.wrapping_sub(before).cast_signed().unsigned_abs();
            // A jump of the far side's clock, as after a pause, is no jitter.
            if distance < super::SAMPLE_RATE {
                self.jitter_scaled = (self.jitter_scaled + distance).saturating_sub((self.jitter_scaled + 8) >> 4);
            }
        }
    }

    /// Mean deviation of transit times, in 1/8000 s.
    pub(crate) fn jitter_samples(&self) -> u32 {
        self.jitter_scaled >> 4
    }

    fn extended_highest(&self) -> u32 {
        self.cycles.wrapping_add(u32::from(self.highest))
    }

    fn expected(&self) -> u32 {
        self.base.map_or(0, |base| self.extended_highest().wrapping_sub(u32::from(base)).wrapping_add(1))
    }

    /// What the next report says, and begins the interval of the one after it.
    fn report(&mut self) -> (u8, u32) {
        let expected = self.expected();
        let lost = expected.saturating_sub(self.received);
        let expected_now = expected.wrapping_sub(self.expected_before);
        let received_now = self.received.wrapping_sub(self.received_before);
        self.expected_before = expected;
        self.received_before = self.received;
        let lost_now = expected_now.saturating_sub(received_now);
        let fraction = (u64::from(lost_now) << 8).checked_div(u64::from(expected_now)).unwrap_or(0);
        (u8::try_from(fraction).unwrap_or(u8::MAX), lost.min(0x7f_ffff))
    }
}

/// What a report tells of what we send.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent {
    pub(crate) ssrc: u32,
    pub(crate) packets: u32,
    pub(crate) bytes: u32,
    /// The timestamp of this moment.
    pub(crate) timestamp: u32,
}

/// The RTCP side of one stream.
#[derive(Debug, Default)]
pub(crate) struct Reports {
    pub(crate) reception: Reception,
    /// The far side's stream, once heard.
    remote_ssrc: Option<u32>,
    /// The middle of the NTP time of its last report, and when that came.
    last_sender_report: Option<(u32, Duration)>,
    /// What it said last.
    pub(crate) remote: Option<RemoteReport>,
    /// Whether it said that it leaves.
    pub(crate) bye: bool,
}

impl Reports {
    /// Another stream of the far side begins.
    pub(crate) fn begin(&mut self, ssrc: u32) {
        if self.remote_ssrc != Some(ssrc) {
            self.remote_ssrc = Some(ssrc);
            self.reception = Reception::default();
            self.last_sender_report = None;
            self.bye = false;
        }
    }

    /// Writes a compound packet into `out`: reports, our name, and with `bye` a farewell. `wall` is the time since 1970.
    /// The length, or 0 if it does not fit.
    pub(crate) fn write(&mut self, sent: &Sent, wall: Duration, bye: bool, out: &mut [u8]) -> usize {
        let block = self.remote_ssrc.filter(|_| self.reception.received > 0).map(|ssrc| {
            let (fraction, lost) = self.reception.report();
            let (last, delay) = self.last_sender_report.map_or((0, 0), |(last, came)| {
                let delay = wall.saturating_sub(came);
                (last, u32::try_from(delay.as_micros() * 65_536 / 1_000_000).unwrap_or(u32::MAX))
            });
            ReportBlock::builder(ssrc)
                .fraction_lost(fraction)
                .cumulative_lost(lost)
                .extended_sequence_number(self.reception.extended_highest())
                .interarrival_jitter(self.reception.jitter_samples())
                .last_sender_report_timestamp(last)
                .delay_since_last_sender_report_timestamp(delay)
        });
        // A name that tells nothing of the host or of the call (RFC 7022).
        let name = format!("{:08x}@hutong", sent.ssrc);
        let description = Sdes::builder()
            .add_chunk(SdesChunk::builder(sent.ssrc).add_item(SdesItem::builder(SdesItem::CNAME, &name)));
        let compound = if sent.packets > 0 {
            let report = SenderReport::builder(sent.ssrc)
                .ntp_timestamp(ntp(wall))
                .rtp_timestamp(sent.timestamp)
                .packet_count(sent.packets)
                .octet_count(sent.bytes);
            let report = block.into_iter().fold(report, SenderReportBuilder::add_report_block);
            Compound::builder().add_packet(report)
        } else {
            let report = ReceiverReport::builder(sent.ssrc);
            let report = block.into_iter().fold(report, ReceiverReportBuilder::add_report_block);
            Compound::builder().add_packet(report)
        };
        let mut compound = compound.add_packet(description);
        if bye {
            compound = compound.add_packet(Bye::builder().add_source(sent.ssrc));
        }
        compound.write_into(out).unwrap_or(0)
    }

    /// Keeps what a compound packet says of us (`ssrc`), or that the far side leaves. False: these bytes are no RTCP.
    pub(crate) fn read(&mut self, bytes: &[u8], ssrc: u32, wall: Duration) -> bool {
        let Ok(compound) = Compound::parse(bytes) else { return false };
        for packet in compound.take(COMPOUND_PACKETS_MAX) {
            match packet {
                Ok(Packet::Sr(report)) => {
                    let middle = u32::try_from(report.ntp_timestamp() >> 16 & 0xffff_ffff).unwrap_or(0);
                    self.last_sender_report = Some((middle, wall));
                    report.report_blocks().for_each(|block| self.told(&block, ssrc, wall));
                }
                Ok(Packet::Rr(report)) => report.report_blocks().for_each(|block| self.told(&block, ssrc, wall)),
                Ok(Packet::Bye(bye)) => self.bye |= bye.ssrcs().any(|ssrc| Some(ssrc) == self.remote_ssrc),
                Ok(_) => {}
                Err(_) => return false,
            }
        }
        true
    }

    fn told(&mut self, block: &ReportBlock<'_>, ssrc: u32, wall: Duration) {
        if block.ssrc() != ssrc {
            return;
        }
        let now = u32::try_from(ntp(wall) >> 16 & 0xffff_ffff).unwrap_or(0);
        let last = block.last_sender_report_timestamp();
        let there_and_back =
            now.wrapping_sub(last).wrapping_sub(block.delay_since_last_sender_report_timestamp()).cast_signed();
        let round_trip = u64::try_from(there_and_back)
            .ok()
            .filter(|_| last != 0)
            .map(|units| Duration::from_micros(units * 1_000_000 / 65_536));
        self.remote = Some(RemoteReport {
            fraction_lost: block.fraction_lost(),
            lost: block.cumulative_lost(),
            jitter_samples: block.interarrival_jitter(),
            round_trip,
        });
    }
}

/// A time since 1970 as NTP's: seconds since 1900 and their fraction, each in 32 bits.
fn ntp(wall: Duration) -> u64 {
    let seconds = wall.as_secs().wrapping_add(NTP_UNIX_SECONDS) & 0xffff_ffff;
    (seconds << 32) | ((u64::from(wall.subsec_nanos()) << 32) / 1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WALL: Duration = Duration::from_millis(1_700_000_000_123);
    const OURS: u32 = 1;
    const THEIRS: u32 = 2;

    fn exchange(from: &mut Reports, ssrc: u32, to: &mut Reports, bye: bool, wall: Duration) {
        let mut out = [0; REPORT_BYTES_MAX];
        let sent = Sent { ssrc, packets: 10, bytes: 1600, timestamp: 160 };
        let length = from.write(&sent, wall, bye, &mut out);
        assert!(length > 0);
        assert!(to.read(&out[..length], if ssrc == OURS { THEIRS } else { OURS }, wall + Duration::from_millis(20)));
    }

    #[test]
    fn each_side_learns_what_the_other_hears_and_how_long_the_way_is() {
        let (mut ours, mut theirs) = (Reports::default(), Reports::default());
        theirs.begin(OURS);
        for sequence in [65_530u16, 65_531, 65_533, 65_534, 65_535, 0, 1, 3] {
            let at = u32::from(sequence.wrapping_sub(65_530)) * 160;
            theirs.reception.count(sequence, at, at + 77);
        }
        exchange(&mut ours, OURS, &mut theirs, false, WALL);
        exchange(&mut theirs, THEIRS, &mut ours, false, WALL + Duration::from_millis(1020));
        let report = ours.remote.unwrap();
        assert_eq!((report.lost, report.fraction_lost, report.jitter_samples), (2, 51, 0));
        let round_trip = report.round_trip.unwrap();
        assert!(round_trip.abs_diff(Duration::from_millis(40)) < Duration::from_millis(1), "{round_trip:?}");
    }

    #[test]
    fn a_farewell_counts_if_it_is_of_the_stream_that_is_heard() {
        let (mut ours, mut theirs) = (Reports::default(), Reports::default());
        exchange(&mut theirs, THEIRS, &mut ours, true, WALL);
        assert!(!ours.bye);
        ours.begin(THEIRS);
        exchange(&mut theirs, THEIRS, &mut ours, true, WALL);
        assert!(ours.bye);
    }

    #[test]
    fn jitter_is_the_mean_deviation_of_transit_times() {
        let mut reception = Reception::default();
        for sequence in 0..200u16 {
            let at = u32::from(sequence) * 160;
            reception.count(sequence, at, at + if sequence % 2 == 0 { 0 } else { 80 });
        }
        assert!(reception.jitter_samples().abs_diff(80) <= 2, "{}", reception.jitter_samples());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(
            mut bytes in proptest::collection::vec(any::<u8>(), 0..200),
            kind in 199u8..208,
            head in any::<bool>(),
        ) {
            if head && bytes.len() >= 4 {
                let words = u16::try_from(bytes.len() / 4 - 1).unwrap();
                bytes[0] = 0x80 | bytes[0] & 0x3f;
                bytes[1] = kind;
                bytes[2..4].copy_from_slice(&words.to_be_bytes());
            }
            Reports::default().read(&bytes, OURS, WALL);
        }
    }
}
