//! One's own account: choosing a password, and the sessions one has.
//!
//! Guarantees: a password is changed by whoever knows the present one, wrong tries count as failed
//! sign-ins do; the change ends every session in a browser, and the one that asked goes on under
//! a new secret. Sessions that are not one's own cannot be seen or ended.

use askama::Template;
use http::StatusCode;
use http::header::SET_COOKIE;
use store::{SessionKind, SessionView, Staff};

use super::form::{self, FormPage, Input, fill, token_field};
use super::layout::{Layout, Notice};
use super::show::when;
use super::sign_in::safe;
use super::{page, see_other};
use crate::call::Call;
use crate::fields::Fields;
use crate::password::check_chosen_password;
use crate::problem::{FieldError, Kind, Problem};
use crate::route::{Access, Handled, Route, handler};
use crate::session::{self, set_cookie};
use crate::sign_in::{origin, pass_gate};

/// Where a password is chosen.
pub(super) const PASSWORD_PATH: &str = "/me/password";

pub(super) static ROUTES: &[Route] = &[
    Route::get("/me", Access::SignedIn, handler!(view)),
    Route::post("/me/sessions/end", Access::SignedIn, handler!(end_session)),
    Route::get(PASSWORD_PATH, Access::SignedIn, handler!(password)).before_password(),
    Route::post(PASSWORD_PATH, Access::SignedIn, handler!(choose)).before_password(),
];

#[derive(Template)]
#[template(path = "me.html")]
struct MePage {
    layout: Layout,
    notice: Option<Notice>,
    facts: Vec<(&'static str, String)>,
    sessions: Vec<SessionRow>,
    form_token: String,
}

/// A session in a list.
pub(super) struct SessionRow {
    id: i64,
    /// The one that looks.
    this: bool,
    pub(super) kind: &'static str,
    pub(super) began: String,
    pub(super) seen: String,
    pub(super) ends: String,
    pub(super) address: String,
    pub(super) agent: String,
}

impl SessionRow {
    pub(super) fn new(session: SessionView, this: Option<i64>) -> Self {
        Self {
            id: session.id,
            this: this == Some(session.id),
            kind: match session.kind {
                SessionKind::Browser => "browser",
                SessionKind::Client => "program",
            },
            began: when(session.created_at),
            seen: when(session.seen_at),
            ends: when(session.expires_at),
            address: session.address,
            agent: session.agent,
        }
    }
}

async fn view(call: Call) -> Handled {
    let session = &call.caller()?.session;
    let found = call.books.sessions_of(session.user.clone()).await?;
    let sessions = found.into_iter().map(|each| SessionRow::new(each, Some(session.id)));
    let notice = match call.query().get("done") {
        "password" => Some(Notice::good(
            "The password was changed.",
            "You were signed out in every other browser.",
        )),
        "ended" => Some(Notice::good("The session was ended.", "")),
        _ => None,
    };
    let facts = vec![
        ("User", session.user.to_string()),
        ("Name", session.name.to_string()),
        ("Role", session.role.to_string()),
        ("Second factor", if session.has_second_factor { "on" } else { "off" }.to_owned()),
    ];
    let layout = Layout::of(&call);
    page(
        StatusCode::OK,
        &MePage {
            notice,
            facts,
            sessions: sessions.collect(),
            form_token: layout.form_token(),
            layout,
        },
    )
}

async fn end_session(call: Call) -> Handled {
    let form = form::read(&call)?;
    let id = form.get("session").parse::<i64>().map_err(|_| Kind::NotFound)?;
    // Ended before, or idled out meanwhile: it is as it was asked for.
    call.store.end_own_session(&call.actor()?, id).await?;
    Ok(see_other("/me?done=ended"))
}

async fn password(call: Call) -> Handled {
    let query = call.query();
    show(&call, query.get("next"), None)
}

/// The form; `next` is where one goes afterwards.
fn show(call: &Call, next: &str, problem: Option<&Problem>) -> Handled {
    let secret = |name, label, autocomplete| Input {
        kind: "password",
        autocomplete,
        ..Input::text(name, label, 128)
    };
    let mut inputs = vec![
        secret("current", "Present password", "current-password"),
        Input {
            hint: "At least 10 characters with a letter, a digit and a sign; not easy to guess",
            ..secret("new", "New password", "new-password")
        },
        secret("again", "New password again", "new-password"),
    ];
    // What was typed is a secret and is not sent back.
    let errors = problem.map_or(&[][..], |problem| &problem.errors);
    fill(&mut inputs, &Fields::default(), errors);
    let due = call.caller()?.session.password_due;
    let notice = match problem {
        Some(problem) if problem.word == "sign-in-locked" => Some(Notice::bad(
            "Too many wrong passwords",
            format!("Try again in {} seconds.", problem.retry_after_seconds.unwrap_or(1)),
        )),
        Some(_) => Some(Notice::bad("The password was not changed.", "")),
        None if due => Some(Notice::info(
            "Choose a password of your own.",
            "The one you signed in with was made by the bank and is good for this only.",
        )),
        None => None,
    };
    let layout = Layout::of(call);
    FormPage {
        notice,
        title: "Change password".to_owned(),
        facts: Vec::new(),
        action: PASSWORD_PATH.to_owned(),
        hidden: vec![token_field(&layout), ("next", next.to_owned())],
        inputs,
        submit: "Change password",
        back: if due { PASSWORD_PATH } else { "/me" }.to_owned(),
        layout,
    }
    .show(problem)
}

async fn choose(call: Call) -> Handled {
    let form = form::read(&call)?;
    match change(&call, &form).await {
        Ok(token) => {
            let next = form.get("next");
            let next = if next.is_empty() { "/me?done=password" } else { safe(next) };
            let mut response = see_other(next);
            if let Some(cookie) = set_cookie(&call.server.config, &token) {
                response.headers_mut().insert(SET_COOKIE, cookie);
            }
            Ok(response)
        }
        Err(problem) if matches!(problem.word, "validation" | "sign-in-locked") => {
            show(&call, form.get("next"), Some(&problem))
        }
        Err(problem) => Err(problem),
    }
}

/// Changes the password; gives the secret of the session that takes this one's place.
async fn change(call: &Call, form: &Fields) -> Result<String, Problem> {
    let (store, session) = (&call.store, &call.caller()?.session);
    let (current, new) = (form.exact("current"), form.exact("new"));
    let mut errors = Vec::new();
    if let Some(rule) = check_chosen_password(new, &session.user, &session.name) {
        errors.push(FieldError::new("new", rule));
    } else if new == current {
        errors.push(FieldError::new("new", "must be another than the present one"));
    } else if new != form.exact("again") {
        errors.push(FieldError::new("again", "must be the same as the new password"));
    }
    if !errors.is_empty() {
        return Err(Problem::invalid(errors));
    }
    let staff = prove_password(call, current, "password.change").await?;
    let actor = call.actor()?;
    let hash = call.server.passwords.hash(new.to_owned()).await?;
    if !store.choose_password(&actor, hash).await? {
        return Err(Kind::NotSignedIn.into());
    }
    let staff = Staff { password_generated: false, ..staff };
    let origin = origin(call, &staff);
    let (token, _) = session::start(call, staff.user, SessionKind::Browser, origin).await?;
    Ok(token)
}

/// Asks for the present password again, for `action`; wrong tries count as failed sign-ins do.
pub(super) async fn prove_password(
    call: &Call,
    typed: &str,
    action: &'static str,
) -> Result<Staff, Problem> {
    let (store, session) = (&call.store, &call.caller()?.session);
    let name = session.user.to_string();
    pass_gate(call, &name).await?;
    let staff = store.staff(session.user.clone()).await?.ok_or(Kind::NotSignedIn)?;
    let stored = Some(staff.password_hash.clone());
    if call.server.passwords.check(typed.to_owned(), stored).await? {
        return Ok(staff);
    }
    store.record_sign_in(name.clone(), call.address.clone(), false).await?;
    store.record(call.event(action, name, "denied")?).await?;
    Err(Problem::field("current", "is wrong"))
}
