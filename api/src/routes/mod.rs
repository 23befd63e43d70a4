//! HTTP: parse, call the catalogue, answer. No SQL, no rules.

mod body;
mod caller;
mod catalogue;
mod docs;
mod etag;
mod image;
mod limit;
mod middleware;
mod problem;
mod resource;
mod review;
mod typed;
mod users;

use std::sync::Arc;

use aiod_schema::ResourceType;
use poem::endpoint::BoxEndpoint;
use poem::{EndpointExt, Route};
use poem_openapi::registry::{MetaApi, Registry};
use poem_openapi::{OpenApi, OpenApiService};

use crate::app::App;
use crate::config::Config;
use middleware::guarded;
use typed::{Interface, Latest, RouteTable, V2};

/// A version of the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Version {
    /// The newest, without a prefix.
    Latest,
    /// Below `/v2`.
    V2,
}

impl Version {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Latest, Self::V2];

    /// What its paths begin with.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Latest => "",
            Self::V2 => "/v2",
        }
    }

    /// Adds the other names that fields of a resource have in this version; its identifier tells its type.
    pub(crate) fn add_aliases(self, value: &mut serde_json::Value) {
        let Some(map) = value.as_object_mut() else { return };
        let identifier = map.get("identifier").and_then(serde_json::Value::as_str);
        let Some(resource) = identifier.and_then(aiod_schema::by_identifier) else { return };
        for (name, alias) in self.aliases(resource) {
            if let Some(copy) = map.get(name).cloned() {
                map.insert(alias.to_owned(), copy);
            }
        }
    }

    /// Fields of a type that have another name as well in this version: the model's name and the other.
    pub(crate) fn aliases(self, resource: &'static ResourceType) -> Vec<(&'static str, &'static str)> {
        let fields = resource.object.fields.iter().filter(|_| self == Self::V2);
        fields.filter_map(|f| Some((f.name, f.v2_alias?))).collect()
    }
}

/// The OpenAPI document of a version, as JSON, with the login of a configuration.
pub fn document_for(version: Version, config: &Config) -> String {
    let mut document: serde_json::Value = serde_json::from_str(&document(version)).unwrap_or_default();
    docs::set_issuer(&mut document, &config.keycloak);
    format!("{document:#}")
}

/// The OpenAPI document of a version, as JSON.
pub fn document(version: Version) -> String {
    /// Stands for an application where only the document is wanted.
    struct Described<V>(std::marker::PhantomData<V>);

    impl<V: typed::AnyVersion> OpenApi for Described<V> {
        fn meta() -> Vec<MetaApi> {
            Interface::<V>::meta()
        }
        fn register(registry: &mut Registry) {
            Interface::<V>::register(registry);
        }
        fn add_routes(self, _: &mut RouteTable) {}
    }

    fn service<V: typed::AnyVersion>() -> OpenApiService<Described<V>, ()> {
        let description = "Metadata of AI resources: datasets, models, publications, events and more, in the AIoD format.";
        OpenApiService::new(Described(std::marker::PhantomData), "AIoD metadata catalogue", env!("CARGO_PKG_VERSION"))
            .description(description)
    }

    match version {
        Version::Latest => service::<Latest>().spec(),
        Version::V2 => service::<V2>().url_prefix(Version::V2.prefix()).spec(),
    }
}

/// Both versions beside each other.
struct Everything(Arc<App>);

impl OpenApi for Everything {
    fn meta() -> Vec<MetaApi> {
        Vec::new()
    }

    fn register(_: &mut Registry) {}

    fn add_routes(self, table: &mut RouteTable) {
        let mut latest = RouteTable::new();
        Interface::<Latest>::new(Arc::clone(&self.0)).add_routes(&mut latest);
        let mut v2 = RouteTable::new();
        Interface::<V2>::new(self.0).add_routes(&mut v2);
        let prefixed = v2.into_iter().map(|(path, methods)| (format!("{}{path}", Version::V2.prefix()), methods));
        table.extend(middleware::completed(latest.into_iter().chain(prefixed).collect()));
    }
}

/// The whole application, as the server runs it and tests call it.
pub fn endpoint(app: Arc<App>) -> BoxEndpoint<'static> {
    let operations = OpenApiService::new(Everything(Arc::clone(&app)), "", "");
    let mut route = Route::new().nest_no_strip("/", operations);
    route = docs::add(route, &app);
    guarded(route, &app).data(app).map_to_response().boxed()
}
