//! The second factor: set up, asked for at sign-in, good once, required of administrators.

use std::sync::Arc;

use ledger::{Actor, UserId};
use ring::hmac;
use store::{StaffChange, now_ms};
use web::hash_password;

use crate::bank::{Answer, Bank, PASSWORD, config};
use crate::pages::{get, hidden, submit};
use crate::staff::{cookie, sign_in};

/// An authenticator app, by the words of RFC 4226 and RFC 6238.
struct App(Vec<u8>);

impl App {
    /// Takes the key that the page shows.
    fn of(page: &Answer) -> Self {
        let text = page.text.split("<code>").nth(1).unwrap().split('<').next().unwrap();
        let (mut bits, mut count, mut secret) = (0_u32, 0, Vec::new());
        for letter in text.chars().filter(|letter| *letter != ' ') {
            let value = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".find(letter).unwrap();
            bits = (bits << 5) | u32::try_from(value).unwrap();
            count += 5;
            if count >= 8 {
                count -= 8;
                secret.push(u8::try_from((bits >> count) & 255).unwrap());
            }
        }
        assert_eq!(secret.len(), 20);
        Self(secret)
    }

    fn code(&self, step: i64) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.0);
        let tag = hmac::sign(&key, &step.to_be_bytes());
        let offset = usize::from(tag.as_ref()[19] & 15);
        let word: [u8; 4] = tag.as_ref()[offset..offset + 4].try_into().unwrap();
        format!("{:06}", (u32::from_be_bytes(word) & 0x7fff_ffff) % 1_000_000)
    }
}

fn step() -> i64 {
    now_ms() / 30_000
}

/// Sets it up; gives the app, and the recovery codes.
async fn set_up(bank: &Bank, token: &str, step: i64) -> (App, Vec<String>) {
    let form_token = hidden(&get(bank, token, "/me/factor").await.expect(200), "form_token");
    let field = |name, value| [("form_token", form_token.clone()), (name, value)];
    let send = async |path: &str, fields: [(&str, String); 2]| {
        let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
        submit(bank, token, path, &fields).await
    };
    let wrong = send("/me/factor/begin", field("current", "wrong-horse-1".to_owned())).await;
    assert!(wrong.expect(400).text.contains("Present password is wrong"));
    let page = send("/me/factor/begin", field("current", PASSWORD.to_owned())).await.expect(200);
    let app = App::of(&page);
    let wrong = send("/me/factor/confirm", field("code", app.code(step - 100))).await.expect(400);
    assert!(wrong.text.contains("is not that of the app") && wrong.text.contains("<svg"));
    let codes = send("/me/factor/confirm", field("code", app.code(step))).await.expect(200);
    let codes: Vec<_> = codes.text.split("<li><code>").skip(1).collect();
    let codes: Vec<_> =
        codes.iter().map(|rest| rest.split('<').next().unwrap().to_owned()).collect();
    assert_eq!(codes.len(), 10);
    (app, codes)
}

/// The first step by the page; the note that the second one sends back.
async fn first_step(bank: &Bank) -> String {
    let fields = [("user", "C00000003"), ("password", PASSWORD), ("next", "/accounts")];
    let page = bank.post("/sign-in").form(&fields).send().await.expect(200);
    assert!(page.text.contains("Second step") && page.header("set-cookie").is_empty());
    hidden(&page, "note")
}

async fn second_step(bank: &Bank, note: &str, code: &str) -> Answer {
    let fields = [("note", note), ("code", code), ("next", "/accounts")];
    bank.post("/sign-in/code").form(&fields).send().await
}

#[tokio::test]
async fn a_code_is_asked_for_and_is_good_once_on_any_server() {
    let bank = Bank::open().await;
    let now = step();
    let token = sign_in(&bank, "C00000003", PASSWORD).await;
    let (app, codes) = set_up(&bank, &token, now).await;
    let note = first_step(&bank).await;
    let other = bank.second_server();
    let bank = bank.with_app(other);
    let spent = second_step(&bank, &note, &app.code(now)).await.expect(401);
    assert!(spent.text.contains("Wrong code"), "the code that confirmed it is spent");
    let note = hidden(&spent, "note");
    second_step(&bank, &note, "000000x").await.expect(401);
    let done = second_step(&bank, &note, &app.code(now + 1)).await.expect(303);
    assert_eq!(done.header("location"), "/accounts");
    get(&bank, &cookie(&done), "/").await.expect(200);
    second_step(&bank, &note, &app.code(now + 1)).await.expect(401);
    let typed = codes[3].to_uppercase().replace('-', " ");
    second_step(&bank, &note, &typed).await.expect(303);
    second_step(&bank, &note, &codes[3]).await.expect(401);
    let page = get(&bank, &token, "/me/factor").await.expect(200);
    assert!(page.text.contains("<dt>Recovery codes left</dt><dd>9</dd>"), "{}", page.text);
    let denied = bank.audit("sign-in.factor").await;
    assert_eq!(denied.len(), 4);
    assert!(denied.iter().all(|row| row.result == "denied" && row.user.is_some()));
    let rows: Vec<_> = bank.audit("factor").await.into_iter().map(|row| row.action).collect();
    assert_eq!(rows, ["factor.enable", "factor.enable", "factor.recovery"]);
}

#[tokio::test]
async fn the_api_asks_for_the_code_with_the_password() {
    let bank = Bank::open().await;
    let token = sign_in(&bank, "C00000003", PASSWORD).await;
    let (_, codes) = set_up(&bank, &token, step()).await;
    let ask = async |code: Option<&str>, password: &str| {
        let body = serde_json::json!({ "user": "C00000003", "password": password, "code": code });
        bank.post("/api/v1/sessions").json(&body).send().await
    };
    assert!(ask(None, PASSWORD).await.is_problem(401, "code-missing"));
    assert!(ask(Some(""), PASSWORD).await.is_problem(401, "code-missing"));
    assert!(ask(Some("12345"), PASSWORD).await.is_problem(401, "code-wrong"));
    assert!(ask(Some(&codes[0]), "wrong-horse-1").await.is_problem(401, "sign-in-refused"));
    let made = ask(Some(&codes[0]), PASSWORD).await.expect(201);
    let program = made.json()["token"].as_str().unwrap().to_owned();
    bank.get("/api/v1/session").token(&program).send().await.expect(200);
}

#[tokio::test]
async fn wrong_codes_lock_like_wrong_passwords_and_notes_cannot_be_forged() {
    let bank = Bank::open().await;
    let token = sign_in(&bank, "C00000003", PASSWORD).await;
    let (_, codes) = set_up(&bank, &token, step()).await;
    let note = first_step(&bank).await;
    // The first sign, because bits of the last one may say nothing.
    let other = if note.starts_with('A') { 'B' } else { 'A' };
    for forged in ["", "x", &note[1..], &format!("{other}{}", &note[1..])] {
        let refused = second_step(&bank, forged, &codes[0]).await.expect(401);
        assert!(refused.text.contains("Please sign in again"), "{forged}");
    }
    // One wrong password was typed while it was set up; signing in cleared nothing since.
    for _ in 0..4 {
        second_step(&bank, &note, "000000x").await.expect(401);
    }
    let locked = second_step(&bank, &note, &codes[0]).await.expect(429);
    assert!(locked.text.contains("Too many failed sign-ins"));
}

#[tokio::test]
async fn a_note_is_worth_nothing_once_the_password_is_another() {
    let bank = Bank::open().await;
    let token = sign_in(&bank, "C00000003", PASSWORD).await;
    let (_, codes) = set_up(&bank, &token, step()).await;
    let note = first_step(&bank).await;
    let change = StaffChange::Password { password_hash: hash_password("another-Tram4") };
    let user = UserId::parse("C00000003").unwrap();
    bank.store.change_staff_by_operator(user, change).await.unwrap();
    second_step(&bank, &note, &codes[0]).await.expect(401);
}

#[tokio::test]
async fn a_factor_is_removed_with_a_code_or_by_an_administrator() {
    let bank = Bank::open().await;
    let token = sign_in(&bank, "C00000003", PASSWORD).await;
    let (_, codes) = set_up(&bank, &token, step()).await;
    let form_token = hidden(&get(&bank, &token, "/me/factor").await.expect(200), "form_token");
    let remove = async |code: &str| {
        let fields = [("form_token", &*form_token), ("code", code)];
        submit(&bank, &token, "/me/factor/remove", &fields).await
    };
    assert!(remove("000000x").await.expect(400).text.contains("Code is wrong"));
    remove(&codes[0]).await.expect(303);
    let token = sign_in(&bank, "C00000003", PASSWORD).await;
    set_up(&bank, &token, step()).await;
    let page = get(&bank, &bank.administrator, "/staff/C00000003").await.expect(200);
    assert!(page.text.contains("Remove the second factor"));
    let admin = hidden(&page, "form_token");
    let path = "/staff/C00000003/factor/remove";
    submit(&bank, &bank.administrator, path, &[("form_token", &admin)]).await.expect(303);
    get(&bank, &token, "/").await.expect(303);
    let none = submit(&bank, &bank.administrator, path, &[("form_token", &admin)]).await;
    none.expect(404);
    sign_in(&bank, "C00000003", PASSWORD).await;
}

#[tokio::test]
async fn where_it_is_required_administrators_set_it_up_before_anything_else() {
    let bank = Bank::open().await;
    let needs = web::Config { administrators_need_second_factor: true, ..config("server") };
    let app = web::app(bank.store.clone(), needs);
    let bank = bank.with_app(app);
    // Chosen by its owner: a reset would end the token.
    let user = UserId::parse("C00000005").unwrap();
    let session = bank.store.sessions_of(user.clone()).await.unwrap()[0].id;
    let actor = Actor { user, session, server: Arc::from("server") };
    assert!(bank.store.choose_password(&actor, hash_password(PASSWORD)).await.unwrap());
    let admin = &bank.administrator;
    for path in ["/", "/staff", "/me"] {
        let away = get(&bank, admin, path).await.expect(303);
        assert_eq!(away.header("location"), "/me/factor", "{path}");
    }
    let add = submit(&bank, admin, "/staff/new", &[]).await.expect(403);
    assert!(add.text.contains("A second factor must be set up first"));
    let page = get(&bank, admin, "/me/factor").await.expect(200);
    assert!(page.text.contains("Administrators sign in with a second factor"));
    assert!(!page.text.contains("href=\"/staff\""), "nothing else is offered");
    get(&bank, &bank.teller, "/").await.expect(200);
    set_up(&bank, admin, step()).await;
    get(&bank, admin, "/staff").await.expect(200);
}
