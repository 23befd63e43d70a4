//! The resource types: one file each, what they share in [`common`] and [`embedded`].

pub mod common;
pub mod embedded;

use crate::model::{Resource, ResourceType};

macro_rules! registry {
    ($($module:ident :: $name:ident),* $(,)?) => {
        $(mod $module; pub use $module::$name;)*

        /// Every resource type. A new type is its file and one line here.
        pub(crate) fn registry() -> Vec<ResourceType> {
            vec![$($name::resource_type()),*]
        }
    };
}

registry![
    case_study::CaseStudy,
    computational_asset::ComputationalAsset,
    contact::Contact,
    dataset::Dataset,
    educational_resource::EducationalResource,
    event::Event,
    experiment::Experiment,
    ml_model::MlModel,
    news::News,
    organisation::Organisation,
    person::Person,
    project::Project,
    publication::Publication,
    service::Service,
    team::Team,
    resource_bundle::ResourceBundle,
];
