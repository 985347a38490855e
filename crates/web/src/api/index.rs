//! What the API offers: JSON for programs, a page for people.

use serde::Serialize;

use super::answer::json;
use crate::call::Call;
use crate::openapi::Doc;
use crate::pages;
use crate::route::{Access, Handled, Route, handler, table};

pub(crate) static ROUTES: &[Route] = &[
    Route::get("/api", Access::Public, handler!(index))
        .doc(Doc::new("What the API offers").ok::<Index>()),
    Route::get("/api/v1", Access::Public, handler!(index))
        .doc(Doc::new("What the API offers").ok::<Index>()),
];

#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = ApiIndex)]
struct Index {
    name: &'static str,
    version: &'static str,
    openapi: &'static str,
    routes: Vec<Row>,
}

/// A route as the index shows it.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = ApiRoute)]
pub(crate) struct Row {
    pub(crate) method: String,
    pub(crate) path: &'static str,
    pub(crate) summary: &'static str,
    /// Who may call it.
    pub(crate) roles: String,
}

async fn index(call: Call) -> Handled {
    let mut response = if call.wants_page() {
        pages::api_index::answer(&call, rows())?
    } else {
        json(&Index {
            name: "Ballast",
            version: env!("CARGO_PKG_VERSION"),
            openapi: "/openapi.json",
            routes: rows(),
        })
    };
    response.headers_mut().insert(http::header::VARY, http::HeaderValue::from_static("accept"));
    Ok(response)
}

fn rows() -> Vec<Row> {
    let documented = table().iter().filter_map(|route| Some((route, route.doc.as_ref()?)));
    documented
        .map(|(route, doc)| Row {
            method: route.verb().method().to_string(),
            path: route.path(),
            summary: doc.summary(),
            roles: match route.access() {
                Access::Public | Access::Operator => "anybody".to_owned(),
                Access::SignedIn => "all staff".to_owned(),
                Access::Roles(roles) => {
                    let roles: Vec<_> = roles.iter().map(|role| role.as_str()).collect();
                    roles.join(", ")
                }
            },
        })
        .collect()
}
