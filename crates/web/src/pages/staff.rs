//! The staff, for administrators: list, add, role, password, deactivate, sign out.
//!
//! Guarantees: an administrator changes everybody but themselves, so one is always left; a
//! generated password is shown once, in the answer to the form that made it, and is good for
//! choosing another only; every change is an audit row written with it.

use askama::Template;
use http::StatusCode;
use ledger::{Role, UserId};
use store::{Staff, StaffChange, StaffChanged};

use super::form::{self, FormPage, Input, fill, token_field};
use super::layout::{Layout, Notice};
use super::me::SessionRow;
use super::{page, see_other};
use crate::call::Call;
use crate::fields::Fields;
use crate::password::generate_password;
use crate::problem::{FieldError, Kind, Problem};
use crate::route::{Access, Handled, Route, handler};
use crate::second_factor;

/// As for customers.
const NAME_LENGTH_MAX: usize = 50;

pub(super) static ROUTES: &[Route] = &[
    Route::get("/staff", Access::ADMINISTRATOR, handler!(list)),
    Route::get("/staff/new", Access::ADMINISTRATOR, handler!(new)),
    Route::post("/staff/new", Access::ADMINISTRATOR, handler!(add)),
    Route::get("/staff/{user}", Access::ADMINISTRATOR, handler!(view)),
    Route::post("/staff/{user}/role", Access::ADMINISTRATOR, handler!(role)),
    Route::post("/staff/{user}/password", Access::ADMINISTRATOR, handler!(password)),
    Route::post("/staff/{user}/deactivate", Access::ADMINISTRATOR, handler!(deactivate)),
    Route::post("/staff/{user}/activate", Access::ADMINISTRATOR, handler!(activate)),
    Route::post("/staff/{user}/factor/remove", Access::ADMINISTRATOR, handler!(remove_factor)),
    Route::post("/staff/{user}/sign-out", Access::ADMINISTRATOR, handler!(sign_out)),
];

/// The roles as a form offers them.
const ROLES: &[(&str, &str)] = &[
    ("teller", "Teller: money at the counter"),
    ("cashier", "Cashier: money at the counter"),
    ("executive", "Executive: customers and accounts"),
    ("auditor", "Auditor: reads everything, changes nothing"),
    ("administrator", "Administrator: staff, no money"),
];

/// A screenful, as in other lists.
const ROWS_MAX: usize = 50;

#[derive(Template)]
#[template(path = "staff.html")]
struct StaffPage {
    layout: Layout,
    notice: Option<Notice>,
    rows: Vec<Staff>,
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "staff_member.html")]
struct MemberPage {
    layout: Layout,
    notice: Option<Notice>,
    staff: Staff,
    /// Whether they have a second factor.
    factor: bool,
    /// Oneself: nothing can be changed.
    own: bool,
    /// Shown once.
    password: Option<String>,
    facts: Vec<(&'static str, String)>,
    inputs: Vec<Input>,
    sessions: Vec<SessionRow>,
    form_token: String,
}

async fn list(call: Call) -> Handled {
    let query = call.query();
    let after = query.get("after");
    let mut rows = call.books.staff_list().await?;
    rows.retain(|staff| staff.user.as_str() > after);
    let more = rows.len() > ROWS_MAX;
    rows.truncate(ROWS_MAX);
    let last = rows.last().filter(|_| more);
    let next = last.map(|staff| format!("/staff?after={}", staff.user));
    page(StatusCode::OK, &StaffPage { layout: Layout::of(&call), notice: None, rows, next })
}

async fn new(call: Call) -> Handled {
    show_new(&call, &Fields::default(), None)
}

fn show_new(call: &Call, typed: &Fields, problem: Option<&Problem>) -> Handled {
    let mut inputs = vec![
        Input { hint: "C and eight digits, such as C00000004", ..Input::text("user", "User", 9) },
        Input::text("name", "Name", NAME_LENGTH_MAX),
        Input { choices: ROLES, ..Input::text("role", "Role", 20) },
    ];
    fill(&mut inputs, typed, problem.map_or(&[], |problem| &problem.errors));
    let layout = Layout::of(call);
    FormPage {
        notice: problem.map(form::notice_of),
        title: "Add a member of staff".to_owned(),
        facts: Vec::new(),
        action: "/staff/new".to_owned(),
        hidden: vec![token_field(&layout)],
        inputs,
        submit: "Add",
        back: "/staff".to_owned(),
        layout,
    }
    .show(problem)
}

async fn add(call: Call) -> Handled {
    let form = form::read(&call)?;
    let mut errors = Vec::new();
    let user = UserId::parse(form.get("user"));
    if user.is_none() {
        errors.push(FieldError::new("user", "must be C and eight digits, such as C00000004"));
    }
    let name = form.get("name");
    if !(1..=NAME_LENGTH_MAX).contains(&name.chars().count()) || name.chars().any(char::is_control)
    {
        errors.push(FieldError::new("name", "must be 1 to 50 characters on one line"));
    }
    let role = Role::parse(form.get("role"));
    if role.is_none() {
        errors.push(FieldError::new("role", "must be one of those offered"));
    }
    let (Some(user), Some(role), true) = (user, role, errors.is_empty()) else {
        return show_new(&call, &form, Some(&Problem::invalid(errors)));
    };
    let (password, password_hash) = one_time_password(&call).await?;
    let change = StaffChange::Add { name: name.to_owned(), role, password_hash };
    match change_staff(&call, user.clone(), change).await? {
        StaffChanged::Done => show(&call, user, Some(password)).await,
        StaffChanged::NoSuchUser => {
            let problem = Problem::field("user", "belongs to a member of staff already");
            show_new(&call, &form, Some(&problem))
        }
        StaffChanged::NotAllowed => {
            let problem = Problem::field("user", "is your own");
            show_new(&call, &form, Some(&problem))
        }
    }
}

/// A generated password and its hash.
async fn one_time_password(call: &Call) -> Result<(String, String), Problem> {
    let password = generate_password();
    let hash = call.server.passwords.hash(password.clone()).await?;
    Ok((password, hash))
}

async fn view(call: Call) -> Handled {
    show(&call, member(&call)?, None).await
}

/// The member in the path. What cannot be a user id is somebody who does not exist.
fn member(call: &Call) -> Result<UserId, Problem> {
    UserId::parse(call.parameter()).ok_or_else(|| Kind::NotFound.into())
}

async fn show(call: &Call, user: UserId, password: Option<String>) -> Handled {
    let store = &call.books;
    let staff = store.staff(user.clone()).await?.ok_or(Kind::NotFound)?;
    let factor = second_factor::confirmed(store, user.clone()).await?.is_some();
    let sessions = store.sessions_of(user).await?;
    let state = match (staff.disabled, staff.password_generated) {
        (true, _) => "may not sign in",
        (false, true) => "must choose a password at the next sign-in",
        (false, false) => "chosen by its owner",
    };
    let mut facts = vec![
        ("User", staff.user.to_string()),
        ("Role", staff.role.to_string()),
        (if staff.disabled { "State" } else { "Password" }, state.to_owned()),
        ("Second factor", if factor { "on" } else { "off" }.to_owned()),
    ];
    if let Some(password) = &password {
        facts.push(("One-time password", password.clone()));
    }
    let notice = match (&password, call.query().get("done")) {
        (Some(_), _) => Some(Notice::good(
            "Hand over this one-time password.",
            "It is shown only now, and must be replaced at the first sign-in.",
        )),
        (None, "role") => Some(Notice::good("The role was changed.", "It counts from now on.")),
        (None, "deactivate") => Some(Notice::good(
            "Deactivated.",
            "Every session has ended; nobody signs in under this name until it is activated.",
        )),
        (None, "activate") => Some(Notice::good("Activated.", "")),
        (None, "factor") => Some(Notice::good(
            "The second factor was removed.",
            "They were signed out; the password alone signs them in until they set up another.",
        )),
        (None, "sign-out") => Some(Notice::good("Signed out everywhere.", "")),
        (None, _) => None,
    };
    let role = Input { choices: ROLES, ..Input::text("role", "Role", 20) };
    let layout = Layout::of(call);
    page(
        StatusCode::OK,
        &MemberPage {
            notice,
            own: staff.user == call.caller()?.session.user,
            inputs: vec![role.value(staff.role.as_str())],
            sessions: sessions.into_iter().map(|each| SessionRow::new(each, None)).collect(),
            form_token: layout.form_token(),
            staff,
            factor,
            password,
            facts,
            layout,
        },
    )
}

async fn role(call: Call) -> Handled {
    let form = form::read(&call)?;
    let role = Role::parse(form.get("role"));
    let role = role.ok_or_else(|| Problem::field("role", "must be one of those offered"))?;
    change(&call, StaffChange::Role(role), "role").await
}

async fn password(call: Call) -> Handled {
    form::read(&call)?;
    let user = member(&call)?;
    let (password, password_hash) = one_time_password(&call).await?;
    let done = change_staff(&call, user.clone(), StaffChange::Password { password_hash }).await?;
    accept(done)?;
    show(&call, user, Some(password)).await
}

async fn deactivate(call: Call) -> Handled {
    form::read(&call)?;
    change(&call, StaffChange::Disabled(true), "deactivate").await
}

async fn activate(call: Call) -> Handled {
    form::read(&call)?;
    change(&call, StaffChange::Disabled(false), "activate").await
}

async fn remove_factor(call: Call) -> Handled {
    form::read(&call)?;
    change(&call, StaffChange::RemoveSecondFactor, "factor").await
}

async fn sign_out(call: Call) -> Handled {
    form::read(&call)?;
    change(&call, StaffChange::EndSessions, "sign-out").await
}

async fn change(call: &Call, change: StaffChange, done: &str) -> Handled {
    let user = member(call)?;
    accept(change_staff(call, user.clone(), change).await?)?;
    Ok(see_other(&format!("/staff/{user}?done={done}")))
}

/// Asks the store; what it does not allow is noted as a denial.
async fn change_staff(
    call: &Call,
    user: UserId,
    change: StaffChange,
) -> Result<StaffChanged, Problem> {
    let (actor, action, subject) = (call.actor()?, change.action(), user.to_string());
    let changed = call.store.change_staff(&actor, user, change).await?;
    if changed == StaffChanged::NotAllowed {
        call.store.record(call.event(action, subject, "denied")?).await?;
    }
    Ok(changed)
}

fn accept(changed: StaffChanged) -> Result<(), Problem> {
    match changed {
        StaffChanged::Done => Ok(()),
        StaffChanged::NoSuchUser => Err(Kind::NotFound.into()),
        StaffChanged::NotAllowed => Err(Kind::OwnAccount.into()),
    }
}
