//! Searching: the same behaviour over either engine.

use serde_json::{Value, json};

use crate::harness::{TestApp, elasticsearch};

/// The platform's identifiers of the hits, in order.
fn found(answer: &Value) -> Vec<&str> {
    answer["resources"].as_array().unwrap().iter().map(|r| r["platform_resource_identifier"].as_str().unwrap()).collect()
}

/// The same, sorted.
fn found_sorted(answer: &Value) -> Vec<&str> {
    let mut found = found(answer);
    found.sort_unstable();
    found
}

async fn search(app: &TestApp, path_and_query: &str) -> Value {
    app.get(path_and_query).send().await.ok()
}

/// Datasets to search among; the first of each pair is the platform's identifier.
async fn library() -> TestApp {
    let app = TestApp::searching().await;
    let dataset = |own: &str, name: &str, more: Value| {
        let mut body = json!({"platform": "example", "platform_resource_identifier": own, "name": name});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "resource": body })
    };
    let records = vec![
        dataset(
            "mnist",
            "MNIST handwritten digits",
            json!({"description": {"plain": "Images of **digits** for classification."},
            "keyword": ["images", "digits"], "license": "MIT", "date_published": "1998-11-01T00:00:00", "issn": "20493630"}),
        ),
        dataset(
            "fashion",
            "Fashion-MNIST",
            json!({"description": {"html": "<p>Clothes, a drop-in for <b>MN</b>IST &amp; friends</p>"},
            "keyword": ["images", "clothes"], "license": "MIT", "date_published": "2017-08-25T00:00:00"}),
        ),
        dataset(
            "bert",
            "bert-base_uncased corpus",
            json!({"description": {"plain": "Books and wiki pages; see digits nowhere."},
            "keyword": ["text"], "license": "Apache-2.0", "alternate_name": ["BookCorpus"], "same_as": "https://example.org/bookcorpus"}),
        ),
        dataset("cafe", "Café menus by Müller", json!({"description": {"plain": "Speisekarten aus München"}, "keyword": ["text", "food"]})),
        dataset("yolo", "YOLO v8 weights corpus", json!({"keyword": ["images"]})),
        dataset("hanzi", "机器学习 数据集", json!({"description": {"plain": "中文 text"}})),
    ];
    let answer = app.batch("datasets", records).await;
    assert_eq!(answer["created"], 6, "{answer}");
    app.publish("publications", "paper", json!({"name": "Gradient based digits recognition", "permanent_identifier": "10.1109/5.726791"}))
        .await;
    app.indexed().await;
    app
}

#[tokio::test]
async fn words_are_found_in_any_form_case_and_accent() {
    let app = library().await;
    for (query, expected) in [
        ("mnist", vec!["fashion", "mnist"]),
        ("MNIST%20DIGIT", vec!["bert", "fashion", "mnist"]),
        ("classifications", vec!["mnist"]),
        ("cafe%20muller", vec!["cafe"]),
        ("CAFÉ", vec!["cafe"]),
        ("uncased", vec!["bert"]),
        ("bookcorpus", vec!["bert"]),
        ("yolov8", vec!["yolo"]),
        ("机器学习", vec!["hanzi"]),
        ("nosuchthingatall", vec![]),
        ("", vec![]),
    ] {
        let answer = search(&app, &format!("/search/datasets?search_query={query}")).await;
        assert_eq!(found_sorted(&answer), expected, "{query}");
        assert_eq!(answer["total_hits"], expected.len(), "{query}");
        assert_eq!((&answer["limit"], &answer["offset"]), (&json!(10), &json!(0)));
    }
    app.close().await;
}

#[tokio::test]
async fn hits_are_short_unless_all_is_wanted() {
    let app = library().await;
    for prefix in ["", "/v2", "/v3"] {
        let short = search(&app, &format!("{prefix}/search/datasets?search_query=mnist%20handwritten&search_fields=name&limit=1")).await;
        assert_eq!(short["total_hits"], 2);
        let hit = &short["resources"][0];
        assert_eq!(hit["name"], "MNIST handwritten digits");
        assert!(hit["identifier"].is_string() && hit["platform"] == "example");
        assert!(hit["license"].is_null() && hit.as_object().unwrap().contains_key("license"), "{hit}");
        let whole = search(&app, &format!("{prefix}/search/datasets?search_query=mnist%20handwritten&get_all=true&limit=1")).await;
        let identifier = whole["resources"][0]["identifier"].as_str().unwrap();
        assert_eq!(whole["resources"][0], app.get(&format!("{prefix}/datasets/{identifier}")).send().await.ok());
    }
    app.close().await;
}

#[tokio::test]
async fn parameters_narrow_a_search() {
    let app = library().await;
    for (query, expected) in [
        ("search_query=digits&search_fields=name", vec!["mnist"]),
        ("search_query=digits&search_fields=description_plain&sort_by_id=1", vec!["mnist", "bert"]),
        ("search_query=clothes&search_fields=description_html", vec!["fashion"]),
        ("search_query=mnist&search_fields=description_html", vec!["fashion"]),
        ("search_query=20493630&search_fields=issn", vec!["mnist"]),
        ("search_query=handwritten%20digits&exact_match=true", vec!["mnist"]),
        ("search_query=digits%20handwritten&exact_match=true", vec![]),
        ("search_query=digit&exact_match=true", vec![]),
        ("search_query=mnist&platforms=example&platforms=openml&sort_by_id=1", vec!["mnist", "fashion"]),
        ("search_query=mnist&platforms=openml", vec![]),
        ("search_query=mnist&date_modified_before=2020-01-01", vec![]),
        ("search_query=mnist&date_modified_after=2020-01-01&sort_by_id=1", vec!["mnist", "fashion"]),
        ("search_query=corpus%20mnist%20digits&sort_by_id=true", vec!["mnist", "fashion", "bert", "yolo"]),
        ("search_query=corpus%20mnist%20digits&sort_by_id=true&offset=1&limit=2", vec!["fashion", "bert"]),
        ("search_query=mnist&offset=100", vec![]),
    ] {
        assert_eq!(found(&search(&app, &format!("/search/datasets?{query}")).await), expected, "{query}");
    }
    app.close().await;
}

#[tokio::test]
async fn faulty_searches_are_refused() {
    let app = library().await;
    for (query, place) in [
        ("", "query.search_query"),
        ("search_query=x&limit=0", "query.limit"),
        ("search_query=x&limit=1001", "query.limit"),
        ("search_query=x&offset=-1", "query.offset"),
        ("search_query=x&search_fields=id", "query.search_fields.0"),
        ("search_query=x&date_modified_after=2024-02-31", "query.date_modified_after"),
        ("search_query=x&exact_match=maybe", "query.exact_match"),
    ] {
        assert_eq!(app.get(&format!("/search/datasets?{query}")).send().await.faults(), [place], "{query}");
    }
    let long = "x".repeat(2_001);
    assert_eq!(app.get(&format!("/search/datasets?search_query={long}")).send().await.faults(), ["query.search_query"]);
    let many = |name: &str, value: &str| (0..101).map(|n| format!("{name}={value}{n}")).collect::<Vec<_>>().join("&");
    for (name, value) in [("platforms", "p"), ("filter", "keyword:"), ("types", "t"), ("facets", "f")] {
        assert_eq!(app.get(&format!("/search?{}", many(name, value))).send().await.faults(), [format!("query.{name}")], "{name}");
    }
    assert_eq!(app.get(&format!("/search/datasets?search_query=x&{}", many("platforms", "p"))).send().await.faults(), ["query.platforms"]);
    assert_eq!(app.get("/search/events?search_query=x&search_fields=issn").send().await.faults(), ["query.search_fields"]);
    let unknown = app.get("/search/datasets?search_query=x&platforms=Example").send().await.refused(400);
    assert!(unknown.contains("'Example' is not known") && unknown.contains("huggingface"), "{unknown}");
    assert!(app.get("/search/datasets?search_query=x&offset=10001").send().await.refused(400).contains("cursor"));
    app.get("/search/datasets?search_query=mnist&cursor=rubbish").send().await.refused(400);
    app.get("/search/nothing?search_query=x").send().await.refused(404);
    for (query, place) in [
        ("types=planes", "query.types"),
        ("filter=license", "query.filter"),
        ("filter=colour:red", "query.filter"),
        ("facets=colour", "query.facets"),
        ("sort=size", "query.sort"),
    ] {
        assert_eq!(app.get(&format!("/search?{query}")).send().await.faults(), [place], "{query}");
    }
    app.close().await;
}

#[tokio::test]
async fn whatever_is_typed_is_answered() {
    let app = library().await;
    let texts = [
        "\"",
        "\"\"",
        "\"unclosed",
        "-",
        "--x",
        "-\"a b\" mnist",
        "***",
        "???",
        "the of and",
        "(((",
        "a AND b OR",
        "\u{202e}mnist",
        "🦀",
        "a\0b",
        "مرحبا",
        "ﬁ",
        "\\",
        "name:mnist",
        "[1 TO 2]",
    ];
    let many_words: String = (0..64).map(|i| format!("zzunknown{i:02} ")).collect();
    let many_phrases: String = (0..64).map(|i| format!("\"a{i} b\" -\"c{i} d\" ")).collect();
    for text in texts.into_iter().chain([many_words.as_str(), &many_phrases]) {
        let encoded: String = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
        for path in ["/search?q=", "/search/datasets?search_query=", "/search/suggest?q="] {
            let status = app.get(&format!("{path}{encoded}")).send().await.status.as_u16();
            assert!(status == 200 || (status == 422 && text.contains('\0')), "{path}{text}: {status}");
        }
    }
    app.close().await;
}

#[tokio::test]
async fn phrases_and_unwanted_words_have_a_meaning_across_types() {
    let app = library().await;
    for (query, expected) in [
        ("q=digits&sort=name", vec!["bert", "paper", "mnist"]),
        ("q=%22handwritten+digits%22", vec!["mnist"]),
        ("q=digits+-handwritten&types=datasets", vec!["bert"]),
        ("q=digits&types=publications", vec!["paper"]),
        ("q=digits&types=publications,dataset&sort=name&direction=desc", vec!["mnist", "paper", "bert"]),
        ("q=-mnist&types=datasets&sort=name", vec!["bert", "cafe", "yolo", "hanzi"]),
        ("q=726791", vec!["paper"]),
        ("filter=license:MIT&sort=name", vec!["fashion", "mnist"]),
        ("filter=license:MIT&filter=license:Apache-2.0&sort=name", vec!["bert", "fashion", "mnist"]),
        ("filter=license:MIT&filter=keyword:clothes", vec!["fashion"]),
        ("filter=year:1998", vec!["mnist"]),
        ("date_published_after=2017-01-01", vec!["fashion"]),
        ("q=mnist&date_published_before=2000-01-01", vec!["mnist"]),
        ("types=datasets&sort=date_created&direction=asc", vec!["mnist", "fashion", "bert", "cafe", "yolo", "hanzi"]),
        ("q=YOLO+-+weights+--+v8", vec!["yolo"]),
        ("q=mnist&sort=name&platforms=example&platforms=example&types=datasets,datasets&types=dataset", vec!["fashion", "mnist"]),
    ] {
        assert_eq!(found(&search(&app, &format!("/search?{query}")).await), expected, "{query}");
    }
    app.close().await;
}

#[tokio::test]
async fn facets_count_exactly_and_honour_the_other_filters() {
    let app = library().await;
    let counts = |answer: &Value, facet: &str| -> Vec<(String, i64)> {
        let counts = answer["facets"][facet].as_array().unwrap().iter();
        counts.map(|c| (c["value"].as_str().unwrap().to_owned(), c["count"].as_i64().unwrap())).collect()
    };
    let pairs = |pairs: &[(&str, i64)]| pairs.iter().map(|(value, count)| ((*value).to_owned(), *count)).collect::<Vec<_>>();
    let all = search(&app, "/search?facets=type,license,keyword,year,platform").await;
    assert_eq!(counts(&all, "type"), pairs(&[("datasets", 6), ("publications", 1)]));
    assert_eq!(counts(&all, "license"), pairs(&[("MIT", 2), ("Apache-2.0", 1)]));
    assert_eq!(counts(&all, "keyword"), pairs(&[("images", 3), ("text", 2), ("clothes", 1), ("digits", 1), ("food", 1)]));
    assert_eq!(counts(&all, "platform"), pairs(&[("example", 7)]));
    assert_eq!(counts(&all, "year"), pairs(&[("1998", 1), ("2017", 1)]));
    let narrowed = search(&app, "/search?facets=license&facets=keyword&filter=license:MIT&facet_values=2").await;
    assert_eq!(narrowed["total_hits"], 2);
    assert_eq!(counts(&narrowed, "license"), pairs(&[("MIT", 2), ("Apache-2.0", 1)]), "as if it were not narrowed by it");
    assert_eq!(counts(&narrowed, "keyword"), pairs(&[("images", 2), ("clothes", 1)]));
    app.close().await;
}

#[tokio::test]
async fn a_typing_error_finds_what_was_meant_and_outranks_nothing() {
    let app = library().await;
    for (query, first, meant) in [
        ("handwriten", "mnist", "handwritten"),
        ("nnist", "fashion", "mnist"),
        ("clasification", "mnist", "classification"),
        ("hadnwritten+mnist", "mnist", "handwritten mnist"),
        ("handwriten+%22MNIST++handwritten%22+-nnist", "mnist", "handwritten \"MNIST  handwritten\" -nnist"),
    ] {
        let answer = search(&app, &format!("/search?q={query}&types=datasets")).await;
        assert_eq!(found(&answer).first(), Some(&first), "{query}");
        assert_eq!(answer["did_you_mean"], meant, "{query}");
    }
    app.publish("datasets", "mnisr", json!({"description": {"plain": "mnisr"}})).await;
    app.indexed().await;
    let exact = search(&app, "/search?q=mnisr").await;
    assert_eq!((found(&exact), &exact["did_you_mean"]), (vec!["mnisr"], &Value::Null), "what is written so is meant so");
    app.close().await;
}

#[tokio::test]
async fn words_that_only_deleted_resources_have_are_not_shown() {
    let app = library().await;
    let admin = app.key("root", &["admin_aiod_resources"]).await;
    let gone = app.publish("datasets", "gone", json!({"name": "Zebrafish atlas"})).await;
    app.indexed().await;
    assert_eq!(search(&app, "/search?q=zebrafihs").await["did_you_mean"], "zebrafish");
    app.delete(&format!("/datasets/{gone}?wait=index")).key(&admin).send().await.ok();
    for query in ["zebrafihs", "zebrafish"] {
        let answer = search(&app, &format!("/search?q={query}")).await;
        assert_eq!((&answer["total_hits"], &answer["did_you_mean"]), (&json!(0), &Value::Null), "{query}");
    }
    let long = format!("/search?q={}", "handwritten".repeat(3));
    assert_eq!(search(&app, &long).await["did_you_mean"], Value::Null, "a word that is too long");
    app.close().await;
}

#[tokio::test]
async fn passages_are_marked_and_nothing_else_is_markup() {
    let app = library().await;
    let evil = json!({"description": {"plain": "before <img src=x onerror=alert(1)> the zebra & more"}});
    app.publish("datasets", "evil", evil).await;
    app.indexed().await;
    let answer = search(&app, "/search?q=zebras").await;
    let identifier = answer["resources"][0]["identifier"].as_str().unwrap();
    let passage = answer["highlights"][identifier]["description"].as_str().unwrap();
    assert!(passage.contains("<mark>zebra</mark> &amp; more") && !passage.contains("<img"), "{passage}");
    let corrected = search(&app, "/search?q=handwriten&types=datasets").await;
    let identifier = corrected["resources"][0]["identifier"].as_str().unwrap();
    assert_eq!(corrected["highlights"][identifier]["name"], "MNIST <mark>handwritten</mark> digits", "a word that was looked for instead");
    app.close().await;
}

#[tokio::test]
async fn cursors_go_through_all_hits_of_one_point_in_time() {
    let app = TestApp::searching().await;
    let record = |i| json!({"platform": "example", "platform_resource_identifier": format!("r{i:03}"), "name": format!("Record {} about maps", i % 7)});
    let records = (0..250).map(|i| json!({ "resource": record(i) }));
    app.batch("datasets", records.collect()).await;
    app.indexed().await;
    for order in [
        "sort=relevance",
        "sort=name",
        "sort=name&direction=desc",
        "sort=date_created",
        "sort=popularity",
        "sort=date_modified&direction=asc",
    ] {
        let mut next = format!("/search?q=maps&limit=37&cursor=&{order}");
        let mut seen = Vec::new();
        let mut pages = 0;
        loop {
            let answer = app.get(&next).send().await;
            seen.extend(found(&answer.ok()).into_iter().map(str::to_owned));
            pages += 1;
            if pages == 2 {
                app.publish("datasets", &format!("late {order}"), json!({"name": "Late maps"})).await;
                app.indexed().await;
            }
            let Some(link) = answer.header("Link") else { break };
            let link = link.trim_start_matches('<').split('>').next().unwrap().to_owned();
            next = link[link.find("/search").unwrap()..].to_owned();
        }
        let late_before = seen.iter().filter(|own| own.contains(order)).count();
        let records: Vec<&String> = seen.iter().filter(|own| own.starts_with('r')).collect();
        let different: std::collections::BTreeSet<&&String> = records.iter().collect();
        assert_eq!((records.len(), different.len(), late_before), (250, 250, 0), "{order}");
    }
    app.close().await;
}

#[tokio::test]
async fn a_cursor_goes_on_with_its_own_query_only() {
    let app = library().await;
    let first = app.get("/search?q=mnist+digits&limit=1&cursor=&types=datasets").send().await;
    let link = first.header("Link").unwrap();
    let cursor = link.split("cursor=").nth(1).unwrap().split(['&', '>']).next().unwrap().to_owned();
    for (query, is_same) in [
        ("q=mnist+digits&limit=2&types=datasets", true),
        ("q=mnist&limit=1&types=datasets", false),
        ("q=mnist+digits&types=events", false),
        ("q=mnist+digits&types=datasets&sort=name", false),
        ("q=mnist+digits&types=datasets&filter=license:MIT", false),
    ] {
        let answer = app.get(&format!("/search?{query}&cursor={cursor}")).send().await;
        assert_eq!(answer.status.as_u16(), if is_same { 200 } else { 400 }, "{query}");
    }
    app.close().await;
}

#[tokio::test]
async fn what_changes_is_found_at_once_and_what_vanishes_is_not() {
    let app = library().await;
    let hits = async |query: &str| search(&app, &format!("/search?q={query}")).await["total_hits"].as_i64().unwrap();
    let (ada, rui) = (app.key("ada", &[]).await, app.key("rui", &["review_aiod_resources"]).await);
    let draft = app.draft("datasets", &ada, json!({"name": "Quokka pictures"})).await;
    app.indexed().await;
    assert_eq!(hits("quokka").await, 0, "a draft");
    app.post("/submissions", &json!({"asset_identifiers": [draft]})).key(&ada).send().await.ok();
    let body = json!({"submission_identifier": 1, "decision": "accepted"});
    app.post("/reviews?wait=index", &body).key(&rui).send().await.ok();
    assert_eq!(hits("quokka").await, 1, "published");
    let admin = app.key("root", &["admin_aiod_resources"]).await;
    app.put(&format!("/datasets/{draft}?wait=index"), &json!({"name": "Wombat pictures"})).key(&admin).send().await.ok();
    assert_eq!((hits("quokka").await, hits("wombat").await), (0, 1), "replaced");
    app.delete(&format!("/datasets/{draft}?wait=index")).key(&admin).send().await.ok();
    assert_eq!(hits("wombat").await, 0, "deleted");
    app.close().await;
}

#[tokio::test]
async fn creators_and_citations_are_found_by_their_names_even_when_these_change() {
    let app = library().await;
    let contact = app.publish("contacts", "grace", json!({"name": "Grace Hopper", "email": ["grace@navy.example"]})).await;
    let paper =
        app.publish("publications", "cited", json!({"name": "Compilers considered", "permanent_identifier": "10.5555/12345"})).await;
    app.publish("datasets", "flow", json!({"name": "Flowmatic", "creator": [contact], "citation": [paper]})).await;
    app.indexed().await;
    for query in ["hopper", "compilers", "10.5555/12345"] {
        assert!(found(&search(&app, &format!("/search/datasets?search_query={query}")).await).contains(&"flow"), "{query}");
    }
    assert_eq!(search(&app, "/search?q=navy").await["total_hits"], 0, "nobody is found by an e-mail address");
    let key = app.key("example connector", &["platform_example"]).await;
    let renamed = json!({"platform": "example", "platform_resource_identifier": "grace", "name": "Ada Byron"});
    app.put(&format!("/contacts/{contact}?wait=index"), &renamed).key(&key).send().await.ok();
    assert_eq!(found(&search(&app, "/search/datasets?search_query=byron").await), ["flow"]);
    assert_eq!(search(&app, "/search/datasets?search_query=hopper").await["total_hits"], 0);
    app.delete(&format!("/contacts/{contact}?wait=index")).key(&key).send().await.ok();
    assert_eq!(search(&app, "/search/datasets?search_query=byron").await["total_hits"], 0);
    app.close().await;
}

#[tokio::test]
async fn suggestions_come_while_somebody_types() {
    let app = library().await;
    for (query, expected) in [
        ("mni", json!(["Fashion-MNIST", "MNIST handwritten digits"])),
        ("hand", json!(["MNIST handwritten digits"])),
        ("ima", json!(["images"])),
        ("café me", json!(["Café menus by Müller"])),
        ("zzz", json!([])),
        ("", json!([])),
    ] {
        let answer = app.get(&format!("/search/suggest?q={}", query.replace(' ', "%20"))).send().await.ok();
        let sorted = |value: &Value| {
            let mut texts: Vec<String> = value.as_array().unwrap().iter().map(|t| t.as_str().unwrap().to_owned()).collect();
            texts.sort();
            texts
        };
        assert_eq!(sorted(&answer), sorted(&expected), "{query}");
    }
    app.close().await;
}

#[tokio::test]
async fn similar_resources_share_words() {
    let app = library().await;
    let hits = search(&app, "/search/datasets?search_query=handwritten").await;
    let mnist = hits["resources"][0]["identifier"].as_str().unwrap();
    let similar = app.get(&format!("/datasets/{mnist}/similar?limit=1")).send().await.ok();
    assert_eq!(similar[0]["platform_resource_identifier"], "fashion");
    assert_eq!(similar.as_array().unwrap().len(), 1);
    app.get("/datasets/data_rPQvKrL8cgXhtL4HEHijXSiC/similar").send().await.refused(404);
    app.close().await;
}

#[tokio::test]
async fn what_is_like_a_very_large_resource_is_found() {
    let app = library().await;
    let file = |n: usize| json!({"name": format!("Part {n}"), "description": "digits ".repeat(200)});
    let large = json!({"name": "MNIST digits in words", "distribution": (0..300).map(file).collect::<Vec<_>>()});
    let large = app.publish("datasets", "large", large).await;
    app.indexed().await;
    let similar = app.get(&format!("/datasets/{large}/similar")).send().await.ok();
    assert!(similar.as_array().unwrap().iter().any(|hit| hit["platform_resource_identifier"] == "mnist"), "{similar}");
    app.close().await;
}

#[tokio::test]
async fn the_names_of_persons_on_a_protected_platform_are_not_findable() {
    let app = TestApp::searching().await;
    let key = app.key("cms", &["platform_ai4europe_cms"]).await;
    let person =
        json!({"platform": "ai4europe_cms", "platform_resource_identifier": "p1", "name": "Zaphod Beeblebrox", "surname": "Beeblebrox"});
    app.post("/persons?wait=index", &person).key(&key).send().await.ok();
    for path in ["/search?q=beeblebrox", "/search?q=zaphod", "/search/persons?search_query=zaphod%20beeblebrox"] {
        assert_eq!(search(&app, path).await["total_hits"], 0, "{path}");
    }
    assert_eq!(app.get("/search/suggest?q=zaph").send().await.ok(), json!([]));
    app.close().await;
}

#[tokio::test]
async fn an_index_that_is_gone_or_of_another_catalogue_is_made_anew() {
    let mut app = library().await;
    app.stop_jobs().await;
    let folder = app.search_folder();
    for round in ["deleted", "truncated", "foreign"] {
        match round {
            // The files of Elasticsearch are its own business.
            "truncated" if elasticsearch().is_some() => continue,
            "deleted" if elasticsearch().is_some() => app.remove_indexes().await,
            "deleted" => std::fs::remove_dir_all(&folder).unwrap(),
            "truncated" => {
                for entry in walk(&folder).into_iter().filter(|path| path.extension().is_some_and(|e| e == "idx" || e == "store")) {
                    std::fs::File::options().write(true).open(entry).unwrap().set_len(3).unwrap();
                }
            }
            _ => app.execute("UPDATE catalogue_identity SET id = 'another'").await,
        }
        app = app.restarted().await;
        app.indexed().await;
        assert_eq!(found_sorted(&search(&app, "/search/datasets?search_query=mnist").await), ["fashion", "mnist"], "{round}");
        app.stop_jobs().await;
    }
    app.close().await;
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

#[tokio::test]
async fn an_index_that_differs_from_the_database_is_mended() {
    let app = library().await;
    // Past everything that notes changes, as after a restored file or a defect.
    app.execute(
        "UPDATE asset SET revision = revision + 1, document = REPLACE(document, 'Clothes', 'Garments') WHERE name = 'Fashion-MNIST'",
    )
    .await;
    app.execute("UPDATE asset SET status = 'draft' WHERE name = 'YOLO v8 weights corpus'").await;
    app.app.catalogue.recount().await.unwrap();
    assert_eq!(search(&app, "/search?q=garments").await["total_hits"], 0);
    app.app.catalogue.search.check();
    for _ in 0..200 {
        if search(&app, "/search?q=garments").await["total_hits"] == 1 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(found(&search(&app, "/search?q=garments").await), ["fashion"]);
    assert_eq!(search(&app, "/search?q=yolo").await["total_hits"], 0);
    app.close().await;
}

#[tokio::test]
async fn an_index_is_made_anew_without_one_failed_or_empty_search() {
    let app = library().await;
    let record = |i: usize| json!({"resource": {"platform_resource_identifier": format!("more {i}"), "name": format!("Filler {i}")}});
    app.batch("datasets", (0..900).map(record).collect()).await;
    app.indexed().await;
    let mut searches = 0;
    let mut rounds = 0;
    app.app.catalogue.search.reindex();
    let begin = std::time::Instant::now();
    let mut was_building = false;
    while rounds < 3 && begin.elapsed().as_secs() < 20 {
        let status = app.app.catalogue.search.status();
        if status.state == aiod_api::search::State::Building {
            was_building = true;
        } else if was_building {
            was_building = false;
            rounds += 1;
            app.app.catalogue.search.reindex();
        }
        assert_eq!(search(&app, "/search?q=filler&limit=1").await["total_hits"], 900);
        searches += 1;
    }
    assert!(searches > 10, "{searches}");
    let late = app.publish("datasets", "late", json!({"name": "Latecomer"})).await;
    app.indexed().await;
    assert_eq!(search(&app, "/search?q=latecomer").await["resources"][0]["identifier"], late);
    app.close().await;
}

#[tokio::test]
async fn what_is_imported_is_found() {
    let app = library().await;
    let key = app.key("root", &["admin_aiod_resources"]).await;
    let status = app.get("/search/status").key(&key).send().await.ok();
    assert_eq!((&status["state"], &status["position"]), (&json!("following"), &status["last_position"]));
    assert_eq!(app.get("/search/failures").key(&key).send().await.ok(), json!([]));
    app.get("/search/status").send().await.refused(401);
    // An import notes one change of everything.
    app.execute("UPDATE asset SET document = REPLACE(document, 'Clothes', 'Garments')").await;
    app.app.catalogue.db.note_everything().await.unwrap();
    app.indexed().await;
    assert_eq!(found(&search(&app, "/search?q=garments").await), ["fashion"]);
    app.close().await;
}

/// On MySQL, row ids of the outbox are not in the order of commits: a short write overtakes a long one.
#[tokio::test]
async fn no_change_is_passed_over_beside_long_and_short_writes() {
    let app = TestApp::searching().await;
    let key = app.key("example connector", &["platform_example"]).await;
    let long = async {
        for batch in 0..4 {
            let record = |i: usize| json!({"resource": {"platform_resource_identifier": format!("long {batch} {i}"), "name": "Long walk"}});
            app.batch("datasets", (0..400).map(record).collect()).await;
        }
    };
    let short = async {
        for i in 0..150 {
            let body = json!({"platform": "example", "platform_resource_identifier": format!("short {i}"), "name": "Short walk"});
            app.post("/events", &body).key(&key).send().await.ok();
        }
    };
    futures_util::future::join(long, short).await;
    app.indexed().await;
    let hits = async |query: &str| search(&app, &format!("/search?q={query}")).await["total_hits"].as_i64().unwrap();
    assert_eq!((hits("long").await, hits("short").await), (1_600, 150));
    let positions: Vec<(i64,)> = app.rows("SELECT position FROM asset_change ORDER BY position").await;
    assert!(positions.iter().zip(1..).all(|((position,), expected)| *position == expected), "without holes");
    let last: Vec<(i64, i64)> = app
        .rows("SELECT (SELECT COUNT(*) FROM outbox), (SELECT COUNT(*) FROM asset a WHERE NOT EXISTS (SELECT 1 FROM asset_change c WHERE c.asset_id = a.id AND c.revision = a.revision))")
        .await;
    assert_eq!(last, [(0, 0)], "everything was moved, and stands there with its last revision");
    app.close().await;
}

#[tokio::test]
async fn what_is_read_more_often_is_more_popular() {
    let app = library().await;
    let all = search(&app, "/search/datasets?search_query=mnist&sort_by_id=true").await;
    let fashion = all["resources"][1]["identifier"].as_str().unwrap();
    for _ in 0..8 {
        app.get(&format!("/datasets/{fashion}")).send().await.ok();
    }
    app.app.catalogue.flush_reads().await.unwrap();
    app.indexed().await;
    let popular = search(&app, "/search?types=datasets&sort=popularity").await;
    assert_eq!(found(&popular)[..2], ["fashion", "mnist"], "then in the order of registration");
    app.close().await;
}

#[tokio::test]
async fn the_making_of_an_index_goes_on_after_a_restart() {
    let mut app = library().await;
    let record = |i: usize| json!({"resource": {"platform_resource_identifier": format!("more {i}"), "name": format!("Filler {i}")}});
    for part in 0..8 {
        app.batch("datasets", (part * 900..part * 900 + 900).map(record).collect()).await;
    }
    app.indexed().await;
    for round in 0..4_u64 {
        app.app.catalogue.db.note_reindex().await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(30 + 150 * round)).await;
        app = app.restarted().await;
        app.indexed().await;
        assert_eq!(search(&app, "/search?q=filler&limit=1").await["total_hits"], 7_200, "{round}");
    }
    // The old index is searched until the new one is complete.
    let left = async || app.rows::<(String,)>("SELECT name FROM change_position WHERE name LIKE 'search building%'").await;
    for _ in 0..200 {
        if left().await.is_empty() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(left().await, [], "nothing is being made any more");
    app.close().await;
}

#[tokio::test]
async fn an_index_that_is_removed_while_it_is_searched_is_made_anew() {
    let app = library().await;
    if crate::harness::elasticsearch().is_some() {
        println!("skipped: the index is not in a folder");
        return app.close().await;
    }
    std::fs::remove_dir_all(app.search_folder()).unwrap();
    app.publish("datasets", "late", json!({"name": "Latecomer"})).await;
    for _ in 0..300 {
        let answer = app.get("/search?q=latecomer").send().await;
        if answer.status.as_u16() == 200 && answer.json()["total_hits"] == 1 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(found(&search(&app, "/search?q=latecomer").await), ["late"]);
    assert_eq!(search(&app, "/search?q=mnist").await["total_hits"], 2);
    app.close().await;
}
