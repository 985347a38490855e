//! A bank with all that pages can be about: customers and accounts in every state, long names, an
//! account with more entries than a page shows.

use std::collections::BTreeMap;

use ledger::Role;

use super::staff::Staff;
use crate::browser::chromium::CHOSEN;
use crate::deployment::Deployment;
use crate::desk::Desk;

/// The sample staff, a role each.
pub(super) const USERS: [(Role, &str); 5] = [
    (Role::Executive, "C00000001"),
    (Role::Cashier, "C00000002"),
    (Role::Teller, "C00000003"),
    (Role::Auditor, "C00000004"),
    (Role::Administrator, "C00000005"),
];

/// Longer names and addresses are refused.
pub(crate) const LONG_NAME: &str = "Wolfeschlegelsteinhausenbergerdorff Featherstoneha";
pub(crate) const LONG_ADDRESS: &str = "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch \
                            Station Road 1024, Building 7";

/// What must stand on a page as it was typed.
const DESCRIPTION: &str = "<b>Rent</b> & the \"long\" tail of a description";

/// More than the most that a statement shows.
const ENTRIES: usize = 1_050;

/// Every customer but the named ones: lists have a second page.
const CROWD: u32 = 52;

/// What recipes call things by.
pub(super) type Names = BTreeMap<&'static str, String>;

/// Fills the books; gives the names of what is in them.
pub(super) async fn fill(bank: &Deployment) -> Names {
    let desk = Desk::of(bank);
    let mut names = Names::new();
    let ada = desk.customer("100000001", "Ada Lovelace", "12 St James's Square").await;
    let (account, opening) = desk.account(&ada, "current", "1000.00").await;
    let other = desk.customer("100000002", LONG_NAME, LONG_ADDRESS).await;
    let (other_account, _) = desk.account(&other, "savings", "123456789.01").await;
    let sleeper = desk.customer("100000003", "Grace Hopper", "1 Navy Yard").await;
    let (sleeping, _) = desk.account(&sleeper, "current", "5.00").await;
    let spare = desk.customer("100000004", "Joan Clarke", "8 Hut Lane").await;
    let (empty, _) = desk.account(&spare, "current", "").await;
    let (closed, _) = desk.account(&spare, "savings", "").await;
    for number in 0..CROWD {
        let ssn = format!("2{number:08}");
        let customer = desk.customer(&ssn, &format!("Anna Nymous-{number}"), "3 Crowd Row").await;
        desk.account(&customer, "current", "10.00").await;
    }
    desk.act(&format!("/api/v1/customers/{sleeper}/deactivate")).await;
    desk.act(&format!("/api/v1/accounts/{closed}/close")).await;
    let deposit = desk.deposit(&account, "65.88", DESCRIPTION).await;
    for name in ["operation", "transfer"] {
        names.insert(name, deposit[name].as_str().unwrap().to_owned());
    }
    desk.transfers(&account, &other_account, ENTRIES).await;
    for (name, value) in [
        ("customer", ada),
        ("account", account),
        ("other", other),
        ("other-account", other_account),
        ("sleeper", sleeper),
        ("sleeping", sleeping),
        ("spare", spare),
        ("empty", empty),
        ("closed", closed),
        ("opening", opening),
        ("user", "C00000002".to_owned()),
        ("password", CHOSEN.to_owned()),
    ] {
        names.insert(name, value);
    }
    names
}

/// Everybody at work, signed in and done with what comes first.
pub(super) async fn staff(bank: &Deployment) -> Vec<Staff> {
    let mut staff = Vec::new();
    for (role, user) in USERS {
        let password = bank.password(user);
        let one = Staff::sign_in(&bank.url, role, user, &password).await;
        one.choose_password(&password).await;
        staff.push(one);
    }
    staff
}
