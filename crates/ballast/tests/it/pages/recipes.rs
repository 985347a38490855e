//! How to reach every page: what is visited, and what is sent, for every route of the table.
//!
//! Words in braces are names of the scene (`scene`), or what an earlier page held: `{note}` of the
//! second step, `{code}` and `{next-code}` of the authenticator app, `{password}` of everybody.

use ledger::Role;

/// An address that everybody may see whom the route lets in.
pub(super) struct Visit {
    pub(super) to: &'static str,
    /// The status.
    pub(super) gives: u16,
    /// Who gets another answer than the others, and is not asked.
    pub(super) but: Option<Role>,
}

/// A form, sent by the first role that may.
pub(super) struct Form {
    /// What the page shows that comes back.
    pub(super) state: &'static str,
    pub(super) to: &'static str,
    pub(super) fields: &'static [(&'static str, &'static str)],
    /// The status; 303 leads to a page, which is looked at.
    pub(super) gives: u16,
}

const fn at(to: &'static str) -> Visit {
    Visit { to, gives: 200, but: None }
}

const fn gives(gives: u16, to: &'static str) -> Visit {
    Visit { to, gives, but: None }
}

const fn form(
    gives: u16,
    state: &'static str,
    to: &'static str,
    fields: &'static [(&'static str, &'static str)],
) -> Form {
    Form { state, to, fields, gives }
}

/// Routes that are no pages, and why.
pub(super) const NO_PAGES: &[(&str, &str)] = &[
    ("/livez", "for balancers"),
    ("/readyz", "for balancers"),
    ("/assets/{file}", "files of pages"),
];

/// Pages that are no route's: what a person sees who went wrong.
pub(super) const ERRORS: &[Visit] = &[
    gives(404, "/nothing-here"),
    gives(404, "/accounts/999999999"),
    gives(405, "/sign-out"),
    gives(400, "/accounts?cursor=x"),
];

/// What is visited.
pub(super) const VISITS: &[(&str, &[Visit])] = &[
    ("/sign-in", &[at("/sign-in"), at("/sign-in?next=/accounts")]),
    ("/", &[at("/")]),
    ("/counter", &[at("/counter")]),
    ("/find", &[at("/find")]),
    ("/customers", &[at("/customers")]),
    (
        "/customers/{number}",
        &[
            at("/customers/{customer}"),
            at("/customers/{other}"),
            at("/customers/{sleeper}"),
            gives(404, "/customers/999999998"),
        ],
    ),
    ("/customers/{number}/deactivate", &[at("/customers/{customer}/deactivate")]),
    ("/customers/new", &[at("/customers/new")]),
    ("/customers/{number}/edit", &[at("/customers/{other}/edit")]),
    ("/customers/{number}/accounts/new", &[at("/customers/{customer}/accounts/new")]),
    ("/accounts", &[at("/accounts"), at("/accounts?customer={customer}")]),
    (
        "/accounts/{number}",
        &[
            at("/accounts/{account}"),
            at("/accounts/{account}?done={operation}"),
            at("/accounts/{account}?done={operation}&again=1"),
            at("/accounts/{other-account}"),
            at("/accounts/{sleeping}"),
            at("/accounts/{closed}"),
            at("/accounts/{empty}"),
        ],
    ),
    (
        "/accounts/{number}/statement",
        &[
            at("/accounts/{account}/statement"),
            at("/accounts/{account}/statement?last=100"),
            at("/accounts/{account}/statement?last=999"),
            at("/accounts/{account}/statement?month=2020-02"),
            at("/accounts/{empty}/statement?from=2020-01-01"),
            at("/accounts/{empty}/statement"),
            gives(400, "/accounts/{account}/statement?last=1000"),
            gives(400, "/accounts/{account}/statement?from=tomorrow"),
            gives(400, "/accounts/{account}/statement?month=2026-13"),
        ],
    ),
    ("/accounts/{number}/close", &[at("/accounts/{empty}/close")]),
    ("/accounts/{number}/deposit", &[at("/accounts/{account}/deposit")]),
    ("/accounts/{number}/withdraw", &[at("/accounts/{other-account}/withdraw")]),
    (
        "/accounts/{number}/receipt",
        &[
            at("/accounts/{account}/receipt?operation={opening}"),
            Visit {
                to: "/accounts/{account}/receipt?operation={operation}",
                gives: 200,
                but: Some(Role::Executive),
            },
            gives(400, "/accounts/{account}/receipt"),
        ],
    ),
    ("/verify", &[at("/verify")]),
    ("/statements/verify", &[at("/statements/verify")]),
    ("/transfers/new", &[at("/transfers/new"), at("/transfers/new?from={account}")]),
    ("/today", &[at("/today")]),
    ("/transfers/{number}", &[at("/transfers/{transfer}"), gives(404, "/transfers/999999999")]),
    (
        "/transfers/{number}/reverse",
        // A cashier may not take back what a teller has done, and is led away.
        &[Visit { to: "/transfers/{transfer}/reverse", gives: 200, but: Some(Role::Cashier) }],
    ),
    ("/audit/operations", &[at("/audit/operations")]),
    ("/me", &[at("/me"), at("/me?done=password"), at("/me?done=ended")]),
    ("/me/password", &[at("/me/password")]),
    ("/me/factor", &[at("/me/factor")]),
    ("/staff", &[at("/staff")]),
    ("/staff/new", &[at("/staff/new")]),
    (
        "/staff/{user}",
        &[at("/staff/{user}"), at("/staff/C00000005"), gives(404, "/staff/C99999999")],
    ),
    (
        "/audit",
        &[
            at("/audit"),
            at("/audit?customer={customer}"),
            at("/audit?subject=nothing"),
            gives(400, "/audit?from=x&user=x&customer=x"),
        ],
    ),
];

/// What is sent, in this order: later forms rest on what earlier ones did.
pub(super) const FORMS: &[(&str, &[Form])] = &[
    (
        "/counter",
        &[
            form(400, "nothing typed", "/counter", &[]),
            form(400, "no such account", "/counter", &[("account", "999999999"), ("amount", "1")]),
            form(
                200,
                "confirm a deposit",
                "/counter",
                &[("account", "{account}"), ("amount", "65.88"), ("kind", "deposit")],
            ),
            form(
                200,
                "confirm a withdrawal",
                "/counter",
                &[("account", "{account}"), ("amount", "65.88"), ("kind", "withdraw")],
            ),
        ],
    ),
    (
        "/find",
        &[
            form(404, "no such number", "/find", &[("what", "999999999")]),
            form(404, "no such name", "/find", &[("what", "Nobody <&>")]),
            form(400, "too short", "/find", &[("what", "x")]),
            form(200, "many", "/find", &[("what", "nymous")]),
            form(303, "one", "/find", &[("what", "lovelace")]),
        ],
    ),
    (
        "/customers/find",
        &[
            form(400, "too short", "/customers/find", &[("ssn", "1")]),
            form(404, "nobody", "/customers/find", &[("ssn", "999999999")]),
            form(303, "found", "/customers/find", &[("ssn", "100000001")]),
        ],
    ),
    ("/customers/{number}/ssn", &[form(200, "shown", "/customers/{customer}/ssn", &[])]),
    (
        "/customers/{number}/deactivate",
        &[
            form(303, "done", "/customers/{spare}/deactivate", &[]),
            form(409, "done before", "/customers/{spare}/deactivate", &[]),
        ],
    ),
    (
        "/customers/{number}/activate",
        &[
            form(303, "done", "/customers/{spare}/activate", &[]),
            form(409, "done before", "/customers/{spare}/activate", &[]),
        ],
    ),
    (
        "/customers/new",
        &[
            form(400, "nothing typed", "/customers/new", &[]),
            form(
                409,
                "known",
                "/customers/new",
                &[
                    ("ssn", "100000001"),
                    ("name", "Ada"),
                    ("address", "1 Row"),
                    ("age", "36"),
                    ("state", "NJ"),
                    ("city", "Newark"),
                ],
            ),
            form(
                303,
                "done",
                "/customers/new",
                &[
                    ("ssn", "100000009"),
                    ("name", "Mary Somerville"),
                    ("address", "1 Row"),
                    ("age", "36"),
                    ("state", "NJ"),
                    ("city", "Newark"),
                ],
            ),
        ],
    ),
    (
        "/customers/{number}/edit",
        &[
            form(400, "nothing typed", "/customers/{customer}/edit", &[("name", ""), ("age", "x")]),
            form(
                303,
                "done",
                "/customers/{customer}/edit",
                &[("name", "Ada King"), ("address", "2 Row"), ("age", "37")],
            ),
        ],
    ),
    (
        "/customers/{number}/accounts/new",
        &[
            form(
                400,
                "wrong amounts",
                "/customers/{customer}/accounts/new",
                &[("kind", "x"), ("currency", "USD"), ("opening_amount", "1_0")],
            ),
            form(
                409,
                "has one",
                "/customers/{customer}/accounts/new",
                &[("kind", "current"), ("currency", "USD")],
            ),
            form(
                303,
                "done",
                "/customers/{customer}/accounts/new",
                &[("kind", "savings"), ("currency", "JPY"), ("opening_amount", "100000")],
            ),
        ],
    ),
    (
        "/accounts/{number}/close",
        &[
            form(422, "money is in it", "/accounts/{account}/close", &[]),
            form(303, "done", "/accounts/{empty}/close", &[]),
        ],
    ),
    ("/accounts/{number}/reactivate", &[form(303, "done", "/accounts/{empty}/reactivate", &[])]),
    (
        "/accounts/{number}/deposit",
        &[
            form(400, "wrong amount", "/accounts/{account}/deposit", &[("amount", "1_0")]),
            form(
                200,
                "confirm",
                "/accounts/{account}/deposit",
                &[("amount", "65.88"), ("description", "Rent"), ("step", "check")],
            ),
            form(
                200,
                "change",
                "/accounts/{account}/deposit",
                &[("amount", "65.88"), ("description", "Rent"), ("step", "edit")],
            ),
            form(
                303,
                "done",
                "/accounts/{account}/deposit",
                &[("amount", "1"), ("step", "post"), ("key", "once")],
            ),
            form(
                303,
                "done before",
                "/accounts/{account}/deposit",
                &[("amount", "1"), ("step", "post"), ("key", "once")],
            ),
            form(
                422,
                "other values",
                "/accounts/{account}/deposit",
                &[("amount", "2"), ("step", "post"), ("key", "once")],
            ),
            form(422, "closed", "/accounts/{closed}/deposit", &[("amount", "1"), ("step", "post")]),
        ],
    ),
    (
        "/accounts/{number}/withdraw",
        &[
            form(400, "wrong amount", "/accounts/{account}/withdraw", &[("amount", "-1")]),
            form(200, "confirm", "/accounts/{account}/withdraw", &[("amount", "1")]),
            form(
                422,
                "not enough",
                "/accounts/{account}/withdraw",
                &[("amount", "1000000"), ("step", "post")],
            ),
            form(303, "done", "/accounts/{account}/withdraw", &[("amount", "1"), ("step", "post")]),
        ],
    ),
    (
        "/transfers/new",
        &[
            form(400, "nothing typed", "/transfers/new", &[]),
            form(
                200,
                "confirm",
                "/transfers/new",
                &[
                    ("from", "{account}"),
                    ("to", "{other-account}"),
                    ("amount", "1"),
                    ("description", "Rent"),
                ],
            ),
            form(
                422,
                "not enough",
                "/transfers/new",
                &[
                    ("from", "{account}"),
                    ("to", "{other-account}"),
                    ("amount", "1000000"),
                    ("step", "post"),
                ],
            ),
            form(
                303,
                "done",
                "/transfers/new",
                &[
                    ("from", "{account}"),
                    ("to", "{other-account}"),
                    ("amount", "1"),
                    ("step", "post"),
                ],
            ),
        ],
    ),
    (
        "/transfers/{number}/reverse",
        &[
            form(400, "no reason", "/transfers/{transfer}/reverse", &[("reason", "")]),
            form(200, "confirm", "/transfers/{transfer}/reverse", &[("reason", "Mistyped")]),
            form(
                303,
                "done",
                "/transfers/{transfer}/reverse",
                &[("reason", "Mistyped"), ("step", "post")],
            ),
        ],
    ),
    ("/me/sessions/end", &[form(303, "done", "/me/sessions/end", &[("session", "1")])]),
    (
        "/me/password",
        &[form(
            400,
            "wrong",
            "/me/password",
            &[("current", "x"), ("new", "violet"), ("again", "y")],
        )],
    ),
    (
        "/me/factor/begin",
        &[
            form(400, "wrong password", "/me/factor/begin", &[("current", "x")]),
            form(200, "the picture", "/me/factor/begin", &[("current", "{password}")]),
        ],
    ),
    (
        "/me/factor/confirm",
        &[
            form(400, "wrong code", "/me/factor/confirm", &[("code", "000")]),
            form(200, "recovery codes", "/me/factor/confirm", &[("code", "{code}")]),
        ],
    ),
    (
        "/sign-in",
        &[
            form(400, "nothing typed", "/sign-in", &[]),
            form(401, "wrong", "/sign-in", &[("user", "C00000003"), ("password", "wrong")]),
            form(
                200,
                "second step",
                "/sign-in",
                &[("user", "{factored}"), ("password", "{password}")],
            ),
        ],
    ),
    (
        "/sign-in/code",
        &[
            form(401, "wrong code", "/sign-in/code", &[("note", "{note}"), ("code", "000000")]),
            form(401, "too late", "/sign-in/code", &[("note", "x"), ("code", "000000")]),
        ],
    ),
    (
        "/me/factor/remove",
        &[
            form(400, "wrong code", "/me/factor/remove", &[("code", "000000")]),
            form(303, "done", "/me/factor/remove", &[("code", "{next-code}")]),
        ],
    ),
    (
        "/staff/new",
        &[
            form(400, "nothing typed", "/staff/new", &[]),
            form(
                200,
                "the one-time password",
                "/staff/new",
                &[("user", "C00000077"), ("name", "Katherine"), ("role", "teller")],
            ),
        ],
    ),
    (
        "/staff/{user}/role",
        &[
            form(303, "done", "/staff/C00000077/role", &[("role", "cashier")]),
            form(403, "one's own", "/staff/C00000005/role", &[("role", "cashier")]),
        ],
    ),
    ("/staff/{user}/password", &[form(200, "shown", "/staff/C00000077/password", &[])]),
    ("/staff/{user}/deactivate", &[form(303, "done", "/staff/C00000077/deactivate", &[])]),
    ("/staff/{user}/activate", &[form(303, "done", "/staff/C00000077/activate", &[])]),
    (
        "/staff/{user}/factor/remove",
        &[form(404, "has none", "/staff/C00000077/factor/remove", &[])],
    ),
    ("/staff/{user}/sign-out", &[form(303, "done", "/staff/C00000077/sign-out", &[])]),
    (
        "/verify",
        &[form(
            200,
            "of no statement",
            "/verify",
            &[("number", "360110000-202611"), ("code", "x")],
        )],
    ),
    (
        "/statements/verify",
        &[form(
            200,
            "of no statement",
            "/statements/verify",
            &[("number", "360110000-202611"), ("code", "x")],
        )],
    ),
    // The last: it ends the session of whoever sends it.
    ("/sign-out", &[form(303, "done", "/sign-out", &[])]),
];
