//! Choices that can be made again: `MFAD_SEED` replays a run, `MFAD_LONG=1` makes it a long one.

/// Whether the long run is wanted.
pub(crate) fn long() -> bool {
    std::env::var("MFAD_LONG").is_ok_and(|value| value == "1")
}

/// One of two sizes: that of every change, and that of a release.
pub(crate) fn size(short: usize, long_one: usize) -> usize {
    if long() { long_one } else { short }
}

/// A stream of choices (`SplitMix64`).
#[derive(Clone)]
pub(crate) struct Chance(u64);

impl Chance {
    /// From `MFAD_SEED`, else a new one. The seed is printed.
    pub(crate) fn new(what: &str) -> Self {
        let given = std::env::var("MFAD_SEED")
            .ok()
            .and_then(|text| text.parse().ok());
        let seed = given.unwrap_or_else(|| {
            u64::from_le_bytes(mfad::sys::random::array().expect("random octets")) >> 16
        });
        println!("{what}: MFAD_SEED={seed}");
        Self(seed)
    }

    /// From this seed.
    pub(crate) fn of(seed: u64) -> Self {
        Self(seed)
    }

    /// Another stream with choices of its own.
    pub(crate) fn fork(&mut self) -> Self {
        Self(self.next())
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end.max(1)).unwrap();
        usize::try_from(self.next() % end).unwrap()
    }

    pub(crate) fn octet(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    pub(crate) fn octets<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.octet())
    }

    pub(crate) fn coin(&mut self) -> bool {
        self.next() & 1 == 1
    }
}
