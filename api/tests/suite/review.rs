//! Submissions and reviews.

use futures_util::future::{join, join_all};
use serde_json::{Value, json};

use crate::harness::TestApp;

/// The people of these tests: an owner, a reviewer, and the owner's drafts.
struct People {
    owner: String,
    reviewer: String,
}

async fn people(app: &TestApp) -> People {
    People { owner: app.key("ada", &[]).await, reviewer: app.key("rob", &["review_aiod_resources"]).await }
}

async fn submit(app: &TestApp, key: &str, identifiers: &[&str]) -> i64 {
    let body = json!({"asset_identifiers": identifiers, "comment": "please"});
    app.post("/submissions", &body).key(key).send().await.ok()["submission_identifier"].as_i64().unwrap()
}

fn decision(submission: i64, decision: &str) -> Value {
    json!({"submission_identifier": submission, "decision": decision, "comment": "seen"})
}

async fn status(app: &TestApp, path: &str, key: &str) -> String {
    app.get(path).key(key).send().await.ok()["aiod_entry"]["status"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn drafts_are_published_together() {
    let app = TestApp::new().await;
    let People { owner, reviewer } = people(&app).await;
    let dataset = app.draft("datasets", &owner, json!({"name": "d"})).await;
    let publication = app.draft("publications", &owner, json!({"name": "p", "documents": [&dataset]})).await;
    let (d, p) = (format!("/datasets/{dataset}"), format!("/publications/{publication}"));
    app.get(&d).key(&reviewer).send().await.refused(403);

    let number = submit(&app, &owner, &[&dataset, &publication]).await;
    assert_eq!(status(&app, &d, &owner).await, "submitted");
    // The reviewer reads what waits, and nobody changes it.
    assert_eq!(status(&app, &p, &reviewer).await, "submitted");
    let detail = app.put(&d, &json!({"name": "other"})).key(&owner).send().await.refused(403);
    assert!(detail.contains("submitted"), "{detail}");
    let view = app.get(&format!("/submissions/{number}")).key(&reviewer).send().await.ok();
    assert_eq!((&view["comment"], view["reviews"].as_array().unwrap().len()), (&json!("please"), 0));
    let names: Vec<&Value> = view["assets"].as_array().unwrap().iter().map(|a| &a["name"]).collect();
    assert_eq!(names, ["d", "p"]);
    let pending = app.get("/submissions?mode=pending").key(&reviewer).send().await.ok();
    assert_eq!(pending[0]["identifier"], number);

    let review = app.post("/reviews", &decision(number, "accepted")).key(&reviewer).send().await.ok();
    assert_eq!(
        (&review["decision"], &review["comment"], &review["submission_identifier"]),
        (&json!("accepted"), &json!("seen"), &json!(number))
    );
    assert_eq!(review["reviewer_identifier"], "local:rob");
    // Anyone sees them, and the link between them.
    assert_eq!(app.get(&d).send().await.ok()["aiod_entry"]["status"], "published");
    assert_eq!(app.get(&p).send().await.ok()["documents"], json!([dataset]));
    assert_eq!(app.get("/submissions?mode=completed").key(&owner).send().await.ok().as_array().unwrap().len(), 1);
    assert_eq!(app.get("/submissions?mode=newest").key(&reviewer).send().await.ok(), json!([]));
    let ended = app.get(&format!("/submissions/{number}")).key(&owner).send().await.ok();
    assert_eq!(ended["reviews"][0]["decision"], "accepted");
    app.close().await;
}

#[tokio::test]
async fn a_link_to_a_draft_shows_once_it_is_published() {
    let app = TestApp::new().await;
    let People { owner, reviewer } = people(&app).await;
    let draft = app.draft("datasets", &owner, json!({"name": "d"})).await;
    let admin = app.key("root", &["admin_aiod_resources"]).await;
    let public = app.publish("publications", "p", json!({})).await;
    app.put(&format!("/publications/{public}"), &json!({"name": "p", "documents": [&draft]})).key(&admin).send().await.ok();
    let path = format!("/publications/{public}");
    let before = app.get(&path).send().await;
    assert_eq!(before.ok()["documents"], json!([]));
    let number = submit(&app, &owner, &[&draft]).await;
    assert_eq!(app.get(&path).send().await.ok()["documents"], json!([]));
    app.post("/reviews", &decision(number, "accepted")).key(&reviewer).send().await.ok();
    let after = app.get(&path).send().await;
    assert_eq!(after.ok()["documents"], json!([draft]));
    assert_ne!(before.header("etag"), after.header("etag"));
    app.close().await;
}

#[tokio::test]
async fn what_is_rejected_or_retracted_is_a_draft_again() {
    let app = TestApp::new().await;
    let People { owner, reviewer } = people(&app).await;
    let dataset = app.draft("datasets", &owner, json!({"name": "d"})).await;
    let path = format!("/datasets/{dataset}");
    let first = submit(&app, &owner, &[&dataset]).await;
    app.post("/reviews", &decision(first, "rejected")).key(&reviewer).send().await.ok();
    assert_eq!(status(&app, &path, &owner).await, "draft");
    app.get(&path).key(&reviewer).send().await.refused(403);
    // The reviewer still sees what was decided, but no longer the draft.
    let view = app.get(&format!("/submissions/{first}")).key(&reviewer).send().await.ok();
    assert_eq!((&view["reviews"][0]["decision"], &view["assets"]), (&json!("rejected"), &json!([])));

    app.put(&path, &json!({"name": "better"})).key(&owner).send().await.ok();
    let second = submit(&app, &owner, &[&dataset]).await;
    let stranger = app.key("eve", &[]).await;
    app.post(&format!("/submissions/retract/{second}"), &json!({})).key(&stranger).send().await.refused(403);
    let review = app.post(&format!("/submissions/retract/{second}"), &json!({})).key(&owner).send().await.ok();
    let number = app.get(&format!("/submissions/{second}")).key(&owner).send().await.ok()["reviews"][0]["identifier"].clone();
    assert_eq!(review, json!({"review_identifier": number, "submission_identifier": second, "decision": "retracted"}));
    assert_eq!(status(&app, &path, &owner).await, "draft");
    app.post(&format!("/submissions/retract/{second}"), &json!({})).key(&owner).send().await.refused(400);
    app.post("/reviews", &decision(second, "accepted")).key(&reviewer).send().await.refused(400);
    let detail = app.post("/submissions/retract/99", &json!({})).key(&owner).send().await.refused(404);
    assert_eq!(detail, "Submission '99' not found in the database.");
    app.post("/submissions/retract/x", &json!({})).key(&owner).send().await.refused(404);
    app.close().await;
}

#[tokio::test]
async fn nobody_reviews_their_own_or_without_the_role() {
    let app = TestApp::new().await;
    let People { owner, reviewer } = people(&app).await;
    let own = app.draft("datasets", &reviewer, json!({"name": "mine"})).await;
    let number = submit(&app, &reviewer, &[&own]).await;
    assert_eq!(
        app.post("/reviews", &decision(number, "accepted")).key(&reviewer).send().await.refused(403),
        "You cannot review your own assets."
    );
    app.post("/reviews", &decision(number, "accepted")).key(&owner).send().await.refused(403);
    app.post("/reviews", &decision(number, "accepted")).send().await.refused(401);
    // Whoever was given admin permission is an owner, too.
    let second = app.key("ruth", &["review_aiod_resources"]).await;
    let shared = app.draft("datasets", &owner, json!({"name": "shared"})).await;
    let wish = json!({"asset_identifier": shared, "user": "ruth", "permission_type": "admin"});
    app.post("/assets/permissions", &wish).key(&owner).send().await.ok();
    let of_both = submit(&app, &owner, &[&shared]).await;
    app.post("/reviews", &decision(of_both, "rejected")).key(&second).send().await.refused(403);
    app.post("/reviews", &decision(of_both, "rejected")).key(&reviewer).send().await.ok();
    // An administrator decides on what is another's.
    let admin = app.key("root", &["admin_aiod_resources"]).await;
    app.post("/reviews", &decision(number, "accepted")).key(&admin).send().await.ok();
    // Others do not see the submission.
    app.get(&format!("/submissions/{number}")).key(&owner).send().await.refused(403);
    assert_eq!(app.get("/submissions?mode=all").key(&owner).send().await.ok().as_array().unwrap().len(), 1);
    app.get("/submissions").send().await.refused(401);
    app.close().await;
}

#[tokio::test]
async fn nobody_decides_on_what_they_wrote_or_may_write() {
    let app = TestApp::new().await;
    let People { owner, reviewer } = people(&app).await;
    let (writer, giver) = (app.key("wil", &["review_aiod_resources"]).await, app.key("gil", &["review_aiod_resources"]).await);
    let share = async |identifier: &str, user: &str, kind: Value, key: &str| {
        let wish = json!({"asset_identifier": identifier, "user": user, "permission_type": kind});
        app.post("/assets/permissions", &wish).key(key).send().await.ok();
    };
    let decide = async |number: i64, key: &str| app.post("/reviews", &decision(number, "accepted")).key(key).send().await;
    // Gil registers a draft and gives it away. Past revisions that are gone do not help.
    let draft = app.draft("datasets", &giver, json!({"name": "d"})).await;
    share(&draft, "ada", json!("admin"), &giver).await;
    share(&draft, "gil", Value::Null, &owner).await;
    // Wil may write it, does so, and loses the permission.
    share(&draft, "wil", json!("write"), &owner).await;
    let number = submit(&app, &owner, &[&draft]).await;
    assert_eq!(decide(number, &writer).await.refused(403), "You cannot review your own assets.");
    app.post(&format!("/submissions/retract/{number}"), &json!({})).key(&owner).send().await.ok();
    let patch = json!({"version": "2"});
    app.request(poem::http::Method::PATCH, &format!("/datasets/{draft}")).json(&patch).key(&writer).send().await.ok();
    share(&draft, "wil", Value::Null, &owner).await;
    app.rows::<(i64,)>("DELETE FROM asset_revision").await;
    let number = submit(&app, &owner, &[&draft]).await;
    for key in [&writer, &giver] {
        let detail = decide(number, key).await.refused(403);
        assert!(detail.contains("you wrote one of them"), "{detail}");
    }
    // Whoever rejected it has not written it, and decides again; so does whoever may only read it.
    share(&draft, "rob", json!("read"), &owner).await;
    app.post("/reviews", &decision(number, "rejected")).key(&reviewer).send().await.ok();
    let number = submit(&app, &owner, &[&draft]).await;
    decide(number, &reviewer).await.ok();
    app.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_reviewers_one_wins() {
    let app = TestApp::new().await;
    let People { owner, reviewer } = people(&app).await;
    let other = app.key("ruth", &["review_aiod_resources"]).await;
    for round in 0..5 {
        let dataset = app.draft("datasets", &owner, json!({"name": format!("d{round}")})).await;
        let number = submit(&app, &owner, &[&dataset]).await;
        let (accepted, rejected) = (decision(number, "accepted"), decision(number, "rejected"));
        let (a, b) = join(app.post("/reviews", &accepted).key(&reviewer).send(), app.post("/reviews", &rejected).key(&other).send()).await;
        let mut statuses = [a.status.as_u16(), b.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 400]);
        let expected = if a.status.as_u16() == 200 { "published" } else { "draft" };
        assert_eq!(status(&app, &format!("/datasets/{dataset}"), &owner).await, expected);
    }
    // The same draft cannot be submitted twice, however often at once.
    let dataset = app.draft("datasets", &owner, json!({"name": "once"})).await;
    let body = json!({ "asset_identifiers": [dataset] });
    let answers = join_all((0..6).map(|_| app.post("/submissions", &body).key(&owner).send())).await;
    assert_eq!(answers.iter().filter(|a| a.status.as_u16() == 200).count(), 1);
    assert!(answers.iter().all(|a| matches!(a.status.as_u16(), 200 | 400)));
    app.close().await;
}

#[tokio::test]
async fn faulty_submissions_and_reviews_are_refused_whole() {
    let app = TestApp::new().await;
    let People { owner, reviewer } = people(&app).await;
    let draft = app.draft("datasets", &owner, json!({"name": "d"})).await;
    let published = app.publish("datasets", "x", json!({})).await;
    for (body, fault) in [
        (json!({}), "body.asset_identifiers"),
        (json!({"asset_identifiers": []}), "body.asset_identifiers"),
        (json!({"asset_identifiers": "x"}), "body.asset_identifiers"),
        (json!({"asset_identifiers": [""]}), "body.asset_identifiers.0"),
        (json!({"asset_identifiers": [draft, 3]}), "body.asset_identifiers.1"),
        (json!({"asset_identifiers": [draft], "comment": "c".repeat(257)}), "body.comment"),
        (json!({"asset_identifiers": [draft], "comment": 1}), "body.comment"),
        (json!([]), "body"),
    ] {
        assert_eq!(app.post("/submissions", &body).key(&owner).send().await.faults(), [fault], "{body}");
    }
    let list = |ids: &[&str]| json!({ "asset_identifiers": ids });
    app.post("/submissions", &list(&[&draft, &published])).key(&owner).send().await.refused(403);
    app.post("/submissions", &list(&[&draft, "data_000000000000000000000000"])).key(&owner).send().await.refused(404);
    app.post("/submissions", &list(&["nonsense"])).key(&owner).send().await.refused(404);
    app.post("/submissions", &list(&["data_ä"])).key(&owner).send().await.refused(404);
    app.post("/submissions", &list(&[&draft])).send().await.refused(401);
    let admin = app.key("root", &["admin_aiod_resources"]).await;
    app.post("/submissions", &list(&[&published])).key(&admin).send().await.refused(400);
    // Nothing of all that was done.
    assert_eq!(status(&app, &format!("/datasets/{draft}"), &owner).await, "draft");
    assert_eq!(app.get("/submissions?mode=all").key(&admin).send().await.ok(), json!([]));
    for (body, faults) in [
        (json!({}), vec!["body.submission_identifier", "body.decision"]),
        (json!({"submission_identifier": "1", "decision": "maybe"}), vec!["body.submission_identifier", "body.decision"]),
        (json!({"submission_identifier": 1, "decision": "retracted"}), vec!["body.decision"]),
        (json!({"submission_identifier": 1, "decision": "accepted", "comment": "c".repeat(1801)}), vec!["body.comment"]),
    ] {
        assert_eq!(app.post("/reviews", &body).key(&reviewer).send().await.faults(), faults, "{body}");
    }
    app.post("/reviews", &decision(77, "accepted")).key(&reviewer).send().await.refused(404);
    assert_eq!(app.get("/submissions?mode=some").key(&reviewer).send().await.faults(), ["query.mode"]);
    app.get("/submissions/77").key(&reviewer).send().await.refused(404);
    app.close().await;
}

#[tokio::test]
async fn clients_of_v2_submit_one_resource() {
    let app = TestApp::new().await;
    let People { owner, .. } = people(&app).await;
    let draft = app.draft("events", &owner, json!({"name": "e"})).await;
    let other = app.draft("events", &owner, json!({"name": "f"})).await;
    let path = format!("/v2/events/submit/{draft}");
    assert_eq!(app.post(&path, &json!({"comment": "c".repeat(257)})).key(&owner).send().await.faults(), ["body.comment"]);
    let number = app.post(&path, &json!({"comment": "now"})).key(&owner).send().await.ok()["submission_identifier"].clone();
    assert_eq!(app.get(&format!("/v2/submissions/{number}")).key(&owner).send().await.ok()["comment"], "now");
    // Without a body, too.
    app.request(poem::http::Method::POST, &format!("/v2/events/submit/{other}")).key(&owner).send().await.ok();
    app.post(&format!("/v2/datasets/submit/{draft}"), &json!({})).key(&owner).send().await.faults();
    app.post(&format!("/events/submit/{draft}"), &json!({})).key(&owner).send().await.refused(404);
    app.close().await;
}

#[tokio::test]
async fn without_reviews_a_submission_publishes() {
    let app = TestApp::with(|config| config.reviews.disable = true).await;
    let People { owner, .. } = people(&app).await;
    let draft = app.draft("news", &owner, json!({"name": "n"})).await;
    let number = submit(&app, &owner, &[&draft]).await;
    assert_eq!(app.get(&format!("/news/{draft}")).send().await.ok()["aiod_entry"]["status"], "published");
    let view = app.get(&format!("/submissions/{number}")).key(&owner).send().await.ok();
    assert_eq!(view["reviews"][0]["decision"], "accepted");
    app.close().await;
}

#[tokio::test]
async fn a_submission_whose_resources_are_gone_can_be_taken_back() {
    let app = TestApp::new().await;
    let People { owner, .. } = people(&app).await;
    let draft = app.draft("datasets", &owner, json!({"name": "d"})).await;
    let number = submit(&app, &owner, &[&draft]).await;
    app.delete(&format!("/datasets/{draft}")).key(&owner).send().await.ok();
    app.post(&format!("/submissions/retract/{number}"), &json!({})).key(&owner).send().await.ok();
    assert_eq!(app.get("/submissions?mode=pending").key(&owner).send().await.ok(), json!([]));
    app.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn decisions_and_changes_of_what_refers_to_it_do_not_lose_each_other() {
    let app = TestApp::new().await;
    let People { owner, reviewer } = people(&app).await;
    for round in 0..8 {
        let mut drafts = Vec::new();
        for n in 0..3 {
            drafts.push(app.draft("publications", &owner, json!({"name": format!("{round}-{n}")})).await);
        }
        let dataset = app.draft("datasets", &owner, json!({"name": "d", "citation": [drafts[0], drafts[1]]})).await;
        let path = format!("/datasets/{dataset}");
        let (first, second) = (submit(&app, &owner, &[&drafts[0]]).await, submit(&app, &owner, &[&drafts[1]]).await);
        let (accept, too) = (decision(first, "accepted"), decision(second, "accepted"));
        let change = json!({"name": "d", "citation": [drafts[2], drafts[1]]});
        let ((a, b), c) = join(
            join(app.post("/reviews", &accept).key(&reviewer).send(), app.post("/reviews", &too).key(&reviewer).send()),
            app.put(&path, &change).key(&owner).send(),
        )
        .await;
        for answer in [a, b, c] {
            answer.ok();
        }
        assert_eq!(app.get(&path).key(&owner).send().await.ok()["citation"], json!([drafts[2], drafts[1]]));
        let number = submit(&app, &owner, &[&dataset]).await;
        app.post("/reviews", &decision(number, "accepted")).key(&reviewer).send().await.ok();
        // The one that is published is seen by all.
        assert_eq!(app.get(&path).send().await.ok()["citation"], json!([drafts[1]]));
    }
    app.close().await;
}

#[tokio::test]
async fn taking_back_answers_the_review_in_every_version() {
    let app = TestApp::new().await;
    let People { owner, .. } = people(&app).await;
    let draft = app.draft("datasets", &owner, json!({"name": "d"})).await;
    for version in ["", "/v2", "/v3"] {
        let number = submit(&app, &owner, &[&draft]).await;
        let review = app.post(&format!("{version}/submissions/retract/{number}"), &json!({})).key(&owner).send().await.ok();
        assert_eq!((&review["submission_identifier"], &review["decision"]), (&json!(number), &json!("retracted")), "{version}");
        assert!(review["review_identifier"].is_i64(), "{review}");
    }
    app.close().await;
}

#[tokio::test]
async fn submissions_are_listed_in_parts() {
    let app = TestApp::new().await;
    let People { owner, reviewer } = people(&app).await;
    let mut numbers = Vec::new();
    for name in ["a", "b", "c"] {
        let draft = app.draft("datasets", &owner, json!({ "name": name })).await;
        numbers.push(submit(&app, &owner, &[&draft]).await);
    }
    let part = async |query: &str| {
        let answer = app.get(&format!("/submissions?{query}")).key(&reviewer).send().await;
        let found: Vec<i64> = answer.ok().as_array().unwrap().iter().map(|s| s["identifier"].as_i64().unwrap()).collect();
        (found, answer.header("link").map(str::to_owned))
    };
    assert_eq!(part("mode=all").await, (numbers.clone(), None));
    let next = "</submissions?mode=all&limit=2&offset=2>; rel=\"next\"";
    assert_eq!(part("mode=all&limit=2").await, (numbers[..2].to_vec(), Some(next.to_owned())));
    assert_eq!(part("mode=pending&limit=2&offset=2").await, (numbers[2..].to_vec(), None));
    assert_eq!(part("limit=5").await, (vec![numbers[2]], None), "of the newest there is one");
    assert_eq!(part("mode=oldest&offset=1").await, (vec![], None));
    assert_eq!(app.get("/submissions?limit=-1").key(&reviewer).send().await.faults(), ["query.limit"]);
    app.close().await;
}

#[tokio::test]
async fn submissions_are_listed_by_whether_they_are_decided() {
    let app = TestApp::new().await;
    let People { owner, reviewer } = people(&app).await;
    let other = app.key("other", &[]).await;
    let mut numbers = Vec::new();
    for (name, who) in [("a", &owner), ("b", &other), ("c", &owner), ("d", &owner), ("e", &other)] {
        let draft = app.draft("datasets", who, json!({ "name": name })).await;
        numbers.push(submit(&app, who, &[&draft]).await);
    }
    let &[a, b, c, d, e] = numbers.as_slice() else { panic!("{numbers:?}") };
    let decide =
        async |submission: i64, word: &str| drop(app.post("/reviews", &decision(submission, word)).key(&reviewer).send().await.ok());
    decide(a, "accepted").await;
    decide(e, "rejected").await;
    app.post(&format!("/submissions/retract/{c}"), &Value::Null).key(&owner).send().await.ok();
    let list = async |mode: &str, key: &str| -> Vec<i64> {
        let answer = app.get(&format!("/submissions?mode={mode}")).key(key).send().await.ok();
        answer.as_array().unwrap().iter().map(|s| s["identifier"].as_i64().unwrap()).collect()
    };
    let modes = ["all", "pending", "completed", "oldest", "newest"];
    for (key, expected) in [
        (&reviewer, [vec![a, b, c, d, e], vec![b, d], vec![a, c, e], vec![b], vec![d]]),
        (&owner, [vec![a, c, d], vec![d], vec![a, c], vec![d], vec![d]]),
        (&other, [vec![b, e], vec![b], vec![e], vec![b], vec![b]]),
    ] {
        for (mode, expected) in modes.into_iter().zip(expected) {
            assert_eq!(list(mode, key).await, expected, "{mode}");
        }
    }
    app.close().await;
}
