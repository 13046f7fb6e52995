//! Requests to a registry (OCI distribution 1.1), with the tokens it asks for.

use std::cell::RefCell;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, LOCATION, WWW_AUTHENTICATE};
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use serde_json::Value;

use super::super::address::{self, Origin};
use super::super::credentials::Login;
use super::super::web::{self, Web, WebError, basic};
use super::challenge::{Challenge, encoded};

/// The most of a token's answer, of a list of tags and of a manifest.
pub(super) const DOCUMENT_MOST: usize = 16 * 1024 * 1024;
/// How many redirects of a blob are followed.
const REDIRECTS: usize = 10;

/// What went wrong with a registry.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RegistryError {
    /// The way there.
    #[error(transparent)]
    Web(#[from] WebError),
    /// It said no.
    #[error("{method} {address}: the registry answers {status}{words}")]
    Refused { method: Method, address: String, status: StatusCode, words: String },
    /// It asks for what we cannot or will not give.
    #[error("{0}")]
    Challenge(String),
    /// What it gave is not what it promised.
    #[error("{0}")]
    Wrong(String),
}

/// One request.
pub(super) struct Call<'a> {
    pub(super) method: Method,
    pub(super) address: String,
    pub(super) accept: Option<&'a str>,
    pub(super) content: Option<(&'a str, Bytes)>,
}

impl Call<'_> {
    /// A GET.
    pub(super) fn get(address: String) -> Self {
        Self { method: Method::GET, address, accept: None, content: None }
    }
}

/// A registry, spoken to as somebody.
pub(crate) struct Client {
    web: Web,
    base: String,
    login: Option<Login>,
    /// What the registry took last.
    authorization: RefCell<Option<HeaderValue>>,
}

impl Client {
    pub(crate) fn new(web: Web, server: &str, plain: bool, login: Option<Login>) -> Self {
        let scheme = if plain { "http" } else { "https" };
        Self { web, base: format!("{scheme}://{server}"), login, authorization: RefCell::new(None) }
    }

    /// The address of a path of the registry.
    pub(super) fn address(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Asks, proves who we are if the registry wants to know, and asks again.
    pub(super) async fn call(&self, call: &Call<'_>) -> Result<Response<Incoming>, RegistryError> {
        let answer = self.try_once(call).await?;
        if answer.status() != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        let mut challenges = answer.headers().get_all(WWW_AUTHENTICATE).iter();
        let challenge = challenges.find_map(|value| Challenge::parse(value.to_str().ok()?));
        let Some(challenge) = challenge else { return Ok(answer) };
        let authorization = match challenge {
            Challenge::Basic => self.login.as_ref().and_then(|login| basic(&login.username, &login.password)),
            Challenge::Bearer { realm, service, scope } => Some(self.token(&realm, &service, &scope).await?),
        };
        let Some(authorization) = authorization else { return Ok(answer) };
        *self.authorization.borrow_mut() = Some(authorization);
        self.try_once(call).await
    }

    /// One try. Redirects are followed for what is only read, without telling another host who we are.
    async fn try_once(&self, call: &Call<'_>) -> Result<Response<Incoming>, RegistryError> {
        let mut uri = address::read(&call.address).map_err(WebError::from)?.0;
        let home = address::read(&self.base).ok().and_then(|(uri, _)| Origin::of(&uri));
        for _ in 0..=REDIRECTS {
            let answer = self.web.send(self.request(call, &uri, &home)?).await?;
            let reads = matches!(call.method, Method::GET | Method::HEAD);
            let location =
                answer.headers().get(LOCATION).filter(|_| reads && answer.status().is_redirection());
            let Some(location) = location.and_then(|value| value.to_str().ok()) else { return Ok(answer) };
            uri = address::read(&address::redirected(&uri, location)).map_err(WebError::from)?.0;
        }
        Err(RegistryError::Wrong(format!("{}: stopped after {REDIRECTS} redirects", call.address)))
    }

    fn request(
        &self,
        call: &Call<'_>,
        uri: &Uri,
        home: &Option<Origin>,
    ) -> Result<Request<Full<Bytes>>, RegistryError> {
        let mut request = Request::builder().method(call.method.clone()).uri(uri.clone());
        if let Some(accept) = call.accept {
            request = request.header(ACCEPT, accept);
        }
        if let Some(value) = self.authorization.borrow().clone().filter(|_| Origin::of(uri) == *home) {
            request = request.header(AUTHORIZATION, value);
        }
        let body = match &call.content {
            Some((kind, bytes)) => {
                request = request.header(CONTENT_TYPE, *kind);
                bytes.clone()
            }
            None => Bytes::new(),
        };
        request
            .body(Full::new(body))
            .map_err(|error| RegistryError::Wrong(format!("{}: {error}", call.address)))
    }

    /// A token for a scope, from where the registry sends us.
    async fn token(&self, realm: &str, service: &str, scope: &str) -> Result<HeaderValue, RegistryError> {
        if self.base.starts_with("https://") && !realm.starts_with("https://") {
            return Err(RegistryError::Challenge(format!(
                "the registry wants tokens from {}, which is not encrypted; nothing is sent there",
                address::shown(realm)
            )));
        }
        if let Some(login) = self.login.as_ref().filter(|login| !login.access_token.is_empty()) {
            return bearer(&login.access_token);
        }
        let uri = |address: &str| address::read(address).map(|(uri, _)| uri).map_err(WebError::from);
        let request = match self.login.as_ref().filter(|login| !login.refresh_token.is_empty()) {
            Some(login) => {
                let form = format!(
                    "grant_type=refresh_token&service={}&client_id=backstay&scope={}&refresh_token={}",
                    encoded(service),
                    encoded(scope),
                    encoded(&login.refresh_token)
                );
                Request::post(uri(realm)?)
                    .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                    .body(Full::new(Bytes::from(form)))
            }
            None => {
                let join = if realm.contains('?') { '&' } else { '?' };
                let mut address = format!("{realm}{join}service={}", encoded(service));
                for one in scope.split(' ').filter(|one| !one.is_empty()) {
                    address.push_str("&scope=");
                    address.push_str(&encoded(one));
                }
                let mut request = Request::get(uri(&address)?);
                let login = self.login.as_ref();
                if let Some(value) = login.and_then(|login| basic(&login.username, &login.password)) {
                    request = request.header(AUTHORIZATION, value);
                }
                request.body(Full::default())
            }
        };
        let request = request.map_err(|error| RegistryError::Challenge(error.to_string()))?;
        let answer = self.web.send(request).await?;
        if !answer.status().is_success() {
            let status = answer.status();
            return Err(RegistryError::Refused {
                method: Method::GET,
                address: address::shown(realm),
                status,
                words: "; is the log-in right? (`backstay registry login`)".to_owned(),
            });
        }
        let body = web::body(answer, DOCUMENT_MOST).await.map_err(RegistryError::Wrong)?;
        let document: Value = serde_json::from_slice(&body).unwrap_or_default();
        let token = ["token", "access_token"].iter().find_map(|key| document.get(key)?.as_str());
        bearer(token.ok_or_else(|| {
            RegistryError::Challenge(format!("{} answered without a token", address::shown(realm)))
        })?)
    }
}

fn bearer(token: &str) -> Result<HeaderValue, RegistryError> {
    let value = HeaderValue::from_str(&format!("Bearer {token}"));
    let mut value = value.map_err(|_| RegistryError::Challenge("the token cannot be sent".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// An answer that says no as an error, with the registry's own words.
pub(super) async fn refused(call: &Call<'_>, answer: Response<Incoming>) -> RegistryError {
    let status = answer.status();
    let body = web::body(answer, DOCUMENT_MOST).await.unwrap_or_default();
    let document: Value = serde_json::from_slice(&body).unwrap_or_default();
    let mut words = String::new();
    for error in document.get("errors").and_then(Value::as_array).into_iter().flatten() {
        let text = |key: &str| error.get(key).and_then(Value::as_str).unwrap_or_default().to_lowercase();
        words = format!("{words}: {}: {}", text("code"), text("message"));
    }
    if status == StatusCode::UNAUTHORIZED && words.is_empty() {
        words = "; log in with `backstay registry login`".to_owned();
    }
    RegistryError::Refused {
        method: call.method.clone(),
        address: address::shown(&call.address),
        status,
        words,
    }
}
