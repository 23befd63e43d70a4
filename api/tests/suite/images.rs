//! Images of organisations and projects.

use poem::http::Method;
use serde_json::json;

use crate::harness::{Answer, TestApp};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n-and-so-on";
const GIF: &[u8] = b"GIF89a-and-so-on-and-so-on";

async fn send(app: &TestApp, method: Method, path: &str, key: &str, media_type: &str, bytes: &[u8]) -> Answer {
    app.request(method, path).key(key).file(media_type, bytes).send().await
}

#[tokio::test]
async fn images_are_added_shown_replaced_and_removed() {
    let app = TestApp::new().await;
    let key = app.key("example connector", &["platform_example"]).await;
    let id = app.publish("organisations", "o", json!({})).await;
    let path = format!("/organisations/{id}/image?name=logo");
    let before = app.get(&format!("/organisations/{id}")).send().await;
    send(&app, Method::PUT, &path, &key, "image/png", PNG).await.refused(404);
    send(&app, Method::POST, &path, &key, "image/png", PNG).await.ok();
    send(&app, Method::POST, &path, &key, "image/png", PNG).await.refused(409);
    let file = app.get(&path).send().await;
    assert_eq!((file.status.as_u16(), file.header("content-type"), file.body.as_slice()), (200, Some("image/png"), PNG));

    let plain = app.get(&format!("/organisations/{id}")).send().await;
    assert_eq!(plain.ok()["media"], json!([]));
    assert_ne!(plain.header("etag"), before.header("etag"));
    for path in [format!("/organisations/{id}?get_image=true"), "/organisations?get_image=true".to_owned()] {
        let read = app.get(&path).send().await.ok();
        let media = if read.is_array() { read[0]["media"].clone() } else { read["media"].clone() };
        assert_eq!((media[0]["name"].as_str(), media[0]["encoding_format"].as_str()), (Some("logo"), Some("image/png")));
        assert!(media[0]["binary_blob"].as_str().unwrap().starts_with("iVBORw0KGgo"));
    }
    // The bytes decide, not the name and not the claim of another kind of file.
    send(&app, Method::PUT, &path, &key, "application/octet-stream", GIF).await.ok();
    assert_eq!(app.get(&path).send().await.header("content-type"), Some("image/gif"));
    assert_eq!(app.get(&format!("/organisations/{id}/image")).send().await.ok().as_array().unwrap().len(), 1);
    app.delete(&path).key(&key).send().await.ok();
    app.delete(&path).key(&key).send().await.refused(404);
    app.get(&path).send().await.refused(404);
    app.close().await;
}

#[tokio::test]
async fn what_is_no_image_is_refused() {
    let app = TestApp::new().await;
    let key = app.key("example connector", &["platform_example"]).await;
    let id = app.publish("projects", "p", json!({})).await;
    let path = format!("/projects/{id}/image?name=logo");
    send(&app, Method::POST, &path, &key, "image/png", GIF).await.refused(415);
    send(&app, Method::POST, &path, &key, "image/png", b"<script>").await.refused(415);
    send(&app, Method::POST, &path, &key, "image/png", b"").await.refused(415);
    let large = [PNG, &vec![0; 1 << 20]].concat();
    send(&app, Method::POST, &path, &key, "image/png", &large).await.refused(413);
    assert_eq!(send(&app, Method::POST, &format!("/projects/{id}/image"), &key, "image/png", PNG).await.faults(), ["query.name"]);
    assert_eq!(send(&app, Method::POST, &format!("/projects/{id}/image?name="), &key, "image/png", PNG).await.faults(), ["query.name"]);
    send(&app, Method::POST, &path, &app.key("eve", &[]).await, "image/png", PNG).await.refused(403);
    let missing = app
        .request(Method::POST, &path)
        .key(&key)
        .header("Content-Type", "multipart/form-data; boundary=XX")
        .bytes(b"--XX--\r\n".to_vec())
        .send()
        .await;
    assert_eq!(missing.status.as_u16(), 422);
    app.get(&format!("/datasets/{id}/image")).send().await.refused(404);
    app.close().await;
}

#[tokio::test]
async fn the_path_must_be_that_of_the_type() {
    let app = TestApp::new().await;
    let key = app.key("someone", &["update_organisation"]).await;
    let project = app.publish("projects", "p", json!({})).await;
    for method in [Method::POST, Method::PUT, Method::DELETE] {
        let answer = send(&app, method.clone(), &format!("/organisations/{project}/image?name=logo"), &key, "image/png", PNG).await;
        assert!(matches!(answer.status.as_u16(), 404 | 422), "{method}: {}", answer.text());
    }
    assert_eq!(app.get(&format!("/projects/{project}/image")).send().await.ok(), json!([]));
    app.close().await;
}

#[tokio::test]
async fn images_are_written_only_to_the_revision_that_was_expected() {
    let app = TestApp::new().await;
    let key = app.key("example connector", &["platform_example"]).await;
    let id = app.publish("organisations", "o", json!({})).await;
    let path = format!("/organisations/{id}/image?name=logo");
    let tag = app.get(&format!("/organisations/{id}")).send().await.header("etag").unwrap().to_owned();
    let put = |method: Method, tag: &str| app.request(method, &path).key(&key).header("If-Match", tag).file("image/png", PNG).send();
    put(Method::POST, &tag).await.ok();
    put(Method::PUT, &tag).await.refused(412);
    app.delete(&path).key(&key).header("If-Match", &tag).send().await.refused(412);
    let tag = app.get(&format!("/organisations/{id}")).send().await.header("etag").unwrap().to_owned();
    put(Method::PUT, &tag).await.ok();
    app.close().await;
}
