//! Permissions, bookmarks, one's own resources, history, and what is read most.

use aiod_schema::resource_types;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::harness::TestApp;

#[tokio::test]
async fn permissions_are_given_and_taken() {
    let app = TestApp::new().await;
    let (ada, bob) = (app.key("ada", &[]).await, app.key("bob", &[]).await);
    let draft = app.draft("datasets", &ada, json!({"name": "d"})).await;
    let path = format!("/datasets/{draft}");
    let give = async |key: &str, user: &str, kind: Value| {
        let body = json!({"asset_identifier": draft, "user": user, "permission_type": kind});
        app.post("/assets/permissions", &body).key(key).send().await
    };
    app.get(&path).key(&bob).send().await.refused(403);
    give(&bob, "bob", json!("read")).await.refused(403);
    assert_eq!(give(&ada, "bob", json!("read")).await.ok(), json!(null));
    app.get(&path).key(&bob).send().await.ok();
    app.put(&path, &json!({"name": "e"})).key(&bob).send().await.refused(403);
    // By the subject id as well; a permission includes those below it.
    give(&ada, "local:bob", json!("write")).await.ok();
    app.put(&path, &json!({"name": "e"})).key(&bob).send().await.ok();
    app.delete(&path).key(&bob).send().await.refused(403);
    app.get(&format!("/assets/permissions/{draft}")).key(&bob).send().await.refused(403);
    let held = app.get(&format!("/assets/permissions/{draft}")).key(&ada).send().await.ok();
    assert_eq!(held, json!([{"name": "ada", "permission": "admin"}, {"name": "bob", "permission": "write"}]));
    give(&ada, "bob", Value::Null).await.ok();
    app.get(&path).key(&bob).send().await.refused(403);

    assert_eq!(give(&ada, "ada", json!("read")).await.faults(), ["body.user"]);
    assert_eq!(give(&ada, "nobody", json!("read")).await.refused(404), "User 'nobody' not found.");
    assert_eq!(give(&ada, "bob", json!("own")).await.faults(), ["body.permission_type"]);
    assert_eq!(app.post("/assets/permissions", &json!({})).key(&ada).send().await.faults(), ["body.asset_identifier", "body.user"]);
    let unknown = json!({"asset_identifier": "data_000000000000000000000000", "user": "bob", "permission_type": "read"});
    app.post("/assets/permissions", &unknown).key(&ada).send().await.refused(404);
    app.post("/assets/permissions", &unknown).send().await.refused(401);
    app.get("/assets/permissions/data_000000000000000000000000").key(&ada).send().await.refused(404);
    app.close().await;
}

#[tokio::test]
async fn bookmarks_are_kept_for_each_user() {
    let app = TestApp::new().await;
    let (ada, bob) = (app.key("ada", &[]).await, app.key("bob", &[]).await);
    let first = app.publish("datasets", "1", json!({})).await;
    let second = app.publish("news", "2", json!({})).await;
    let path = |id: &str| format!("/bookmarks?resource_identifier={id}");
    let made = app.post(&path(&first), &Value::Null).key(&ada).send().await.ok();
    assert_eq!(made["resource_identifier"], first);
    app.post(&path(&second), &Value::Null).key(&ada).send().await.ok();
    assert_eq!(app.post(&path(&first), &Value::Null).key(&ada).send().await.ok(), made, "a second time changes nothing");
    let list = async |key: &str, query: &str| -> Vec<String> {
        let value = app.get(&format!("/bookmarks{query}")).key(key).send().await.ok();
        value.as_array().unwrap().iter().map(|b| b["resource_identifier"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(list(&ada, "").await, [second.clone(), first.clone()]);
    assert_eq!(list(&ada, "?offset=1&limit=1").await, std::slice::from_ref(&first));
    assert_eq!(list(&bob, "").await, Vec::<String>::new());
    assert_eq!(app.delete(&path(&second)).key(&ada).send().await.ok(), json!(null));
    for nothing in [&second, "data_000000000000000000000000", "x"] {
        assert_eq!(app.delete(&path(nothing)).key(&ada).send().await.ok(), json!(null), "no bookmark of {nothing} to remove");
    }
    // What is deleted vanishes, what cannot be seen cannot be marked.
    let admin = app.key("root", &["admin_aiod_resources"]).await;
    app.delete(&format!("/datasets/{first}")).key(&admin).send().await.ok();
    assert_eq!(list(&ada, "").await, Vec::<String>::new());
    app.post(&path(&first), &Value::Null).key(&ada).send().await.refused(404);
    let draft = app.draft("datasets", &ada, json!({"name": "d"})).await;
    app.post(&path(&draft), &Value::Null).key(&bob).send().await.refused(403);
    app.post(&path("x"), &Value::Null).key(&ada).send().await.refused(404);
    assert_eq!(app.post("/bookmarks", &Value::Null).key(&ada).send().await.faults(), ["query.resource_identifier"]);
    assert_eq!(app.get("/bookmarks?limit=-1").key(&ada).send().await.faults(), ["query.limit"]);
    for answer in
        [app.get("/bookmarks").send().await, app.post(&path(&first), &Value::Null).send().await, app.delete(&path(&first)).send().await]
    {
        answer.refused(401);
    }
    app.close().await;
}

#[tokio::test]
async fn users_see_what_they_administer_and_who_they_are() {
    let app = TestApp::new().await;
    let ada = app.key("ada", &["create_platforms"]).await;
    let dataset = app.draft("datasets", &ada, json!({"name": "d"})).await;
    let news = app.draft("news", &ada, json!({"name": "n"})).await;
    app.publish("datasets", "other", json!({})).await;
    let own = app.get("/user/resources").key(&ada).send().await.ok();
    assert_eq!(
        (own.as_object().unwrap().len(), &own["dataset"][0]["identifier"], &own["news"][0]["identifier"]),
        (resource_types().len(), &json!(dataset), &json!(news))
    );
    assert_eq!((own["dataset"].as_array().unwrap().len(), &own["dataset"][0]["version"], &own["person"]), (1, &Value::Null, &json!([])));
    let newest = app.get("/user/resources?limit=1").key(&ada).send().await.ok();
    assert_eq!((newest["dataset"].as_array().unwrap().len(), newest["news"].as_array().unwrap().len()), (0, 1));
    let oldest = app.get("/user/resources?limit=1&direction=asc&sort=date_created").key(&ada).send().await.ok();
    assert_eq!(oldest["dataset"].as_array().unwrap().len(), 1);
    app.get("/user/resources").send().await.refused(401);
    assert_eq!(app.get("/authorization_test").key(&ada).send().await.ok(), json!({"name": "ada", "roles": ["create_platforms"]}));
    app.get("/authorization_test").send().await.refused(401);
    app.get("/v2/authorization_test").key("aiod_nonsense").send().await.refused(401);
    app.close().await;
}

#[tokio::test]
async fn past_revisions_are_there_for_those_who_may_write() {
    let app = TestApp::new().await;
    let (ada, bob) = (app.key("ada", &[]).await, app.key("bob", &[]).await);
    let target = app.publish("publications", "p", json!({})).await;
    let id = app.draft("datasets", &ada, json!({"name": "one", "citation": [&target], "keyword": ["k"]})).await;
    let path = format!("/datasets/{id}");
    let first = app.get(&path).key(&ada).send().await.ok();
    app.put(&path, &json!({"name": "two"})).key(&ada).send().await.ok();
    app.request(poem::http::Method::PATCH, &path).json(&json!({"name": "three"})).key(&ada).send().await.ok();
    let history = app.get(&format!("{path}/history")).key(&ada).send().await.ok();
    let entries = history.as_array().unwrap();
    assert_eq!(entries.iter().map(|e| e["revision"].as_i64().unwrap()).collect::<Vec<_>>(), [3, 2, 1]);
    assert!(entries.iter().all(|e| e["modified_by"] == "ada" && e["status"] == "draft"));
    let past = app.get(&format!("{path}/history/1")).key(&ada).send().await.ok();
    assert_eq!(past, first);
    assert_eq!(app.get(&format!("{path}/history/3")).key(&ada).send().await.ok(), app.get(&path).key(&ada).send().await.ok());
    app.get(&format!("{path}/history/4")).key(&ada).send().await.refused(404);
    app.get(&format!("{path}/history/0")).key(&ada).send().await.refused(404);
    assert_eq!(app.get(&format!("{path}/history/x")).key(&ada).send().await.faults(), ["path.revision"]);
    app.get(&format!("{path}/history")).key(&bob).send().await.refused(403);
    app.get(&format!("{path}/history/1")).send().await.refused(401);
    app.get(&format!("/v2{path}/history")).key(&ada).send().await.refused(404);
    // In parts, of which each leads to the next.
    let part = async |query: &str| {
        let answer = app.get(&format!("{path}/history?{query}")).key(&ada).send().await;
        let found: Vec<i64> = answer.ok().as_array().unwrap().iter().map(|e| e["revision"].as_i64().unwrap()).collect();
        (found, answer.header("link").is_some())
    };
    assert_eq!(part("limit=3").await, (vec![3, 2, 1], false));
    assert_eq!((part("limit=1").await, part("limit=1&offset=1").await), ((vec![3], true), (vec![2], true)));
    assert_eq!((part("limit=2&offset=1").await, part("offset=3").await), ((vec![2, 1], false), (vec![], false)));
    assert_eq!(part("limit=0").await, (vec![], false));
    assert_eq!(app.get(&format!("{path}/history?limit=1001")).key(&ada).send().await.faults(), ["query.limit"]);
    app.close().await;
}

#[tokio::test]
async fn reads_are_counted_but_not_by_whom() {
    let app = TestApp::new().await;
    let often = app.publish("datasets", "often", json!({})).await;
    let seldom = app.publish("datasets", "seldom", json!({})).await;
    let ada = app.key("ada", &[]).await;
    let (a, b) = (format!("/datasets/{often}"), format!("/v2/assets/{often}"));
    join_all([app.get(&a).send(), app.get(&b).send(), app.get("/platforms/example/datasets/often").send()])
        .await
        .iter()
        .for_each(|r| drop(r.ok()));
    app.get(&format!("/datasets/{seldom}")).key(&ada).send().await.ok();
    app.get("/datasets/data_000000000000000000000000").send().await.refused(404);
    // What is not answered well, or not published, does not count.
    app.get(&format!("{a}?schema=nonsense")).send().await.faults();
    app.get(&format!("{a}/content")).send().await.refused(404);
    let draft = app.draft("datasets", &ada, json!({"name": "mine"})).await;
    app.get(&format!("/datasets/{draft}")).key(&ada).send().await.ok();
    app.app.catalogue.flush_reads().await.unwrap();
    app.get(&a).send().await.ok();
    app.app.catalogue.flush_reads().await.unwrap();
    let news = app.publish("news", "n", json!({})).await;
    app.get(&format!("/news/{news}")).send().await.ok();
    app.app.catalogue.flush_reads().await.unwrap();
    let expected = json!([{"asset_id": often, "hits": 4}, {"asset_id": seldom, "hits": 1}]);
    for path in ["/stats/top/datasets", "/stats/top/dataset", "/v2/stats/top/datasets?limit=5"] {
        assert_eq!(app.get(path).send().await.ok(), expected, "{path}");
    }
    assert_eq!(app.get("/stats/top/datasets?limit=1").send().await.ok().as_array().unwrap().len(), 1);
    let of_type = |name: &str, asset: &str, hits: i64| json!({"type": name, "asset": asset, "hits": hits});
    let all = [of_type("datasets", &often, 4), of_type("datasets", &seldom, 1), of_type("news", &news, 1)];
    assert_eq!(app.get("/stats/top/all").send().await.ok(), json!(all));
    assert_eq!(app.get("/v2/stats/top/all?limit_per_type=1").send().await.ok(), json!([all[0], all[2]]));
    app.get("/stats/top/things").send().await.refused(404);
    assert_eq!(app.get("/stats/top/datasets?limit=0").send().await.faults(), ["query.limit"]);
    assert_eq!(app.get("/stats/top/all?limit_per_type=1001").send().await.faults(), ["query.limit_per_type"]);
    // What was deleted is not listed.
    let admin = app.key("root", &["admin_aiod_resources"]).await;
    app.delete(&a).key(&admin).send().await.ok();
    assert_eq!(app.get("/stats/top/datasets").send().await.ok().as_array().unwrap().len(), 1);
    app.close().await;
}

#[tokio::test]
async fn ones_own_resources_are_read_in_parts() {
    let app = TestApp::new().await;
    let (ada, bob) = (app.key("ada", &[]).await, app.key("bob", &[]).await);
    let mut ids = Vec::new();
    for (path, name) in [("datasets", "a"), ("news", "b"), ("datasets", "c"), ("events", "d")] {
        ids.push((path, app.draft(path, &ada, json!({ "name": name })).await));
    }
    app.draft("news", &bob, json!({"name": "another's"})).await;
    let names = |read: &Value| {
        let of_all: Vec<&Value> = read.as_object().unwrap().values().flat_map(|list| list.as_array().unwrap()).collect();
        of_all.iter().map(|r| r["name"].as_str().unwrap().to_owned()).collect::<std::collections::BTreeSet<String>>()
    };
    let walk = async |query: &str| {
        let (mut path, mut seen) = (format!("/user/resources?limit=1{query}"), Vec::new());
        loop {
            let answer = app.get(&path).key(&ada).send().await;
            seen.extend(names(&answer.ok()));
            let Some(link) = answer.header("link") else { return seen };
            path = link.strip_prefix('<').unwrap().split('>').next().unwrap().to_owned();
        }
    };
    assert_eq!(walk("").await, ["d", "c", "b", "a"]);
    assert_eq!(walk("&sort=date_created&direction=asc").await, ["a", "b", "c", "d"]);
    // A change brings it to the front, whichever it is: a new body, a new status.
    let (path, id) = &ids[0];
    app.put(&format!("/{path}/{id}"), &json!({"name": "a", "description": {"plain": "new"}})).key(&ada).send().await.ok();
    app.post("/submissions", &json!({"asset_identifiers": [ids[1].1]})).key(&ada).send().await.ok();
    assert_eq!(walk("").await, ["b", "a", "d", "c"]);
    assert_eq!(walk("&sort=date_created").await, ["d", "c", "b", "a"]);
    // What others share, in its place.
    let shared = json!({"asset_identifier": ids[2].1, "user": "bob", "permission_type": "admin"});
    app.post("/assets/permissions", &shared).key(&ada).send().await.ok();
    let of_bob = app.get("/user/resources?limit=1").key(&bob).send().await.ok();
    assert_eq!(names(&of_bob), ["another's".to_owned()].into());
    app.delete(&format!("/events/{}", ids[3].1)).key(&ada).send().await.ok();
    assert_eq!(walk("").await, ["b", "a", "c"]);
    app.close().await;
}
