//! Writers beside each other: one order or the other, never a mixture, and no deadlock that reaches a caller.

use futures_util::future::{join, join_all};
use poem::http::Method;
use serde_json::{Value, json};

use crate::harness::TestApp;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_of_one_resource_come_one_after_the_other() {
    let app = TestApp::new().await;
    let key = app.key("root", &["admin_aiod_resources"]).await;
    let id = app.publish("datasets", "1", json!({})).await;
    let path = format!("/datasets/{id}");
    let bodies: Vec<Value> =
        (0..16).map(|i| json!({"name": format!("w{i}"), "version": format!("w{i}"), "keyword": [format!("w{i}"), "all"]})).collect();
    let answers = join_all(bodies.iter().map(|body| app.put(&path, body).key(&key).send())).await;
    answers.iter().for_each(|a| assert_eq!(a.ok(), json!(null)));
    let read = app.get(&path).send().await;
    let value = read.ok();
    assert_eq!((&value["version"], &value["keyword"][0]), (&value["name"], &value["name"]), "never a mixture");
    assert!(read.header("etag").unwrap().starts_with("\"17-"), "every change counts: {:?}", read.header("etag"));

    // With the revision that all of them read, one wins.
    let tag = read.header("etag").unwrap();
    let answers = join_all((0..8).map(|i| app.put(&path, &json!({"name": format!("{i}")})).key(&key).header("If-Match", tag).send())).await;
    let statuses: Vec<u16> = answers.iter().map(|a| a.status.as_u16()).collect();
    assert_eq!((statuses.iter().filter(|s| **s == 200).count(), statuses.iter().filter(|s| **s == 412).count()), (1, 7), "{statuses:?}");
    app.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_of_those_who_register_the_same_wins() {
    let app = TestApp::new().await;
    let key = app.key("bot", &["platform_example"]).await;
    for own in ["a", "b", "c"] {
        let body = json!({"platform": "example", "platform_resource_identifier": own, "name": own, "keyword": ["k", own]});
        let answers = join_all((0..8).map(|_| app.post("/datasets", &body).key(&key).send())).await;
        let created: Vec<_> = answers.iter().filter(|a| a.status.as_u16() == 200).collect();
        assert_eq!(created.len(), 1);
        let id = created[0].identifier();
        assert!(answers.iter().filter(|a| a.status.as_u16() != 200).all(|a| a.refused(409).contains(&id)));
    }
    app.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn batches_of_the_same_records_agree() {
    let app = TestApp::new().await;
    let key = app.key("bot", &["platform_example"]).await;
    let records = |offset: usize| -> Vec<Value> {
        let one = |i: usize| {
            let i = (i * 7 + offset) % 50;
            json!({"resource": {"platform_resource_identifier": format!("{i}"), "name": format!("{i}"), "keyword": [format!("k{i}"), format!("k{}", i / 2)]},
                   "related": {"creator": [{"contact": {"name": format!("c{}", i % 9)}}]}})
        };
        (0..50).map(one).collect()
    };
    let bodies: Vec<Value> = (0..6).map(|n| json!({ "records": records(n * 11) })).collect();
    let answers = join_all(bodies.iter().map(|b| app.post("/platforms/example/datasets/batch", b).key(&key).send())).await;
    let created: i64 = answers.iter().map(|a| a.ok()["created"].as_i64().unwrap()).sum();
    assert!(answers.iter().all(|a| a.json()["failed"] == 0), "{:?}", answers[0].text());
    assert_eq!(
        (created, app.get("/counts/datasets").send().await.ok(), app.get("/counts/contacts").send().await.ok()),
        (50, json!(50), json!(9))
    );
    app.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn both_ends_of_a_link_may_be_written_at_once() {
    let app = TestApp::new().await;
    let key = app.key("root", &["admin_aiod_resources"]).await;
    let mut ids = Vec::new();
    for i in 0..4 {
        ids.push(app.publish("datasets", &format!("{i}"), json!({})).await);
    }
    for round in 0..6 {
        let patches = (0..16).map(|n| {
            let (me, other) = (&ids[n % 4], &ids[(n + 1 + round % 3) % 4]);
            let field = if n % 2 == 0 { "has_part" } else { "is_part_of" };
            let links = if n % 5 == 0 { json!([]) } else { json!([other]) };
            app.request(Method::PATCH, &format!("/datasets/{me}")).json(&json!({ field: links })).key(&key).send()
        });
        join_all(patches).await.iter().for_each(|a| assert_eq!(a.ok(), json!(null)));
        let reads = join_all(ids.iter().map(|id| app.get(&format!("/datasets/{id}")).send())).await;
        let reads: Vec<Value> = reads.iter().map(|a| a.ok()).collect();
        for read in &reads {
            for (here, there) in [("has_part", "is_part_of"), ("is_part_of", "has_part")] {
                for target in read[here].as_array().unwrap() {
                    let other = reads.iter().find(|r| r["identifier"] == *target).unwrap();
                    assert!(other[there].as_array().unwrap().contains(&read["identifier"]), "{here} of {read} in {other}");
                }
            }
        }
    }
    app.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_both_ends_say_at_once_both_say() {
    let app = TestApp::new().await;
    let key = app.key("root", &["admin_aiod_resources"]).await;
    let patch = |id: &str, body: Value| app.request(Method::PATCH, &format!("/datasets/{id}")).json(&body).key(&key).send();
    for round in 0..20 {
        let whole = app.publish("datasets", &format!("whole {round}"), json!({})).await;
        let part = app.publish("datasets", &format!("part {round}"), json!({})).await;
        let (one, other) = join(patch(&whole, json!({"has_part": [part]})), patch(&part, json!({"is_part_of": [whole]}))).await;
        assert_eq!((one.ok(), other.ok()), (json!(null), json!(null)));
    }
    // Links that others made stand at this position.
    assert_eq!(app.rows::<(i64,)>("SELECT from_id FROM link WHERE position = 1000000").await, []);
    app.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_may_be_the_first_to_link_to_a_resource() {
    let app = TestApp::new().await;
    let key = app.key("root", &["admin_aiod_resources"]).await;
    for round in 0..10 {
        let targets = [
            app.publish("datasets", &format!("a {round}"), json!({})).await,
            app.publish("datasets", &format!("b {round}"), json!({})).await,
        ];
        let body = |n: usize| json!({"name": format!("{n}"), "is_part_of": [targets[n % 2], targets[(n + 1) % 2]]});
        let bodies: Vec<Value> = (0..6).map(body).collect();
        let answers = join_all(bodies.iter().map(|body| app.post("/datasets", body).key(&key).send())).await;
        answers.iter().for_each(|answer| drop(answer.identifier()));
        for target in &targets {
            let read = app.get(&format!("/datasets/{target}")).key(&key).send().await.ok();
            assert_eq!(read["has_part"].as_array().unwrap().len(), 6);
        }
    }
    app.close().await;
}

#[tokio::test]
async fn connections_that_the_database_ended_are_not_noticed() {
    let app = TestApp::new().await;
    let identifier = app.publish("datasets", "1", json!({})).await;
    let path = format!("/datasets/{identifier}");
    // As many connections as there may be are open.
    join_all((0..20).map(|_| app.get(&path).send())).await.iter().for_each(|answer| drop(answer.ok()));
    if app.lose_connections().await {
        for answer in join_all((0..20).map(|_| app.get(&path).send())).await {
            answer.ok();
        }
        app.lose_connections().await;
        app.publish("datasets", "2", json!({})).await;
        assert_eq!(app.get("/datasets").send().await.ok().as_array().unwrap().len(), 2);
    }
    app.close().await;
}

#[tokio::test]
async fn requests_that_nobody_waits_for_leave_their_connections_to_others() {
    let app = TestApp::new().await;
    for own in 0..20 {
        app.publish("datasets", &own.to_string(), json!({"description": {"plain": "x".repeat(500)}})).await;
    }
    for millis in 0..30 {
        // Far more than there are connections, all of them given up somewhere on their way.
        let requests = join_all((0..50).map(|_| app.get("/datasets?limit=20").send()));
        drop(tokio::time::timeout(std::time::Duration::from_millis(millis % 6), requests).await);
        assert_eq!(app.get("/datasets?limit=20").send().await.ok().as_array().unwrap().len(), 20);
    }
    app.close().await;
}
