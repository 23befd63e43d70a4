//! From templates to operations. A group of handlers is written once, for any type or vocabulary; here its operations are made for each of
//! its subjects: what the OpenAPI document says of them, and the endpoints that the server runs.
//!
//! The handlers' signatures say what an operation takes and answers ([`super::shape`], [`super::extract`]); the group says for which
//! subjects and versions its operations exist; `catalogue::permission::OPERATIONS` says who may. Nothing else knows an operation.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use poem::endpoint::BoxEndpoint;
use poem::error::RouteError;
use poem::http::Method;
use poem_openapi::OpenApi;
use poem_openapi::registry::{
    MetaMediaType, MetaOperation, MetaOperationParam, MetaParamIn, MetaPath, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};

use super::Version;
use super::extract::Rest;
use super::guard::{PLATFORM, guarded};
use super::schema::{inline, leak};
use super::shape::Slot;
use crate::app::App;
use crate::catalogue::permission::{Action, needed};

/// Endpoints by path and method.
pub(super) type RouteTable = BTreeMap<String, HashMap<Method, BoxEndpoint<'static>>>;

/// What the handlers of a group need: the application, and what their operations are made for.
#[derive(Clone)]
pub(super) struct Context<S> {
    pub(super) app: Arc<App>,
    pub(super) version: Version,
    pub(super) subject: S,
}

/// A group of operations that exist for the same subjects.
pub(super) trait OperationGroup: OpenApi + Sized + 'static {
    /// What its operations are made for: a resource type, a vocabulary, or the catalogue as a whole (`()`).
    type Subject: Subject;

    /// Under what its operations stand in the documentation, unless their subject says it.
    const TAG: Option<Tag> = None;

    /// The handlers for one subject.
    fn new(context: Context<Self::Subject>) -> Self;

    /// Whether its operations exist for a subject in a version.
    fn exists(_: &Self::Subject, _: Version) -> bool {
        true
    }
}

/// A heading of the documentation, under which operations stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag {
    /// Its name.
    pub(super) name: &'static str,
    /// What one finds there.
    pub(super) description: &'static str,
}

/// What a group's operations are made for.
pub(super) trait Subject: Sized {
    /// All of them in a version.
    fn all(version: Version) -> Vec<Self>;

    /// Under what its operations stand in the documentation, unless their group says it.
    fn tag(&self) -> Option<Tag> {
        None
    }

    /// Words of the template, and what stands for them in paths, names and texts. Words that hold others come first.
    fn words(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// What a slot of the template holds; `None` where it is left out.
    fn slot(&self, _: Slot, _: Version) -> Option<MetaSchemaRef> {
        None
    }

    /// Media types other than JSON in which an answer with a slot can be had.
    fn other_media_types(&self, _: Slot) -> Vec<MetaMediaType> {
        Vec::new()
    }

    /// Whether its operations are there for older clients alone.
    fn is_deprecated(&self) -> bool {
        false
    }
}

/// The catalogue as a whole: its operations exist once.
impl Subject for () {
    fn all(_: Version) -> Vec<Self> {
        vec![()]
    }
}

/// Why the interface cannot be put together: a defect of the program, which shows when it starts.
#[derive(Debug, thiserror::Error)]
pub enum InterfaceError {
    /// The table of rules has no row for an operation.
    #[error("{path}: the operation '{operation}' has no row in OPERATIONS (catalogue/permission.rs): say who may use it")]
    NoRule {
        /// The path in its template.
        path: String,
        /// The operation's id.
        operation: String,
    },
    /// The framework has no endpoint for a documented operation: two paths of a group differ in the name of a parameter alone.
    #[error("{0}: an operation of this path has no endpoint")]
    NotServed(String),
    /// A template leaves something open that its subject does not say.
    #[error("{path}: the subject of the operation does not say what {slot:?} is")]
    OpenSlot {
        /// The path.
        path: String,
        /// What is open.
        slot: Slot,
    },
    /// An operation that writes in bulk does not say of which platform.
    #[error("{0}: an operation that writes in bulk needs the path parameter '{PLATFORM}'")]
    NoPlatform(String),
    /// The router does not take a path, because it contradicts another one.
    #[error("{path}: {source}")]
    Path {
        /// The path.
        path: String,
        /// Why.
        source: RouteError,
    },
    /// The configuration retires a version that there is not.
    #[error("configuration: 'versions.retired' must be a list of versions with a prefix (v2, v3), not '{0}'")]
    NoVersion(String),
    /// Two operations have one path and method.
    #[error("{method} {path} stands for two operations")]
    Twice {
        /// The method.
        method: String,
        /// The path.
        path: String,
    },
}

/// One operation of one subject, as the document has it.
pub(super) struct Operation {
    pub(super) path: String,
    pub(super) tag: Option<Tag>,
    pub(super) action: Action,
    pub(super) meta: MetaOperation,
}

/// A group without its type, so that groups can stand in one list.
pub(super) struct AnyGroup {
    /// Its operations in a version, as the document has them.
    pub(super) describe: fn(Version) -> Result<Vec<Operation>, InterfaceError>,
    /// Adds its endpoints of a version.
    pub(super) serve: fn(&Arc<App>, Version, &mut RouteTable) -> Result<(), InterfaceError>,
    /// Adds the schemas that its operations refer to.
    pub(super) register: fn(&mut Registry),
}

impl AnyGroup {
    pub(super) const fn of<G: OperationGroup>() -> Self {
        Self { describe: describe::<G>, serve: serve::<G>, register: G::register }
    }
}

/// What a group's operations are made for in a version.
fn subjects<G: OperationGroup>(version: Version) -> impl Iterator<Item = G::Subject> {
    G::Subject::all(version).into_iter().filter(move |subject| G::exists(subject, version))
}

/// The paths of a group's template.
fn template<G: OperationGroup>() -> impl Iterator<Item = MetaPath> {
    G::meta().into_iter().flat_map(|api| api.paths)
}

fn action_of(path: &str, operation: &MetaOperation) -> Result<Action, InterfaceError> {
    let id = operation.operation_id.unwrap_or_default();
    let action = needed(id).ok_or_else(|| InterfaceError::NoRule { path: path.to_owned(), operation: id.to_owned() })?;
    check_bulk(path, action)?;
    Ok(action)
}

fn describe<G: OperationGroup>(version: Version) -> Result<Vec<Operation>, InterfaceError> {
    let mut operations = Vec::new();
    for subject in subjects::<G>(version) {
        let tag = G::TAG.or(subject.tag());
        let filling = Filling { words: subject.words(), subject: &subject, version, tag };
        for MetaPath { path, operations: templates } in template::<G>() {
            let path = filling.text(&path);
            for meta in templates {
                let action = action_of(&path, &meta)?;
                let meta = filling.operation(meta);
                check_filled(&path, &meta)?;
                operations.push(Operation { path: path.clone(), tag, action, meta });
            }
        }
    }
    Ok(operations)
}

/// Makes sure that no slot is left.
fn check_filled(path: &str, operation: &MetaOperation) -> Result<(), InterfaceError> {
    let bodies = operation.request.iter().flat_map(|request| &request.content);
    let answers = operation.responses.responses.iter().flat_map(|response| &response.content);
    match bodies.chain(answers).find_map(|content| Slot::within(&content.schema)) {
        Some(slot) => Err(InterfaceError::OpenSlot { path: path.to_owned(), slot }),
        None => Ok(()),
    }
}

/// Makes sure that who writes in bulk says of which platform: the size of the body depends on it.
fn check_bulk(path: &str, action: Action) -> Result<(), InterfaceError> {
    let names_platform = path.contains(&format!("{{{PLATFORM}}}"));
    if action.is_bulk() && !names_platform { Err(InterfaceError::NoPlatform(path.to_owned())) } else { Ok(()) }
}

fn serve<G: OperationGroup>(app: &Arc<App>, version: Version, table: &mut RouteTable) -> Result<(), InterfaceError> {
    let template: Vec<MetaPath> = template::<G>().collect();
    for subject in subjects::<G>(version) {
        let words = subject.words();
        let mut endpoints = HashMap::new();
        G::new(Context { app: Arc::clone(app), version, subject }).add_routes(&mut endpoints);
        for path in &template {
            let not_served = || InterfaceError::NotServed(path.path.clone());
            let mut methods = endpoints.remove(&numbered(&path.path)).ok_or_else(not_served)?;
            let methods_of_path = table.entry(format!("{}{}", version.prefix(), filled(&named(path), &words))).or_default();
            for operation in &path.operations {
                let action = action_of(&path.path, operation)?;
                let endpoint = methods.remove(&operation.method).ok_or_else(not_served)?;
                methods_of_path.insert(operation.method.clone(), guarded(endpoint, action, app));
            }
        }
    }
    Ok(())
}

/// A documented path, segment by segment, with its parameters written anew: `parameter` gets the place and the name of each.
fn with_parameters(path: &str, mut parameter: impl FnMut(usize, &str) -> String) -> String {
    let mut count = 0;
    let segments = path.split('/').map(|segment| match segment.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
        Some(name) => {
            count += 1;
            parameter(count - 1, name)
        }
        None => segment.to_owned(),
    });
    segments.collect::<Vec<_>>().join("/")
}

/// A path as the framework files its endpoints: it numbers the parameters.
fn numbered(path: &str) -> String {
    with_parameters(path, |index, _| format!(":param{index}"))
}

/// A path as the router takes it, with the names of its parameters, so that handlers find them by name.
fn named(path: &MetaPath) -> String {
    let parameters = || path.operations.iter().flat_map(|operation| &operation.params);
    with_parameters(&path.path, |_, name| {
        let takes_rest = parameters().any(|p| p.in_type == MetaParamIn::Path && p.name == name && Rest::is(&p.schema));
        if takes_rest { format!("*{name}") } else { format!(":{name}") }
    })
}

fn filled(text: &str, words: &[(&'static str, String)]) -> String {
    words.iter().fold(text.to_owned(), |text, (word, meaning)| text.replace(word, meaning))
}

/// Fills a template in for one subject.
struct Filling<'s, S> {
    words: Vec<(&'static str, String)>,
    subject: &'s S,
    version: Version,
    tag: Option<Tag>,
}

impl<S: Subject> Filling<'_, S> {
    fn text(&self, text: &str) -> String {
        filled(text, &self.words)
    }

    fn lasting(&self, text: Option<&'static str>) -> Option<&'static str> {
        text.map(|text| leak(self.text(text)))
    }

    fn operation(&self, template: MetaOperation) -> MetaOperation {
        let mut operation = MetaOperation {
            tags: self.tag.map(|tag| tag.name).into_iter().collect(),
            summary: self.lasting(template.summary),
            description: self.lasting(template.description),
            operation_id: self.lasting(template.operation_id),
            deprecated: template.deprecated || self.subject.is_deprecated(),
            params: template.params.into_iter().flat_map(|parameter| self.parameters(parameter)).collect(),
            ..template
        };
        for content in operation.request.iter_mut().flat_map(|request| &mut request.content) {
            self.fill(&mut content.schema);
        }
        self.responses(&mut operation.responses);
        operation
    }

    fn responses(&self, responses: &mut MetaResponses) {
        for response in &mut responses.responses {
            let slots: Vec<Slot> = response.content.iter().filter_map(|content| Slot::within(&content.schema)).collect();
            response.content.iter_mut().for_each(|content| self.fill(&mut content.schema));
            response.content.extend(slots.into_iter().flat_map(|slot| self.subject.other_media_types(slot)));
        }
    }

    /// Puts what the subject says into a schema's slots.
    fn fill(&self, schema: &mut MetaSchemaRef) {
        if let Some(filling) = Slot::of(schema).and_then(|slot| self.subject.slot(slot, self.version)) {
            *schema = filling;
        } else if let MetaSchemaRef::Inline(schema) = schema {
            schema.items.iter_mut().for_each(|items| self.fill(items));
        }
    }

    /// The parameters that one of the template stands for: one for each property of an object, none for a slot that is left out.
    fn parameters(&self, parameter: MetaOperationParam) -> Vec<MetaOperationParam> {
        match &parameter.schema {
            MetaSchemaRef::Inline(object) if object.ty == "object" => spread(object),
            schema => match Slot::of(schema) {
                Some(slot) => {
                    self.subject.slot(slot, self.version).map(|schema| MetaOperationParam { schema, ..parameter }).into_iter().collect()
                }
                None => vec![plain(parameter)],
            },
        }
    }
}

/// A parameter for each property of an object.
fn spread(object: &MetaSchema) -> Vec<MetaOperationParam> {
    let parameter = |(name, schema): &(&'static str, MetaSchemaRef)| {
        let mut schema = schema.clone();
        let mut description = None;
        if let MetaSchemaRef::Inline(inner) = &mut schema {
            description = inner.description.take().map(str::to_owned);
            // A parameter is absent or has a value.
            inner.nullable = false;
        }
        MetaOperationParam {
            name: (*name).to_owned(),
            schema,
            in_type: MetaParamIn::Query,
            description,
            required: object.required.contains(name),
            deprecated: false,
            explode: true,
            style: None,
        }
    };
    object.properties.iter().map(parameter).collect()
}

/// A parameter of the path without the mark by which the router knows it.
fn plain(mut parameter: MetaOperationParam) -> MetaOperationParam {
    if Rest::is(&parameter.schema) {
        parameter.schema = inline(MetaSchema::new("string"));
    }
    parameter
}

#[cfg(test)]
mod tests {
    use poem::Result;

    use super::*;
    use crate::routes::answer::Answer;
    use crate::routes::shape::Null;

    struct Unruled;

    impl OperationGroup for Unruled {
        type Subject = ();

        fn new(_: Context<()>) -> Self {
            Self
        }
    }

    #[OpenApi]
    impl Unruled {
        /// Do something
        #[oai(path = "/something", method = "get", operation_id = "something")]
        async fn something(&self) -> Result<Answer<Null>> {
            Ok(Answer::null())
        }
    }

    #[test]
    fn an_operation_without_a_rule_is_an_error() {
        let described = (AnyGroup::of::<Unruled>().describe)(Version::Latest);
        assert!(matches!(described, Err(InterfaceError::NoRule { operation, .. }) if operation == "something"));
    }

    #[test]
    fn parameters_of_paths_have_numbers_for_the_framework_and_names_for_the_router() {
        assert_eq!(numbered("/a/{one}/b/{two}"), "/a/:param0/b/:param1");
        assert_eq!(named(&MetaPath { path: "/a/{one}".to_owned(), operations: vec![] }), "/a/:one");
        assert_eq!(
            filled("list a LABEL of LABELS", &[("a LABEL", "an event".to_owned()), ("LABELS", "events".to_owned())]),
            "list an event of events"
        );
    }
}
