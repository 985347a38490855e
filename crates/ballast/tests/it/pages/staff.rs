//! One member of staff with a browser's cookie, over plain HTTP.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};

use http::Method;
use ledger::Role;

use crate::browser::chromium::CHOSEN;
use crate::http::{self as wire, Answer};

/// The headers with which a browser asks for a page.
const BROWSER: (&str, &str) = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8");

/// A caller; `role` is `None` for somebody who is not signed in.
pub(super) struct Staff {
    pub(super) role: Option<Role>,
    url: String,
    cookie: RefCell<String>,
    form_token: RefCell<String>,
}

impl Staff {
    pub(super) fn nobody(url: &str) -> Self {
        let (cookie, form_token) = (RefCell::default(), RefCell::default());
        Self { role: None, url: url.to_owned(), cookie, form_token }
    }

    /// Signs in with a one-time password; what must be done first is still to be done.
    pub(super) async fn sign_in(url: &str, role: Role, user: &str, password: &str) -> Self {
        let staff = Self { role: Some(role), ..Self::nobody(url) };
        let answer = staff.send("/sign-in", &[("user", user), ("password", password)]).await;
        assert_eq!(answer.status, 303, "{user} signs in: {}", html(&answer));
        staff
    }

    /// Replaces the one-time password.
    pub(super) async fn choose_password(&self, one_time: &str) {
        let fields = [("current", one_time), ("new", CHOSEN), ("again", CHOSEN)];
        let answer = self.send("/me/password", &fields).await;
        assert_eq!(answer.status, 303, "a password is chosen: {}", html(&answer));
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, &[]).await
    }

    /// Sends a form of this session with a key of its own, unless the fields say otherwise.
    pub(super) async fn send(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        static KEYS: AtomicU64 = AtomicU64::new(1);
        if !self.cookie.borrow().is_empty() && self.form_token.borrow().is_empty() {
            let page = html(&self.get("/me/password").await);
            *self.form_token.borrow_mut() = hidden(&page, "form_token").unwrap();
        }
        let (token, key) = (self.form_token.borrow().clone(), KEYS.fetch_add(1, Ordering::Relaxed));
        let key = format!("form-{key}");
        let given = |name: &str| fields.iter().any(|(given, _)| *given == name);
        let own = [("form_token", token.as_str()), ("key", key.as_str())];
        let own = own.into_iter().filter(|(name, _)| !given(name));
        self.ask(Method::POST, path, &own.chain(fields.iter().copied()).collect::<Vec<_>>()).await
    }

    pub(super) async fn ask(&self, method: Method, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let cookie = self.cookie.borrow().clone();
        let mut headers = vec![BROWSER, ("cookie", cookie.as_str())];
        if method == Method::POST {
            headers.push(("content-type", "application/x-www-form-urlencoded"));
        }
        let method = method.as_str();
        let answer =
            wire::send_bytes(method, &self.url, path, "", &headers, body.into_bytes().into()).await;
        if let Some(set) = answer.headers.get("set-cookie") {
            let set = set.to_str().unwrap().split(';').next().unwrap();
            set.clone_into(&mut self.cookie.borrow_mut());
            self.form_token.borrow_mut().clear();
        }
        answer
    }
}

pub(super) fn html(answer: &Answer) -> String {
    String::from_utf8(answer.body.to_vec()).unwrap()
}

/// The value of a hidden field of a page.
pub(super) fn hidden(page: &str, name: &str) -> Option<String> {
    let rest = page.split(&format!("name=\"{name}\" value=\"")).nth(1)?;
    Some(rest.split('"').next()?.to_owned())
}
