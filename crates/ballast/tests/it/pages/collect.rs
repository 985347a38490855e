//! Reaches every page by its recipe, and keeps what the bank answered.

use ledger::Role;
use web::{Access, Verb, table};

use super::is_page;
use super::recipes::{ERRORS, FORMS, Form, VISITS, Visit};
use super::scene::{self, Names, USERS};
use super::staff::{Staff, hidden, html};
use crate::authenticator::Authenticator;
use crate::deployment::Deployment;
use crate::http::Answer;

/// A page as the bank answered it.
pub(crate) struct Page {
    /// Which, for whom, in which state.
    pub(super) name: String,
    pub(super) html: String,
    /// Its Content-Security-Policy.
    pub(super) policy: String,
    /// The status, if it is another than that of the recipe.
    pub(super) wrong: Option<u16>,
}

/// All pages of a bank that is fresh.
pub(crate) async fn all(bank: &Deployment) -> Vec<Page> {
    let mut pages = Vec::new();
    // What comes first is seen by those only who have not done it.
    let password = bank.password("C00000003");
    let fresh = Staff::sign_in(&bank.url, Role::Teller, "C00000003", &password).await;
    keep(&mut pages, "a password is due", &fresh.get("/me/password").await, 200);
    let names = scene::fill(bank).await;
    let staff = scene::staff(bank).await;
    let nobody = Staff::nobody(&bank.url);
    let mut walk = Walk { staff, nobody, names, pages, app: Authenticator::default() };
    walk.visit_all().await;
    walk.go_wrong().await;
    walk.send_all().await;
    walk.pages
}

struct Walk {
    staff: Vec<Staff>,
    nobody: Staff,
    names: Names,
    pages: Vec<Page>,
    app: Authenticator,
}

impl Walk {
    async fn visit_all(&mut self) {
        for (path, visits) in VISITS {
            let access = access(Verb::Get, path);
            for visit in *visits {
                let to = self.fill(visit.to);
                for staff in self.staff.iter().chain([&self.nobody]) {
                    let asked = match (access, staff.role) {
                        // Whoever is signed in is led away from these.
                        (Access::Public, role) => role.is_none(),
                        (_, None) => false,
                        (access, Some(role)) => access.allows(role) && visit.but != Some(role),
                    };
                    if asked {
                        let name = format!("{} {}", visit.to, whose(staff));
                        keep(&mut self.pages, &name, &staff.get(&to).await, visit.gives);
                    }
                }
            }
        }
    }

    async fn go_wrong(&mut self) {
        let teller = self.staff.iter().find(|staff| staff.role == Some(Role::Teller)).unwrap();
        for Visit { to, gives, .. } in ERRORS {
            keep(&mut self.pages, to, &teller.get(to).await, *gives);
        }
        keep(&mut self.pages, "another role's page", &teller.get("/customers").await, 403);
        let fields = [("form_token", "foreign")];
        let foreign = teller.send("/transfers/new", &fields).await;
        keep(&mut self.pages, "a form of another session", &foreign, 403);
        let status = self.nobody.get("/status").await;
        keep(&mut self.pages, "/status of the front door", &status, 200);
    }

    async fn send_all(&mut self) {
        for (path, forms) in FORMS {
            let access = access(Verb::Post, path);
            let may = |staff: &&Staff| match access {
                Access::Public => staff.role.is_none(),
                access => staff.role.is_some_and(|role| access.allows(role)),
            };
            // Past the last of the staff stands nobody.
            let sender = self.staff.iter().position(|staff| may(&staff));
            let sender = sender.unwrap_or(self.staff.len());
            for form in *forms {
                self.send(sender, form).await;
            }
        }
    }

    async fn send(&mut self, sender: usize, form: &Form) {
        let staff = self.staff.get(sender).unwrap_or(&self.nobody);
        let to = self.fill(form.to);
        let filled: Vec<_> =
            form.fields.iter().map(|(name, value)| (*name, self.fill(value))).collect();
        let fields: Vec<_> = filled.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = staff.send(&to, &fields).await;
        let name = format!("POST {} {}: {}", form.to, whose(staff), form.state);
        if form.gives == 303 {
            let Some(place) = answer.headers.get("location") else {
                return keep(&mut self.pages, &name, &answer, 303);
            };
            let place = place.to_str().unwrap();
            return keep(&mut self.pages, &name, &staff.get(place).await, 200);
        }
        keep(&mut self.pages, &name, &answer, form.gives);
        self.remember(sender, &html(&answer));
    }

    /// What later recipes need of a page.
    fn remember(&mut self, sender: usize, page: &str) {
        if let Some(note) = hidden(page, "note") {
            self.names.insert("note", note);
        }
        if page.contains("<svg") && page.contains("<code>") {
            let text = page.split("<code>").nth(1).unwrap().split('<').next().unwrap();
            self.app = Authenticator::of(text);
            let (_, user) = USERS[sender];
            self.names.insert("factored", user.to_owned());
        }
    }

    fn fill(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (name, value) in &self.names {
            text = text.replace(&format!("{{{name}}}"), value);
        }
        if text.contains("code}") {
            text = text.replace("{code}", &self.app.code(0));
            text = text.replace("{next-code}", &self.app.code(1));
        }
        assert!(!text.contains('{'), "{text}: nothing has this name");
        text
    }
}

fn access(verb: Verb, path: &str) -> Access {
    let route = table().iter().find(|route| (route.verb(), route.path()) == (verb, path));
    let route = route.unwrap_or_else(|| panic!("{path}: there is no such route"));
    assert!(is_page(route), "{path} is no page");
    route.access()
}

fn whose(staff: &Staff) -> String {
    staff.role.map_or_else(|| "for anybody".to_owned(), |role| format!("for a {role}"))
}

/// Keeps a page, after a look at its type.
fn keep(pages: &mut Vec<Page>, name: &str, answer: &Answer, status: u16) {
    let html = html(answer);
    let header = |name| answer.headers.get(name).map_or("", |value| value.to_str().unwrap());
    assert!(header("content-type").starts_with("text/html"), "{name} is no page: {html}");
    let policy = header("content-security-policy").to_owned();
    let given = answer.status.as_u16();
    let wrong = (given != status).then_some(given);
    pages.push(Page { name: format!("{name} ({status})"), html, policy, wrong });
}
