//! Administrators, one's own account, and auditors: by the pages, as a browser sends them.

use ledger::UserId;

use crate::bank::{Answer, Bank, PASSWORD};
use crate::pages::{get, hidden, submit};

const CHOSEN: &str = "violet+Tram4gravel";

/// Signs in by the page; the cookie's value.
pub(crate) async fn sign_in(bank: &Bank, user: &str, password: &str) -> String {
    let fields = [("user", user), ("password", password)];
    let ask = bank.post("/sign-in").header("user-agent", "a test browser");
    let ask = ask.header("x-forwarded-for", "203.0.113.9, 127.0.0.1");
    cookie(&ask.form(&fields).send().await.expect(303))
}

pub(crate) fn cookie(answer: &Answer) -> String {
    let cookie = answer.header("set-cookie").split(';').next().unwrap();
    cookie.strip_prefix("ballast=").unwrap().to_owned()
}

/// Sends a form that has nothing but its token.
async fn press(bank: &Bank, token: &str, page: &str, path: &str) -> Answer {
    let form_token = hidden(&get(bank, token, page).await.expect(200), "form_token");
    submit(bank, token, path, &[("form_token", &form_token)]).await
}

/// The password that a page shows once.
fn shown_password(page: &Answer) -> String {
    let found = page.text.split("One-time password</dt><dd>").nth(1).unwrap();
    found.split('<').next().unwrap().to_owned()
}

async fn add(bank: &Bank, user: &str, name: &str, role: &str) -> Answer {
    let admin = &bank.administrator;
    let form = get(bank, admin, "/staff/new").await.expect(200);
    let form_token = hidden(&form, "form_token");
    let fields = [("form_token", &*form_token), ("user", user), ("name", name), ("role", role)];
    submit(bank, admin, "/staff/new", &fields).await
}

#[tokio::test]
async fn a_new_member_chooses_a_password_before_anything_else() {
    let bank = Bank::open().await;
    let page = add(&bank, "c00000011", "Eva Novak", "teller").await.expect(200);
    let first = shown_password(&page);
    let later = get(&bank, &bank.administrator, "/staff/C00000011").await.expect(200);
    assert!(!later.text.contains(&first), "it is shown once");
    let token = sign_in(&bank, "C00000011", &first).await;
    for (path, next) in [("/", ""), ("/accounts", "?next=%2Faccounts"), ("/me", "?next=%2Fme")] {
        let away = get(&bank, &token, path).await.expect(303);
        assert_eq!(away.header("location"), format!("/me/password{next}"));
    }
    let api = bank.get("/api/v1/accounts").token(&token).send().await;
    assert!(api.is_problem(403, "password-due"), "{}", api.text);
    bank.get("/api/v1/session").token(&token).send().await.expect(200);
    let form_token = hidden(&get(&bank, &token, "/me/password").await.expect(200), "form_token");
    let choose = async |current: &str, new: &str, again: &str| {
        let fields = [
            ("form_token", &*form_token),
            ("current", current),
            ("new", new),
            ("again", again),
            ("next", "/accounts"),
        ];
        submit(&bank, &token, "/me/password", &fields).await
    };
    let cases = [
        (&*first, "short", "short", "must be 10 to 128 characters"),
        (&*first, "P@ssw0rd123", "P@ssw0rd123", "is easy to guess"),
        (&*first, "Novak+Tram4gravel", "Novak+Tram4gravel", "must not hold your name"),
        (&*first, CHOSEN, "violet+Tram4grave", "must be the same as the new password"),
        (&*first, &*first, &*first, "must be another than the present one"),
        ("wrong-horse-1", CHOSEN, CHOSEN, "Present password is wrong"),
    ];
    for (current, new, again, rule) in cases {
        let refused = choose(current, new, again).await.expect(400);
        assert!(refused.text.contains(rule), "{rule}: {}", refused.text);
        assert!(!refused.text.contains(new) && !refused.text.contains(current), "{rule}");
    }
    let chosen = choose(&first, CHOSEN, CHOSEN).await.expect(303);
    get(&bank, &token, "/").await.expect(303);
    assert_eq!(chosen.header("location"), "/accounts");
    let token = cookie(&chosen);
    get(&bank, &token, "/").await.expect(200);
    let fields = [("user", "C00000011"), ("password", &*first)];
    bank.post("/sign-in").form(&fields).send().await.expect(401);
    get(&bank, &sign_in(&bank, "C00000011", CHOSEN).await, "/").await.expect(200);
    let results: Vec<_> =
        bank.audit("password").await.into_iter().map(|row| (row.action, row.result)).collect();
    let row = |result: &str| ("password.change".to_owned(), result.to_owned());
    assert_eq!(results, [row("denied"), row("done")]);
}

#[tokio::test]
async fn an_administrator_changes_others_and_never_themselves() {
    let bank = Bank::open().await;
    let admin = &bank.administrator;
    let wrong = add(&bank, "eva", "", "owner").await.expect(400);
    for rule in ["User must be C and eight digits", "Name must be 1 to 50", "Role must be one of"] {
        assert!(wrong.text.contains(rule), "{rule}: {}", wrong.text);
    }
    let taken = add(&bank, "C00000003", "Eva", "teller").await.expect(400);
    assert!(taken.text.contains("belongs to a member of staff already"));
    let page = "/staff/C00000003";
    let token = sign_in(&bank, "C00000003", PASSWORD).await;
    let seen = get(&bank, admin, page).await.expect(200);
    assert!(seen.text.contains("203.0.113.9") && seen.text.contains("a test browser"));
    press(&bank, admin, page, "/staff/C00000003/sign-out").await.expect(303);
    get(&bank, &token, "/").await.expect(303);
    let token = sign_in(&bank, "C00000003", PASSWORD).await;
    let form_token = hidden(&seen, "form_token");
    let role = |role| [("form_token", &*form_token), ("role", role)];
    submit(&bank, admin, "/staff/C00000003/role", &role("owner")).await.expect(400);
    submit(&bank, admin, "/staff/C00000003/role", &role("auditor")).await.expect(303);
    get(&bank, &token, "/transfers/new").await.expect(403);
    get(&bank, &token, "/audit").await.expect(200);
    press(&bank, admin, page, "/staff/C00000003/deactivate").await.expect(303);
    get(&bank, &token, "/").await.expect(303);
    let fields = [("user", "C00000003"), ("password", PASSWORD)];
    bank.post("/sign-in").form(&fields).send().await.expect(401);
    press(&bank, admin, page, "/staff/C00000003/activate").await.expect(303);
    let reset = press(&bank, admin, page, "/staff/C00000003/password").await.expect(200);
    let token = sign_in(&bank, "C00000003", &shown_password(&reset)).await;
    assert_eq!(get(&bank, &token, "/").await.expect(303).header("location"), "/me/password");
    for what in ["deactivate", "password", "sign-out"] {
        let path = format!("/staff/C00000005/{what}");
        let refused = submit(&bank, admin, &path, &[("form_token", &form_token)]).await;
        assert!(refused.expect(403).text.contains("Another administrator can"), "{what}");
    }
    press(&bank, admin, page, "/staff/C00000099/deactivate").await.expect(404);
    let rows = bank.audit("staff").await;
    let rows: Vec<_> = rows.iter().map(|row| (&*row.action, &*row.result)).collect();
    let expect = [
        ("staff.sessions.end", "done"),
        ("staff.role", "done"),
        ("staff.deactivate", "done"),
        ("staff.activate", "done"),
        ("staff.password.reset", "done"),
        ("staff.deactivate", "denied"),
        ("staff.password.reset", "denied"),
        ("staff.sessions.end", "denied"),
    ];
    assert_eq!(rows, expect);
}

#[tokio::test]
async fn the_staff_of_a_large_bank_come_in_pages() {
    let bank = Bank::open().await;
    for number in 100..160 {
        let staff = store::Staff {
            user: ledger::UserId::parse(&format!("C00000{number}")).unwrap(),
            name: format!("Number {number}"),
            role: ledger::Role::Teller,
            password_hash: "none".into(),
            password_generated: true,
            disabled: false,
        };
        assert!(bank.store.add_staff(staff).await.unwrap());
    }
    let (mut path, mut users) = (Some("/staff".to_owned()), Vec::new());
    while let Some(here) = path {
        let page = get(&bank, &bank.administrator, &here).await.expect(200).text;
        let rows = page.split("href=\"/staff/C").skip(1);
        users.extend(rows.map(|row| row.split('"').next().unwrap().to_owned()));
        let next = page.split("href=\"/staff?after=").nth(1);
        path = next.map(|rest| format!("/staff?after={}", rest.split('"').next().unwrap()));
    }
    assert_eq!(users.len(), 65, "each once: {users:?}");
    assert!(users.is_sorted());
}

#[tokio::test]
async fn one_sees_and_ends_ones_own_sessions() {
    let bank = Bank::open().await;
    let here = sign_in(&bank, "C00000003", PASSWORD).await;
    let there = sign_in(&bank, "C00000003", PASSWORD).await;
    let page = get(&bank, &here, "/me").await.expect(200);
    assert!(page.text.contains("203.0.113.9") && page.text.contains("this one"));
    let session = hidden(&page, "session");
    let form_token = hidden(&page, "form_token");
    let fields = [("form_token", &*form_token), ("session", &*session)];
    // Somebody else's form with the same number ends nothing.
    let other = hidden(&get(&bank, &bank.cashier, "/me").await.expect(200), "form_token");
    let stranger = [("form_token", &*other), ("session", &*session)];
    submit(&bank, &bank.cashier, "/me/sessions/end", &stranger).await.expect(303);
    get(&bank, &there, "/").await.expect(200);
    submit(&bank, &here, "/me/sessions/end", &fields).await.expect(303);
    get(&bank, &there, "/").await.expect(303);
    get(&bank, &here, "/").await.expect(200);
    assert_eq!(bank.audit("session.end").await.len(), 1);
}

#[tokio::test]
async fn every_sign_in_is_a_row_with_who_when_where_and_result() {
    let bank = Bank::open().await;
    sign_in(&bank, "C00000003", PASSWORD).await;
    for (user, times) in [("C00000003", 6), ("my-password-1!", 1)] {
        for _ in 0..times {
            let fields = [("user", user), ("password", "wrong-horse-1")];
            let ask = bank.post("/sign-in").header("x-forwarded-for", "203.0.113.7, 127.0.0.1");
            assert!(ask.form(&fields).send().await.status.is_client_error());
        }
    }
    let rows = bank.audit("sign-in").await;
    let teller = UserId::parse("C00000003");
    assert_eq!(
        (&rows[0].user, &*rows[0].result, &*rows[0].address),
        (&teller, "done", "203.0.113.9")
    );
    let denied: Vec<_> = rows.iter().filter(|row| row.action == "sign-in").skip(1).collect();
    assert_eq!(denied.len(), 6, "{rows:?}");
    assert!(denied.iter().all(|row| row.result == "denied" && row.address == "203.0.113.7"));
    assert_eq!((&denied[4].user, &*denied[4].subject), (&teller, "C00000003"));
    assert_eq!((&denied[5].user, &*denied[5].subject), (&None, ""), "what was typed is not kept");
    assert_eq!(rows.iter().filter(|row| row.action == "sign-in.locked").count(), 1);
}

#[tokio::test]
async fn a_social_security_number_is_shown_on_request_and_the_request_is_noted() {
    let bank = Bank::open().await;
    let customer = bank.customer("912345678").await;
    let path = format!("/customers/{customer}");
    for token in [&bank.executive, &bank.auditor] {
        let page = get(&bank, token, &path).await.expect(200);
        assert!(page.text.contains("•••••5678") && !page.text.contains("912345678"));
        let shown = press(&bank, token, &path, &format!("{path}/ssn")).await.expect(200);
        assert!(shown.text.contains("912345678") && shown.text.contains("This was noted"));
    }
    let api = format!("/api/v1{path}");
    let seen = bank.get(&api).token(&bank.auditor).send().await.expect(200);
    assert_eq!(seen.json()["ssn"], "•••••5678");
    for token in [&bank.executive, &bank.auditor] {
        let ask = bank.post(&format!("{api}/ssn")).token(token);
        let shown = ask.header("x-forwarded-for", "203.0.113.77").send().await.expect(200);
        assert_eq!(shown.json()["ssn"], "912345678");
    }
    let unknown = bank.post("/api/v1/customers/110110099/ssn").token(&bank.auditor).send().await;
    assert!(unknown.is_problem(404, "customer-unknown"));
    let page = get(&bank, &bank.auditor, &path).await.expect(200);
    assert!(!page.text.contains("Deactivate") && !page.text.contains("/edit"));
    let rows = bank.audit("customer.ssn").await;
    // Where it was asked from, which need not be where the session began.
    let from = rows.iter().filter(|row| row.address == "203.0.113.77").count();
    assert_eq!(from, 2);
    let rows: Vec<_> =
        rows.iter().map(|row| (row.user.as_ref().unwrap().as_str(), &*row.subject)).collect();
    let twice = [("C00000001", &*customer), ("C00000004", &*customer)].repeat(2);
    assert_eq!(rows, twice);
}

#[tokio::test]
async fn auditors_filter_page_and_export_the_rows() {
    let bank = Bank::open().await;
    let customer = bank.customer("912345678").await;
    get(&bank, &bank.teller, "/customers").await.expect(403);
    let all = get(&bank, &bank.auditor, "/audit").await.expect(200);
    assert!(all.text.contains("customer.create") && all.text.contains("GET /customers"));
    let denials = get(&bank, &bank.auditor, "/audit?action=access&from=&until=").await.expect(200);
    assert!(denials.text.contains("access.role") && !denials.text.contains("customer.create"));
    let subject = format!("/audit?subject={customer}&result=done&user=c00000001");
    let subject = get(&bank, &bank.auditor, &subject).await.expect(200);
    assert!(subject.text.contains("customer.create") && !subject.text.contains("access.role"));
    let account = bank.account_of(&customer, "current", "10.00").await;
    let other = bank.account("912345679", "10.00").await;
    bank.cash(&account, "withdrawals", "w", "10.00").await.expect(201);
    bank.cash(&other, "withdrawals", "v", "10.00").await.expect(201);
    for number in [&account, &other] {
        let close = bank.post(&format!("/api/v1/accounts/{number}/close")).token(&bank.executive);
        close.send().await.expect(200);
    }
    let path = format!("/audit?customer={customer}");
    let theirs = get(&bank, &bank.auditor, &path).await.expect(200);
    assert!(theirs.text.contains("customer.create") && theirs.text.contains("account.close"));
    assert!(theirs.text.contains(&*account) && !theirs.text.contains(&*other), "{}", theirs.text);
    let postings = format!("/accounts?customer={customer}");
    assert!(theirs.text.contains(&postings));
    get(&bank, &bank.auditor, &postings).await.expect(200);
    let wrong = get(&bank, &bank.auditor, "/audit?from=yesterday").await.expect(400);
    assert!(wrong.text.contains("From must be a date such as") && wrong.text.contains("yesterday"));
    let first = get(&bank, &bank.auditor, "/audit?limit=1").await.expect(200);
    assert!(first.text.contains("Earlier rows"));
    let export = format!("/audit.csv?action=customer&customer={customer}");
    let export = get(&bank, &bank.auditor, &export).await.expect(200);
    assert!(export.header("content-disposition").contains("audit.csv"));
    let lines: Vec<_> = export.text.split("\r\n").collect();
    assert_eq!(lines[0], "id,time,user,session,action,subject,result,server,address");
    assert!(lines[1].contains(",C00000001,") && lines[1].contains(&*customer), "{}", lines[1]);
    assert_eq!((lines.len(), lines[2]), (3, ""));
    assert_eq!(bank.audit("audit.export").await.len(), 1);
}

#[tokio::test]
async fn behind_tls_the_cookie_is_bound_to_the_host() {
    let bank = Bank::open().await;
    let config = web::Config { secure_cookies: true, ..web::Config::default() };
    let app = web::app(bank.store.clone(), config);
    let bank = bank.with_app(app);
    let fields = [("user", "C00000003"), ("password", PASSWORD)];
    let answer = bank.post("/sign-in").form(&fields).send().await.expect(303);
    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with("__Host-ballast="), "{cookie}");
    for part in ["; Path=/", "; HttpOnly", "; SameSite=Strict", "; Secure"] {
        assert!(cookie.contains(part), "{part}: {cookie}");
    }
    assert!(!cookie.contains("Domain"), "{cookie}");
    assert!(answer.header("strict-transport-security").contains("max-age=31536000"));
    let token = cookie.split(['=', ';']).nth(1).unwrap();
    let by = async |name: &str| {
        let ask = bank.get("/").header("cookie", &format!("{name}={token}"));
        ask.header("sec-fetch-site", "same-origin").send().await
    };
    by("ballast").await.expect(303);
    let home = by("__Host-ballast").await.expect(200);
    let form = [("form_token", &*hidden(&home, "form_token"))];
    let ask = bank.post("/sign-out").header("cookie", &format!("__Host-ballast={token}"));
    let out = ask.form(&form).send().await.expect(303);
    assert!(out.header("set-cookie").starts_with("__Host-ballast=; Path=/; Max-Age=0;"));
    by("__Host-ballast").await.expect(303);
    let plain = Bank::open().await.get("/sign-in").send().await.expect(200);
    assert_eq!(plain.header("strict-transport-security"), "", "nothing is promised without TLS");
}
