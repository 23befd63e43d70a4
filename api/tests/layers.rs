//! The layers of docs/ARCHITECTURE.md hold: no module uses one above it, and each library stays where it belongs.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that panics has failed, which is what it is for")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// Where each library may be used, below `api/src`: a folder, or a file without its ending.
const PLACES: &[(&str, &[&str])] = &[
    ("poem", &["routes", "server"]),
    ("poem_openapi", &["routes"]),
    ("hyper", &["server"]),
    ("hyper_util", &["server"]),
    ("tantivy", &["search/embedded"]),
    ("frostem", &["search/analysis"]),
    ("html5ever", &["search/analysis"]),
    ("pulldown_cmark", &["search/analysis"]),
    ("sqlx", &["store"]),
    ("sqlx_macros", &["store"]),
    // An import by it fails with its errors, which stand with those of all imports.
    ("mysql_async", &["store/mysql_load", "store/dump"]),
];

/// What the model must compile without, on its way to connectors and converters.
const NOT_IN_THE_MODEL: &[&str] = &["poem", "sqlx", "tokio"];

#[test]
fn no_module_uses_one_above_it() {
    let layers = Layers::parse(&read(&root().join("docs/ARCHITECTURE.md"))).unwrap();
    let sources = Source::all(&root().join("api/src"));
    assert!(sources.len() > 50, "the sources were found");
    assert_eq!(layers.faults(&sources), Vec::<String>::new());
}

#[test]
fn each_library_stays_where_it_belongs() {
    assert_eq!(misplaced(&Source::all(&root().join("api/src"))), Vec::<String>::new());
}

#[test]
fn the_model_depends_on_no_server_database_or_runtime() {
    let lock: toml::Table = read(&root().join("Cargo.lock")).parse().unwrap();
    let needed = needed_by("aiod-schema", &lock);
    assert!(needed.contains("serde"), "the lock file was read: {needed:?}");
    let unwanted: Vec<_> = NOT_IN_THE_MODEL.iter().filter(|name| needed.contains(**name)).collect();
    assert!(unwanted.is_empty(), "schema needs {unwanted:?}");
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

// ------------------------------------------------------------------------------------------------------------ layers

/// The layers, from top to bottom. Modules of a layer that are divided by `|` do not use each other; those divided by `,` may.
struct Layers(Vec<Vec<BTreeSet<String>>>);

impl Layers {
    /// Reads the block of a document that begins with "```layers": a line for each layer.
    fn parse(document: &str) -> Option<Self> {
        let (_, block) = document.split_once("```layers\n")?;
        let (block, _) = block.split_once("```")?;
        let names = |part: &str| part.split(',').map(|name| name.trim().to_owned()).collect();
        Some(Self(block.lines().map(|line| line.split('|').map(names).collect()).collect()))
    }

    /// The layer and the part of it that a module is in.
    fn place(&self, module: &str) -> Option<(usize, usize)> {
        let place = |(layer, parts): (usize, &Vec<BTreeSet<String>>)| Some((layer, parts.iter().position(|part| part.contains(module))?));
        self.0.iter().enumerate().find_map(place)
    }

    /// All that is wrong: modules without a place, places without a module, uses of what stands above or beside.
    fn faults(&self, sources: &[Source]) -> Vec<String> {
        let modules: BTreeSet<&str> = sources.iter().map(Source::module).filter(|module| *module != "lib").collect();
        let listed: BTreeSet<&str> = self.0.iter().flatten().flatten().map(String::as_str).collect();
        let without_place = modules.difference(&listed).map(|module| format!("{module} is in no layer"));
        let without_module = listed.difference(&modules).map(|name| format!("{name} is a layer, but no module"));
        without_place.chain(without_module).chain(sources.iter().flat_map(|source| self.faults_of(source))).collect()
    }

    fn faults_of(&self, source: &Source) -> Vec<String> {
        let Some((layer, part)) = self.place(source.module()) else { return Vec::new() };
        let is_wrong = |used: &&String| self.place(used).is_some_and(|(other, beside)| other < layer || (other == layer && beside != part));
        let used = source.modules_used();
        used.iter().filter(is_wrong).map(|used| format!("{} uses {used}", source.path)).collect()
    }
}

// ----------------------------------------------------------------------------------------------------------- sources

/// A file below `src`.
struct Source {
    /// Its path below `src`, with `/`.
    path: String,
    tokens: Vec<Token>,
}

/// What of a file counts here: comments and texts do not.
#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    /// `::`
    Step,
    Sign(char),
    /// The beginning and the end of braces.
    Open,
    Close,
}

impl Source {
    fn all(folder: &Path) -> Vec<Self> {
        let mut paths = Vec::new();
        collect(folder, &mut paths);
        let relative = |path: &Path| path.strip_prefix(folder).unwrap().to_str().unwrap().replace('\\', "/");
        paths.iter().map(|path| Self::new(&relative(path), &read(path))).collect()
    }

    fn new(path: &str, text: &str) -> Self {
        let stream: TokenStream = text.parse().unwrap_or_else(|error| panic!("{path}: {error}"));
        let mut tokens = Vec::new();
        flatten(stream, &mut tokens);
        Self { path: path.to_owned(), tokens }
    }

    /// The module of the crate that the file belongs to: the first part of its path.
    fn module(&self) -> &str {
        self.path.split('/').next().unwrap_or_default().trim_end_matches(".rs")
    }

    /// The modules within the crate, from the crate down to this file.
    fn depth(&self) -> usize {
        self.path.trim_end_matches(".rs").trim_end_matches("/mod").split('/').count()
    }

    /// The crate's modules that the file names by `crate::`, by `super::` or, in `main.rs`, by the crate's name.
    fn modules_used(&self) -> BTreeSet<String> {
        let mut used = BTreeSet::new();
        for (index, token) in self.tokens.iter().enumerate() {
            let Token::Word(word) = token else { continue };
            let rest = &self.tokens[index + 1..];
            match word.as_str() {
                "crate" | "aiod_api" => used.extend(first_names(rest)),
                "super" if self.steps_up(index) == self.depth() => used.extend(first_names(rest)),
                _ => {}
            }
        }
        used
    }

    /// How many `super::` end at this one.
    fn steps_up(&self, index: usize) -> usize {
        match index.checked_sub(2).map(|before| &self.tokens[before..index]) {
            Some([Token::Word(word), Token::Step]) if word == "super" => 1 + self.steps_up(index - 2),
            _ => 1,
        }
    }

    /// Whether the file begins a path with the name of this library.
    fn names(&self, library: &str) -> bool {
        let starts = |(index, token): (usize, &Token)| {
            matches!(token, Token::Word(word) if word == library)
                && self.tokens.get(index + 1) == Some(&Token::Step)
                && index.checked_sub(1).and_then(|before| self.tokens.get(before)) != Some(&Token::Step)
        };
        self.tokens.iter().enumerate().any(starts)
    }
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            paths.push(path);
        }
    }
}

fn flatten(stream: TokenStream, tokens: &mut Vec<Token>) {
    for tree in stream {
        match tree {
            TokenTree::Ident(word) => tokens.push(Token::Word(word.to_string())),
            TokenTree::Punct(sign) if sign.as_char() == ':' && tokens.last() == Some(&Token::Sign(':')) => {
                tokens.pop();
                tokens.push(Token::Step);
            }
            TokenTree::Punct(sign) => tokens.push(Token::Sign(sign.as_char())),
            TokenTree::Group(group) => {
                let is_braces = group.delimiter() == Delimiter::Brace;
                tokens.push(if is_braces { Token::Open } else { Token::Sign('(') });
                flatten(group.stream(), tokens);
                tokens.push(if is_braces { Token::Close } else { Token::Sign(')') });
            }
            TokenTree::Literal(_) => tokens.push(Token::Sign('"')),
        }
    }
}

/// What follows `crate`: `::name…`, or the first name of each item of `::{…}`.
fn first_names(rest: &[Token]) -> Vec<String> {
    match rest {
        [Token::Step, Token::Word(name), ..] => vec![name.clone()],
        [Token::Step, Token::Open, items @ ..] => first_names_of_items(items),
        _ => Vec::new(),
    }
}

fn first_names_of_items(items: &[Token]) -> Vec<String> {
    let mut names = Vec::new();
    let mut depth = 0_usize;
    let mut is_first = true;
    for token in items {
        match token {
            Token::Close if depth == 0 => break,
            Token::Close => depth -= 1,
            Token::Open => depth += 1,
            Token::Sign(',') if depth == 0 => is_first = true,
            Token::Word(name) if depth == 0 && is_first => {
                names.push(name.clone());
                is_first = false;
            }
            _ => {}
        }
    }
    names
}

// --------------------------------------------------------------------------------------------------------- libraries

/// Uses of libraries outside of their places.
fn misplaced(sources: &[Source]) -> Vec<String> {
    let mut faults = Vec::new();
    for (library, places) in PLACES {
        let is_outside = |source: &&Source| !places.iter().any(|place| is_within(&source.path, place));
        let wrong = sources.iter().filter(is_outside).filter(|source| source.names(library));
        faults.extend(wrong.map(|source| format!("{} uses {library}", source.path)));
    }
    faults
}

fn is_within(path: &str, place: &str) -> bool {
    path.strip_prefix(place).is_some_and(|rest| rest.starts_with(['/', '.']))
}

/// All packages that a package needs, its tests included.
fn needed_by(package: &str, lock: &toml::Table) -> BTreeSet<String> {
    let mut needs: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for entry in lock["package"].as_array().unwrap() {
        let names = entry.get("dependencies").and_then(toml::Value::as_array).into_iter().flatten();
        // With several versions of a package, its version follows the name.
        let names = names.filter_map(|name| name.as_str()?.split(' ').next());
        needs.entry(entry["name"].as_str().unwrap()).or_default().extend(names);
    }
    let mut found = BTreeSet::new();
    let mut open = vec![package];
    while let Some(name) = open.pop() {
        if found.insert(name.to_owned()) {
            open.extend(needs.get(name).into_iter().flatten());
        }
    }
    found
}

// ------------------------------------------------------------------------------------- the check itself finds faults

const LAYERS: &str = "text\n```layers\nmain\nroutes, openapi | jobs\nstore\nconfig\n```\ntext";

fn faults(files: &[(&str, &str)]) -> Vec<String> {
    let mut sources: Vec<Source> = files.iter().map(|(path, text)| Source::new(path, text)).collect();
    for name in ["main.rs", "routes/mod.rs", "openapi.rs", "jobs.rs", "store/mod.rs", "config.rs"] {
        if !sources.iter().any(|source| source.path == name) {
            sources.push(Source::new(name, ""));
        }
    }
    Layers::parse(LAYERS).unwrap().faults(&sources)
}

#[test]
fn a_use_that_runs_up_is_found_however_it_is_written() {
    for upward in [
        "use crate::store::Db;",
        "use crate::{store::{self, Db}, config};",
        "use crate::{config, store};",
        "fn f() -> crate::store::Db { todo!() }",
        "macro_rules! m { () => { $crate::store::now() } }",
        "use super::store::Db;",
        "#[cfg(test)] mod tests { use crate::store; }",
    ] {
        assert_eq!(faults(&[("config.rs", upward)]), ["config.rs uses store"], "{upward}");
    }
    assert_eq!(faults(&[("store/sql/bind.rs", "use super::super::super::routes::X;")]), ["store/sql/bind.rs uses routes"]);
}

#[test]
fn modules_beside_each_other_do_not_use_each_other() {
    assert_eq!(faults(&[("jobs.rs", "use crate::routes;")]), ["jobs.rs uses routes"]);
    assert_eq!(faults(&[("openapi.rs", "use crate::routes;"), ("routes/mod.rs", "use crate::openapi;")]), Vec::<String>::new());
}

#[test]
fn what_runs_down_or_is_no_use_is_right() {
    for right in [
        "// use crate::routes;",
        "/// [`crate::routes`]",
        "const A: &str = \"crate::routes\";",
        "use super::routes;",
        "use super::super::config;",
    ] {
        assert_eq!(faults(&[("store/asset.rs", right)]), Vec::<String>::new(), "{right}");
    }
    assert_eq!(faults(&[("main.rs", "use aiod_api::{routes, config::Config};")]), Vec::<String>::new());
}

#[test]
fn every_module_has_a_place_and_every_place_a_module() {
    assert_eq!(faults(&[("search/mod.rs", "")]), ["search is in no layer"]);
    let layers = Layers::parse("```layers\nmain\nsearch\n```").unwrap();
    assert_eq!(layers.faults(&[Source::new("main.rs", "")]), ["search is a layer, but no module"]);
    assert!(Layers::parse("no list").is_none());
}

#[test]
fn a_library_out_of_its_place_is_found() {
    let sources = |path, text| vec![Source::new(path, text)];
    assert_eq!(misplaced(&sources("config/cors.rs", "use poem::http::HeaderValue;")), ["config/cors.rs uses poem"]);
    assert_eq!(misplaced(&sources("catalogue/read.rs", "#[derive(sqlx::FromRow)] struct Row;")), ["catalogue/read.rs uses sqlx"]);
    assert_eq!(misplaced(&sources("store/asset.rs", "use mysql_async::Pool;")), ["store/asset.rs uses mysql_async"]);
    assert!(misplaced(&sources("store/mysql_load.rs", "use mysql_async::Pool; use sqlx::Row;")).is_empty());
    assert!(misplaced(&sources("server/mod.rs", "poem::Server::new(1)")).is_empty());
}
