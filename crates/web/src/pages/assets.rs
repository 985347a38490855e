//! Style, scripts and icon: in the program itself, cached for ever under a name with their hash.

use std::sync::LazyLock;

use axum::body::Body;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderValue, StatusCode};
use sha2::{Digest, Sha256};

use crate::call::Call;
use crate::problem::Kind;
use crate::route::{Access, Handled, Route, handler};

pub(super) static ROUTES: &[Route] =
    &[Route::get("/assets/{file}", Access::Public, handler!(serve))];

/// A file that is part of the program.
pub(super) struct Asset {
    name: &'static str,
    content_type: &'static str,
    bytes: &'static [u8],
    /// The path with the hash, and the entity tag.
    names: LazyLock<(String, String)>,
}

macro_rules! asset {
    ($name:literal, $content_type:literal) => {
        Asset {
            name: $name,
            content_type: $content_type,
            bytes: include_bytes!(concat!("../../assets/", $name)),
            names: LazyLock::new(|| {
                let bytes = include_bytes!(concat!("../../assets/", $name));
                let digest = Sha256::digest(bytes);
                let hash = URL_SAFE_NO_PAD.encode(digest.get(..9).unwrap_or_default());
                (format!("/assets/{}?v={hash}", $name), format!("\"{hash}\""))
            }),
        }
    };
}

pub(super) static STYLE: Asset = asset!("ballast.css", "text/css; charset=utf-8");
pub(super) static HTMX: Asset = asset!("htmx.min.js", "text/javascript; charset=utf-8");
pub(super) static SCRIPT: Asset = asset!("ballast.js", "text/javascript; charset=utf-8");
pub(super) static ICON: Asset = asset!("ballast.svg", "image/svg+xml");

impl Asset {
    pub(super) fn path(&'static self) -> &'static str {
        &self.names.0
    }
}

async fn serve(call: Call) -> Handled {
    let file = call.parameter();
    let asset = [&STYLE, &HTMX, &SCRIPT, &ICON].into_iter().find(|asset| asset.name == file);
    let asset = asset.ok_or(Kind::NotFound)?;
    let (path, tag) = &*asset.names;
    let known =
        call.headers.get(IF_NONE_MATCH).is_some_and(|given| given.as_bytes() == tag.as_bytes());
    let mut response = if known {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        Response::new(Body::from(asset.bytes))
    };
    let exact = call.uri.path_and_query().is_some_and(|given| given.as_str() == path);
    let cache = if exact { "public, max-age=31536000, immutable" } else { "no-cache" };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(cache));
    if let Ok(tag) = HeaderValue::try_from(tag) {
        headers.insert(ETAG, tag);
    }
    Ok(response)
}
