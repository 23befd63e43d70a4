//! The search index of a server that is killed, and its commands.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Home, Server};

const QUIET: [&str; 2] = ["--set", "examples.load=false"];
/// How often the server is killed: after some milliseconds each, so that it happens between commit, moving and indexing, too.
const KILLS: u64 = 50;

async fn get(url: &str) -> Value {
    reqwest::get(url).await.unwrap().json().await.unwrap()
}

fn number(value: &Value) -> usize {
    usize::try_from(value.as_u64().unwrap_or_default()).unwrap()
}

/// How many resources are published, and how many of them can be found.
async fn published_and_found(server: &Server) -> (usize, usize) {
    let published = number(&get(&format!("{}/counts/datasets", server.url)).await);
    let found = number(&get(&format!("{}/search?types=datasets&limit=1", server.url)).await["total_hits"]);
    (published, found)
}

async fn await_all(server: &Server) -> usize {
    for _ in 0..600 {
        let (published, found) = published_and_found(server).await;
        if published == found {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("(published, found) = {:?}", published_and_found(server).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn whenever_the_server_is_killed_all_that_was_acknowledged_is_found_afterwards() {
    let mut home = Home::on_server().await;
    home.serve(&QUIET).await;
    home.signal("-TERM");
    let (code, key, error) =
        home.run(&["keys", "create", "--name", "root", "--role", "admin_aiod_resources", "--role", "platform_example"]);
    assert_eq!(code, 0, "{error}");
    let key = key.trim().to_owned();
    let client = reqwest::Client::new();
    let mut alive = HashSet::new();
    for round in 0..KILLS {
        let server = home.serve(&QUIET).await;
        let writing = async {
            for n in 0.. {
                let own = format!("r{round}-{n}");
                let body = json!({"platform": "example", "platform_resource_identifier": own, "name": format!("Kept {own}")});
                let request = client.post(format!("{}/datasets", server.url)).bearer_auth(&key).json(&body);
                let Ok(answer) = request.send().await else { break };
                let Ok(answer) = answer.json::<Value>().await else { break };
                alive.insert(answer["identifier"].as_str().unwrap().to_owned());
                // Some vanish again.
                if n % 5 == 4 {
                    let gone = alive.iter().next().unwrap().clone();
                    let deleted = client.delete(format!("{}/datasets/{gone}", server.url)).bearer_auth(&key).send().await;
                    alive.remove(&gone);
                    if deleted.is_err() {
                        break;
                    }
                }
            }
        };
        // The moment of the kill goes through all steps of a write and of what follows it.
        let kill = async {
            tokio::time::sleep(Duration::from_millis(5 + round * 37 % 160)).await;
            home.signal("-KILL");
        };
        tokio::join!(writing, kill);
    }
    let server = home.serve(&QUIET).await;
    let found = await_all(&server).await;
    assert!(found >= alive.len() && !alive.is_empty(), "{found} found, {} acknowledged", alive.len());
    let mut missing = alive.clone();
    let mut next = Some(format!("{}/search?types=datasets&limit=1000&cursor=", server.url));
    while let Some(url) = next {
        let answer = reqwest::get(&url).await.unwrap();
        let link = answer.headers().get("link").map(|link| link.to_str().unwrap().to_owned());
        let page: Value = answer.json().await.unwrap();
        for resource in page["resources"].as_array().unwrap() {
            missing.remove(resource["identifier"].as_str().unwrap());
        }
        next = link.map(|link| link.trim_start_matches('<').split('>').next().unwrap().to_owned());
    }
    assert_eq!(missing, HashSet::new(), "acknowledged, and not found");
    assert_eq!(home.signal("-TERM"), Some(0));
    home.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_sees_the_index_and_has_it_made_anew() {
    let mut home = Home::new();
    let (code, text, _) = home.run(&["search", "status"]);
    assert_eq!((code, text.contains("no server has made an index")), (0, true), "{text}");
    let server = home.serve(&[]).await;
    for _ in 0..200 {
        if reqwest::get(format!("{}/search?q=iris", server.url)).await.unwrap().status() == 200 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let hits = number(&get(&format!("{}/search?q=iris", server.url)).await["total_hits"]);
    assert!(hits > 0, "the examples are found");
    let (code, text, error) = home.run(&["search", "reindex"]);
    assert_eq!((code, text.contains("done")), (0, true), "{text}{error}");
    let (code, text, _) = home.run(&["search", "status"]);
    assert_eq!((code, text.contains("can be found"), text.contains("0 resources were refused")), (0, true, true), "{text}");
    assert_eq!(number(&get(&format!("{}/search?q=iris", server.url)).await["total_hits"]), hits);
    let (code, text, _) = home.run(&["search", "retry"]);
    assert_eq!((code, text.trim()), (0, "0 resources are read once more"));
    assert_eq!(home.signal("-TERM"), Some(0));
}

/// Two servers over one database and one folder: one keeps the index, both find, and when the first is killed the second one goes on.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_servers_one_keeps_the_index_and_the_other_takes_over() {
    let mut first = Home::new();
    let one = first.serve(&QUIET).await;
    let key = one.key.clone().unwrap();
    let mut second = first.beside();
    let two = second.serve(&QUIET).await;
    let client = reqwest::Client::new();
    let (code, key_of_platform, _) = first.run(&["keys", "create", "--name", "example", "--role", "platform_example"]);
    assert_eq!((code, key.is_empty()), (0, false));
    let publish = async |server: &Server, own: &str| {
        let body = json!({"platform": "example", "platform_resource_identifier": own, "name": format!("Quokka {own}")});
        let url = format!("{}/datasets?wait=index", server.url);
        let answer = client.post(url).bearer_auth(key_of_platform.trim()).json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 200);
    };
    publish(&one, "a").await;
    publish(&two, "b").await;
    for server in [&one, &two] {
        for _ in 0..100 {
            if number(&get(&format!("{}/search?q=quokka", server.url)).await["total_hits"]) == 2 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(number(&get(&format!("{}/search?q=quokka", server.url)).await["total_hits"]), 2);
    }
    first.signal("-KILL");
    publish(&two, "c").await;
    assert_eq!(await_all(&two).await, 3);
    assert_eq!(second.signal("-TERM"), Some(0));
}
