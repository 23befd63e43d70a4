//! Putting the configuration together: defaults, a TOML file, environment variables, flags, each over the one before.

use std::path::Path;

use toml::{Table, Value};

use super::secret::mask;
use super::{Config, ConfigError};

/// What the catalogue's environment variables begin with.
const PREFIX: &str = "AIOD_";
/// Variables that begin so, too, but belong to other programs of the project.
const OTHER_PROGRAMS: [&str; 4] = ["AIOD_CONFIG", "AIOD_CONNECTOR_", "AIOD_STACK_", "AIOD_TEST_"];

impl Config {
    /// Puts the configuration together from a file, environment variables and `KEY=VALUE` settings.
    ///
    /// # Errors
    /// When a key is unknown (the error names the nearest existing one), a value is of the wrong type, or the file cannot be read.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
        settings: &[(String, String)],
    ) -> Result<Self, ConfigError> {
        let mut values = Values::defaults()?;
        if let Some(path) = file {
            values.set_from_file(path)?;
        }
        for (variable, value) in environment {
            values.set_from_variable(&variable, value)?;
        }
        for (key, value) in settings {
            values.set("command line", key, Value::String(value.clone()))?;
        }
        let config: Self = values.into_table().try_into().map_err(|error: toml::de::Error| ConfigError::Shape(error.to_string()))?;
        config.check()?;
        Ok(config)
    }

    /// Every key, such as `database.url`, with its value; secrets are masked.
    ///
    /// # Errors
    /// None that a configuration could cause.
    pub fn entries(&self) -> Result<Vec<(String, Value)>, toml::ser::Error> {
        let table = Table::try_from(self)?;
        Ok(table.into_iter().flat_map(|(section, value)| flatten(section, value)).collect())
    }
}

/// The values of a section with their whole keys; a value without a section stays as it is.
fn flatten(key: String, value: Value) -> Vec<(String, Value)> {
    match value {
        Value::Table(section) => section.into_iter().flat_map(|(name, value)| flatten(format!("{key}.{name}"), value)).collect(),
        value => vec![(key, value)],
    }
}

/// Every key with its value so far.
struct Values(Vec<(String, Value)>);

impl Values {
    /// The default configuration is the one list of the keys that exist. It holds no secrets, so nothing of it is masked.
    fn defaults() -> Result<Self, ConfigError> {
        Config::default().entries().map(Self).map_err(|error| ConfigError::Shape(error.to_string()))
    }

    fn set_from_file(&mut self, path: &Path) -> Result<(), ConfigError> {
        let failed = |message: String| ConfigError::File { path: path.to_owned(), message };
        let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
        let table: Table = text.parse().map_err(|error: toml::de::Error| failed(error.message().to_owned()))?;
        let origin = path.display().to_string();
        for (key, value) in table.into_iter().flat_map(|(section, value)| flatten(section, value)) {
            self.set(&origin, &key, value)?;
        }
        Ok(())
    }

    /// Sets the key of a variable of ours: `AIOD_DATABASE_URL` is `database.url`. Other variables are passed over.
    fn set_from_variable(&mut self, variable: &str, value: String) -> Result<(), ConfigError> {
        let is_ours = variable.starts_with(PREFIX) && !OTHER_PROGRAMS.iter().any(|other| variable.starts_with(other));
        if !is_ours {
            return Ok(());
        }
        let Some(key) = self.keys().find(|key| variable_of(key).eq_ignore_ascii_case(variable)).map(str::to_owned) else {
            return Err(unknown_key("environment", variable, self.keys().map(variable_of)));
        };
        self.set(&format!("environment {variable}"), &key, Value::String(value))
    }

    fn set(&mut self, origin: &str, key: &str, value: Value) -> Result<(), ConfigError> {
        let Some((_, current)) = self.0.iter_mut().find(|(existing, _)| existing == key) else {
            return Err(unknown_key(origin, key, self.keys().map(str::to_owned)));
        };
        *current = convert(value, current).map_err(|WrongType { expected, value }| ConfigError::Value {
            origin: origin.to_owned(),
            key: key.to_owned(),
            expected,
            value,
        })?;
        Ok(())
    }

    fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(key, _)| key.as_str())
    }

    fn into_table(self) -> Table {
        let mut table = Table::new();
        for (key, value) in self.0 {
            insert(&mut table, &key, value);
        }
        table
    }
}

/// Inserts a value by its whole key, and its section where that is missing.
fn insert(table: &mut Table, key: &str, value: Value) {
    match key.split_once('.') {
        None => drop(table.insert(key.to_owned(), value)),
        Some((section, name)) => {
            if let Value::Table(section) = table.entry(section).or_insert_with(|| Value::Table(Table::new())) {
                insert(section, name, value);
            }
        }
    }
}

/// The environment variable of a key.
fn variable_of(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "_").to_uppercase())
}

fn unknown_key(origin: &str, key: &str, existing: impl Iterator<Item = String>) -> ConfigError {
    /// Below this likeness, a suggestion would only confuse.
    const ALIKE: f64 = 0.6;
    let likeness = |other: &str| strsim::jaro_winkler(other.trim_start_matches(PREFIX), key.trim_start_matches(PREFIX));
    let alike = existing.map(|other| (likeness(&other), other)).filter(|(likeness, _)| *likeness > ALIKE);
    let nearest = alike.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, other)| other);
    // Somebody may have written a URL where its key belongs.
    ConfigError::UnknownKey { origin: origin.to_owned(), key: mask(key), nearest }
}

/// A value that cannot be read as the type of its key.
struct WrongType {
    expected: &'static str,
    value: String,
}

impl WrongType {
    fn new(expected: &'static str, value: &Value) -> Self {
        Self { expected, value: value.as_str().map_or_else(|| value.to_string(), str::to_owned) }
    }

    /// Names the type of the value alone: where a text belongs, the value may be a secret.
    fn of_text(expected: &'static str, value: &Value) -> Self {
        Self { expected, value: value.type_str().to_owned() }
    }
}

/// The value in the type of the default. Variables and flags are texts: they are read as what is wanted.
fn convert(value: Value, default: &Value) -> Result<Value, WrongType> {
    match default {
        Value::Integer(_) => to_integer(&value),
        Value::Boolean(_) => to_boolean(&value),
        Value::Array(_) => to_list(value),
        _ if value.is_str() => Ok(value),
        _ => Err(WrongType::of_text("a text", &value)),
    }
}

fn to_integer(value: &Value) -> Result<Value, WrongType> {
    let number = value.as_str().map_or_else(|| value.as_integer(), |text| text.trim().parse().ok());
    let number = number.filter(|number| *number >= 0);
    number.map(Value::Integer).ok_or_else(|| WrongType::new("a whole number, 0 or more", value))
}

fn to_boolean(value: &Value) -> Result<Value, WrongType> {
    let truth = value.as_str().map_or_else(|| value.as_bool(), |text| text.trim().parse().ok());
    truth.map(Value::Boolean).ok_or_else(|| WrongType::new("true or false", value))
}

/// A list of texts; a text is split at its commas.
fn to_list(value: Value) -> Result<Value, WrongType> {
    match value {
        Value::String(text) => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            Ok(Value::Array(items.map(Value::from).collect()))
        }
        Value::Array(items) if items.iter().all(Value::is_str) => Ok(Value::Array(items)),
        value => Err(WrongType::of_text("a list of texts", &value)),
    }
}
