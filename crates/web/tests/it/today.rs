//! The home page's look at today, by role, and the auditor's list of postings.

use crate::bank::{Bank, PASSWORD};
use crate::pages::get;

#[tokio::test]
async fn the_counter_sees_its_own_day() {
    let bank = Bank::open().await;
    let account = bank.account("012345678", "10.00").await;
    bank.cash(&account, "deposits", "d1", "1000.25").await.expect(201);
    bank.cash(&account, "deposits", "d2", "0.75").await.expect(201);
    bank.cash(&account, "withdrawals", "w", "5000").await.expect(422);
    let home = get(&bank, &bank.teller, "/").await.expect(200);
    assert!(home.text.contains("data-hx-get=\"/today\"") && home.text.contains("href=\"/today\""));
    assert!(!home.text.contains("1,001.00"), "the home page does not wait for it");
    let today = get(&bank, &bank.teller, "/today").await.expect(200);
    let cells = "<td class=\"money\">2</td><td class=\"money\">1,001.00 USD</td>";
    for part in ["Your totals", cells, "does not have that much available", &account] {
        assert!(today.text.contains(part), "{part}: {}", today.text);
    }
    // As a server notes it when it cannot say what became of a posting.
    for key in ["d1", "never-came"] {
        let event = store::AuditEvent {
            user: ledger::UserId::parse("C00000003"),
            subject: key.into(),
            result: "failed",
            ..store::AuditEvent::of_command_line("outcome.unknown", String::new())
        };
        bank.store.record(event).await.unwrap();
    }
    let today = get(&bank, &bank.teller, "/today").await.expect(200);
    assert!(today.text.contains("<td>d1</td><td>In the books, operation 2</td>"), "{}", today.text);
    assert!(today.text.contains("<td>never-came</td><td>Not in the books"), "{}", today.text);
    let other = get(&bank, &bank.cashier, "/today").await.expect(200);
    assert!(other.text.contains("Nothing posted yet.") && !other.text.contains(&account));
}

#[tokio::test]
async fn executives_auditors_and_administrators_see_theirs() {
    let bank = Bank::open().await;
    let customer = bank.customer("012345678").await;
    let account = bank.account_of(&customer, "savings", "5").await;
    let executive = get(&bank, &bank.executive, "/today").await.expect(200);
    for part in ["Customer created", "Account opened", &customer, &account] {
        assert!(executive.text.contains(part), "{part}");
    }
    assert!(!executive.text.contains("5678"));
    get(&bank, &bank.teller, "/customers").await.expect(403);
    let path = format!("/api/v1/customers/{customer}/ssn");
    bank.post(&path).token(&bank.executive).send().await.expect(200);
    let body = serde_json::json!({ "reason": "wrong customer" });
    let undo = bank.post("/api/v1/transfers/1/reversal").token(&bank.executive).key("r");
    undo.json(&body).send().await.expect(201);
    let auditor = get(&bank, &bank.auditor, "/today").await.expect(200);
    for part in ["GET /customers", "denied", "href=\"/transfers/1\"", &customer] {
        assert!(auditor.text.contains(part), "{part}: {}", auditor.text);
    }
    let fields = [("user", "C00000003"), ("password", "wrong-horse-1")];
    bank.post("/sign-in").form(&fields).send().await.expect(401);
    for _ in 0..12 {
        bank.store.record_sign_in("C00000003".into(), "elsewhere".into(), false).await.unwrap();
    }
    let administrator = get(&bank, &bank.administrator, "/today").await.expect(200);
    let cells = "<td>teller</td><td>active</td><td class=\"money\">1</td>";
    for part in [cells, "href=\"/staff/C00000003\"", "denied"] {
        assert!(administrator.text.contains(part), "{part}: {}", administrator.text);
    }
    assert!(!administrator.text.contains(PASSWORD) && !administrator.text.contains(&account));
}

#[tokio::test]
async fn auditors_find_who_did_what_with_money() {
    let bank = Bank::open().await;
    let account = bank.account("012345678", "10.00").await;
    for index in 1..=4 {
        bank.cash(&account, "deposits", &format!("d{index}"), &format!("{index}"))
            .await
            .expect(201);
    }
    bank.cash(&account, "withdrawals", "w", "5000").await.expect(422);
    let all = get(&bank, &bank.auditor, "/audit/operations").await.expect(200);
    for part in ["Opened 360110000", "does not have that much", "C00000001", "4.00 USD"] {
        assert!(all.text.contains(part), "{part}: {}", all.text);
    }
    let teller = get(&bank, &bank.auditor, "/audit/operations?user=c00000003&limit=2").await;
    let teller = teller.expect(200);
    assert!(!teller.text.contains("C00000001") && teller.text.contains("4.00 USD"));
    let next = teller.text.split("href=\"/audit/operations?").last().unwrap();
    let next = next.split('"').next().unwrap().replace("&#38;", "&");
    let next = get(&bank, &bank.auditor, &format!("/audit/operations?{next}")).await.expect(200);
    assert!(next.text.contains("3.00 USD") && !next.text.contains("4.00 USD"));
    let today = jiff::Timestamp::now().strftime("%Y-%m-%d").to_string();
    let day = format!("/audit/operations?from={today}&until={today}");
    assert!(get(&bank, &bank.auditor, &day).await.expect(200).text.contains("4.00 USD"));
    let old = "/audit/operations?from=2020-01-01&until=2020-12-31&user=C00000003";
    assert!(get(&bank, &bank.auditor, old).await.expect(200).text.contains("No postings."));
    let export = "/audit/operations.csv?user=C00000003";
    let export = get(&bank, &bank.auditor, export).await.expect(200);
    let lines: Vec<_> = export.text.trim_end().split("\r\n").collect();
    assert_eq!(lines.len(), 6, "a head, four deposits and a refusal: {lines:?}");
    assert!(lines[0].starts_with("operation,time,user,"), "{}", lines[0]);
    assert!(lines[1].contains(",withdrawal,,,") && lines[1].contains("does not have that much"));
    assert!(lines[2].contains(",deposit,4.00,USD,cash,360110000,5,Done,"), "{}", lines[2]);
    assert_eq!(bank.audit("audit.export.postings").await.len(), 1);
    let wrong = get(&bank, &bank.auditor, "/audit/operations?from=x&user=me").await.expect(400);
    assert!(wrong.text.contains("must be a date"));
}
