//! The fields of the embedded index.

use std::collections::BTreeMap;

use tantivy::TantivyDocument;
use tantivy::schema::{FAST, Field, INDEXED, IndexRecordOption, STORED, Schema, SchemaBuilder, TextFieldIndexing, TextOptions};

use crate::search::analysis::stems;
use crate::search::entry::Entry;
use crate::search::{Date, Number, Part, facets};

/// The tokenizer of fields of words: texts come as words with blanks between them.
pub(super) const WORDS: &str = "words";
pub(super) const ID: &str = "id";
pub(super) const REVISION: &str = "revision";
pub(super) const SORT_NAME: &str = "sort_name";

/// The fields of an index.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub(super) schema: Schema,
    pub(super) id: Field,
    pub(super) revision: Field,
    pub(super) label: Field,
    pub(super) suggestion: Field,
    sort_name: Field,
    /// Words as they are written, by part.
    exact: BTreeMap<Part, Field>,
    /// Stems of words, by part.
    stems: BTreeMap<Part, Field>,
    facets: BTreeMap<&'static str, Field>,
    modified: Field,
    created: Field,
    published: Field,
    popularity: Field,
}

/// The name of the field that counts a facet.
pub(super) fn facet_name(facet: &str) -> String {
    format!("facet_{facet}")
}

fn text(record: IndexRecordOption) -> TextOptions {
    TextOptions::default().set_indexing_options(TextFieldIndexing::default().set_tokenizer(WORDS).set_index_option(record))
}

/// A text that is found as a whole.
fn whole() -> TextOptions {
    TextOptions::default().set_indexing_options(
        TextFieldIndexing::default().set_tokenizer("raw").set_fieldnorms(false).set_index_option(IndexRecordOption::Basic),
    )
}

impl Layout {
    pub(super) fn new() -> Self {
        let mut schema = SchemaBuilder::new();
        let number = |schema: &mut SchemaBuilder, name: &str| schema.add_i64_field(name, INDEXED | FAST);
        let id = number(&mut schema, ID);
        let revision = schema.add_i64_field(REVISION, FAST);
        let modified = number(&mut schema, Number::Date(Date::Modified).as_str());
        let created = number(&mut schema, Number::Date(Date::Created).as_str());
        let published = number(&mut schema, Number::Date(Date::Published).as_str());
        let popularity = number(&mut schema, Number::Popularity.as_str());
        let label = schema.add_text_field("label", STORED);
        let suggestion = schema.add_text_field("suggestion", whole());
        let sort_name = schema.add_text_field(SORT_NAME, TextOptions::default().set_fast("raw"));
        let mut exact = BTreeMap::new();
        let mut stems = BTreeMap::new();
        for part in Part::ALL {
            let name = part.as_str();
            exact.insert(part, schema.add_text_field(&format!("words_{name}"), text(IndexRecordOption::WithFreqsAndPositions)));
            if part.has_stems() {
                stems.insert(part, schema.add_text_field(&format!("stems_{name}"), text(IndexRecordOption::WithFreqs)));
            }
        }
        let facets =
            facets().into_iter().map(|facet| (facet, schema.add_text_field(&facet_name(facet), whole().set_fast("raw")))).collect();
        let schema = schema.build();
        Self { schema, id, revision, label, suggestion, sort_name, exact, stems, facets, modified, created, published, popularity }
    }

    /// The field of a part's words as they are written.
    pub(super) fn exact(&self, part: Part) -> Option<Field> {
        self.exact.get(&part).copied()
    }

    /// The field in which a word of a part is looked for, and whether it holds stems.
    pub(super) fn searched(&self, part: Part) -> Option<(Field, bool)> {
        match self.stems.get(&part) {
            Some(field) => Some((*field, true)),
            None => self.exact(part).map(|field| (field, false)),
        }
    }

    pub(super) fn facet(&self, facet: &str) -> Option<Field> {
        self.facets.get(facet).copied()
    }

    pub(super) fn number(&self, number: Number) -> Field {
        match number {
            Number::Date(Date::Modified) => self.modified,
            Number::Date(Date::Created) => self.created,
            Number::Date(Date::Published) => self.published,
            Number::Popularity => self.popularity,
        }
    }

    /// An entry as the index takes it.
    pub(super) fn document(&self, entry: &Entry) -> TantivyDocument {
        let mut document = TantivyDocument::default();
        document.add_i64(self.id, entry.id);
        document.add_i64(self.revision, entry.revision);
        document.add_i64(self.modified, entry.date_modified);
        document.add_i64(self.created, entry.date_created);
        if let Some(published) = entry.date_published {
            document.add_i64(self.published, published);
        }
        document.add_i64(self.popularity, entry.popularity);
        document.add_text(self.label, &entry.label);
        document.add_text(self.sort_name, &entry.sort_name);
        for suggestion in &entry.suggestions {
            document.add_text(self.suggestion, suggestion);
        }
        for (part, words) in &entry.words {
            if let Some(field) = self.exact.get(part) {
                document.add_text(*field, words.join(" "));
            }
            if let Some(field) = self.stems.get(part) {
                document.add_text(*field, stems(words));
            }
        }
        for (facet, values) in &entry.facets {
            for (field, value) in self.facets.get(facet).into_iter().flat_map(|field| values.iter().map(move |value| (field, value))) {
                document.add_text(*field, value);
            }
        }
        document
    }
}
