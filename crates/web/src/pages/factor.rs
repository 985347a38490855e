//! One's own second factor: set up, confirmed with a code, removed with a code.
//!
//! Guarantees: setting up asks for the password again; a factor counts only after a code of it was
//! shown, so nobody locks themselves out with a picture they could not read; the recovery codes
//! are shown once, in the answer to the form that made them.

use askama::Template;
use http::StatusCode;
use store::{Factor, now_ms};

use super::form::{self, FormPage, Input, fill, token_field};
use super::layout::{Layout, Notice};
use super::me::prove_password;
use super::{page, see_other};
use crate::call::Call;
use crate::fields::Fields;
use crate::problem::{Kind, Problem};
use crate::route::{Access, Handled, Route, handler};
use crate::{second_factor, sign_in, totp};

/// Where it all is.
pub(super) const PATH: &str = "/me/factor";
const BEGIN: &str = "/me/factor/begin";
const CONFIRM: &str = "/me/factor/confirm";
const REMOVE: &str = "/me/factor/remove";

pub(super) static ROUTES: &[Route] = &[
    Route::get(PATH, Access::SignedIn, handler!(view)).before_factor(),
    Route::post(BEGIN, Access::SignedIn, handler!(begin)).before_factor(),
    Route::post(CONFIRM, Access::SignedIn, handler!(confirm)).before_factor(),
    Route::post(REMOVE, Access::SignedIn, handler!(remove)).before_factor(),
];

#[derive(Template)]
#[template(path = "factor.html")]
struct PicturePage {
    layout: Layout,
    notice: Option<Notice>,
    inputs: Vec<Input>,
    picture: String,
    size: i32,
    secret: String,
    action: &'static str,
    form_token: String,
}

#[derive(Template)]
#[template(path = "recovery_codes.html")]
struct CodesPage {
    layout: Layout,
    notice: Option<Notice>,
    codes: Vec<String>,
}

async fn factor(call: &Call) -> Result<Option<Factor>, Problem> {
    Ok(call.store.second_factor(call.caller()?.session.user.clone()).await?)
}

async fn view(call: Call) -> Handled {
    let factor = factor(&call).await?;
    show(&call, factor.as_ref(), None)
}

/// What there is, and what can be done about it.
fn show(call: &Call, factor: Option<&Factor>, problem: Option<&Problem>) -> Handled {
    let layout = Layout::of(call);
    let confirmed = factor.filter(|factor| factor.confirmed);
    let (mut input, facts, action, submit) = match confirmed {
        Some(factor) => {
            let left = factor.recovery_codes_left.to_string();
            let facts = vec![("Second factor", "on".to_owned()), ("Recovery codes left", left)];
            (code_input(), facts, REMOVE, "Remove the second factor")
        }
        None => {
            let input = Input {
                kind: "password",
                autocomplete: "current-password",
                ..Input::text("current", "Present password", 128)
            };
            (input, vec![("Second factor", "off".to_owned())], BEGIN, "Set up")
        }
    };
    fill(
        std::slice::from_mut(&mut input),
        &Fields::default(),
        problem.map_or(&[], |problem| &problem.errors),
    );
    let notice = match problem {
        Some(problem) if problem.word == "sign-in-locked" => Some(Notice::bad(
            "Too many wrong tries",
            format!("Try again in {} seconds.", problem.retry_after_seconds.unwrap_or(1)),
        )),
        Some(problem) if problem.word == "unavailable" => Some(Notice::bad(
            "A second factor cannot be set up here at the moment.",
            "This server has no keys to seal its secret with.",
        )),
        Some(_) => Some(Notice::bad("Nothing was changed.", "")),
        None if layout.is_limited() => Some(Notice::info(
            "Administrators sign in with a second factor.",
            "Set it up now with an authenticator app on your telephone; then go on.",
        )),
        None if call.query().get("done") == "removed" => {
            Some(Notice::good("The second factor was removed.", "A password alone signs you in."))
        }
        None => None,
    };
    FormPage {
        notice,
        title: "Second factor".to_owned(),
        facts,
        action: action.to_owned(),
        hidden: vec![token_field(&layout)],
        inputs: vec![input],
        submit,
        back: "/me".to_owned(),
        layout,
    }
    .show(problem)
}

fn code_input() -> Input {
    Input {
        autocomplete: "one-time-code",
        hint: "Six digits of your authenticator app",
        ..Input::text("code", "Code", 32)
    }
}

async fn begin(call: Call) -> Handled {
    let form = form::read(&call)?;
    match start(&call, form.exact("current")).await {
        Ok(factor) => show_picture(&call, &factor, None),
        Err(problem) => {
            let factor = factor(&call).await?;
            show(&call, factor.as_ref(), Some(&problem))
        }
    }
}

/// Makes a secret that is to be confirmed.
async fn start(call: &Call, password: &str) -> Result<Factor, Problem> {
    let staff = prove_password(call, password, "factor.enable").await?;
    let store = &call.store;
    if !store.begin_factor(staff.user, &totp::new_secret()).await? {
        return Err(Problem::field("current", "is right, but there is a second factor already"));
    }
    factor(call).await?.ok_or_else(|| Kind::NotFound.into())
}

fn show_picture(call: &Call, factor: &Factor, problem: Option<&Problem>) -> Handled {
    let user = &call.caller()?.session.user;
    let secret = call.store.factor_secret(user, factor)?;
    let (picture, size) = totp::picture(user.as_str(), &secret).ok_or(Kind::Internal)?;
    let mut inputs = vec![code_input()];
    fill(&mut inputs, &Fields::default(), problem.map_or(&[], |problem| &problem.errors));
    let layout = Layout::of(call);
    page(
        problem.map_or(StatusCode::OK, |problem| problem.status),
        &PicturePage {
            notice: problem.map(|_| Notice::bad("The second factor is not on yet.", "")),
            inputs,
            picture,
            size,
            secret: totp::as_text(&secret),
            action: CONFIRM,
            form_token: layout.form_token(),
            layout,
        },
    )
}

async fn confirm(call: Call) -> Handled {
    let form = form::read(&call)?;
    let (store, actor) = (&call.store, call.actor()?);
    let begun = factor(&call).await?.filter(|factor| !factor.confirmed);
    let Some(begun) = begun else { return Ok(see_other(PATH)) };
    let secret = store.factor_secret(&actor.user, &begun)?;
    let Some(step) = totp::matching_step(&secret, form.get("code"), now_ms()) else {
        let rule = "is not that of the app: check that the telephone's clock is right";
        return show_picture(&call, &begun, Some(&Problem::field("code", rule)));
    };
    let codes = totp::new_recovery_codes();
    let hash =
        |code: &String| store.recovery_code_hash(&actor.user, &totp::plain_recovery_code(code));
    let hashes = codes.iter().map(hash).collect::<Result<Vec<_>, _>>()?;
    if !store.confirm_factor(&actor, &begun, step, hashes).await? {
        return Ok(see_other(PATH));
    }
    let notice = Some(Notice::good(
        "The second factor is on.",
        "From now on signing in asks for a code of the app.",
    ));
    let mut layout = Layout::of(&call);
    layout.set_free();
    page(StatusCode::OK, &CodesPage { layout, notice, codes })
}

async fn remove(call: Call) -> Handled {
    let form = form::read(&call)?;
    let (store, user) = (&call.store, call.caller()?.session.user.clone());
    let factor = second_factor::confirmed(store, user.clone()).await?;
    let staff = store.staff(user).await?.ok_or(Kind::NotSignedIn)?;
    let Some(factor) = factor else { return Ok(see_other(PATH)) };
    match sign_in::check_code(&call, &staff, &factor, form.get("code")).await {
        Ok(()) => {
            store.remove_factor(&call.actor()?).await?;
            Ok(see_other("/me/factor?done=removed"))
        }
        Err(problem) if problem.word == "code-wrong" => {
            show(&call, Some(&factor), Some(&Problem::field("code", "is wrong or was used before")))
        }
        Err(problem) => show(&call, Some(&factor), Some(&problem)),
    }
}
