//! The binary `openml` as a user or a container runs it: exit codes, messages, signals, and no key in sight.

use std::process::{Command, Output, Stdio};
use std::time::Duration;

use crate::support::{Catalogue, KEY, OpenMl, described, description, refusal};

const ENVIRONMENT: &[&str] = &[
    "AIOD_CONNECTOR_CATALOGUE",
    "AIOD_CONNECTOR_API_KEY",
    "AIOD_CONNECTOR_CATALOGUE_WAIT",
    "AIOD_CONNECTOR_INTERVAL",
    "AIOD_CONNECTOR_BATCH_SIZE",
    "AIOD_CONNECTOR_CONCURRENCY",
    "AIOD_CONNECTOR_LOG",
    "OPENML_BASE_URL",
    "OPENML_PAGE_SIZE",
    "OPENML_REQUESTS_PER_MINUTE",
];

fn openml(arguments: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_openml"));
    for name in ENVIRONMENT {
        command.env_remove(name);
    }
    command.args(arguments).envs(environment.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

async fn output(mut command: Command) -> (i32, String) {
    let Output { status, stdout, stderr } = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    (status.code().unwrap(), format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr)))
}

#[tokio::test]
async fn wrong_usage_is_exit_code_2() {
    let cases: &[(&[&str], &str)] = &[
        (&[], "--api-key"),
        (&["--api-key", "two words"], "--api-key (AIOD_CONNECTOR_API_KEY): a key is one or more visible ASCII characters"),
        (&["--api-key", "k", "--catalogue", "localhost:8000"], "an http or https URL is expected"),
        (&["--api-key", "k", "--batch-size", "1001"], "a number from 1 to 1000 is expected"),
        (&["--api-key", "k", "--limit", "0"], "--limit"),
        (&["--api-key", "k", "--log", "info,openml=loud"], "--log"),
        (&["--api-key", "k", "--no-such-option"], "--no-such-option"),
    ];
    for (arguments, message) in cases {
        // Should one of them be taken for right usage, it must not run for ever.
        let (code, text) = output(openml(&[&["--once"], *arguments].concat(), &[("AIOD_CONNECTOR_CATALOGUE_WAIT", "0")])).await;
        assert_eq!(code, 2, "{arguments:?}: {text}");
        assert!(text.contains(message), "{arguments:?}: {text}");
        assert!(!text.contains("two words"), "{text}");
    }
}

#[tokio::test]
async fn help_explains_every_option_and_hides_the_key() {
    let (code, text) = output(openml(&["--help"], &[("AIOD_CONNECTOR_API_KEY", KEY)])).await;
    assert_eq!(code, 0);
    for option in
        ["--catalogue", "--api-key", "--base-url", "--once", "--interval", "--limit", "--page-size", "--batch-size", "--log", "Exit codes"]
    {
        assert!(text.contains(option), "{option}: {text}");
    }
    assert!(!text.contains(KEY), "{text}");
}

#[tokio::test]
async fn a_run_by_environment_ends_with_a_summary_and_shows_no_key() {
    let (platform, catalogue) = (OpenMl::with(1..=3).await, Catalogue::new().await);
    let (base, address) = (platform.server.uri(), catalogue.server.uri());
    let environment = [
        ("AIOD_CONNECTOR_API_KEY", KEY),
        ("AIOD_CONNECTOR_CATALOGUE", &*address),
        ("OPENML_BASE_URL", &*base),
        ("OPENML_REQUESTS_PER_MINUTE", "60000"),
        ("AIOD_CONNECTOR_LOG", "trace"),
    ];
    let (code, text) = output(openml(&["--once"], &environment)).await;
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("run completed: 3 listed, 3 created, 0 updated, 0 unchanged, 0 failed"), "{text}");
    assert_eq!(catalogue.taken.all(), [1, 2, 3]);
    assert!(!text.contains(KEY), "{text}");
}

#[tokio::test]
async fn a_refused_key_is_exit_code_1() {
    let (platform, catalogue) = (OpenMl::with(1..=3).await, Catalogue::new().await);
    let (base, address) = (platform.server.uri(), catalogue.server.uri());
    let (code, text) = output(openml(&["--base-url", &base, "--catalogue", &address, "--api-key", "another-key"], &[])).await;
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("the catalogue refused the API key: 401 Unauthorized"), "{text}");
    assert!(!text.contains("another-key"), "{text}");
    catalogue.answer(refusal(403, "not another-key")).await;
    let (code, text) = output(openml(&["--base-url", &base, "--catalogue", &address, "--api-key", "another-key"], &[])).await;
    assert_eq!(code, 1);
    assert!(text.contains("role platform_openml"), "{text}");
}

#[tokio::test]
async fn sigterm_sends_what_is_converted_and_is_exit_code_0() {
    let (platform, catalogue) = (OpenMl::with(1..=4).await, Catalogue::new().await);
    platform.answer("data/3", described(&description(3)).set_delay(Duration::from_secs(60))).await;
    let (base, address) = (platform.server.uri(), catalogue.server.uri());
    let arguments =
        ["--base-url", &base, "--catalogue", &address, "--api-key", KEY, "--concurrency", "1", "--requests-per-minute", "60000"];
    let child = openml(&arguments, &[]).spawn().unwrap();
    while !platform.asked().await.contains(&"data/3".to_owned()) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let process = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &process]).status().unwrap().success());
    let output = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("run stopped: 3 listed, 2 created"), "{text}");
    assert_eq!(catalogue.taken.all(), [1, 2]);
}
