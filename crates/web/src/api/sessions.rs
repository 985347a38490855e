//! Signing in and out by the API.

use std::borrow::Cow;

use http::StatusCode;
use http::header::SET_COOKIE;
use serde::{Deserialize, Serialize};
use store::SessionKind;
use utoipa::ToSchema;

use super::answer::{Time, json, nothing, with_status};
use crate::call::Call;
use crate::openapi::Doc;
use crate::problem::{FieldError, Kind, Problem};
use crate::route::{Access, Handled, Route, handler};
use crate::session::{clear_cookie, set_cookie};
use crate::{second_factor, sign_in};

pub(crate) static ROUTES: &[Route] = &[
    Route::post("/api/v1/sessions", Access::Public, handler!(create)).doc(
        Doc::new("Sign in")
            .body::<Credentials<'static>>()
            .created::<Created<'static>>()
            .problems(&[401, 429, 503]),
    ),
    Route::get("/api/v1/session", Access::SignedIn, handler!(view))
        .before_password()
        .doc(Doc::new("Who is signed in").ok::<Staff<'static>>()),
    Route::delete("/api/v1/session", Access::SignedIn, handler!(end))
        .before_password()
        .doc(Doc::new("Sign out everywhere with this session").no_content()),
];

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Credentials<'a> {
    #[serde(borrow)]
    #[schema(value_type = String, example = "C00000003")]
    user: Cow<'a, str>,
    #[serde(borrow)]
    #[schema(value_type = String, format = Password)]
    password: Cow<'a, str>,
    /// Of those who have a second factor: six digits of the app, or a recovery code.
    #[serde(borrow, default)]
    #[schema(value_type = Option<String>, example = "123456")]
    code: Option<Cow<'a, str>>,
}

#[derive(Serialize, ToSchema)]
struct Created<'a> {
    token: String,
    expires_at: Time,
    staff: Staff<'a>,
}

#[derive(Serialize, ToSchema)]
struct Staff<'a> {
    user: &'a str,
    name: &'a str,
    role: &'static str,
}

async fn create(call: Call) -> Handled {
    let given: Credentials<'_> = call.json()?;
    let errors: Vec<_> = [("user", &given.user), ("password", &given.password)]
        .into_iter()
        .filter(|(_, text)| text.is_empty())
        .map(|(field, _)| FieldError::new(field, "must not be empty"))
        .collect();
    if !errors.is_empty() {
        return Err(Problem::invalid(errors));
    }
    let staff = sign_in::check_password(&call, &given.user, &given.password).await?;
    if let Some(factor) = second_factor::confirmed(&call.store, staff.user.clone()).await? {
        let code = given.code.as_deref().filter(|code| !code.is_empty());
        let code = code.ok_or(Kind::CodeMissing)?;
        sign_in::check_code(&call, &staff, &factor, code).await?;
    }
    let signed_in = sign_in::finish(&call, staff, SessionKind::Client).await?;
    let body = Created {
        expires_at: Time(signed_in.expires_at),
        staff: Staff {
            user: signed_in.staff.user.as_str(),
            name: &signed_in.staff.name,
            role: signed_in.staff.role.as_str(),
        },
        token: signed_in.token,
    };
    let mut response = with_status(StatusCode::CREATED, &body);
    if let Some(cookie) = set_cookie(&call.server.config, &body.token) {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    Ok(response)
}

async fn view(call: Call) -> Handled {
    let session = &call.caller()?.session;
    Ok(json(&Staff {
        user: session.user.as_str(),
        name: &session.name,
        role: session.role.as_str(),
    }))
}

async fn end(call: Call) -> Handled {
    call.store.end_own_session(&call.actor()?, call.caller()?.session.id).await?;
    let mut response = nothing();
    if let Some(cookie) = clear_cookie(&call.server.config) {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    Ok(response)
}
