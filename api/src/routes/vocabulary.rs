//! The terms of each vocabulary that is listed.

use aiod_schema::vocabulary::{VOCABULARIES, Vocabulary};
use poem::{Request, Result};
use poem_openapi::OpenApi;
use poem_openapi::registry::MetaSchemaRef;

use super::Version;
use super::answer::Answer;
use super::extract::Query;
use super::paging::LongWindow;
use super::shape::{Shape, Slot, Terms};
use super::template::{Context, OperationGroup, Subject, Tag};
use crate::catalogue::shapes::TermTree;

const TAXONOMIES: Tag = Tag { name: "Taxonomies", description: "Vocabularies with official terms, which people choose from." };
const OPEN: Tag = Tag { name: "Vocabularies", description: "Vocabularies that grow by use: their terms are those of published resources." };

/// A vocabulary at one of its paths. In the template, `VOCABULARY` stands for the path.
pub(super) struct ListedVocabulary {
    vocabulary: &'static Vocabulary,
    path: &'static str,
    is_older_path: bool,
}

impl Subject for ListedVocabulary {
    fn all(version: Version) -> Vec<Self> {
        let paths = |vocabulary: &'static Vocabulary| {
            let listed = |path, is_older_path| Self { vocabulary, path, is_older_path };
            let own = vocabulary.path.map(|path| listed(path, false));
            let older = vocabulary.v2_alias.filter(|_| version == Version::V2).map(|path| listed(path, true));
            own.into_iter().chain(older)
        };
        VOCABULARIES.iter().flat_map(paths).collect()
    }

    fn tag(&self) -> Option<Tag> {
        Some(if self.vocabulary.is_taxonomy() { TAXONOMIES } else { OPEN })
    }

    fn words(&self) -> Vec<(&'static str, String)> {
        let terms = if self.vocabulary.is_taxonomy() { "official terms of the taxonomy" } else { "terms in use of the vocabulary" };
        vec![("VOCABULARY", self.path.to_owned()), ("TERMS", format!("{terms} `{}`", self.vocabulary.name))]
    }

    fn slot(&self, slot: Slot, _: Version) -> Option<MetaSchemaRef> {
        let terms = if self.vocabulary.is_taxonomy() { <Vec<TermTree> as Shape>::schema() } else { <Vec<String> as Shape>::schema() };
        (slot == Slot::Terms).then_some(terms)
    }

    fn is_deprecated(&self) -> bool {
        self.is_older_path
    }
}

/// The terms of one vocabulary.
pub(super) struct VocabularyRoutes(Context<ListedVocabulary>);

impl OperationGroup for VocabularyRoutes {
    type Subject = ListedVocabulary;

    fn new(context: Context<ListedVocabulary>) -> Self {
        Self(context)
    }
}

#[OpenApi]
impl VocabularyRoutes {
    /// List the TERMS
    ///
    /// Of a taxonomy, `offset` and `limit` count the topmost terms; each brings all terms below it.
    #[oai(path = "/VOCABULARY", method = "get", operation_id = "list_VOCABULARY")]
    async fn list(&self, request: &Request, window: Query<LongWindow>) -> Result<Answer<Terms>> {
        let Context { app, subject, .. } = &self.0;
        let part = window.0.part(app)?;
        let (answer, has_more) = if subject.vocabulary.is_taxonomy() {
            let found = app.catalogue.official_terms(subject.vocabulary, part).await?;
            (Answer::json(&found.items)?, found.has_more)
        } else {
            let found = app.catalogue.terms_in_use(subject.vocabulary, part).await?;
            (Answer::json(&found.items)?, found.has_more)
        };
        Ok(answer.with_next(request, part, has_more))
    }
}
