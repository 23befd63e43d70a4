//! All operations: one line for each group.

use std::sync::Arc;

use poem::{Route, RouteMethod};

use super::Version;
use super::batch::BatchRoutes;
use super::bookmark::BookmarkRoutes;
use super::count::{CountRoutes, TypeCountRoutes};
use super::file::FileRoutes;
use super::image::ImageRoutes;
use super::middleware::completed;
use super::parent::{AssetRoutes, ParentRoutes};
use super::permission::PermissionRoutes;
use super::platform::{PlatformRoutes, TypePlatformRoutes};
use super::resource::ResourceRoutes;
use super::review::{ReviewRoutes, SubmitRoutes};
use super::revision::RevisionRoutes;
use super::search::{SearchRoutes, SimilarRoutes, TypeSearchRoutes};
use super::statistics::StatisticsRoutes;
use super::template::{AnyGroup, InterfaceError, RouteTable};
use super::user::UserRoutes;
use super::vocabulary::VocabularyRoutes;
use crate::app::App;

/// Every group of operations, in the order in which people need them: so the documentation shows them.
pub(super) const GROUPS: &[AnyGroup] = &[
    AnyGroup::of::<ResourceRoutes>(),
    AnyGroup::of::<RevisionRoutes>(),
    AnyGroup::of::<FileRoutes>(),
    AnyGroup::of::<ImageRoutes>(),
    AnyGroup::of::<SubmitRoutes>(),
    AnyGroup::of::<TypePlatformRoutes>(),
    AnyGroup::of::<BatchRoutes>(),
    AnyGroup::of::<TypeCountRoutes>(),
    AnyGroup::of::<TypeSearchRoutes>(),
    AnyGroup::of::<SimilarRoutes>(),
    AnyGroup::of::<SearchRoutes>(),
    AnyGroup::of::<AssetRoutes>(),
    AnyGroup::of::<PermissionRoutes>(),
    AnyGroup::of::<ReviewRoutes>(),
    AnyGroup::of::<UserRoutes>(),
    AnyGroup::of::<BookmarkRoutes>(),
    AnyGroup::of::<PlatformRoutes>(),
    AnyGroup::of::<CountRoutes>(),
    AnyGroup::of::<StatisticsRoutes>(),
    AnyGroup::of::<VocabularyRoutes>(),
    AnyGroup::of::<ParentRoutes>(),
];

/// The endpoints of all versions that are served.
pub(super) fn routes(app: &Arc<App>) -> Result<Route, InterfaceError> {
    Version::check_retired(&app.config.versions)?;
    let mut table = RouteTable::new();
    for version in Version::ALL.into_iter().filter(|version| version.is_served(&app.config.versions)) {
        for group in GROUPS {
            (group.serve)(app, version, &mut table)?;
        }
    }
    completed(table)?.into_iter().try_fold(Route::new(), |route, (path, methods)| {
        let of_path = methods.into_iter().fold(RouteMethod::new(), |of_path, (method, endpoint)| of_path.method(method, endpoint));
        route.try_at(&path, of_path).map_err(|source| InterfaceError::Path { path, source })
    })
}
