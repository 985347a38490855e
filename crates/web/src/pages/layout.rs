//! What every page shares: who is signed in, which server answered, and notices.

use std::sync::Arc;

use ledger::Role;
use store::Visit;

use super::assets;
use super::show::when;
use crate::app::Server;
use crate::call::Call;
use crate::dispatch::stale_as_of;
use crate::second_factor::is_due;
use crate::session::Caller;

/// The frame of a page.
pub(super) struct Layout {
    pub(super) who: Option<Who>,
    /// The path that was asked for; empty on pages that stand for another.
    at: String,
    pub(super) server: String,
    pub(super) region: String,
    pub(super) style: &'static str,
    pub(super) htmx: &'static str,
    pub(super) script: &'static str,
    pub(super) icon: &'static str,
    visit: Option<Arc<Visit>>,
}

/// Who is signed in.
pub(super) struct Who {
    pub(super) user: String,
    pub(super) name: String,
    pub(super) role: &'static str,
    pub(super) executive: bool,
    pub(super) auditor: bool,
    pub(super) administrator: bool,
    /// Must choose a password or set up a second factor before anything else.
    pub(super) limited: bool,
    pub(super) form_token: String,
}

impl Layout {
    pub(super) fn of(call: &Call) -> Self {
        Self {
            at: call.uri.path().to_owned(),
            visit: Some(Arc::clone(&call.visit)),
            ..Self::new(&call.server, call.caller.as_ref())
        }
    }

    pub(super) fn new(server: &Server, caller: Option<&Caller>) -> Self {
        Self {
            who: caller.map(|caller| Who {
                user: caller.session.user.as_str().to_owned(),
                name: caller.session.name.to_string(),
                role: caller.role().as_str(),
                executive: caller.role() == Role::Executive,
                auditor: caller.role() == Role::Auditor,
                administrator: caller.role() == Role::Administrator,
                limited: caller.session.password_due || is_due(server, &caller.session),
                form_token: caller.form_token(),
            }),
            at: String::new(),
            server: server.config.name.clone(),
            region: server.config.region.clone(),
            style: assets::STYLE.path(),
            htmx: assets::HTMX.path(),
            script: assets::SCRIPT.path(),
            icon: assets::ICON.path(),
            visit: None,
        }
    }

    /// Whether this is the page that a link of the menu leads to.
    pub(super) fn is_at(&self, path: &str) -> bool {
        self.at == path
    }

    /// When what the page shows was so, if that is a while ago.
    pub(super) fn as_of(&self) -> Option<String> {
        stale_as_of(self.visit.as_deref()?).map(when)
    }

    pub(super) fn form_token(&self) -> String {
        self.who.as_ref().map(|who| who.form_token.clone()).unwrap_or_default()
    }

    pub(super) fn is_limited(&self) -> bool {
        self.who.as_ref().is_some_and(|who| who.limited)
    }

    /// What had to be done first is done.
    pub(super) fn set_free(&mut self) {
        if let Some(who) = &mut self.who {
            who.limited = false;
        }
    }

    pub(super) fn is_auditor(&self) -> bool {
        self.who.as_ref().is_some_and(|who| who.auditor)
    }

    pub(super) fn is_administrator(&self) -> bool {
        self.who.as_ref().is_some_and(|who| who.administrator)
    }

    pub(super) fn is_executive(&self) -> bool {
        self.who.as_ref().is_some_and(|who| who.executive)
    }
}

/// A message above the content.
pub(super) struct Notice {
    /// `good`, `bad` or `info`.
    pub(super) tone: &'static str,
    pub(super) title: String,
    pub(super) text: String,
}

impl Notice {
    pub(super) fn good(title: impl Into<String>, text: impl Into<String>) -> Self {
        Self { tone: "good", title: title.into(), text: text.into() }
    }

    pub(super) fn bad(title: impl Into<String>, text: impl Into<String>) -> Self {
        Self { tone: "bad", title: title.into(), text: text.into() }
    }

    pub(super) fn info(title: impl Into<String>, text: impl Into<String>) -> Self {
        Self { tone: "info", title: title.into(), text: text.into() }
    }
}
