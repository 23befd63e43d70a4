//! The paths of all resource types and vocabularies, made from the templates: one `OpenApi` for each version of the interface.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::Arc;

use aiod_schema::vocabulary::{VOCABULARIES, Vocabulary};
use aiod_schema::{Class, Fault, ResourceType, resource_types};
use poem::endpoint::BoxEndpoint;
use poem::http::Method;
use poem::{Endpoint, EndpointExt, Request};
use poem_openapi::OpenApi;
use poem_openapi::error::ParsePathError;
use poem_openapi::registry::{
    MetaApi, MetaMediaType, MetaOperation, MetaOperationParam, MetaParamIn, MetaPath, MetaResponse, MetaSchema, MetaSchemaRef, Registry,
};

use super::Version;
use super::body::{PLACEHOLDER, header_meta};
use super::caller::Auth;
use super::catalogue::{CatalogueRoutes, VocabularyRoutes};
use super::image::ImageRoutes;
use super::problem::{plain, unprocessable};
use super::resource::{ContentRoutes, ResourceRoutes};
use super::review::{ReviewRoutes, SubmitRoutes};
use super::users::UserRoutes;
use crate::app::App;
use crate::catalogue::permission::{self, Action};
use crate::identity::Caller;
use crate::openapi::{
    Form, any_of, array, batch_schema, from_json, inline, leak, model_schemas, read_schema, reference, schema_name, with_aliases,
};

/// Endpoints by path and method, as the framework collects them.
pub(crate) type RouteTable = HashMap<String, HashMap<Method, BoxEndpoint<'static>>>;

/// A version of the interface, as a type: the framework asks types, not values, for their operations.
pub(crate) trait AnyVersion: Send + Sync + 'static {
    const VERSION: Version;
}

/// The newest version, without a prefix.
pub(crate) struct Latest;

impl AnyVersion for Latest {
    const VERSION: Version = Version::Latest;
}

/// The version below `/v2`.
pub(crate) struct V2;

impl AnyVersion for V2 {
    const VERSION: Version = Version::V2;
}

/// Every operation of one version.
pub(crate) struct Interface<V> {
    app: Arc<App>,
    version: PhantomData<V>,
}

impl<V> Interface<V> {
    pub(crate) fn new(app: Arc<App>) -> Self {
        Self { app, version: PhantomData }
    }
}

/// Whether a path of a template exists for a type in a version.
fn exists(resource: &ResourceType, version: Version, template: &str, method: &Method) -> bool {
    let latest_only = method == Method::PATCH || template.ends_with("/batch") || template.contains("/history");
    let v2_only = template.contains("/submit/");
    let is_content = template.contains("/content");
    let is_image = template.ends_with("/image");
    (!latest_only || version == Version::Latest)
        && (!v2_only || version == Version::V2)
        && (!is_content || resource.class == Class::Asset)
        && (!is_image || resource.images)
}

fn templates() -> Vec<MetaPath> {
    let apis = [ResourceRoutes::meta(), ContentRoutes::meta(), ImageRoutes::meta(), SubmitRoutes::meta()];
    apis.into_iter().flatten().flat_map(|api| api.paths).collect()
}

impl<V: AnyVersion> OpenApi for Interface<V> {
    fn meta() -> Vec<MetaApi> {
        let mut paths: Vec<MetaPath> = Vec::new();
        for resource in resource_types() {
            paths.extend(templates().into_iter().filter_map(|path| resource_path(resource, V::VERSION, path)));
        }
        for (vocabulary, path, deprecated) in vocabulary_paths(V::VERSION) {
            paths.extend(
                VocabularyRoutes::meta().into_iter().flat_map(|api| api.paths).map(|p| vocabulary_path(vocabulary, path, deprecated, p)),
            );
        }
        let common = [CatalogueRoutes::meta(), UserRoutes::meta(), ReviewRoutes::meta()];
        paths.extend(common.into_iter().flatten().flat_map(|api| api.paths).map(|p| common_path(V::VERSION, p)));
        vec![MetaApi { paths: merged(paths) }]
    }

    fn register(registry: &mut Registry) {
        ResourceRoutes::register(registry);
        ContentRoutes::register(registry);
        ImageRoutes::register(registry);
        CatalogueRoutes::register(registry);
        UserRoutes::register(registry);
        ReviewRoutes::register(registry);
        SubmitRoutes::register(registry);
        VocabularyRoutes::register(registry);
        <Auth as poem_openapi::ApiExtractor<'_>>::register(registry);
        registry.schemas.extend(model_schemas());
        for resource in resource_types() {
            registry.schemas.insert(batch_name(resource), batch_schema(resource));
            for form in [Form::Create, Form::Read] {
                let name = form_name(resource, V::VERSION, form);
                let plain = schema_name(resource.object, form);
                if name != plain
                    && let Some(schema) = registry.schemas.get(&plain)
                {
                    let schema = with_aliases(schema.clone(), &V::VERSION.aliases(resource));
                    registry.schemas.insert(name, schema);
                }
            }
        }
        // What the templates refer to until an operation is made for a type; nothing refers to it afterwards.
        registry.schemas.insert(PLACEHOLDER.to_owned(), from_json(&serde_json::json!({})));
    }

    fn add_routes(self, table: &mut RouteTable) {
        for resource in resource_types() {
            let routes = ResourceRoutes { app: Arc::clone(&self.app), resource, version: V::VERSION };
            let mut own = RouteTable::new();
            add_named(ContentRoutes(routes.clone()), &mut own);
            add_named(ImageRoutes(routes.clone()), &mut own);
            add_named(SubmitRoutes(routes.clone()), &mut own);
            add_named(routes, &mut own);
            for (path, methods) in own {
                let methods = methods.into_iter().filter(|(method, _)| exists(resource, V::VERSION, &path, method));
                table.entry(path.replace("RESOURCE", resource.path)).or_default().extend(methods);
            }
        }
        for (vocabulary, path, _) in vocabulary_paths(V::VERSION) {
            let mut own = RouteTable::new();
            VocabularyRoutes { app: Arc::clone(&self.app), vocabulary }.add_routes(&mut own);
            table.extend(own.into_iter().map(|(template, methods)| (template.replace("VOCABULARY", path), methods)));
        }
        add_named(CatalogueRoutes(Arc::clone(&self.app), V::VERSION), table);
        add_named(UserRoutes(Arc::clone(&self.app), V::VERSION), table);
        add_named(ReviewRoutes(self.app, V::VERSION), table);
        table.retain(|_, methods| !methods.is_empty());
    }
}

/// Adds an interface's endpoints, each behind the rule of its operation. The framework numbers the parameters of a path; what is wrong
/// with one is said under its name.
fn add_named<T: OpenApi>(api: T, table: &mut RouteTable) {
    let pattern = |path: &str| -> Vec<Option<String>> {
        path.split('/').map(|part| (!part.starts_with([':', '{'])).then(|| part.to_owned())).collect()
    };
    let named: Vec<MetaPath> = T::meta().into_iter().flat_map(|api| api.paths).collect();
    let mut own = RouteTable::new();
    api.add_routes(&mut own);
    for (path, methods) in own {
        let known = named.iter().find(|known| pattern(&known.path) == pattern(&path));
        let parameters = known.iter().flat_map(|known| known.path.split('/')).filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        let names: Arc<[String]> = parameters.map(str::to_owned).collect();
        let methods = methods.into_iter().map(|(method, endpoint)| {
            let operation = known.and_then(|known| known.operations.iter().find(|operation| operation.method == method));
            let needed = operation.and_then(|operation| permission::needed(operation.operation_id?));
            let endpoint = if operation.is_some_and(may_misread_path) { naming(endpoint, Arc::clone(&names)) } else { endpoint };
            let endpoint = match needed {
                Some(action) if action.is_about_nothing() && !action.is_open() => ruled(endpoint, action),
                _ => endpoint,
            };
            (method, endpoint)
        });
        table.entry(path).or_default().extend(methods);
    }
}

/// Whether something else than a text stands in an operation's path.
fn may_misread_path(operation: &MetaOperation) -> bool {
    let is_text = |schema: &MetaSchemaRef| matches!(schema, MetaSchemaRef::Inline(schema) if schema.ty == "string");
    operation.params.iter().any(|p| p.in_type == MetaParamIn::Path && !is_text(&p.schema))
}

/// An endpoint that calls the parameters of its path by these names.
fn naming(endpoint: BoxEndpoint<'static>, names: Arc<[String]>) -> BoxEndpoint<'static> {
    let answer = move |error: ParsePathError| {
        let index = error.name.strip_prefix("param").and_then(|n| n.parse::<usize>().ok());
        let name = index.and_then(|index| names.get(index)).map_or(error.name, String::as_str);
        std::future::ready(unprocessable(&[Fault::value(["path", name], plain(&error.reason))]))
    };
    endpoint.catch_error(answer).map_to_response().boxed()
}

/// An endpoint for those who may do this. Where it depends on a resource or on a body, the catalogue asks itself.
fn ruled(endpoint: BoxEndpoint<'static>, action: Action) -> BoxEndpoint<'static> {
    let endpoint = Arc::new(endpoint);
    let answer = move |request: Request| {
        let endpoint = Arc::clone(&endpoint);
        async move {
            if let (Some(app), Some(caller)) = (request.data::<Arc<App>>(), request.data::<Caller>()) {
                permission::require(&app.catalogue.roles, caller, action)?;
            }
            endpoint.call(request).await
        }
    };
    poem::endpoint::make(answer).map_to_response().boxed()
}

/// Where each listed vocabulary stands: vocabulary, path, whether the path is deprecated.
fn vocabulary_paths(version: Version) -> impl Iterator<Item = (&'static Vocabulary, &'static str, bool)> {
    VOCABULARIES.iter().flat_map(move |vocabulary| {
        let own = vocabulary.path.map(|path| (vocabulary, path, false));
        let alias = vocabulary.v2_alias.filter(|_| version == Version::V2).map(|path| (vocabulary, path, true));
        own.into_iter().chain(alias)
    })
}

/// One entry for each path: a document must not have a key twice.
fn merged(paths: Vec<MetaPath>) -> Vec<MetaPath> {
    let mut out: Vec<MetaPath> = Vec::new();
    for path in paths {
        match out.iter_mut().find(|p| p.path == path.path) {
            Some(known) => known.operations.extend(path.operations),
            None => out.push(path),
        }
    }
    out
}

/// The name of a type's schema in a version: `ProjectV2Create` where fields have other names there.
fn form_name(resource: &'static ResourceType, version: Version, form: Form) -> String {
    let plain = schema_name(resource.object, form);
    if version.aliases(resource).is_empty() { plain } else { plain.replace(resource.title, &format!("{}V2", resource.title)) }
}

fn batch_name(resource: &ResourceType) -> String {
    format!("{}Batch", resource.title)
}

fn resource_path(resource: &'static ResourceType, version: Version, path: MetaPath) -> Option<MetaPath> {
    let template = path.path;
    let operations = path.operations.into_iter().filter(|o| exists(resource, version, &template, &o.method));
    let operations: Vec<MetaOperation> = operations.map(|o| resource_operation(resource, version, o)).collect();
    (!operations.is_empty()).then(|| MetaPath { path: template.replace("RESOURCE", resource.path), operations })
}

fn resource_operation(resource: &'static ResourceType, version: Version, operation: MetaOperation) -> MetaOperation {
    let label = resource.name.replace('_', " ");
    let plural = resource.path.replace('_', " ");
    let mut operation =
        renamed(operation, |text| text.replace("a LABEL", &with_article(&label)).replace("LABEL", &label).replace("RESOURCE", &plural));
    let template_id = operation.operation_id.unwrap_or_default();
    let id = template_id.replace("RESOURCE", resource.path);
    operation.operation_id = Some(leak(id.clone()));
    operation.tags = vec![resource.path];
    operation.params.retain(|p| match p.name.as_str() {
        "schema" => aiod_schema::convert::formats(resource).count() > 1,
        "get_image" => resource.images,
        _ => true,
    });
    for parameter in operation.params.iter_mut().filter(|p| p.name == "schema") {
        let names: Vec<&str> = aiod_schema::convert::formats(resource).map(|f| f.name).collect();
        parameter.schema =
            inline(from_json(&serde_json::json!({"type": "string", "enum": names, "default": aiod_schema::convert::AIOD.name})));
    }
    let create = || reference(form_name(resource, version, Form::Create));
    let read = || read_schema(resource, form_name(resource, version, Form::Read));
    let verb = id.split(resource.path).next().unwrap_or_default();
    let (body, answer) = match verb {
        "list_" | "list_platform_" => (None, array(read())),
        "read_" | "read_platform_" => (None, read()),
        "register_" => (Some(create()), reference("Identifier")),
        "upsert_" => (Some(reference(batch_name(resource))), reference("BatchAnswer")),
        "patch_" => (Some(inline(from_json(&serde_json::json!({"type": "object"})))), reference("Null")),
        "replace_" => (Some(create()), reference("Null")),
        "count_" => (None, inline_count()),
        "images_" => (None, array(reference("Distribution"))),
        "history_" => (None, array(reference("Revision"))),
        "revision_" => (None, reference(form_name(resource, version, Form::Read))),
        "submit_" => (Some(reference("SubmissionComment")), reference("SubmissionIdentifier")),
        _ => (None, reference("Null")),
    };
    finish(operation, template_id, body, answer)
}

fn inline_count() -> MetaSchemaRef {
    let number = serde_json::json!({"type": "integer"});
    any_of(vec![inline(from_json(&number)), inline(from_json(&serde_json::json!({"type": "object", "additionalProperties": number})))])
}

fn with_article(label: &str) -> String {
    match label {
        "news" => "a piece of news".to_owned(),
        _ if label.starts_with(['a', 'e', 'i', 'o']) || label == "ml model" => format!("an {label}"),
        _ => format!("a {label}"),
    }
}

fn vocabulary_path(vocabulary: &'static Vocabulary, path: &'static str, deprecated: bool, template: MetaPath) -> MetaPath {
    let answer = if vocabulary.is_taxonomy() {
        array(reference("TaxonomyHierarchy"))
    } else {
        array(inline(from_json(&serde_json::json!({"type": "string"}))))
    };
    let operation = |operation: MetaOperation| {
        let what = if vocabulary.is_taxonomy() { "the official terms of the taxonomy" } else { "the terms in use of the vocabulary" };
        let mut operation = renamed(operation, |text| text.replace("LABEL", &format!("{what} `{}`", vocabulary.name)));
        operation.operation_id = Some(leak(format!("list_{path}")));
        operation.tags = vec![if vocabulary.is_taxonomy() { "Taxonomies" } else { "Vocabularies" }];
        operation.deprecated = deprecated;
        finish(operation, "list_VOCABULARY", None, answer.clone())
    };
    MetaPath { path: template.path.replace("VOCABULARY", path), operations: template.operations.into_iter().map(operation).collect() }
}

fn common_path(version: Version, template: MetaPath) -> MetaPath {
    let path = template.path;
    let operation = |mut operation: MetaOperation| {
        let group = |target: &str| {
            let types = resource_types().iter().filter(|r| target.is_empty() || r.is_a(target));
            any_of(types.map(|r| reference(form_name(r, version, Form::Read))).collect())
        };
        let id = operation.operation_id.unwrap_or_default();
        let list_of = |name: &str| array(reference(name));
        let (tag, body, answer) = match id {
            "counts" => ("counts", None, reference("Counts")),
            "count_platforms" => ("platforms", None, inline_count()),
            "list_platforms" => ("platforms", None, array(reference("PlatformRead"))),
            "register_platform" => ("platforms", Some(reference("PlatformCreate")), reference("PlatformIdentifier")),
            "read_platform" => ("platforms", None, reference("PlatformRead")),
            "replace_platform" => ("platforms", Some(reference("PlatformCreate")), reference("Null")),
            "delete_platform" => ("platforms", None, reference("Null")),
            // Absent values are `null` here, which the schemas of the types do not say.
            "read_asset" => ("Assets", None, inline(from_json(&serde_json::json!({"type": "object"})))),
            "authorization_test" => ("user", None, reference("KeycloakUser")),
            "set_permission" => ("Assets", Some(reference("PermissionCreate")), reference("Null")),
            "list_permissions" => ("Assets", None, list_of("PermissionRead")),
            "list_own_resources" => ("user", None, own_resources(version)),
            "list_bookmarks" => ("bookmarks", None, list_of("BookmarkRead")),
            "add_bookmark" => ("bookmarks", None, reference("BookmarkRead")),
            "remove_bookmark" => ("bookmarks", None, reference("Null")),
            "top" => ("statistics", None, list_of("Reads")),
            "top_all" => (
                "statistics",
                None,
                inline(from_json(&serde_json::json!({"type": "object",
                "additionalProperties": {"type": "array", "items": {"$ref": "#/components/schemas/Reads"}}}))),
            ),
            "submit" => ("reviewing", Some(reference("SubmissionCreate")), reference("SubmissionIdentifier")),
            "list_submissions" => ("reviewing", None, list_of("SubmissionBase")),
            "read_submission" => ("reviewing", None, submission_view(group(""))),
            "retract_submission" => ("reviewing", None, reference("Null")),
            "review" => ("reviewing", Some(reference("ReviewCreate")), reference("Review")),
            "read_ai_asset" => ("parents", None, group("ai_asset")),
            "read_agent" => ("parents", None, group("agent")),
            _ => ("parents", None, group("ai_resource")),
        };
        operation.tags = vec![tag];
        finish(operation, id, body, answer)
    };
    let operations = template.operations.into_iter().map(operation).collect();
    MetaPath { path, operations }
}

/// A submission with its assets, each in the form of its type.
fn submission_view(asset: MetaSchemaRef) -> MetaSchemaRef {
    let members = vec![("reviews", array(reference("Review"))), ("assets", array(asset))];
    let view = MetaSchema { properties: members, required: vec!["reviews", "assets"], ..MetaSchema::new("object") };
    inline(MetaSchema { all_of: vec![reference("SubmissionBase"), inline(view)], ..MetaSchema::ANY })
}

/// What a user administers, by the names of types.
fn own_resources(version: Version) -> MetaSchemaRef {
    let of_type = |r: &'static ResourceType| (r.name, array(reference(form_name(r, version, Form::Read))));
    let properties: Vec<_> = resource_types().iter().map(of_type).collect();
    let required = properties.iter().map(|(name, _)| *name).collect();
    inline(MetaSchema { properties, required, ..MetaSchema::new("object") })
}

fn renamed(mut operation: MetaOperation, rename: impl Fn(&str) -> String) -> MetaOperation {
    operation.summary = operation.summary.map(|text| leak(rename(text)));
    operation.description = operation.description.map(|text| leak(rename(text)));
    operation
}

/// Puts in what the template left open, and the answers that every operation of its kind may give.
fn finish(mut operation: MetaOperation, id: &str, body: Option<MetaSchemaRef>, answer: MetaSchemaRef) -> MetaOperation {
    let placeholder = reference(PLACEHOLDER);
    operation.params.iter_mut().for_each(plain_default);
    let patch = operation.method == Method::PATCH;
    if let (Some(request), Some(body)) = (operation.request.as_mut(), body) {
        for content in request.content.iter_mut().filter(|c| c.schema == placeholder) {
            content.schema = body.clone();
        }
        if patch {
            request.content.insert(0, MetaMediaType { content_type: "application/merge-patch+json", schema: body });
        }
    }
    let reads = operation.method == Method::GET;
    let redirects = operation.responses.responses.iter().any(|response| response.status == Some(303));
    let has_etag = reads && !redirects;
    for response in &mut operation.responses.responses {
        for content in response.content.iter_mut().filter(|c| c.schema == placeholder) {
            content.schema = answer.clone();
        }
        if response.description.is_empty() {
            response.description = "It worked.";
        }
        if response.status == Some(200) && has_etag {
            response.headers.extend(answer_headers(id));
        }
    }
    if has_etag {
        let not_modified = MetaResponse {
            description: "The caller has it already (`If-None-Match`).",
            status: Some(304),
            status_range: None,
            content: vec![],
            headers: vec![],
        };
        operation.responses.responses.push(not_modified);
    }
    let errors: &[u16] =
        if reads { &[400, 401, 403, 404, 409, 422, 429, 503] } else { &[400, 401, 403, 404, 409, 412, 413, 415, 422, 429, 503] };
    operation.responses.responses.extend(errors.iter().map(|status| error_response(*status)));
    let needed = permission::needed(id);
    if needed.is_some_and(Action::is_open) && !operation.security.is_empty() {
        // Nobody needs to be known here, but who is may see more.
        operation.security.insert(0, HashMap::new());
    }
    if let Some(action) = needed {
        let text = [operation.description.unwrap_or_default(), &action.explanation()];
        operation.description = Some(leak(text.join(if text[0].is_empty() { "" } else { "\n\n" })));
    }
    operation
}

/// The framework writes a default beside a reference as a second schema, which some generators take for an object.
fn plain_default(parameter: &mut MetaOperationParam) {
    if let MetaSchemaRef::Inline(schema) = &mut parameter.schema
        && schema.all_of.len() > 1
    {
        schema.all_of.truncate(1);
    }
}

fn answer_headers(id: &str) -> Vec<poem_openapi::registry::MetaHeader> {
    let is_resource = id.starts_with("read_") && !matches!(id, "read_platform" | "read_submission");
    let tag = if is_resource { "The revision, for `If-None-Match` and `If-Match`." } else { "For `If-None-Match`." };
    let mut headers = vec![header_meta("ETag", tag)];
    if id.starts_with("list_") && id.ends_with("RESOURCE") {
        headers.push(header_meta("Link", "Where the next page is, when pages go by cursor."));
    }
    headers
}

fn error_response(status: u16) -> MetaResponse {
    let description = match status {
        400 => "The request makes no sense as it is.",
        401 => "A user is needed, by token or API key.",
        403 => "The caller may not do this.",
        404 => "It does not exist, or was deleted.",
        409 => "It exists already, or something stands in the way.",
        412 => "A precondition does not hold: the platform is unknown, or the revision is another.",
        413 => "The body is too large.",
        415 => "The body is of another type.",
        422 => "The input is faulty; every fault is named.",
        429 => "The caller sent too many requests; `Retry-After` says when the next may come.",
        _ => "The catalogue cannot reach its database, or the identity provider, right now.",
    };
    let schema = if status == 422 { "HTTPValidationError" } else { "Problem" };
    let content = vec![MetaMediaType { content_type: "application/json", schema: reference(schema) }];
    MetaResponse { description, status: Some(status), status_range: None, content, headers: vec![] }
}
