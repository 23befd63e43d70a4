//! What strangers meet: where links and redirects lead, what pages may do, what caches may keep.

use poem::http::Method;
use serde_json::json;

use crate::harness::{Answer, TestApp};

#[tokio::test]
async fn files_are_downloaded_from_where_files_are() {
    let app = TestApp::new().await;
    let urls = [
        ("https://example.org/a.csv", true),
        ("HTTP://example.org/a.csv", true),
        ("ftp://example.org/a.csv", true),
        ("javascript:alert(1)", false),
        (" java\tscript:alert(1)", false),
        ("data:text/html,<script>alert(1)</script>", false),
        ("file:///etc/passwd", false),
        ("//evil.example/a.csv", false),
        ("a.csv", false),
    ];
    for (own, (url, is_file)) in urls.into_iter().enumerate() {
        let id = app.publish("datasets", &own.to_string(), json!({"distribution": [{"content_url": url}]})).await;
        for path in [format!("/datasets/{id}/content"), format!("/v2/datasets/{id}/content/0")] {
            let answer = app.get(&path).send().await;
            if is_file {
                assert_eq!((answer.status.as_u16(), answer.header("location")), (303, Some(url)));
            } else {
                let detail = answer.refused(404);
                assert!(detail.contains("http, https, ftp") && answer.header("location").is_none(), "{url}: {detail}");
            }
        }
    }
    app.close().await;
}

#[tokio::test]
async fn no_path_leads_to_another_host() {
    let app = TestApp::new().await;
    let ends = ["host", "host/", "evil.example/", "evil.example/%2e%2e/", "evil.example//", "x/y/"];
    for begin in ["/\\", "//", "/%5c", "/%5C", "/%2f", "/%2F", "///", "/\\\\", "/%5c%5c", "/\\/", "/%09/", "/docs/\\", "/v2//", "/v2/\\"] {
        for end in ends {
            for path in [format!("{begin}{end}"), format!("{begin}{end}?x=1")] {
                let Ok(uri) = path.parse::<poem::http::Uri>() else { continue };
                let answer = app.get(&uri.to_string()).send().await;
                assert_eq!((answer.status.as_u16(), answer.header("location")), (404, None), "{path}");
            }
        }
    }
    // What exists still leads to itself without the slash.
    for (path, target) in [("/counts/", "/counts"), ("/v2/datasets/?limit=1", "/v2/datasets?limit=1"), ("/docs/", "/docs")] {
        let answer = app.get(path).send().await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (307, Some(target)), "{path}");
    }
    app.get("/nothing/").send().await.refused(404);
    app.close().await;
}

#[tokio::test]
async fn a_proxys_headers_count_only_behind_a_proxy() {
    let stranger = TestApp::new().await;
    let answer = stranger.get("/counts/").header("X-Forwarded-Prefix", "/evil").send().await;
    assert_eq!((answer.header("location"), varies(&answer)), (Some("/counts"), false));
    let page = stranger.get("/docs").header("X-Forwarded-Prefix", "/evil").send().await;
    assert!(page.text().contains(r#""servers":[{"url":"/"}]"#));
    stranger.close().await;

    let app = TestApp::with(|config| config.limits.behind_proxy = true).await;
    let answer = app.get("/counts/").header("X-Forwarded-Prefix", "/aiod").send().await;
    assert_eq!((answer.header("location"), varies(&answer)), (Some("/aiod/counts"), true));
    let page = app.get("/docs").header("X-Forwarded-Prefix", "/aiod").send().await;
    assert!(page.text().contains(r#""servers":[{"url":"/aiod"}]"#) && varies(&page));
    let page = app.get("/docs").send().await;
    assert!(page.text().contains(r#""servers":[{"url":"/"}]"#), "each prefix has its own page");
    app.close().await;
}

fn varies(answer: &Answer) -> bool {
    answer.headers.get_all("vary").iter().any(|value| value.to_str().unwrap().contains("X-Forwarded-Prefix"))
}

#[tokio::test]
async fn pages_say_what_they_may_do_and_may_be_kept() {
    let app = TestApp::with(|config| config.keycloak.issuer = "https://login.example.org/auth/realms/aiod".into()).await;
    for path in ["/docs", "/redoc", "/v2/docs", "/v2/redoc", "/docs/oauth2-redirect.html"] {
        let page = app.get(path).send().await;
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'sha256-") && policy.contains("frame-ancestors 'self'"), "{policy}");
        assert!(policy.contains("connect-src 'self' https://login.example.org;") && !policy.contains("unsafe-eval"), "{policy}");
        let scripts = policy.split("script-src").nth(1).unwrap().split(';').next().unwrap();
        assert_eq!(scripts.matches("'sha256-").count(), page.text().matches("</script>").count(), "{path}");
        assert!(!scripts.contains("unsafe"), "{scripts}");
        assert_eq!(page.header("cache-control"), Some("public, max-age=300"), "{path}");
    }
    for path in ["/docs", "/redoc", "/openapi.json", "/v2/openapi.json"] {
        let tag = app.get(path).send().await.header("etag").unwrap().to_owned();
        let again = app.get(path).header("If-None-Match", &tag).send().await;
        assert_eq!((again.status.as_u16(), again.body.len()), (304, 0), "{path}");
    }
    app.close().await;
}

#[tokio::test]
async fn answers_for_one_reader_are_kept_from_shared_caches() {
    let app = TestApp::new().await;
    let ada = app.key("ada", &[]).await;
    for path in ["/counts", "/user/resources", "/datasets", "/nothing"] {
        let own = app.get(path).key(&ada).send().await;
        assert_eq!((own.header("cache-control"), own.header("x-content-type-options")), (Some("private"), Some("nosniff")), "{path}");
        let anyones = app.get(path).send().await;
        assert_eq!((anyones.header("cache-control"), anyones.header("x-content-type-options")), (None, Some("nosniff")), "{path}");
    }
    let refused = app.request(Method::DELETE, "/datasets/x").send().await;
    assert_eq!(refused.header("x-content-type-options"), Some("nosniff"));
    app.close().await;
}
