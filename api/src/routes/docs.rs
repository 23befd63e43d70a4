//! The interface's documentation: Swagger UI, ReDoc and the document itself, for each version, without internet, and behind a
//! proxy that adds a prefix.

use std::sync::LazyLock;

use poem::endpoint::make_sync;
use poem::{Request, Response, Route, get};
use poem_openapi::OpenApiService;

use super::body::forwarded_prefix;
use super::{Version, document};

/// Stands in the pages where the document goes.
const MARK: &str = "\"AIOD-DOCUMENT\"";

struct Pages {
    document: String,
    swagger: String,
    redoc: String,
}

impl Pages {
    fn of(version: Version) -> Self {
        // The library's pages with an empty document; ours goes where it stood.
        let empty = OpenApiService::new((), "AIOD-DOCUMENT", "");
        let page = |html: String| {
            let at = empty.spec();
            html.replace(&at, MARK)
                // A font from elsewhere would make the page call home.
                .replace(
                    "<link href=\"https://fonts.googleapis.com/css?family=Montserrat:300,400,700|Roboto:300,400,700\" rel=\"stylesheet\">",
                    "",
                )
        };
        Self { document: document(version), swagger: page(empty.swagger_ui_html()), redoc: page(empty.redoc_html()) }
    }

    /// The document for a caller who sees the server below a prefix.
    fn document_below(&self, prefix: &str) -> String {
        match serde_json::from_str::<serde_json::Value>(&self.document) {
            Ok(mut value) => {
                let url = if prefix.is_empty() { "/" } else { prefix };
                if let Some(map) = value.as_object_mut() {
                    map.insert("servers".to_owned(), serde_json::json!([{ "url": url }]));
                }
                value.to_string()
            }
            Err(_) => self.document.clone(),
        }
    }
}

fn pages(version: Version) -> &'static Pages {
    static LATEST: LazyLock<Pages> = LazyLock::new(|| Pages::of(Version::Latest));
    static V2: LazyLock<Pages> = LazyLock::new(|| Pages::of(Version::V2));
    match version {
        Version::Latest => &LATEST,
        Version::V2 => &V2,
    }
}

/// Adds the pages of every version.
pub(super) fn add(route: Route) -> Route {
    Version::ALL.into_iter().fold(route, |route, version| {
        let html = |pick: fn(&Pages) -> &str| {
            make_sync(move |request: Request| {
                // `<` in a description must not end the script that the document stands in.
                let document = pages(version).document_below(&forwarded_prefix(&request)).replace("</", "<\\/");
                Response::builder().content_type("text/html; charset=utf-8").body(pick(pages(version)).replace(MARK, &document))
            })
        };
        let json = make_sync(move |request: Request| {
            Response::builder().content_type("application/json").body(pages(version).document_below(&forwarded_prefix(&request)))
        });
        let prefix = version.prefix();
        route
            .at(format!("{prefix}/openapi.json"), get(json))
            .at(format!("{prefix}/docs"), get(html(|p| &p.swagger)))
            .at(format!("{prefix}/redoc"), get(html(|p| &p.redoc)))
    })
}
