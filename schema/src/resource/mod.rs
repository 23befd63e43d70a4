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

        /// What a link may point at: the names of the types and of groups of them. `link = "…"` of a field names a constant of this
        /// module, so that a target that does not exist does not compile.
        #[allow(non_upper_case_globals, reason = "they are spelled as the names that they hold")]
        pub mod target {
            $(
                #[doc = concat!("Resources of the type `", stringify!($module), "`.")]
                pub const $module: &str = stringify!($module);
            )*
            /// All AI assets.
            pub const ai_asset: &str = "ai_asset";
            /// All AI resources, which are all but contacts.
            pub const ai_resource: &str = "ai_resource";
            /// Persons and organisations.
            pub const agent: &str = "agent";
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
