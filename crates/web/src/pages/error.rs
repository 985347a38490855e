//! Errors as pages: the way to the sign-in page, the friendly 404, the clear 403.

use askama::Template;
use axum::response::Response;

use super::layout::Layout;
use super::{page, see_other};
use crate::app::Server;
use crate::dispatch::Asked;
use crate::problem::Problem;
use crate::route::{Verb, table};

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage {
    layout: Layout,
    status: u16,
    title: String,
    text: String,
}

/// The page for a problem.
pub(crate) fn answer(server: &Server, problem: &Problem, asked: &Asked) -> Response {
    if problem.word == "not-signed-in" {
        return see_other(&with_way_back("/sign-in", asked));
    }
    if problem.word == "password-due" && asked.reads {
        return see_other(&with_way_back(super::me::PASSWORD_PATH, asked));
    }
    if problem.word == "second-factor-due" && asked.reads {
        return see_other(super::factor::PATH);
    }
    let (title, text) = words(problem);
    let template = ErrorPage {
        layout: Layout::new(server, None),
        status: problem.status.as_u16(),
        title,
        text,
    };
    let mut response = page(problem.status, &template).unwrap_or_else(|error| error.document());
    problem.decorate(&mut response);
    response
}

fn words(problem: &Problem) -> (String, String) {
    if let Some(refusal) = problem.refusal {
        return (
            format!("{}.", problem.title),
            crate::problem::refusal::advice(refusal).to_owned(),
        );
    }
    if let Some(error) = problem.errors.first() {
        return (problem.title.to_string(), format!("{} {}.", error.field, error.rule));
    }
    let text = match problem.word {
        "not-found" => {
            "The page does not exist. The address may be mistyped, or the page has moved."
        }
        "role-missing" => {
            "This page is for another role. Ask a colleague who has it, or your manager."
        }
        _ => problem.detail,
    };
    (problem.title.to_string(), text.to_owned())
}

/// A page that must come first, and leads back to where one wanted; never to something that is
/// done by a mere visit, because only pages that can be read are remembered. It says so if a form
/// was sent that nobody took.
fn with_way_back(page: &str, asked: &Asked) -> String {
    let readable = asked.reads
        || table().iter().any(|route| route.verb() == Verb::Get && route.path() == asked.route);
    let mut query = form_urlencoded::Serializer::new(String::new());
    if readable && &*asked.path != "/" {
        let given = asked.query.as_ref().filter(|_| asked.reads);
        let place =
            given.map_or_else(|| asked.path.to_string(), |given| format!("{}?{given}", asked.path));
        query.append_pair("next", &place);
    }
    if !asked.reads {
        query.append_pair("unsent", "1");
    }
    let query = query.finish();
    if query.is_empty() { page.to_owned() } else { format!("{page}?{query}") }
}
