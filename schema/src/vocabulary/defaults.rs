//! The vocabularies that a new catalogue starts with.
//!
//! Those that are a matter of taste are files in `vocabularies/`, in the form that [`parse`](super::parse) reads, so that an
//! administrator can take one as a pattern. `research_area` follows the areas of AI Watch (Joint Research Centre, 2020),
//! `scientific_domain` the fields of research and development of the Frascati Manual (OECD, 2015), `industrial_sector` the sections
//! of NACE, `educational_level` ISCED 2011, `number_of_employees` and `turnover` the size classes of Recommendation 2003/361/EC.
//! Those that a standards body keeps come from crates that follow it: SPDX, ISO 639-3, ISO 3166-1.

use super::{COUNTRY, LANGUAGE, LICENSE, Taxonomy, Term, Vocabulary, parse};

/// The files; each names its scheme itself.
const FILES: &[&str] = &[
    include_str!("../../vocabularies/ai_paradigm.json"),
    include_str!("../../vocabularies/educational_competency.json"),
    include_str!("../../vocabularies/educational_level.json"),
    include_str!("../../vocabularies/event_mode.json"),
    include_str!("../../vocabularies/event_status.json"),
    include_str!("../../vocabularies/industrial_sector.json"),
    include_str!("../../vocabularies/learning_mode.json"),
    include_str!("../../vocabularies/license.json"),
    include_str!("../../vocabularies/news_category.json"),
    include_str!("../../vocabularies/number_of_employees.json"),
    include_str!("../../vocabularies/organisation_activity_type.json"),
    include_str!("../../vocabularies/organisation_type.json"),
    include_str!("../../vocabularies/publication_type.json"),
    include_str!("../../vocabularies/research_area.json"),
    include_str!("../../vocabularies/scientific_domain.json"),
    include_str!("../../vocabularies/turnover.json"),
];

/// The official terms that are loaded on the first start: at least one for every taxonomy.
///
/// A term's id never changes, even when its name does: `<vocabulary>:<word>` in files, `spdx:<identifier>`, `iso639-3:<code>` and
/// `iso3166-1:<alpha-3 code>` elsewhere.
pub fn defaults() -> Vec<Taxonomy> {
    // The files are part of the program, and the tests below parse each of them: none is faulty here.
    let mut taxonomies: Vec<_> = FILES.iter().flat_map(|file| parse(file).unwrap_or_default().taxonomies).collect();
    add(&mut taxonomies, &LICENSE, licenses());
    add(&mut taxonomies, &LANGUAGE, languages());
    add(&mut taxonomies, &COUNTRY, countries());
    taxonomies
}

fn add(taxonomies: &mut Vec<Taxonomy>, vocabulary: &'static Vocabulary, mut terms: Vec<Term>) {
    match taxonomies.iter_mut().find(|t| t.vocabulary.name == vocabulary.name) {
        Some(taxonomy) => taxonomy.terms.append(&mut terms),
        None => taxonomies.push(Taxonomy { vocabulary, terms }),
    }
}

fn term(id: String, name: &str, definition: String) -> Term {
    Term { id, name: name.to_owned(), definition, subterms: Vec::new() }
}

/// The SPDX licence list without what it deprecates: of two identifiers for one licence, new metadata should use the current one.
fn licenses() -> Vec<Term> {
    let current = |name: &str| spdx::license_id(name).is_some_and(|id| !id.is_deprecated());
    spdx::identifiers::LICENSES
        .iter()
        // It stands in the list but says that nobody looked for a licence.
        .filter(|license| license.name != "NOASSERTION" && current(license.name))
        .map(|license| term(format!("spdx:{}", license.name), license.name, license.full_name.to_owned()))
        .collect()
}

/// All of ISO 639-3, some 7,900 languages. Resources for languages with few speakers, or with none left, are what much of language
/// technology is about, and a person may use official terms only: a shorter list would refuse them.
fn languages() -> Vec<Term> {
    isolang::languages()
        .map(|language| term(format!("iso639-3:{}", language.to_639_3()), language.to_639_3(), language.to_name().to_owned()))
        .collect()
}

/// The countries of ISO 3166-1 by their English short names.
fn countries() -> Vec<Term> {
    rust_iso3166::ALL
        .iter()
        .map(|country| {
            let definition = format!("ISO 3166-1 alpha-3 code {}", country.alpha3);
            term(format!("iso3166-1:{}", country.alpha3), country.name, definition)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::vocabulary::VOCABULARIES;

    fn flat(terms: &[Term]) -> Vec<&Term> {
        terms.iter().flat_map(|t| std::iter::once(t).chain(flat(&t.subterms))).collect()
    }

    fn names(vocabulary: &str) -> HashSet<String> {
        let all = defaults();
        let taxonomy = all.iter().find(|t| t.vocabulary.name == vocabulary).unwrap();
        flat(&taxonomy.terms).into_iter().map(|t| t.name.clone()).collect()
    }

    #[test]
    fn every_file_holds_one_known_scheme_and_repeats_nothing() {
        for json in FILES {
            let file = parse(json).unwrap();
            assert_eq!(file.taxonomies.len(), 1);
            assert!(file.unknown_schemes.is_empty() && file.repeated.is_empty(), "{:?} {:?}", file.unknown_schemes, file.repeated);
        }
    }

    #[test]
    fn every_taxonomy_has_terms_and_stands_once() {
        let loaded: Vec<_> = defaults().iter().map(|t| t.vocabulary.name).collect();
        assert_eq!(loaded.len(), loaded.iter().collect::<HashSet<_>>().len(), "{loaded:?}");
        for vocabulary in VOCABULARIES.iter().filter(|v| v.is_taxonomy()) {
            assert!(names(vocabulary.name).len() >= 3, "{}", vocabulary.name);
        }
        assert!(defaults().iter().all(|t| t.vocabulary.is_taxonomy()));
    }

    #[test]
    fn terms_are_unique_defined_and_within_limits() {
        for taxonomy in defaults() {
            let (vocabulary, mut ids, mut keys) = (taxonomy.vocabulary, HashSet::new(), HashSet::new());
            for term in flat(&taxonomy.terms) {
                assert!(ids.insert(term.id.clone()), "id {} twice", term.id);
                assert!(keys.insert(vocabulary.key(&term.name)), "term {} twice in {}", term.name, vocabulary.name);
                assert!(!term.name.is_empty() && term.name.trim() == term.name, "{}", term.id);
                assert!(term.name.chars().count() <= vocabulary.max_length, "{}", term.id);
                assert!(!term.definition.trim().is_empty() && term.definition.chars().count() <= 256, "{}", term.id);
                assert!(term.id.is_ascii() && term.id.len() <= 128 && !term.id.contains(char::is_whitespace), "{}", term.id);
            }
        }
    }

    #[test]
    fn what_clients_use_is_official() {
        let expected = [
            ("license", ["Apache-2.0", "MIT", "CC-BY-4.0", "CC0-1.0"]),
            ("language", ["eng", "fra", "spa", "ceb"]),
            ("country", ["Belgium", "Côte d'Ivoire", "Türkiye", "Greece"]),
            ("event_status", ["scheduled", "cancelled", "postponed", "rescheduled"]),
            ("educational_level", ["Primary school", "Secondary school", "University", "Doctorate"]),
            ("research_area", ["Explainable AI", "Physical AI", "Computer Vision", "Machine Learning"]),
        ];
        for (vocabulary, terms) in expected {
            let official = names(vocabulary);
            assert!(terms.iter().all(|t| official.contains(*t)), "{vocabulary}");
        }
        assert_eq!(names("event_mode"), ["online", "offline", "hybrid"].map(str::to_owned).into());
    }

    #[test]
    fn deprecated_licences_are_left_out() {
        let official = names("license");
        assert!(official.len() > 500 && !official.contains("GPL-3.0") && !official.contains("NOASSERTION"));
    }
}
