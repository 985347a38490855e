//! Signing in and out with a browser.

use askama::Template;
use http::StatusCode;
use http::header::SET_COOKIE;
use store::{SessionKind, Staff};

use super::form::{self, FormPage, Input, fill};
use super::layout::{Layout, Notice};
use super::{page, see_other};
use crate::call::Call;
use crate::fields::Fields;
use crate::problem::{FieldError, Kind, Problem};
use crate::route::{Access, Handled, Route, handler};
use crate::session::{clear_cookie, identify, set_cookie};
use crate::{second_factor, sign_in};

/// Where the second step goes.
const CODE_PATH: &str = "/sign-in/code";

pub(super) static ROUTES: &[Route] = &[
    Route::get("/sign-in", Access::Public, handler!(form)),
    Route::post("/sign-in", Access::Public, handler!(submit)),
    Route::post(CODE_PATH, Access::Public, handler!(submit_code)),
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

/// What both steps say.
fn notice_of(problem: &Problem) -> Notice {
    match problem.word {
        "sign-in-locked" => Notice::bad(
            "Too many failed sign-ins",
            format!("Try again in {} seconds.", problem.retry_after_seconds.unwrap_or(1)),
        ),
        "sign-in-stale" => Notice::bad("That took too long", "Please sign in again."),
        _ => Notice::bad("Signing in does not work at the moment", "Please try again."),
    }
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
    if identify(&call.server, &call.books, &call.headers).await?.is_some() {
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
    let notice = match problem {
        Some(problem) => Some(match problem.word {
            "sign-in-refused" => Notice::bad("Wrong user or password", "Nobody was signed in."),
            "validation" => Notice::bad("Please fill in both fields", ""),
            _ => notice_of(problem),
        }),
        None if typed.find("unsent").is_some() => Some(Notice::info(
            "Your session had ended, so the form was not taken.",
            "Nothing was done. Sign in, and fill it in again.",
        )),
        None => None,
    };
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
    let staff = match sign_in::check_password(&call, user, password).await {
        Ok(staff) => staff,
        Err(problem) => return show(&call, &form, Some(&problem)),
    };
    let store = &call.store;
    if second_factor::confirmed(store, staff.user.clone()).await?.is_some() {
        let note = second_factor::note(store, &staff)?;
        return show_code(&call, note, form.get("next"), None);
    }
    finish(&call, staff, form.get("next")).await
}

/// The second step.
fn show_code(call: &Call, note: String, next: &str, problem: Option<&Problem>) -> Handled {
    let mut inputs = vec![Input {
        autocomplete: "one-time-code",
        hint: "Six digits of your authenticator app, or one of your recovery codes",
        ..Input::text("code", "Code", 32)
    }];
    fill(&mut inputs, &Fields::default(), problem.map_or(&[], |problem| &problem.errors));
    let notice = problem.map(|problem| match problem.word {
        "code-wrong" => Notice::bad("Wrong code", problem.detail),
        _ => notice_of(problem),
    });
    FormPage {
        layout: Layout::of(call),
        notice,
        title: "Second step".to_owned(),
        facts: Vec::new(),
        action: CODE_PATH.to_owned(),
        hidden: vec![("note", note), ("next", safe(next).to_owned())],
        inputs,
        submit: "Sign in",
        back: "/sign-in".to_owned(),
    }
    .show(problem)
}

async fn submit_code(call: Call) -> Handled {
    let form = call.form();
    let (note, next, store) = (form.get("note"), form.get("next"), &call.store);
    let Some(staff) = second_factor::read_note(store, note).await? else {
        let late = Problem::new(Kind::NoteStale);
        return show(&call, &Fields::default(), Some(&late));
    };
    let checked = match second_factor::confirmed(store, staff.user.clone()).await? {
        Some(factor) => sign_in::check_code(&call, &staff, &factor, form.get("code")).await,
        // Removed between the steps: begin again.
        None => return Ok(see_other("/sign-in")),
    };
    match checked {
        Ok(()) => finish(&call, staff, next).await,
        Err(problem) => show_code(&call, note.to_owned(), next, Some(&problem)),
    }
}

async fn finish(call: &Call, staff: Staff, next: &str) -> Handled {
    let signed_in = sign_in::finish(call, staff, SessionKind::Browser).await?;
    let mut response = see_other(safe(next));
    if let Some(cookie) = set_cookie(&call.server.config, &signed_in.token) {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    Ok(response)
}

async fn sign_out(call: Call) -> Handled {
    form::read(&call)?;
    call.store.end_own_session(&call.actor()?, call.caller()?.session.id).await?;
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
