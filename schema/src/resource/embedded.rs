//! Objects that stand inside resources.

use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::identifier::MAX_PLATFORM_IDENTIFIER;
use crate::platform::MAX_NAME;
use crate::{Model, Status};

/// How a resource is administered in the catalogue; its status and dates are added when it is read.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Model)]
#[serde(default)]
#[model(closed, title = "AIoDEntry")]
pub struct Entry {
    /// Identifiers of the persons who look after the resource's metadata.
    #[field(role = Editors, link = "person")]
    pub editor: Vec<String>,
    /// Where the resource stands between registration and publication.
    #[field(role = Status, read_only)]
    pub status: Option<Status>,
    /// When its metadata last changed, in UTC.
    #[field(role = DateModified, read_only)]
    pub date_modified: Option<NaiveDateTime>,
    /// When it was registered, in UTC.
    #[field(role = DateCreated, read_only)]
    pub date_created: Option<NaiveDateTime>,
}

/// A text, plain, as HTML, or both.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Model)]
#[serde(default)]
pub struct Text {
    /// The text without any markup.
    #[field(max = 65535)]
    pub plain: Option<String>,
    /// The text as HTML.
    #[field(max = 65535)]
    pub html: Option<String>,
}

/// A remark.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Model)]
#[serde(default)]
pub struct Note {
    /// The remark.
    #[field(required, max = 8000)]
    pub value: String,
}

/// How large a dataset is.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Model)]
#[serde(default)]
pub struct DatasetSize {
    /// What is counted, such as `instances` or `bytes`.
    #[field(max = 64)]
    pub unit: Option<String>,
    /// How many there are.
    pub value: Option<i64>,
}

/// A postal address.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Model)]
#[serde(default)]
pub struct Address {
    /// State, county or province.
    #[field(max = 256)]
    pub region: Option<String>,
    /// City or village.
    #[field(max = 256)]
    pub locality: Option<String>,
    /// Street and number.
    #[field(max = 256)]
    pub street: Option<String>,
    /// Postal code.
    #[field(max = 64)]
    pub postal_code: Option<String>,
    /// The address as one text.
    #[field(max = 256)]
    pub address: Option<String>,
    /// The country, by its English name in ISO 3166-1.
    #[field(term = "country", max = 256)]
    pub country: Option<String>,
}

/// A point on the earth.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Model)]
#[serde(default)]
pub struct Geo {
    /// Degrees north, WGS 84.
    pub latitude: Option<f64>,
    /// Degrees east, WGS 84.
    pub longitude: Option<f64>,
    /// Millimetres above sea level.
    pub elevation_millimeters: Option<i64>,
}

/// A place, by address, by coordinates, or both.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Model)]
#[serde(default)]
pub struct Location {
    /// Its postal address.
    pub address: Option<Address>,
    /// Its coordinates.
    pub geo: Option<Geo>,
}

/// A file in which a resource can be had.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Model)]
#[serde(default)]
pub struct Distribution {
    /// The platform that the file lies on; it stands together with `platform_resource_identifier`.
    #[field(platform, max = MAX_NAME)]
    pub platform: Option<String>,
    /// How that platform identifies the file.
    #[field(role = PlatformIdentifier, max = MAX_PLATFORM_IDENTIFIER)]
    pub platform_resource_identifier: Option<String>,
    /// The file's checksum.
    #[field(max = 1800)]
    pub checksum: Option<String>,
    /// How the checksum is computed, such as `sha256`.
    #[field(max = 64)]
    pub checksum_algorithm: Option<String>,
    /// Who holds the rights.
    #[field(max = 256)]
    pub copyright: Option<String>,
    /// Where the file can be downloaded.
    #[field(role = DownloadUrl, max = 1800)]
    pub content_url: Option<String>,
    /// The file's size in kilobytes.
    pub content_size_kb: Option<i64>,
    /// When the file was published, in UTC.
    pub date_published: Option<NaiveDateTime>,
    /// What the file is.
    #[field(max = 1800)]
    pub description: Option<String>,
    /// The file's media type, such as `text/csv`.
    #[field(max = 256)]
    pub encoding_format: Option<String>,
    /// The file's name.
    #[field(max = 256)]
    pub name: Option<String>,
    /// How mature the technology is, from 1 to 9.
    pub technology_readiness_level: Option<i64>,
    /// The file itself in base64. Only given out, and only for images that were asked for.
    #[field(blob)]
    pub binary_blob: Option<String>,
}

/// A file that can be run, and what it takes to run it.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Model)]
#[serde(default)]
pub struct RunnableDistribution {
    /// What every file has.
    #[serde(flatten)]
    #[field(overrides(content_url, max = 256))]
    pub file: Distribution,
    /// A script that installs it.
    #[field(max = 256)]
    pub installation_script: Option<String>,
    /// How to install it.
    #[field(max = 1800)]
    pub installation: Option<String>,
    /// How long installing takes, in milliseconds.
    pub installation_time_milliseconds: Option<i64>,
    /// A script that deploys it.
    #[field(max = 256)]
    pub deployment_script: Option<String>,
    /// How to deploy it.
    #[field(max = 1800)]
    pub deployment: Option<String>,
    /// How long deploying takes, in milliseconds.
    pub deployment_time_milliseconds: Option<i64>,
    /// The operating system that it needs.
    #[field(max = 256)]
    pub os_requirement: Option<String>,
    /// The software that it needs.
    #[field(max = 256)]
    pub dependency: Option<String>,
    /// The hardware that it needs.
    #[field(max = 256)]
    pub hardware_requirement: Option<String>,
}
