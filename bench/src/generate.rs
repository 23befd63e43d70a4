//! Datasets that look like those of a platform: names, texts, files, and people who made many of them.

use clap::Args;
use serde_json::{Value, json};

use crate::error::Result;
use crate::random::{Random, Vocabulary};

/// The platform that the datasets come from.
pub(crate) const PLATFORM: &str = "huggingface";
/// How many records one request of the bulk upsert holds.
pub(crate) const RECORDS_PER_REQUEST: usize = 1_000;
/// How many words there are.
const WORDS: usize = 20_000;

const LICENCES: [&str; 10] =
    ["apache-2.0", "mit", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "cc0-1.0", "odbl-1.0", "gpl-3.0-only", "openrail", "other"];
const FORMATS: [(&str, &str); 4] =
    [("parquet", "application/vnd.apache.parquet"), ("csv", "text/csv"), ("jsonl", "application/jsonl"), ("zip", "application/zip")];

/// What is generated.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How many datasets.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    datasets: usize,
    /// Another seed gives other datasets.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Prints requests of the bulk upsert, one a line.
pub(crate) fn print(options: &Options) -> Result<()> {
    for request in Generator::new(options.datasets, options.seed).requests() {
        println!("{request}");
    }
    Ok(())
}

/// Makes datasets; the same ones for the same seed.
#[derive(Debug)]
pub(crate) struct Generator {
    vocabulary: Vocabulary,
    datasets: usize,
    seed: u64,
}

impl Generator {
    /// For a catalogue of so many datasets: the people who made them are a fifth of that, the publications a tenth.
    pub(crate) fn new(datasets: usize, seed: u64) -> Self {
        Self { vocabulary: Vocabulary::new(WORDS, seed), datasets, seed }
    }

    /// Bodies of the bulk upsert that hold all datasets.
    pub(crate) fn requests(&self) -> Vec<String> {
        let numbers: Vec<usize> = (0..self.datasets).collect();
        let request = |chunk: &[usize]| {
            let records: Vec<Value> = chunk.iter().map(|number| self.record(*number)).collect();
            json!({ "records": records }).to_string()
        };
        numbers.chunks(RECORDS_PER_REQUEST).map(request).collect()
    }

    /// A dataset as a person registers it, without links; its number makes it differ from all others.
    pub(crate) fn registration(&self, number: usize) -> String {
        let mut resource = self.dataset(&mut self.random(number), number);
        if let Some(map) = resource.as_object_mut() {
            map.remove("platform_resource_identifier");
        }
        resource.to_string()
    }

    fn random(&self, number: usize) -> Random {
        let number = u64::try_from(number).unwrap_or_default();
        Random::new(self.seed.wrapping_add(1).wrapping_mul(0x2545_f491_4f6c_dd1d) ^ number)
    }

    fn record(&self, number: usize) -> Value {
        let mut random = self.random(number);
        let resource = self.dataset(&mut random, number);
        let creators: Vec<Value> = (0..random.between(0, 5)).map(|_| self.person(&mut random)).collect();
        let citations: Vec<Value> = (0..random.between(0, 2)).map(|_| self.publication(&mut random)).collect();
        json!({ "resource": resource, "related": { "creator": creators, "citation": citations } })
    }

    fn dataset(&self, random: &mut Random, number: usize) -> Value {
        let words = |random: &mut Random, length| self.vocabulary.text(random, length).to_lowercase().replace(' ', "-");
        let user = words(random, 6);
        let own = format!("{user}/{}-{number}", words(random, 12));
        // The shorter of two lengths: most descriptions are short, a few long.
        let length = random.between(200, 3_000).min(random.between(200, 3_000)).min(random.between(200, 3_000));
        let keywords: Vec<String> = (0..random.between(0, 12)).map(|_| self.vocabulary.word(random).to_owned()).collect();
        let day = random.between(1, 28);
        json!({
            "platform_resource_identifier": own,
            "name": own,
            "same_as": format!("https://huggingface.co/datasets/{own}"),
            "date_published": format!("20{}-{:02}-{day:02}T12:30:00", random.between(15, 25), random.between(1, 12)),
            "description": { "plain": self.vocabulary.text(random, length) },
            "is_accessible_for_free": true,
            "version": format!("{}.{}.0", random.between(0, 3), random.between(0, 9)),
            "license": random.pick(&LICENCES),
            "keyword": keywords,
            "size": { "unit": "instances", "value": random.between(100, 50_000_000) },
            "distribution": (0..random.between(1, 4)).map(|index| file(random, &own, index)).collect::<Vec<_>>(),
        })
    }

    fn person(&self, random: &mut Random) -> Value {
        let number = random.below((self.datasets / 5).max(1));
        let mut own = self.random(usize::MAX - number);
        let name = format!("{} {} {number}", self.vocabulary.text(&mut own, 5), self.vocabulary.text(&mut own, 7));
        json!({ "contact": { "name": name } })
    }

    fn publication(&self, random: &mut Random) -> Value {
        let number = random.below((self.datasets / 10).max(1));
        let title = self.vocabulary.text(&mut self.random(usize::MAX / 2 - number), 60);
        json!({ "publication": { "name": format!("{title} {number}"), "permanent_identifier": format!("10.1234/{number}") } })
    }
}

fn file(random: &mut Random, own: &str, index: usize) -> Value {
    let (ending, media_type) = FORMATS.get(random.below(FORMATS.len())).copied().unwrap_or_default();
    json!({
        "name": format!("part-{index}.{ending}"),
        "content_url": format!("https://huggingface.co/datasets/{own}/resolve/main/part-{index}.{ending}"),
        "encoding_format": media_type,
        "content_size_kb": random.between(10, 9_000_000),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_datasets() {
        let generator = Generator::new(50, 7);
        assert_eq!(generator.requests(), Generator::new(50, 7).requests());
        assert_ne!(generator.requests(), Generator::new(50, 8).requests());
    }

    #[test]
    fn datasets_have_about_the_size_of_real_ones() {
        let generator = Generator::new(500, 1);
        let length: usize = (0..500).map(|number| generator.record(number).to_string().len()).sum();
        assert!((1_500..2_500).contains(&(length / 500)), "{}", length / 500);
    }
}
