//! Looking up users of the realm.

use std::time::{Duration, Instant};

use openidconnect::core::CoreClient;
use openidconnect::http::{Method, Request, StatusCode, header};
use openidconnect::url::Url;
use openidconnect::{AccessToken, OAuth2TokenResponse};
use serde::Deserialize;

use super::Provider;
use crate::identity::ProviderError;

/// A token of our own is renewed this long before it ends.
const OWN_TOKEN_MARGIN: Duration = Duration::from_secs(10);

/// A user of the realm.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(in crate::identity) struct RealmUser {
    /// The subject of the user's tokens.
    pub(in crate::identity) id: String,
    /// The user's name.
    pub(in crate::identity) username: String,
}

/// A token by which we look up users, and when it is renewed.
#[derive(Debug)]
pub(super) struct OwnToken {
    token: AccessToken,
    renewed_at: Instant,
}

impl Provider {
    /// Whether users can be looked up: that takes a secret of ours.
    pub(in crate::identity) fn knows_users(&self) -> bool {
        self.secret.is_some()
    }

    /// The user with this id or name. Without a secret of ours nobody is found.
    ///
    /// # Errors
    /// When the provider cannot be asked, or does not let us look.
    pub(in crate::identity) async fn find_user(&self, text: &str) -> Result<Option<RealmUser>, ProviderError> {
        if self.secret.is_none() {
            return Ok(None);
        }
        let users = if is_uuid(text) { self.user_by_id(text).await? } else { self.users_by_name(text).await? };
        // Keycloak keeps names in lower case, and finds them by any spelling.
        Ok(users.into_iter().find(|user| user.id == text || user.username.eq_ignore_ascii_case(text)))
    }

    /// Whether there is a user with this id, whatever ids look like: those of users from elsewhere are no UUIDs.
    ///
    /// # Errors
    /// When the provider cannot be asked, or does not let us look.
    pub(in crate::identity) async fn has_user(&self, id: &str) -> Result<bool, ProviderError> {
        Ok(self.get_users(Some(id), &[]).await?.is_some())
    }

    async fn user_by_id(&self, id: &str) -> Result<Vec<RealmUser>, ProviderError> {
        let Some(body) = self.get_users(Some(id), &[]).await? else { return Ok(Vec::new()) };
        serde_json::from_slice(&body).map(|user| vec![user]).map_err(|e| ProviderError::of(&e))
    }

    async fn users_by_name(&self, name: &str) -> Result<Vec<RealmUser>, ProviderError> {
        let Some(body) = self.get_users(None, &[("username", name), ("exact", "true")]).await? else { return Ok(Vec::new()) };
        serde_json::from_slice(&body).map_err(|e| ProviderError::of(&e))
    }

    /// The body of an answer of the realm's list of users, or of one of them; nothing for 404.
    async fn get_users(&self, id: Option<&str>, query: &[(&str, &str)]) -> Result<Option<Vec<u8>>, ProviderError> {
        let url = self.url_of_users(id, query)?;
        let token = self.own_token().await?;
        let request = Request::builder().method(Method::GET).uri(url.as_str()).header(header::ACCEPT, "application/json");
        let request = request.header(header::AUTHORIZATION, format!("Bearer {}", token.secret()));
        let request = request.body(Vec::new()).map_err(|e| ProviderError::of(&e))?;
        let answer = self.http.send(request).await?;
        match answer.status() {
            StatusCode::OK => Ok(Some(answer.into_body())),
            StatusCode::NOT_FOUND => Ok(None),
            status => {
                // The token may have been revoked: the next request gets a new one.
                self.own_token.lock().await.take();
                let client = self.client_id.as_str();
                Err(ProviderError::new(format!("looking up a user answered {status}; the client '{client}' needs the role view-users")))
            }
        }
    }

    fn url_of_users(&self, id: Option<&str>, query: &[(&str, &str)]) -> Result<Url, ProviderError> {
        let mut url = Url::parse(&self.users_url).map_err(|e| ProviderError::of(&e))?;
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.extend(id);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }

    /// A token for ourselves: the one that we have, or a new one.
    async fn own_token(&self) -> Result<AccessToken, ProviderError> {
        let mut own = self.own_token.lock().await;
        if let Some(OwnToken { token, .. }) = own.as_ref().filter(|own| Instant::now() < own.renewed_at) {
            return Ok(token.clone());
        }
        let description = self.discovery.current_or_fetched(&self.http).await?;
        let client = CoreClient::from_provider_metadata(description.metadata.clone(), self.client_id.clone(), self.secret.clone());
        let request = client.exchange_client_credentials().map_err(|e| ProviderError::of(&e))?;
        let answer = request.request_async(&self.http).await.map_err(|e| ProviderError::of(&e))?;
        let token = answer.access_token().clone();
        let lifetime = answer.expires_in().unwrap_or_default().saturating_sub(OWN_TOKEN_MARGIN);
        *own = Some(OwnToken { token: token.clone(), renewed_at: Instant::now() + lifetime });
        Ok(token)
    }
}

fn is_uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    lengths == [8, 4, 4, 4, 12] && groups.iter().all(|group| group.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_told_from_a_name() {
        assert!(is_uuid("6f1b8a0e-3d9c-4a51-9a5d-0b6f0e1c2d3e"));
        assert!(!is_uuid("user") && !is_uuid("6f1b8a0e-3d9c-4a51-9a5d-0b6f0e1c2d3g"));
    }
}
