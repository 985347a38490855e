//! Signing in and out with a browser.

use askama::Template;
use http::StatusCode;
use http::header::SET_COOKIE;
use store::SessionKind;

use super::form::{self, Input, fill};
use super::layout::{Layout, Notice};
use super::{page, see_other};
use crate::call::Call;
use crate::fields::Fields;
use crate::problem::{FieldError, Problem};
use crate::route::{Access, Handled, Route, handler};
use crate::session::{clear_cookie, identify, set_cookie};
use crate::sign_in;

pub(super) static ROUTES: &[Route] = &[
    Route::get("/sign-in", Access::Public, handler!(form)),
    Route::post("/sign-in", Access::Public, handler!(submit)),
    Route::post("/sign-out", Access::SignedIn, handler!(sign_out)).before_password(),
];

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    layout: Layout,
    notice: Option<Notice>,
    next: String,
    inputs: Vec<Input>,
}

/// A page of ours: a path, and nothing that a browser could read as another host.
pub(super) fn safe(next: &str) -> &str {
    let own = next.starts_with('/')
        && !next.starts_with("//")
        && next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if own { next } else { "/" }
}

async fn form(call: Call) -> Handled {
    let query = call.query();
    let next = safe(query.get("next"));
    if identify(&call.server.store, &call.server.config, &call.headers).await?.is_some() {
        return Ok(see_other(next));
    }
    show(&call, &query, None)
}

fn show(call: &Call, typed: &Fields, problem: Option<&Problem>) -> Handled {
    let mut inputs = [
        Input {
            autocomplete: "username",
            hint: "Such as C00000001",
            ..Input::text("user", "User", 64)
        },
        Input {
            kind: "password",
            autocomplete: "current-password",
            ..Input::text("password", "Password", 128)
        },
    ];
    fill(&mut inputs, typed, problem.map_or(&[], |problem| &problem.errors));
    if let Some(password) = inputs.last_mut() {
        password.value.clear();
    }
    let notice = problem.map(|problem| match problem.word {
        "sign-in-refused" => Notice::bad("Wrong user or password", "Nobody was signed in."),
        "sign-in-locked" => Notice::bad(
            "Too many failed sign-ins",
            format!("Try again in {} seconds.", problem.retry_after_seconds.unwrap_or(1)),
        ),
        "validation" => Notice::bad("Please fill in both fields", ""),
        _ => Notice::bad("Signing in does not work at the moment", "Please try again."),
    });
    let status = problem.map_or(StatusCode::OK, |problem| problem.status);
    let mut response = page(
        status,
        &SignInPage {
            layout: Layout::of(call),
            notice,
            next: safe(typed.get("next")).to_owned(),
            inputs: inputs.to_vec(),
        },
    )?;
    if let Some(problem) = problem {
        problem.decorate(&mut response);
    }
    Ok(response)
}

async fn submit(call: Call) -> Handled {
    let form = call.form();
    let errors: Vec<_> = ["user", "password"]
        .into_iter()
        .filter(|name| form.get(name).is_empty())
        .map(|name| FieldError::new(name, "must not be empty"))
        .collect();
    if !errors.is_empty() {
        return show(&call, &form, Some(&Problem::invalid(errors)));
    }
    let (user, password) = (form.get("user"), form.exact("password"));
    let signed_in = match sign_in::sign_in(&call, user, password, SessionKind::Browser).await {
        Ok(signed_in) => signed_in,
        Err(problem) => return show(&call, &form, Some(&problem)),
    };
    let mut response = see_other(safe(form.get("next")));
    if let Some(cookie) = set_cookie(&call.server.config, &signed_in.token) {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    Ok(response)
}

async fn sign_out(call: Call) -> Handled {
    form::read(&call)?;
    call.server.store.end_own_session(&call.actor()?, call.caller()?.session.id).await?;
    let mut response = see_other("/sign-in");
    if let Some(cookie) = clear_cookie(&call.server.config) {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::safe;

    #[test]
    fn the_way_back_stays_in_the_bank() {
        let cases = [
            ("/accounts/360110000?a=b", "/accounts/360110000?a=b"),
            ("", "/"),
            ("//evil.example", "/"),
            ("/\\evil.example", "/"),
            ("https://evil.example", "/"),
            ("/a\nb", "/"),
        ];
        for (next, expect) in cases {
            assert_eq!(safe(next), expect, "{next:?}");
        }
    }
}
