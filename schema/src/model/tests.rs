//! Each attribute of a declaration on made-up types, and what all types of the model have in common.

use super::*;
use crate::Model as DeriveModel;
use crate::identifier::MAX_PLATFORM_IDENTIFIER;
use crate::resource::common::Concept;
use crate::vocabulary::KEYWORD;

/// What every vehicle has.
#[derive(Default, serde::Deserialize, DeriveModel)]
struct Vehicle {
    #[field(role = Name, required, max = 10)]
    _name: String,
    /// Who
    /// drives.
    #[field(personal, needs_login, min = 2)]
    driver: Option<String>,
    #[field(digits(2, 1))]
    _load: Option<f64>,
}

#[derive(serde::Deserialize, DeriveModel)]
#[model(closed, title = "Lorry")]
struct Truck {
    #[serde(flatten)]
    #[field(overrides(_name, personal, max = 20), overrides(driver, required))]
    _vehicle: Vehicle,
    #[field(link = "contact, ai_asset")]
    owner: Vec<String>,
    #[field(read_only, embeds = "owner", v2_alias = "holders")]
    _owners: Vec<Vehicle>,
    #[field(term = "keyword")]
    _keyword: Vec<String>,
    #[field(role = PlatformIdentifier, max = MAX_PLATFORM_IDENTIFIER)]
    _key: Option<String>,
    #[field(platform)]
    _platform: Option<String>,
    #[field(blob)]
    _picture: Option<String>,
}

fn field(name: &str) -> &'static Field {
    Truck::object().field(name).unwrap()
}

#[test]
fn attributes_stand_in_the_table() {
    let object = Vehicle::object();
    assert_eq!((object.title, object.doc, object.closed), ("Vehicle", "What every vehicle has.", false));
    let [name, driver, load] = &object.fields[..] else { unreachable!() };
    assert_eq!((load.digits, load.digits.map(Digits::greatest)), (Some(Digits { before: 2, after: 1 }), Some(99.9)));
    assert_eq!((name.role, name.required, name.max_length), (Some(Role::Name), true, Some(10)));
    assert!(!name.personal && !name.needs_login && !name.read_only && name.embeds.is_none());
    assert_eq!((driver.doc, driver.min_length, driver.max_length), ("Who drives.", Some(2), None));
    assert!(driver.personal && driver.needs_login && !driver.required);
    assert_eq!((Truck::object().title, Truck::object().closed), ("Lorry", true));
    assert_eq!((field("_owners").embeds, field("_owners").v2_alias), (Some("owner"), Some("holders")));
    assert!(field("_owners").read_only && field("_owners").list && !field("_platform").list);
    assert_eq!(field("_key").max_length, Some(MAX_PLATFORM_IDENTIFIER));
}

#[test]
fn attributes_say_what_a_value_is() {
    assert!(matches!(field("owner").kind, Kind::Link(["contact", "ai_asset"])));
    assert_eq!(field("_keyword").vocabulary().map(|v| v.name), Some(KEYWORD.name));
    assert!(field("owner").vocabulary().is_none());
    assert!(matches!(field("_platform").kind, Kind::Platform) && matches!(field("_picture").kind, Kind::Blob));
    assert!(matches!(field("_owners").kind, Kind::Object(object) if object().title == "Vehicle"));
    assert_eq!(Truck::object().field_with(Role::PlatformIdentifier).map(|f| f.name), Some("_key"));
    assert!(Truck::object().field_with(Role::Files).is_none());
}

#[test]
fn fields_of_a_flattened_struct_differ_where_they_are_overridden() {
    let (name, driver) = (field("_name"), field("driver"));
    assert_eq!((name.personal, name.max_length, name.required, name.role), (true, Some(20), true, Some(Role::Name)));
    assert!(driver.required && driver.needs_login);
    assert!(!Vehicle::object().fields[0].personal && !Vehicle::object().fields[1].required);
    assert_eq!(Truck::object().fields.len(), 9);
}

#[test]
fn targets_of_links_are_types_and_groups() {
    let is_target = |target: &str| by_name(target).is_some() || Group::ALL.iter().any(|group| group.name() == target);
    for resource in resource_types() {
        for field in resource.links() {
            let Kind::Link(targets) = field.kind else { unreachable!() };
            assert!(!targets.is_empty() && targets.iter().all(|target| is_target(target)), "{resource:?} {field:?}");
            assert!(targets.iter().all(|target| resource_types().iter().any(|r| r.is_a(target))), "{resource:?} {field:?}");
        }
    }
}

#[test]
fn every_type_has_the_fields_that_the_catalogue_needs() {
    for resource in resource_types() {
        for role in [Role::Identifier, Role::PlatformIdentifier, Role::Name, Role::Entry] {
            assert_eq!(resource.object.fields.iter().filter(|f| f.role == Some(role)).count(), 1, "{resource:?} {role:?}");
        }
        let entry = resource.field_with(Role::Entry).unwrap();
        let Kind::Object(entry) = entry.kind else { panic!("{entry:?} is no object") };
        for role in [Role::Editors, Role::Status, Role::DateModified, Role::DateCreated] {
            assert!(entry().field_with(role).is_some(), "{resource:?} {role:?}");
        }
        assert!(!resource.images || resource.field_with(Role::Images).is_some(), "{resource:?}");
        assert_eq!(resource.has_files(), resource.class == Class::Asset, "{resource:?}");
    }
    assert!(Concept::object().fields.iter().any(|f| matches!(f.kind, Kind::Platform)));
}

#[test]
fn what_is_shown_in_full_are_links_to_one_type() {
    for resource in resource_types() {
        for field in resource.object.fields.iter().filter(|f| f.embeds.is_some()) {
            let link = field.embeds.and_then(|link| resource.object.field(link)).unwrap();
            let (Kind::Link([target]), Kind::Object(object)) = (link.kind, field.kind) else { panic!("{field:?}") };
            assert!(field.read_only && field.list && link.list, "{field:?}");
            assert_eq!(by_name(target).unwrap().object.title, object().title, "{field:?}");
        }
    }
    let dataset = by_name("dataset").unwrap();
    assert_eq!(dataset.object.fields.iter().filter_map(|f| f.embeds).collect::<Vec<_>>(), ["contact"]);
}

#[test]
fn what_may_be_masked_can_be_put_back() {
    for field in resource_types().iter().flat_map(|resource| &resource.object.fields).filter(|field| field.is_masked()) {
        // Other values would be left out instead, and whoever puts back what they read would lose them.
        assert!(matches!(field.kind, Kind::Text | Kind::Term(_)), "{field:?}");
    }
}
