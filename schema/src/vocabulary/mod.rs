//! Taxonomies and open vocabularies: which there are, what a term's key is, and the file format that administrators load.
//!
//! A taxonomy has official terms in a tree; an open vocabulary grows by use.

mod defaults;

use std::collections::HashSet;

use serde::Deserialize;

pub use defaults::defaults;

/// How a vocabulary takes new terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VocabularyKind {
    /// Official terms with definitions, in a tree; what a connector brings beyond them stays unofficial and unlisted.
    Taxonomy,
    /// Every term that is used.
    Open,
}

/// One vocabulary.
#[derive(Debug)]
pub struct Vocabulary {
    /// Its name in the model, such as `research_area`.
    pub name: &'static str,
    /// Where it is listed; `None` for those that are mere texts with the rules of a vocabulary (e-mail addresses, say).
    pub path: Option<&'static str>,
    /// Another path below `/v2`, deprecated.
    pub v2_alias: Option<&'static str>,
    /// Taxonomy or open.
    pub kind: VocabularyKind,
    /// Whether its terms keep their case.
    pub case_sensitive: bool,
    /// The longest term, in characters.
    pub max_length: usize,
    /// The name of its scheme in a taxonomy file.
    pub scheme: Option<&'static str>,
}

/// The longest term of a listed vocabulary, in characters: what a unique index of every database holds.
pub const MAX_TERM: usize = 256;

const fn open(name: &'static str, path: &'static str) -> Vocabulary {
    Vocabulary { path: Some(path), ..text(name, MAX_TERM) }
}

const fn text(name: &'static str, max_length: usize) -> Vocabulary {
    let kind = VocabularyKind::Open;
    Vocabulary { name, path: None, v2_alias: None, kind, case_sensitive: false, max_length, scheme: None }
}

const fn taxonomy(name: &'static str, path: &'static str, scheme: &'static str) -> Vocabulary {
    Vocabulary { kind: VocabularyKind::Taxonomy, scheme: Some(scheme), ..open(name, path) }
}

const fn also(vocabulary: Vocabulary, v2_alias: &'static str) -> Vocabulary {
    Vocabulary { v2_alias: Some(v2_alias), ..vocabulary }
}

table! {
    /// Every vocabulary. `term = "…"` of a field names one of these constants, so that a vocabulary that does not exist does not compile.
    VOCABULARIES: [Vocabulary] = {
        ALTERNATE_NAME = Vocabulary { case_sensitive: true, ..text("alternate_name", 256) };
        RELEVANT_LINK = text("relevant_link", 1800);
        EMAIL = text("email", 256);
        TELEPHONE = text("telephone", 256);
        APPLICATION_AREA = open("application_area", "application_areas");
        BADGE = open("badge", "badges");
        COMPUTATIONAL_ASSET_TYPE = open("computational_asset_type", "computational_asset_types");
        EDU_ACCESS_MODE = open("edu_access_mode", "edu_access_modes");
        EDU_PACE = open("edu_pace", "edu_paces");
        EDU_PREREQUISITE = open("edu_prerequisite", "edu_prerequisites");
        EDU_TARGET_AUDIENCE = open("edu_target_audience", "edu_target_audiences");
        EDUCATIONAL_RESOURCE_TYPE = open("educational_resource_type", "educational_resource_types");
        EXPERTISE = open("expertise", "expertises");
        EXTERNAL_RESOURCE = open("external_resource", "external_resources");
        KEYWORD = open("keyword", "keywords");
        ML_MODEL_TYPE = open("ml_model_type", "ml_model_types");
        AI_PARADIGM = also(taxonomy("ai_paradigm", "AI_paradigms", "AI Paradigm"), "ai_paradigms");
        COUNTRY = also(taxonomy("country", "countries", "Country"), "countrys");
        EDUCATIONAL_COMPETENCY = also(taxonomy("educational_competency", "educational_competencies", "Educational Competency"), "educational_competencys");
        EDUCATIONAL_LEVEL = taxonomy("educational_level", "educational_levels", "Educational Level");
        EVENT_MODE = taxonomy("event_mode", "event_modes", "Event Mode");
        EVENT_STATUS = also(taxonomy("event_status", "event_statuses", "Event Status"), "event_status");
        INDUSTRIAL_SECTOR = taxonomy("industrial_sector", "industrial_sectors", "Business Sector");
        LANGUAGE = taxonomy("language", "languages", "Language");
        LEARNING_MODE = taxonomy("learning_mode", "learning_modes", "Learning Mode");
        LICENSE = taxonomy("license", "licenses", "Licence");
        NEWS_CATEGORY = also(taxonomy("news_category", "news_categories", "News Category"), "news_categorys");
        NUMBER_OF_EMPLOYEES = also(taxonomy("number_of_employees", "numbers_of_employees", "Number of Employees"), "number_of_employees");
        ORGANISATION_ACTIVITY_TYPE = taxonomy("organisation_activity_type", "organisation_activity_types", "Organisation Activity Type");
        ORGANISATION_TYPE = taxonomy("organisation_type", "organisation_types", "Organisation Type");
        PUBLICATION_TYPE = taxonomy("publication_type", "publication_types", "Publication");
        RESEARCH_AREA = taxonomy("research_area", "research_areas", "Research Area");
        SCIENTIFIC_DOMAIN = taxonomy("scientific_domain", "scientific_domains", "Scientific Domain");
        TURNOVER = taxonomy("turnover", "turnovers", "Turnover");
    }
}

/// The vocabulary of this name.
pub fn find(name: &str) -> Option<&'static Vocabulary> {
    VOCABULARIES.iter().find(|v| v.name == name)
}

impl Vocabulary {
    /// What two spellings of one term have in common: the term without white space at its ends, in lower case unless case counts.
    pub fn key(&self, term: &str) -> String {
        let trimmed = term.trim();
        if self.case_sensitive { trimmed.to_owned() } else { trimmed.to_lowercase() }
    }

    /// Whether its terms are kept as rows of their own, so that they can be listed and counted.
    pub fn is_listed(&self) -> bool {
        self.path.is_some()
    }

    /// Whether it has official terms.
    pub fn is_taxonomy(&self) -> bool {
        self.kind == VocabularyKind::Taxonomy
    }
}

/// A term of a taxonomy and those below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// What identifies it when its name changes.
    pub id: String,
    /// Its official spelling.
    pub name: String,
    /// What it means; may be empty.
    pub definition: String,
    /// Narrower terms.
    pub subterms: Vec<Term>,
}

/// The terms of one taxonomy.
#[derive(Clone, Debug)]
pub struct Taxonomy {
    /// The vocabulary that they belong to.
    pub vocabulary: &'static Vocabulary,
    /// The topmost terms.
    pub terms: Vec<Term>,
}

/// What a taxonomy file holds.
#[derive(Debug, Default)]
pub struct TaxonomyFile {
    /// The taxonomies that the model knows.
    pub taxonomies: Vec<Taxonomy>,
    /// Names of schemes that no vocabulary of the model belongs to; they are left out.
    pub unknown_schemes: Vec<String>,
    /// Ids of terms that stood in their scheme before, in any case of letters; the first one counts.
    pub repeated: Vec<String>,
}

#[derive(Deserialize)]
struct File {
    aiod_taxonomies: Vec<Scheme>,
}

#[derive(Deserialize)]
struct Scheme {
    taxonomy_name: String,
    elements: Vec<Element>,
}

#[derive(Deserialize)]
struct Element {
    id: String,
    label: Label,
    #[serde(default)]
    definition: Option<String>,
    #[serde(default)]
    elements: Vec<Element>,
}

#[derive(Deserialize)]
struct Label {
    value: String,
}

/// Why a taxonomy file cannot be loaded.
#[derive(Debug, PartialEq, Eq)]
pub struct TaxonomyError(String);

impl std::fmt::Display for TaxonomyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TaxonomyError {}

/// Reads a taxonomy file: `{"aiod_taxonomies": [{"taxonomy_name", "elements": [{"id", "label": {"value"}, "definition", "elements"}]}]}`.
///
/// # Errors
/// When the file is not of that form, a term is empty or longer than [`MAX_TERM`], or a scheme has one id twice.
pub fn parse(json: &str) -> Result<TaxonomyFile, TaxonomyError> {
    let file: File = serde_json::from_str(json).map_err(|e| TaxonomyError(format!("not a taxonomy file: {e}")))?;
    let mut out = TaxonomyFile::default();
    for scheme in file.aiod_taxonomies {
        let Some(vocabulary) = VOCABULARIES.iter().find(|v| v.scheme == Some(scheme.taxonomy_name.as_str())) else {
            out.unknown_schemes.push(scheme.taxonomy_name);
            continue;
        };
        let mut seen = Seen::default();
        let terms = seen.terms(vocabulary, scheme.elements)?;
        out.taxonomies.push(Taxonomy { vocabulary, terms });
        out.repeated.append(&mut seen.repeated);
    }
    Ok(out)
}

#[derive(Default)]
struct Seen {
    ids: HashSet<String>,
    keys: HashSet<String>,
    repeated: Vec<String>,
}

impl Seen {
    fn terms(&mut self, vocabulary: &'static Vocabulary, elements: Vec<Element>) -> Result<Vec<Term>, TaxonomyError> {
        let mut terms = Vec::with_capacity(elements.len());
        for element in elements {
            let name = element.label.value.trim().to_owned();
            let fault = |what: &str| TaxonomyError(format!("term '{name}' ({}) of {}: {what}", element.id, vocabulary.name));
            // Lower case may be longer than the name, and must fit as well.
            let key = vocabulary.key(&name);
            if name.is_empty() || key.chars().count() > vocabulary.max_length || name.contains('\0') {
                return Err(fault("a term has 1 to 256 characters"));
            }
            if !self.ids.insert(element.id.clone()) {
                return Err(fault("its id stands twice"));
            }
            let is_new = self.keys.insert(key);
            let mut subterms = self.terms(vocabulary, element.elements)?;
            if is_new {
                terms.push(Term { id: element.id, name, definition: element.definition.unwrap_or_default(), subterms });
            } else {
                // Files in use have 'Unknown' more than once in a scheme; refusing them for that would help nobody.
                self.repeated.push(element.id);
                terms.append(&mut subterms);
            }
        }
        Ok(terms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_are_called_as_their_vocabularies() {
        let names: Vec<String> = VOCABULARIES.iter().map(|vocabulary| vocabulary.name.to_uppercase()).collect();
        assert_eq!(names, CONSTANTS);
    }
}
