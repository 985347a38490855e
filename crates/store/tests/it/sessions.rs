//! Sessions, staff and the gate of sign-ins.

use ledger::{Role, UserId};
use store::{
    AuditFilter, NewSession, SessionKind, SessionOrigin, SignInGate, StaffChange, StaffChanged,
};

use crate::bank::Bank;

async fn a_session_is_valid_until_it_ends_expires_or_its_owner_is_disabled(bank: Bank) {
    let user = bank.actor.user.clone();
    let new = |byte, expires_at| NewSession {
        token_hash: [byte; 32],
        user: user.clone(),
        kind: SessionKind::Browser,
        expires_at,
        origin: SessionOrigin::default(),
    };
    let first = bank.store.create_session(new(2, i64::MAX)).await.unwrap();
    bank.store.create_session(new(3, 1)).await.unwrap();
    bank.store.create_session(new(4, i64::MAX)).await.unwrap();
    let found = bank.store.session([2; 32]).await.unwrap().unwrap();
    assert_eq!((found.id, found.role, &*found.name), (first, Role::Executive, "ramesh"));
    assert_eq!(bank.store.session([3; 32]).await.unwrap(), None, "expired");
    assert_eq!(bank.store.session([9; 32]).await.unwrap(), None, "unknown");
    assert!(bank.store.end_own_session(&bank.actor, first).await.unwrap());
    assert_eq!(bank.store.session([2; 32]).await.unwrap(), None, "ended");
    let disable = StaffChange::Disabled(true);
    let disabled = bank.store.change_staff_by_operator(user, disable).await.unwrap();
    assert_eq!(disabled, StaffChanged::Done);
    assert_eq!(bank.store.session([4; 32]).await.unwrap(), None, "owner disabled");
}

async fn a_reset_password_ends_every_session_and_a_chosen_one_keeps_programs(bank: Bank) {
    let user = bank.actor.user.clone();
    let browser = NewSession {
        token_hash: [2; 32],
        user: user.clone(),
        kind: SessionKind::Browser,
        expires_at: i64::MAX,
        origin: SessionOrigin::default(),
    };
    bank.store.create_session(browser.clone()).await.unwrap();
    assert!(bank.store.choose_password(&bank.actor, "own".into()).await.unwrap());
    assert_eq!(bank.store.session([2; 32]).await.unwrap(), None);
    assert!(bank.store.session([1; 32]).await.unwrap().is_some(), "a program goes on");
    let browser = NewSession { token_hash: [3; 32], ..browser };
    bank.store.create_session(browser).await.unwrap();
    let reset = || StaffChange::Password { password_hash: "new".into() };
    let done = bank.store.change_staff_by_operator(user.clone(), reset()).await.unwrap();
    assert_eq!(done, StaffChanged::Done);
    assert_eq!(bank.store.session([3; 32]).await.unwrap(), None);
    assert_eq!(bank.store.session([1; 32]).await.unwrap(), None, "whoever knew the password may");
    let staff = bank.store.staff(user).await.unwrap().unwrap();
    assert_eq!((staff.password_hash.as_str(), staff.password_generated), ("new", true));
    let nobody = UserId::parse("C99999999").unwrap();
    let unknown = bank.store.change_staff_by_operator(nobody, reset()).await.unwrap();
    assert_eq!(unknown, StaffChanged::NoSuchUser);
    let rows = bank.store.audit_events(AuditFilter::default(), None, 50).await.unwrap().rows;
    let resets: Vec<_> = rows.iter().filter(|row| row.action == "staff.password.reset").collect();
    assert_eq!(resets.len(), 1, "the row is written with the change");
    assert_eq!((&resets[0].user, &*resets[0].server), (&None, "command line"));
}

async fn failures_lock_known_and_unknown_names_alike(bank: Bank) {
    for name in ["C00000001", "nobody"] {
        for failure in 1..=5 {
            let gate = bank.store.sign_in_gate(name.into(), format!("a{failure}")).await.unwrap();
            assert_eq!(gate, SignInGate::Open, "{name}, failure {failure}");
            bank.store.record_sign_in(name.into(), format!("a{failure}"), false).await.unwrap();
        }
        let gate = bank.store.sign_in_gate(name.to_lowercase(), "elsewhere".into()).await.unwrap();
        assert!(matches!(gate, SignInGate::LockedForMs(1..=1_000)), "{name}: {gate:?}");
        bank.store.record_sign_in(name.into(), "elsewhere".into(), true).await.unwrap();
        let gate = bank.store.sign_in_gate(name.into(), "elsewhere".into()).await.unwrap();
        assert_eq!(gate, SignInGate::Open, "{name} after a success");
    }
}

/// A branch sits behind one address, so it takes more; then all names wait from there, longer each
/// time, and nobody elsewhere does.
async fn failures_lock_an_address_for_all_names(bank: Bank) {
    let gate = async |name: &str, address: &str| {
        bank.store.sign_in_gate(name.to_owned(), address.to_owned()).await.unwrap()
    };
    for failure in 1..=50 {
        assert_eq!(gate("other", "branch").await, SignInGate::Open, "failure {failure}");
        bank.store.record_sign_in(format!("name-{failure}"), "branch".into(), false).await.unwrap();
    }
    let mut waits = Vec::new();
    for failure in 51..=58 {
        bank.store.record_sign_in(format!("name-{failure}"), "branch".into(), false).await.unwrap();
        if failure > 55 {
            let SignInGate::LockedForMs(wait) = gate("other", "branch").await else {
                panic!("open")
            };
            waits.push(wait);
        }
    }
    // 64, 128 and 256 seconds, less what this test took.
    assert!(
        waits.iter().zip([32, 64, 128]).all(|(wait, least)| *wait > least * 1_000),
        "{waits:?}"
    );
    assert!(waits.is_sorted(), "{waits:?}");
    assert_eq!(gate("other", "elsewhere").await, SignInGate::Open);
    bank.store.record_sign_in("other".into(), "branch".into(), true).await.unwrap();
    assert_ne!(gate("other", "branch").await, SignInGate::Open, "one success frees no branch");
}

fn user(text: &str) -> UserId {
    UserId::parse(text).unwrap()
}

async fn as_administrator(bank: &Bank) -> ledger::Actor {
    let role = StaffChange::Role(Role::Administrator);
    bank.store.change_staff_by_operator(bank.actor.user.clone(), role).await.unwrap();
    bank.actor.clone()
}

fn added(role: Role) -> StaffChange {
    StaffChange::Add { name: "eva".into(), role, password_hash: "hash".into() }
}

async fn only_an_active_administrator_changes_staff_and_never_themselves(bank: Bank) {
    let change = |who: ledger::Actor, whom: &str, change: StaffChange| {
        let (store, whom) = (bank.store.clone(), user(whom));
        async move { store.change_staff(&who, whom, change).await.unwrap() }
    };
    let executive = bank.actor.clone();
    let refused = change(executive, "C00000002", added(Role::Teller)).await;
    assert_eq!(refused, StaffChanged::NotAllowed);
    let first = as_administrator(&bank).await;
    let second = ledger::Actor { user: user("C00000002"), ..first.clone() };
    let cases = [
        (&first, "C00000002", added(Role::Administrator), StaffChanged::Done),
        (&first, "C00000002", added(Role::Teller), StaffChanged::NoSuchUser),
        (&first, "C00000009", StaffChange::Role(Role::Teller), StaffChanged::NoSuchUser),
        (&first, "C00000009", StaffChange::EndSessions, StaffChanged::NoSuchUser),
        (&first, "C00000001", StaffChange::Role(Role::Teller), StaffChanged::NotAllowed),
        (&first, "C00000001", StaffChange::Disabled(true), StaffChanged::NotAllowed),
        (&second, "C00000001", StaffChange::Disabled(true), StaffChanged::Done),
        (&first, "C00000002", StaffChange::Disabled(true), StaffChanged::NotAllowed),
        (&second, "C00000001", StaffChange::Disabled(false), StaffChanged::Done),
        (&second, "C00000001", StaffChange::Role(Role::Auditor), StaffChanged::Done),
    ];
    for (index, (who, whom, what, expect)) in cases.into_iter().enumerate() {
        assert_eq!(change(who.clone(), whom, what).await, expect, "case {index}");
    }
    let staff = bank.store.staff(user("C00000001")).await.unwrap().unwrap();
    assert_eq!((staff.role, staff.disabled), (Role::Auditor, false));
    let filter = AuditFilter { action: Some("staff".into()), ..AuditFilter::default() };
    let rows = bank.store.audit_events(filter, None, 50).await.unwrap().rows;
    let actions: Vec<_> = rows.iter().rev().map(|row| (&*row.action, &*row.subject)).collect();
    let expect = [
        ("staff.role", "C00000001"),
        ("staff.add", "C00000002"),
        ("staff.deactivate", "C00000001"),
        ("staff.activate", "C00000001"),
        ("staff.role", "C00000001"),
    ];
    assert_eq!(actions, expect, "what was refused changed nothing and is the caller's to note");
}

async fn sessions_are_listed_for_their_owner_and_ended_by_nobody_else(bank: Bank) {
    let origin = SessionOrigin {
        server: Some("server01".into()),
        address: "203.0.113.9".into(),
        agent: "a browser".into(),
        password_due: true,
    };
    let new = NewSession {
        token_hash: [2; 32],
        user: bank.actor.user.clone(),
        kind: SessionKind::Browser,
        expires_at: i64::MAX,
        origin,
    };
    let id = bank.store.create_session(new).await.unwrap();
    assert!(bank.store.session([2; 32]).await.unwrap().unwrap().password_due);
    assert!(!bank.store.session([1; 32]).await.unwrap().unwrap().password_due);
    let list = bank.store.sessions_of(bank.actor.user.clone()).await.unwrap();
    let listed: Vec<_> = list.iter().map(|each| (each.id, &*each.address, &*each.agent)).collect();
    assert_eq!(listed, [(id, "203.0.113.9", "a browser"), (bank.actor.session, "", "")]);
    let other = ledger::Actor { user: user("C00000002"), ..bank.actor.clone() };
    assert!(!bank.store.end_own_session(&other, id).await.unwrap());
    assert!(bank.store.end_own_session(&bank.actor, id).await.unwrap());
    assert!(!bank.store.end_own_session(&bank.actor, id).await.unwrap(), "ended before");
    assert_eq!(bank.store.session([2; 32]).await.unwrap(), None);
    let rows = bank.store.audit_events(AuditFilter::default(), None, 50).await.unwrap().rows;
    let rows: Vec<_> =
        rows.iter().rev().map(|row| (&*row.action, &*row.server, &*row.address)).collect();
    let expect = [
        ("token.create", "command line", ""),
        ("sign-in", "server01", "203.0.113.9"),
        ("session.end", "test", ""),
    ];
    assert_eq!(rows, expect);
}

async fn audit_rows_are_found_by_every_filter_and_page_from_the_newest(bank: Bank) {
    let first = bank.customer(1).await;
    let second = bank.customer(2).await;
    let find = |filter: AuditFilter| {
        let store = bank.store.clone();
        async move { store.audit_events(filter, None, 50).await.unwrap().rows.len() }
    };
    let all = AuditFilter::default;
    let text = |text: &str| Some(text.to_owned());
    let cases = [
        (all(), 3),
        (AuditFilter { from: Some(i64::MAX), ..all() }, 0),
        (AuditFilter { until: Some(0), ..all() }, 0),
        (AuditFilter { from: Some(0), until: Some(i64::MAX), ..all() }, 3),
        (AuditFilter { user: Some(bank.actor.user.clone()), ..all() }, 2),
        (AuditFilter { user: Some(user("C00000009")), ..all() }, 0),
        (AuditFilter { action: text("customer"), ..all() }, 2),
        (AuditFilter { action: text("customer.create"), ..all() }, 2),
        (AuditFilter { action: text("cust"), ..all() }, 0),
        (AuditFilter { action: text("%"), ..all() }, 0),
        (AuditFilter { result: text("done"), ..all() }, 3),
        (AuditFilter { result: text("denied"), ..all() }, 0),
        (AuditFilter { subject: text(&second.to_string()), ..all() }, 1),
    ];
    for (index, (filter, expect)) in cases.into_iter().enumerate() {
        assert_eq!(find(filter).await, expect, "case {index}");
    }
    let newest = bank.store.audit_events(all(), None, 1).await.unwrap();
    assert_eq!(newest.rows[0].subject, second.to_string());
    let next = bank.store.audit_events(all(), newest.next, 1).await.unwrap();
    assert_eq!(next.rows[0].subject, first.to_string());
    let account = bank.account(3, 0).await;
    bank.store.close_account(&bank.actor, account).await.unwrap();
    let third = bank.store.account(account).await.unwrap().unwrap().account.customer;
    let of = |customer| AuditFilter { customer: Some(customer), ..all() };
    let rows = bank.store.audit_events(of(third), None, 50).await.unwrap().rows;
    let rows: Vec<_> = rows.iter().rev().map(|row| (&*row.action, &*row.subject)).collect();
    let (third, account) = (third.to_string(), account.to_string());
    assert_eq!(rows, [("customer.create", &*third), ("account.close", &*account)]);
    assert_eq!(find(of(first)).await, 1);
}

crate::on_both!(
    a_session_is_valid_until_it_ends_expires_or_its_owner_is_disabled,
    a_reset_password_ends_every_session_and_a_chosen_one_keeps_programs,
    failures_lock_known_and_unknown_names_alike,
    failures_lock_an_address_for_all_names,
    only_an_active_administrator_changes_staff_and_never_themselves,
    sessions_are_listed_for_their_owner_and_ended_by_nobody_else,
    audit_rows_are_found_by_every_filter_and_page_from_the_newest,
);
