//! Chance without a generator: numbers that look drawn, and depend on nothing but a seed and a place.

/// The increment of SplitMix64: 2⁶⁴ divided by the golden ratio.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The number at this place of the sequence that the seed begins. A generator would have to be kept; this needs only
/// its place in the sequence.
pub(crate) const fn draw(seed: u64, place: u64) -> u64 {
    mix(seed.wrapping_add(place.wrapping_mul(GOLDEN)))
}

/// A position below `count` from a number drawn, in the order of the numbers: a smaller one never gives a larger
/// position. 0 where there is none.
pub(crate) fn position(drawn: u64, count: usize) -> usize {
    let scaled = (u128::from(drawn) * (count as u128)) >> 64;
    usize::try_from(scaled).unwrap_or(0)
}

/// The output function of SplitMix64 (Steele, Lea, Flood 2014): one number, well mixed.
const fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_spread_evenly_and_in_order() {
        let mut hits = [0u32; 10];
        for place in 0..10_000 {
            hits[position(draw(7, place), hits.len())] += 1;
        }
        assert!(hits.iter().all(|hits| (900..1100).contains(hits)), "{hits:?}");
        assert_eq!((position(0, 10), position(u64::MAX, 10)), (0, 9));
        assert_eq!(position(u64::MAX, 0), 0);
    }
}
