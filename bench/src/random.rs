//! Numbers and words that look random and are the same in every run and every version. The generator is written out here, since the
//! generators of the crate `rand` may give other numbers in another version.

/// SplitMix64: <https://prng.di.unimi.it/splitmix64.c>.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// The sequence of this seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which must not be 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound.max(1)).unwrap_or(u64::MAX)).unwrap_or_default()
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high - low + 1)
    }

    /// One of several.
    pub(crate) fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        let index = self.below(from.len());
        from.get(index).copied().unwrap_or_default()
    }

    /// A number from 0 to 1.
    pub(crate) fn fraction(&mut self) -> f64 {
        f64::from(u32::try_from(self.next() >> 32).unwrap_or_default()) / f64::from(u32::MAX)
    }
}

/// Words, used as words are: the n-th most common one n times as seldom as the most common (Zipf's law).
#[derive(Debug)]
pub(crate) struct Vocabulary {
    words: Vec<String>,
    /// The sum of the shares up to each word.
    shares: Vec<f64>,
}

impl Vocabulary {
    /// So many different words.
    pub(crate) fn new(size: usize, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut known = std::collections::HashSet::new();
        let mut words = Vec::with_capacity(size);
        while words.len() < size {
            let word = invented(&mut random);
            if known.insert(word.clone()) {
                words.push(word);
            }
        }
        let mut sum = 0.0;
        let shares = (1..=u32::try_from(size).unwrap_or(u32::MAX)).map(|rank| {
            sum += 1.0 / f64::from(rank);
            sum
        });
        Self { shares: shares.collect(), words }
    }

    /// One word.
    pub(crate) fn word(&self, random: &mut Random) -> &str {
        let target = random.fraction() * self.shares.last().copied().unwrap_or_default();
        let rank = self.shares.partition_point(|sum| *sum < target);
        self.words.get(rank.min(self.words.len() - 1)).map_or("", String::as_str)
    }

    /// Words in a row, of `length` to `length + 12` characters; sentences when they are long.
    pub(crate) fn text(&self, random: &mut Random, length: usize) -> String {
        let mut out = String::with_capacity(length + 16);
        let mut ends_sentence = true;
        while out.len() < length {
            let word = self.word(random);
            if !out.is_empty() {
                out.push_str(if ends_sentence { ". " } else { " " });
            }
            let (first, rest) = word.split_at(1);
            out.push_str(&if ends_sentence { first.to_uppercase() } else { first.to_owned() });
            out.push_str(rest);
            ends_sentence = length > 120 && random.below(14) == 0;
        }
        out
    }
}

fn invented(random: &mut Random) -> String {
    const BEGINNINGS: [&str; 16] = ["b", "c", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "st", "tr"];
    const MIDDLES: [&str; 8] = ["a", "e", "i", "o", "u", "ai", "ea", "io"];
    const ENDS: [&str; 8] = ["", "n", "r", "s", "l", "t", "m", "nd"];
    let syllables = random.between(1, 3);
    (0..syllables).map(|_| [random.pick(&BEGINNINGS), random.pick(&MIDDLES), random.pick(&ENDS)].concat()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_numbers_for_ever() {
        let mut random = Random::new(1234567);
        assert_eq!([random.next(), random.next()], [6457827717110365317, 3203168211198807973]);
    }

    #[test]
    fn common_words_are_common() {
        let vocabulary = Vocabulary::new(20_000, 1);
        let mut random = Random::new(2);
        let first = vocabulary.words[0].clone();
        let count = (0..10_000).filter(|_| vocabulary.word(&mut random) == first).count();
        // A share of 1 / H(20000), about 9.5 %.
        assert!((850..1_060).contains(&count), "{count}");
    }
}
