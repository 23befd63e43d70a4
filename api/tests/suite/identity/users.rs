//! API keys beside tokens; finding users; the login of the documentation.

use serde_json::json;

use super::Stage;
use crate::harness::TestApp;

#[tokio::test]
async fn api_keys_work_beside_tokens() {
    let stage = Stage::new().await;
    let key = stage.app.key("machine", &[]).await;
    stage.register(&key).await.ok();
    assert_eq!(stage.refuses("aiod_nonsense".to_owned()).await, "the API key is unknown, expired or revoked.");
    stage.register(&stage.token("ada")).await.ok();
    stage.close().await;
}

#[tokio::test]
async fn api_keys_can_be_switched_off() {
    let app = TestApp::with(|config| config.api_keys.enabled = false).await;
    let key = app.key("machine", &["admin_aiod_resources"]).await;
    let detail = app.post("/datasets", &json!({"name": "x"})).key(&key).send().await.refused(401);
    assert!(detail.ends_with("this catalogue takes no API keys."), "{detail}");
    app.get("/datasets").key(&key).send().await.ok();
    app.close().await;
}

#[tokio::test]
async fn without_keycloak_no_token_is_taken() {
    let stage = Stage::new().await;
    let app = TestApp::new().await;
    let detail = app.post("/datasets", &json!({"name": "x"})).key(&stage.token("ada")).send().await.refused(401);
    assert!(detail.ends_with("this catalogue takes no tokens of an identity provider."), "{detail}");
    app.close().await;
    stage.close().await;
}

#[tokio::test]
async fn users_are_found_by_subject_and_by_name() {
    const SUBJECT: &str = "6f1b8a0e-3d9c-4a51-9a5d-0b6f0e1c2d3e";
    let mut stage = Stage::introspecting(600).await;
    let identity = stage.app.app.identity.clone();
    // Of the catalogue's own: for a subject nobody is asked, and a name is another's only if the provider has it.
    stage.app.key("machine", &[]).await;
    let machine = identity.find_user("local:machine").await.unwrap().unwrap();
    assert_eq!(stage.provider.asked("/users"), 0);
    assert_eq!(identity.find_user("machine").await.unwrap().unwrap(), machine);
    stage.app.key("ada lovelace", &[]).await;
    stage.provider.add_user("0c4f1c9e-1111-4a51-9a5d-0b6f0e1c2d3e", "ada lovelace");
    let ada = identity.find_user("ada lovelace").await.unwrap().unwrap();
    assert_ne!(identity.find_user("local:ada lovelace").await.unwrap().unwrap().account, ada.account);
    // Of the provider, who have never been here.
    stage.provider.add_user(SUBJECT, "grace");
    let grace = identity.find_user("grace").await.unwrap().unwrap();
    assert_eq!(identity.find_user(SUBJECT).await.unwrap().unwrap(), grace);
    assert_eq!(grace.name, "grace");
    assert_eq!(identity.find_user("nobody & nothing?").await.unwrap(), None);
    assert_eq!(identity.find_user("6f1b8a0e-3d9c-4a51-9a5d-000000000000").await.unwrap(), None);
    assert_eq!(stage.provider.asked("/token"), 1, "our own token is kept");
    // The account is that of the user's tokens.
    let token = stage.token_with("grace", json!({"sub": SUBJECT}));
    let id = stage.register(&token).await.identifier();
    let row = stage.app.app.catalogue.db.account(SUBJECT, "grace").await.unwrap();
    assert_eq!(row, grace.account, "{id}");
    stage.provider.down().await;
    let error = aiod_api::catalogue::Error::from(identity.find_user("somebody").await.unwrap_err());
    assert!(matches!(error, aiod_api::catalogue::Error::Unavailable(_)), "{error}");
    assert_eq!(identity.find_user(SUBJECT).await.unwrap().unwrap(), grace);
    // Of a person and a key of one name, the person is meant.
    stage.provider.up().await;
    stage.app.key("grace", &[]).await;
    assert_eq!(identity.find_user("grace").await.unwrap().unwrap(), grace);
    stage.close().await;
}

#[tokio::test]
async fn a_permission_may_be_for_somebody_who_was_never_here() {
    let mut stage = Stage::introspecting(600).await;
    stage.provider.add_user("6f1b8a0e-3d9c-4a51-9a5d-0b6f0e1c2d3e", "grace");
    let owner = stage.token("ada");
    let id = stage.register(&owner).await.identifier();
    let share = |user: &str| {
        let wish = json!({"asset_identifier": id, "user": user, "permission_type": "read"});
        stage.app.post("/assets/permissions", &wish).key(&owner).send()
    };
    share("grace").await.ok();
    share("nobody").await.refused(404);
    let grace = stage.token_with("grace", json!({"sub": "6f1b8a0e-3d9c-4a51-9a5d-0b6f0e1c2d3e"}));
    stage.app.get(&format!("/datasets/{id}")).key(&grace).send().await.ok();
    stage.provider.down().await;
    share("nobody").await.refused(503);
    stage.close().await;
}

#[tokio::test]
async fn nobody_learns_by_guessing_who_exists_at_the_provider() {
    let stage = Stage::introspecting(600).await;
    let owner = stage.token("ada");
    let id = stage.register(&owner).await.identifier();
    stage.register(&stage.token("bob")).await.ok();
    let share = async |key: &str, user: &str| {
        let wish = json!({"asset_identifier": id, "user": user, "permission_type": "read"});
        stage.app.post("/assets/permissions", &wish).key(key).send().await
    };
    for guess in 0..10 {
        share(&owner, &format!("guess{guess}")).await.refused(404);
    }
    // From now on, whether somebody exists makes no difference.
    stage.provider.add_user("6f1b8a0e-3d9c-4a51-9a5d-0b6f0e1c2d3e", "grace");
    let (known, unknown) = (share(&owner, "grace").await, share(&owner, "nobody").await);
    assert_eq!(known.refused(429), unknown.refused(429));
    assert!(known.header("retry-after").unwrap().parse::<u64>().unwrap() > 60, "{:?}", known.headers);
    // Who was here is found all the same, and others may look, too.
    share(&owner, "bob").await.ok();
    let admin = stage.app.key("root", &["admin_aiod_resources"]).await;
    share(&admin, "grace").await.ok();
    share(&owner, "grace").await.ok();
    stage.close().await;
}

#[tokio::test]
async fn permissions_of_those_who_left_are_not_listed() {
    const GRACE: &str = "6f1b8a0e-3d9c-4a51-9a5d-0b6f0e1c2d3e";
    let stage = Stage::introspecting(600).await;
    stage.provider.add_user(GRACE, "grace");
    stage.app.key("machine", &[]).await;
    let owner = stage.token_with("ada", json!({"sub": GRACE, "preferred_username": "grace"}));
    let id = stage.register(&owner).await.identifier();
    let left = stage.app.app.catalogue.db.account("0c4f1c9e-1111-4a51-9a5d-0b6f0e1c2d3e", "left").await.unwrap();
    assert!(left > 0);
    // The ids of users from elsewhere are no UUIDs.
    stage.provider.add_user("f:1:linus", "linus");
    stage.app.app.catalogue.db.account("f:1:linus", "linus").await.unwrap();
    for user in ["0c4f1c9e-1111-4a51-9a5d-0b6f0e1c2d3e", "local:machine", "f:1:linus"] {
        let wish = json!({"asset_identifier": id, "user": user, "permission_type": "read"});
        stage.app.post("/assets/permissions", &wish).key(&owner).send().await.ok();
    }
    let list = || stage.app.get(&format!("/assets/permissions/{id}")).key(&owner).send();
    let names = |answer: &crate::harness::Answer| -> Vec<String> {
        answer.ok().as_array().unwrap().iter().map(|held| held["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&list().await), ["grace", "linus", "machine"]);
    let asked = stage.provider.asked("/users");
    assert_eq!((names(&list().await).len(), stage.provider.asked("/users")), (3, asked), "the answers are remembered");
    stage.close().await;

    // Where nobody can be asked, all are listed.
    let stage = Stage::new().await;
    let owner = stage.token("ada");
    let id = stage.register(&owner).await.identifier();
    let held = stage.app.get(&format!("/assets/permissions/{id}")).key(&owner).send().await.ok();
    assert_eq!(held, json!([{"name": "ada", "permission": "admin"}]));
    stage.close().await;
}

#[tokio::test]
async fn without_a_secret_only_known_users_are_found() {
    let stage = Stage::new().await;
    stage.provider.add_user("6f1b8a0e-3d9c-4a51-9a5d-0b6f0e1c2d3e", "grace");
    assert_eq!(stage.app.app.identity.find_user("grace").await.unwrap(), None);
    stage.register(&stage.token("ada")).await.ok();
    assert_eq!(stage.app.app.identity.find_user("subject of ada").await.unwrap().unwrap().name, "ada");
    stage.close().await;
}

#[tokio::test]
async fn a_caller_is_told_who_the_catalogue_takes_them_for() {
    let stage = Stage::new().await;
    let token = stage.key.sign(&stage.provider.claims("ada", &["platform_example"], json!({})));
    let who = stage.app.get("/authorization_test").key(&token).send().await.ok();
    assert_eq!(who["name"], "ada");
    assert!(who["roles"].as_array().unwrap().contains(&json!("platform_example")), "{who}");
    stage.app.get("/v2/authorization_test").send().await.refused(401);
    stage.app.get("/authorization_test").key("x").send().await.refused(401);
    stage.close().await;
}

#[tokio::test]
async fn the_documentation_leads_to_the_login() {
    let stage = Stage::new().await;
    let discovery = format!("{}/.well-known/openid-configuration", stage.provider.issuer());
    for version in ["", "/v2", "/v3"] {
        let document = stage.app.get(&format!("{version}/openapi.json")).send().await.ok();
        let scheme = &document["components"]["securitySchemes"]["OpenIdConnect"];
        assert_eq!((&scheme["type"], &scheme["openIdConnectUrl"]), (&json!("openIdConnect"), &json!(discovery)));
        assert_eq!(document["paths"][format!("{version}/datasets")]["post"]["security"], json!([{"OpenIdConnect": []}, {"ApiKey": []}]));
        assert_eq!(document["paths"][format!("{version}/datasets")]["get"]["security"], json!([{}, {"OpenIdConnect": []}, {"ApiKey": []}]));
        let page = stage.app.get(&format!("{version}/docs")).header("X-Forwarded-Prefix", "/below").send().await.text();
        let settings = r#"{"clientId":"aiod-api-swagger","scopes":"openid profile roles","usePkceWithAuthorizationCodeGrant":true}"#;
        let login = format!("{}/protocol/openid-connect/auth", stage.provider.issuer());
        for part in [&format!("const login = {settings};"), &login, r#""servers":[{"url":"/below"}]"#] {
            assert!(page.contains(part), "{part}");
        }
        assert!(!page.contains("AIOD-"), "nothing is left to be put in");
        let back = stage.app.get(&format!("{version}/docs/oauth2-redirect.html")).send().await;
        assert!(back.text().contains("swaggerUIRedirectOauth2"), "{}", back.text());
        assert_eq!(back.header("Content-Type"), Some("text/html; charset=utf-8"));
    }
    stage.close().await;
}

#[tokio::test]
async fn the_documentation_offers_no_login_where_there_is_none() {
    let app = TestApp::new().await;
    let page = app.get("/docs").send().await.text();
    assert!(page.contains("const login = null;") && !page.contains("\"openIdConnectUrl\":\""));
    let document = app.get("/openapi.json").send().await.ok();
    assert_eq!(document["components"]["securitySchemes"]["OpenIdConnect"]["type"], "openIdConnect");
    app.close().await;
}
