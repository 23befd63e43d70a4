//! Images of organisations and projects.

use poem::http::Method;
use serde_json::{Value, json};

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
    assert_eq!(send(&app, Method::POST, &path, &key, "image/png", PNG).await.ok(), json!({ "identifier": id }));
    send(&app, Method::POST, &path, &key, "image/png", PNG).await.refused(409);
    let file = app.get(&path).send().await;
    assert_eq!((file.status.as_u16(), file.header("content-type"), file.body.as_slice()), (200, Some("image/png"), PNG));

    let plain = app.get(&format!("/organisations/{id}")).send().await;
    assert_eq!(plain.ok()["media"], json!([{"name": "logo", "encoding_format": "image/png"}]));
    assert_ne!(plain.header("etag"), before.header("etag"));
    for path in [format!("/organisations/{id}?get_image=true"), "/organisations?get_image=true".to_owned()] {
        let read = app.get(&path).send().await.ok();
        let media = if read.is_array() { read[0]["media"].clone() } else { read["media"].clone() };
        assert_eq!((media[0]["name"].as_str(), media[0]["encoding_format"].as_str()), (Some("logo"), Some("image/png")));
        assert!(media[0]["binary_blob"].as_str().unwrap().starts_with("iVBORw0KGgo"));
    }
    assert_eq!(send(&app, Method::PUT, &path, &key, "image/gif", GIF).await.ok(), json!({ "identifier": id }));
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
    for claim in ["application/octet-stream", "text/plain", "image/svg+xml", "image/tiff"] {
        let detail = send(&app, Method::POST, &path, &key, claim, PNG).await.refused(415);
        assert!(detail.contains(claim) && detail.contains("image/png"), "{detail}");
    }
    send(&app, Method::POST, &path, &key, "IMAGE/PNG; charset=binary", PNG).await.ok();
    send(&app, Method::DELETE, &path, &key, "image/png", PNG).await.ok();
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

#[tokio::test]
async fn images_are_listed_everywhere_in_the_order_in_which_they_were_added() {
    let app = TestApp::new().await;
    let key = app.key("example connector", &["platform_example"]).await;
    let own = json!({"name": "film", "content_url": "https://films.example/1"});
    let id = app.publish("organisations", "o", json!({ "media": [own] })).await;
    let bare = app.publish("organisations", "p", json!({})).await;
    for (name, media_type, bytes) in [("z", "image/png", PNG), ("a", "image/gif", GIF)] {
        for id in [&id, &bare] {
            send(&app, Method::POST, &format!("/organisations/{id}/image?name={name}"), &key, media_type, bytes).await.ok();
        }
    }
    let listed = |name: &str, media_type: &str| json!({"name": name, "encoding_format": media_type});
    let (z, a) = (listed("z", "image/png"), listed("a", "image/gif"));
    for path in [format!("/organisations/{id}"), format!("/v2/organisations/{id}"), "/platforms/example/organisations/o".to_owned()] {
        assert_eq!(app.get(&path).send().await.ok()["media"], json!([own, z, a]), "{path}");
    }
    let page = app.get("/organisations").send().await.ok();
    assert_eq!((&page[0]["media"], &page[1]["media"]), (&json!([z, a]), &json!([own, z, a])));
    let agent = app.get(&format!("/agents/{id}")).send().await.ok();
    assert_eq!((&agent["media"][1]["name"], &agent["media"][1]["binary_blob"]), (&json!("z"), &json!(null)));
    // Replacing one leaves its place and its number.
    let numbers = async || {
        let images = app.get(&format!("/organisations/{id}/image")).send().await.ok();
        let of_one = |image: &Value| (image["identifier"].as_i64().unwrap(), image["name"].as_str().unwrap().to_owned());
        assert!(
            images.as_array().unwrap().iter().all(|image| image["asset_identifier"] == id.as_str() && image["binary_blob"].is_string())
        );
        images.as_array().unwrap().iter().map(of_one).collect::<Vec<_>>()
    };
    let before = numbers().await;
    assert_eq!(before.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>(), ["z", "a"]);
    send(&app, Method::PUT, &format!("/organisations/{id}/image?name=z"), &key, "image/gif", GIF).await.ok();
    assert_eq!(numbers().await, before);
    let with_files = app.get(&format!("/organisations/{id}?get_image=true")).send().await.ok()["media"].clone();
    let names: Vec<&Value> = with_files.as_array().unwrap().iter().map(|file| &file["name"]).collect();
    assert_eq!((names, with_files[0].get("binary_blob")), (vec![&json!("film"), &json!("z"), &json!("a")], None));
    assert!(with_files[1]["binary_blob"].is_string() && with_files[1]["encoding_format"] == "image/gif");
    app.close().await;
}

#[tokio::test]
async fn putting_back_what_was_read_leaves_the_images_as_they_are() {
    let app = TestApp::new().await;
    let key = app.key("example connector", &["platform_example"]).await;
    let own = json!({"name": "film", "content_url": "https://films.example/1"});
    let id = app.publish("projects", "o", json!({ "media": [own] })).await;
    let path = format!("/projects/{id}");
    send(&app, Method::POST, &format!("{path}/image?name=logo"), &key, "image/png", PNG).await.ok();
    let read = app.get(&path).send().await.ok();
    let media = json!([own, {"name": "logo", "encoding_format": "image/png"}]);
    assert_eq!(read["media"], media);
    app.put(&path, &read).key(&key).send().await.ok();
    app.put(&format!("/v2{path}"), &app.get(&format!("/v2/assets/{id}")).send().await.ok()).key(&key).send().await.ok();
    app.request(Method::PATCH, &path).json(&json!({ "media": media })).key(&key).send().await.ok();
    let record = json!({"resource": {"platform_resource_identifier": "o", "name": "o", "media": media}});
    assert_eq!(app.batch("projects", vec![record.clone()]).await["failed"], 0);
    assert_eq!(app.batch("projects", vec![record]).await["unchanged"], 1);
    assert_eq!(app.get(&path).send().await.ok()["media"], media);
    // Nothing of the image was stored with the body.
    app.delete(&format!("{path}/image?name=logo")).key(&key).send().await.ok();
    assert_eq!(app.get(&path).send().await.ok()["media"], json!([own]));
    app.close().await;
}
