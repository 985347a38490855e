//! Second factors: a secret that is sealed, codes that are good once.

use ledger::{Role, UserId};
use store::{AuditEvent, AuditFilter, Staff, StaffChange, StaffChanged};

use crate::bank::Bank;

async fn actions(bank: &Bank) -> Vec<(String, String)> {
    let rows = bank.store.audit_events(AuditFilter::default(), None, 50).await.unwrap().rows;
    let rows = rows.into_iter().filter(|row| row.action.contains("factor"));
    rows.rev().map(|row| (row.action, row.subject)).collect()
}

async fn a_factor_counts_once_confirmed_and_each_code_once(bank: Bank) {
    let bank = bank.with_keys();
    let (store, user) = (&bank.store, bank.actor.user.clone());
    assert!(store.second_factor(user.clone()).await.unwrap().is_none());
    assert!(store.begin_factor(user.clone(), b"first").await.unwrap());
    let first = store.second_factor(user.clone()).await.unwrap().unwrap();
    assert!(!first.confirmed && !store.accept_step(user.clone(), 7).await.unwrap());
    assert!(store.begin_factor(user.clone(), b"second").await.unwrap());
    let code = store.recovery_code_hash(&user, "abc").unwrap();
    let codes = || vec![code, [8; 32]];
    let stale = store.confirm_factor(&bank.actor, &first, 7, codes()).await.unwrap();
    assert!(!stale, "its secret was replaced");
    let factor = store.second_factor(user.clone()).await.unwrap().unwrap();
    assert_eq!(store.factor_secret(&user, &factor).unwrap(), b"second");
    assert!(!store.session([1; 32]).await.unwrap().unwrap().has_second_factor);
    assert!(store.confirm_factor(&bank.actor, &factor, 7, codes()).await.unwrap());
    assert!(!store.confirm_factor(&bank.actor, &factor, 8, codes()).await.unwrap());
    assert!(!store.begin_factor(user.clone(), b"third").await.unwrap(), "it counts");
    assert!(store.session([1; 32]).await.unwrap().unwrap().has_second_factor);
    for (step, good) in [(7, false), (6, false), (8, true), (8, false), (10, true), (9, false)] {
        assert_eq!(store.accept_step(user.clone(), step).await.unwrap(), good, "{step}");
    }
    let other = UserId::parse("C00000002").unwrap();
    let event = || AuditEvent::of(&bank.actor, "sign-in.factor.recovery", "x".into(), "done");
    let spend = |user: UserId, code| store.spend_recovery_code(user, code, event());
    assert!(!spend(other, code).await.unwrap(), "somebody else's");
    assert!(!spend(user.clone(), [9; 32]).await.unwrap());
    assert!(spend(user.clone(), code).await.unwrap());
    assert!(!spend(user.clone(), code).await.unwrap(), "spent");
    let left = store.second_factor(user.clone()).await.unwrap().unwrap().recovery_codes_left;
    assert_eq!(left, 1);
    assert!(store.remove_factor(&bank.actor).await.unwrap());
    assert!(!store.remove_factor(&bank.actor).await.unwrap());
    assert!(!spend(user.clone(), [8; 32]).await.unwrap(), "codes go with their factor");
    let who = user.to_string();
    let expect = [
        ("factor.enable".to_owned(), who.clone()),
        ("sign-in.factor.recovery".to_owned(), "x".to_owned()),
        ("factor.disable".to_owned(), who),
    ];
    assert_eq!(actions(&bank).await, expect);
}

async fn the_secret_is_sealed_for_its_user_and_useless_without_keys(bank: Bank) {
    let without = bank.store.clone();
    let user = bank.actor.user.clone();
    assert!(without.begin_factor(user.clone(), b"x").await.is_err());
    let bank = bank.with_keys();
    bank.store.begin_factor(user.clone(), b"secret").await.unwrap();
    let factor = without.second_factor(user.clone()).await.unwrap().unwrap();
    assert!(without.factor_secret(&user, &factor).is_err());
    let other = UserId::parse("C00000002").unwrap();
    assert!(bank.store.factor_secret(&other, &factor).is_err(), "moved to another row");
    assert_eq!(bank.store.factor_secret(&user, &factor).unwrap(), b"secret");
}

async fn operators_and_administrators_remove_a_lost_factor(bank: Bank) {
    let bank = bank.with_keys();
    let member = UserId::parse("C00000002").unwrap();
    let staff = Staff {
        user: member.clone(),
        name: "eva".into(),
        role: Role::Teller,
        password_hash: "hash".into(),
        password_generated: false,
        disabled: false,
    };
    assert!(bank.store.add_staff(staff).await.unwrap());
    let role = StaffChange::Role(Role::Administrator);
    bank.store.change_staff_by_operator(bank.actor.user.clone(), role).await.unwrap();
    let remove = || StaffChange::RemoveSecondFactor;
    bank.store.begin_factor(member.clone(), b"x").await.unwrap();
    let done = bank.store.change_staff(&bank.actor, member.clone(), remove()).await.unwrap();
    assert_eq!(done, StaffChanged::Done);
    let none = bank.store.change_staff_by_operator(member.clone(), remove()).await.unwrap();
    assert_eq!(none, StaffChanged::NoSuchUser);
    assert!(bank.store.second_factor(member).await.unwrap().is_none());
    let expect = [("staff.factor.remove".to_owned(), "C00000002".to_owned())];
    assert_eq!(actions(&bank).await, expect);
}

crate::on_both!(
    a_factor_counts_once_confirmed_and_each_code_once,
    the_secret_is_sealed_for_its_user_and_useless_without_keys,
    operators_and_administrators_remove_a_lost_factor,
);
