//! The pages as a browser sends them: sign in, forms, confirmation, and nothing moves twice.

use crate::bank::{Answer, Bank, PASSWORD};

/// The value of a hidden field.
pub(crate) fn hidden(page: &Answer, name: &str) -> String {
    let mark = format!("name=\"{name}\" value=\"");
    let found = page.text.split(&mark).nth(1).unwrap_or_else(|| panic!("{name}: {}", page.text));
    found.split('"').next().unwrap().to_owned()
}

pub(crate) async fn get(bank: &Bank, token: &str, path: &str) -> Answer {
    bank.get(path).cookie(token).header("sec-fetch-site", "same-origin").send().await
}

pub(crate) async fn submit(
    bank: &Bank,
    token: &str,
    path: &str,
    fields: &[(&str, &str)],
) -> Answer {
    let ask = bank.post(path).cookie(token).header("sec-fetch-site", "same-origin");
    ask.form(fields).send().await
}

#[tokio::test]
async fn signing_in_leads_to_where_one_wanted() {
    let bank = Bank::open().await;
    let away = bank.get("/accounts/360110000?x=1").send().await.expect(303);
    assert_eq!(away.header("location"), "/sign-in?next=%2Faccounts%2F360110000%3Fx%3D1");
    let page = bank.get(away.header("location")).send().await.expect(200);
    let next = hidden(&page, "next");
    let wrong = [("user", "C00000003"), ("password", "wrong-horse-1"), ("next", &*next)];
    let wrong = bank.post("/sign-in").form(&wrong).send().await.expect(401);
    assert!(wrong.text.contains("Wrong user or password") && wrong.text.contains("C00000003"));
    assert!(!wrong.text.contains("wrong-horse-1"));
    let right = [("user", "c00000003"), ("password", PASSWORD), ("next", &*next)];
    let right = bank.post("/sign-in").form(&right).send().await.expect(303);
    assert_eq!(right.header("location"), "/accounts/360110000?x=1");
    let cookie = right.header("set-cookie").split(';').next().unwrap().to_owned();
    let token = cookie.strip_prefix("ballast=").unwrap();
    let home = get(&bank, token, "/").await.expect(200);
    assert!(home.text.contains("Welcome, A teller"));
    get(&bank, token, "/sign-in").await.expect(303);
    let form_token = hidden(&home, "form_token");
    submit(&bank, token, "/sign-out", &[]).await.expect(403);
    submit(&bank, token, "/sign-out", &[("form_token", &form_token)]).await.expect(303);
    get(&bank, token, "/").await.expect(303);
    assert_eq!(bank.audit("session.end").await.len(), 1);
}

#[tokio::test]
async fn a_deposit_is_confirmed_and_a_double_click_moves_it_once() {
    let bank = Bank::open().await;
    let account = bank.account("012345678", "10.00").await;
    let path = format!("/accounts/{account}/deposit");
    let form = get(&bank, &bank.teller, &path).await.expect(200);
    let (token, key) = (hidden(&form, "form_token"), hidden(&form, "key"));
    let fields = |amount, step| {
        [("form_token", &*token), ("key", &*key), ("amount", amount), ("step", step)]
    };
    let wrong = submit(&bank, &bank.teller, &path, &fields("1_000", "check")).await.expect(400);
    assert!(wrong.text.contains("1_000") && wrong.text.contains("must be digits"));
    assert_eq!(hidden(&wrong, "key"), key);
    let confirm = submit(&bank, &bank.teller, &path, &fields("5.50", "check")).await.expect(200);
    assert!(confirm.text.contains("please confirm") && confirm.text.contains("15.50 USD"));
    assert_eq!(bank.balance(&account).await, "10.00");
    assert_eq!(hidden(&confirm, "key"), key);
    let edit = submit(&bank, &bank.teller, &path, &fields("5.50", "edit")).await.expect(200);
    assert_eq!((hidden(&edit, "key"), edit.text.contains("5.50")), (key.clone(), true));
    let first = submit(&bank, &bank.teller, &path, &fields("5.50", "post")).await.expect(303);
    let again = submit(&bank, &bank.teller, &path, &fields("5.50", "post")).await.expect(303);
    assert_eq!(bank.balance(&account).await, "15.50");
    let result = get(&bank, &bank.teller, first.header("location")).await.expect(200);
    assert!(result.text.contains("Deposit done.") && result.text.contains("New balance 15.50 USD"));
    let result = get(&bank, &bank.teller, again.header("location")).await.expect(200);
    assert!(result.text.contains("nothing was moved a second time"));
    let other = submit(&bank, &bank.teller, &path, &fields("6", "post")).await.expect(422);
    assert!(other.text.contains("This form was used before"));
    assert_ne!(hidden(&other, "key"), key);
    assert_eq!(bank.balance(&account).await, "15.50");
}

#[tokio::test]
async fn forms_without_their_token_do_nothing() {
    let bank = Bank::open().await;
    let account = bank.account("012345678", "10.00").await;
    let path = format!("/accounts/{account}/withdraw");
    let form = get(&bank, &bank.teller, &path).await.expect(200);
    let key = hidden(&form, "key");
    let foreign = hidden(&get(&bank, &bank.cashier, &path).await, "form_token");
    for token in ["", "x", &foreign] {
        let fields = [("form_token", token), ("key", &*key), ("amount", "1"), ("step", "post")];
        let answer = submit(&bank, &bank.teller, &path, &fields).await.expect(403);
        assert!(answer.text.contains("The form is not of this session"));
    }
    assert_eq!(bank.balance(&account).await, "10.00");
}

#[tokio::test]
async fn a_refused_withdrawal_says_what_to_do_and_keeps_what_was_typed() {
    let bank = Bank::open().await;
    let account = bank.account("012345678", "10.00").await;
    let path = format!("/accounts/{account}/withdraw");
    let form = get(&bank, &bank.teller, &path).await.expect(200);
    let (token, key) = (hidden(&form, "form_token"), hidden(&form, "key"));
    let fields = [("form_token", &*token), ("key", &*key), ("amount", "11"), ("step", "post")];
    let refused = submit(&bank, &bank.teller, &path, &fields).await.expect(422);
    assert!(refused.text.contains("Offer a smaller amount") && refused.text.contains("\"11\""));
    assert_ne!(hidden(&refused, "key"), key);
}

#[tokio::test]
async fn a_transfer_goes_by_form_to_any_account() {
    let bank = Bank::open().await;
    let a = bank.account("000000001", "10.00").await;
    let b = bank.account("000000002", "0").await;
    let form = get(&bank, &bank.teller, &format!("/transfers/new?from={a}")).await.expect(200);
    assert!(form.text.contains(&a));
    let (token, key) = (hidden(&form, "form_token"), hidden(&form, "key"));
    let fields = |to, step| {
        [
            ("form_token", &*token),
            ("key", &*key),
            ("from", &*a),
            ("to", to),
            ("amount", "10"),
            ("description", "<b>rent</b>"),
            ("step", step),
        ]
    };
    let unknown =
        submit(&bank, &bank.teller, "/transfers/new", &fields("360999999", "check")).await;
    assert!(unknown.expect(400).text.contains("does not exist"));
    let confirm = submit(&bank, &bank.teller, "/transfers/new", &fields(&b, "check")).await;
    assert!(confirm.expect(200).text.contains("&#60;b&#62;rent"));
    let done = submit(&bank, &bank.teller, "/transfers/new", &fields(&b, "post")).await.expect(303);
    let page = get(&bank, &bank.teller, done.header("location")).await.expect(200);
    assert!(page.text.contains("Transfer done.") && page.text.contains("class=\"fresh\""));
    assert_eq!(bank.balance(&b).await, "10.00");
    let statement = get(&bank, &bank.teller, &format!("/accounts/{b}/statement")).await.expect(200);
    assert!(statement.text.contains("Closing balance"));
    get(&bank, &bank.teller, &format!("/accounts/{b}/statement?last=0")).await.expect(400);
}

#[tokio::test]
async fn an_executive_adds_a_customer_and_opens_an_account() {
    let bank = Bank::open().await;
    let who = &bank.executive;
    let form = get(&bank, who, "/customers/new").await.expect(200);
    let token = hidden(&form, "form_token");
    let fields = |name, ssn| {
        [
            ("form_token", &*token),
            ("ssn", ssn),
            ("name", name),
            ("address", "A street"),
            ("age", "36"),
            ("state", "London"),
            ("city", "London"),
        ]
    };
    let wrong = submit(&bank, who, "/customers/new", &fields("", "012345678")).await.expect(400);
    assert!(wrong.text.contains("must be 1 to 50 characters") && wrong.text.contains("012345678"));
    let made = submit(&bank, who, "/customers/new", &fields("Ada", "012345678")).await.expect(303);
    assert_eq!(made.header("location"), "/customers/110110000?done=created");
    let taken = submit(&bank, who, "/customers/new", &fields("Bob", "012345678")).await.expect(409);
    assert!(taken.text.contains("belongs to a customer already"));
    assert!(taken.text.contains("Nothing was changed.") && taken.text.contains("Bob"));
    let found = [("form_token", &*token), ("ssn", "012345678")];
    let found = submit(&bank, who, "/customers/find", &found).await.expect(303);
    assert_eq!(found.header("location"), "/customers/110110000");
    let path = "/customers/110110000/accounts/new";
    let key = hidden(&get(&bank, who, path).await.expect(200), "key");
    let open = [
        ("form_token", &*token),
        ("key", &*key),
        ("kind", "savings"),
        ("currency", "USD"),
        ("opening_amount", "12.34"),
    ];
    for end in ["?done=1", "?done=1&again=1"] {
        let opened = submit(&bank, who, path, &open).await.expect(303);
        assert_eq!(opened.header("location"), format!("/accounts/360110000{end}"));
        let view = get(&bank, who, opened.header("location")).await.expect(200);
        assert!(view.text.contains("12.34 USD") && view.text.contains("Ada, 110110000"));
    }
    let view = get(&bank, who, "/customers/110110000").await.expect(200);
    assert!(view.text.contains("12.34 USD"));
    let close = [("form_token", &*token)];
    let close = submit(&bank, who, "/accounts/360110000/close", &close).await.expect(422);
    assert!(close.text.contains("Withdraw or transfer the whole balance first"));
}

#[tokio::test]
async fn assets_are_cached_by_their_hash() {
    let bank = Bank::open().await;
    let page = bank.get("/sign-in").send().await.expect(200);
    let path = page.text.split("href=\"/assets/ballast.css").nth(1).unwrap();
    let path = format!("/assets/ballast.css{}", path.split('"').next().unwrap());
    let style = bank.get(&path).send().await.expect(200);
    assert!(style.header("cache-control").contains("immutable"));
    let tag = style.header("etag").to_owned();
    let again = bank.get("/assets/ballast.css").header("if-none-match", &tag).send().await;
    again.expect(304);
    bank.get("/assets/none.css").send().await.expect(404);
}

#[tokio::test]
async fn customers_are_found_by_number_and_by_part_of_a_name() {
    let bank = Bank::open().await;
    let account = bank.account("012345678", "0").await;
    let home = get(&bank, &bank.teller, "/").await.expect(200);
    let token = hidden(&home, "form_token");
    let find = async |what| {
        submit(&bank, &bank.teller, "/find", &[("form_token", &*token), ("what", what)]).await
    };
    for what in ["110110000", "lovelace", "DA LOV"] {
        let found = find(what).await.expect(303);
        assert_eq!(found.header("location"), "/accounts?customer=110110000", "{what}");
    }
    assert_eq!(find(&account).await.expect(303).header("location"), format!("/accounts/{account}"));
    for (what, status, rule) in [
        ("110110009", 404, "belongs to no customer or account"),
        ("Babbage", 404, "is in no customer&#39;s name"),
        ("x", 400, "at least two letters of a name"),
        ("", 400, "at least two letters of a name"),
        ("%_", 400, "at least two letters of a name"),
    ] {
        let missed = find(what).await.expect(status);
        assert!(missed.text.contains(rule), "{what}: {}", missed.text);
        assert!(missed.text.contains(&format!("value=\"{what}\"")), "{what} is kept");
    }
    for ssn in 1..=21 {
        bank.customer(&format!("{ssn:09}")).await;
    }
    let first = find("ada").await.expect(200);
    assert_eq!(first.text.matches("Ada Lovelace").count(), 20);
    let cursor = hidden(&first, "cursor");
    let fields = [("form_token", &*token), ("what", "ada"), ("cursor", &*cursor)];
    let second = submit(&bank, &bank.teller, "/find", &fields).await.expect(200);
    assert_eq!(second.text.matches("Ada Lovelace").count(), 2);
    assert!(!second.text.contains("Next page"));
}

#[tokio::test]
async fn the_counter_goes_from_the_home_page_to_a_confirmation() {
    let bank = Bank::open().await;
    let account = bank.account("012345678", "10.00").await;
    let home = get(&bank, &bank.teller, "/").await.expect(200);
    let (token, key) = (hidden(&home, "form_token"), hidden(&home, "key"));
    let start = async |account, amount, kind| {
        let fields = [
            ("form_token", &*token),
            ("key", &*key),
            ("account", account),
            ("amount", amount),
            ("kind", kind),
        ];
        submit(&bank, &bank.teller, "/counter", &fields).await
    };
    for (number, amount, rule) in [
        ("360119999", "1", "Account number does not exist"),
        ("x", "1", "Account number must be"),
        (&*account, "1_000", "Amount must"),
        (&*account, "", "Amount must"),
    ] {
        let wrong = start(number, amount, "deposit").await.expect(400);
        assert!(wrong.text.contains(rule), "{rule}: {}", wrong.text);
        assert!(wrong.text.contains(&format!("value=\"{number}\"")), "{number} is kept");
        assert_eq!(hidden(&wrong, "key"), key);
    }
    let confirm = start(&account, "65.88", "deposit").await.expect(200);
    for part in ["Ada Lovelace, 110110000", &account, "65.88 USD", "75.88 USD"] {
        assert!(confirm.text.contains(part), "{part}: {}", confirm.text);
    }
    assert_eq!(bank.balance(&account).await, "10.00", "nothing moves before it is confirmed");
    let path = format!("/accounts/{account}/deposit");
    let fields = [("form_token", &*token), ("key", &*key), ("amount", "65.88"), ("step", "post")];
    for _ in 0..2 {
        submit(&bank, &bank.teller, &path, &fields).await.expect(303);
    }
    assert_eq!(bank.balance(&account).await, "75.88");
    let out = start(&account, "1", "withdraw").await.expect(200);
    assert!(out.text.contains("Confirm the withdrawal"));
}

#[tokio::test]
async fn closing_and_deactivating_ask_first() {
    let bank = Bank::open().await;
    let account = bank.account("012345678", "0").await;
    let who = &bank.executive;
    let paths = [format!("/accounts/{account}"), "/customers/110110000".to_owned()];
    for (path, end) in paths.iter().zip(["close", "deactivate"]) {
        let ask = get(&bank, who, &format!("{path}/{end}")).await.expect(200);
        assert!(ask.text.contains("Ada Lovelace"), "{}", ask.text);
        let token = hidden(&ask, "form_token");
        let page = get(&bank, who, path).await.expect(200);
        assert!(page.text.contains("badge open") || page.text.contains("badge active"));
        let fields = [("form_token", &*token)];
        let done = submit(&bank, who, &format!("{path}/{end}"), &fields).await.expect(303);
        let page = get(&bank, who, done.header("location")).await.expect(200);
        assert!(page.text.contains("notice good"), "it says what was done: {}", page.text);
    }
    let page = get(&bank, who, "/customers/110110000").await.expect(200);
    assert!(page.text.contains("badge deactivated") && page.text.contains("badge closed"));
    // An address that somebody made up says nothing that is not so.
    for made_up in ["/customers/110110000?done=created", "/accounts/360110000?done=99&again=1"] {
        let page = get(&bank, who, made_up).await.expect(200);
        assert!(!page.text.contains("class=\"notice"), "{}", page.text);
    }
    // Nobody fills in a form that cannot be taken.
    for form in ["edit", "accounts/new"] {
        let page = get(&bank, who, &format!("/customers/110110000/{form}")).await.expect(409);
        assert!(page.text.contains("Activate the customer first."), "{}", page.text);
    }
}
