//! The main pages as people see them, light and dark, on a desk and on a phone: pictures in
//! `target/screenshots/pages`, some of which `./dev pictures` puts into docs/.

use crate::browser::chromium::Browser;
use crate::browser::chromium::devtools::Look;
use crate::deployment::Deployment;
use crate::desk::Desk;

const LOOKS: [(&str, bool, u32, u32); 4] = [
    ("wide-light", false, 1_280, 800),
    ("wide-dark", true, 1_280, 800),
    ("phone-light", false, 390, 844),
    ("phone-dark", true, 390, 844),
];

const PEOPLE: [(&str, &str, &str); 6] = [
    ("Ada Lovelace", "12 St James's Square", "1250.00"),
    ("Mary Somerville", "7 Burntisland Road", "318.40"),
    ("Sofia Kovalevskaya", "22 Sveavägen", "9420.75"),
    ("Emmy Noether", "5 Friedländer Way", "77.10"),
    ("Katherine Johnson", "101 Langley Boulevard", "15300.00"),
    ("Hedwig Conrad-Martius-von Hohenberg", "4 Bergzabern Lane", "0.05"),
];

/// What came and went on the first account.
const MOVED: [(bool, &str, &str); 7] = [
    (true, "2840.00", "Salary, October"),
    (false, "950.00", "Rent, 12 St James's Square"),
    (false, "60.00", ""),
    (true, "35.50", "Refund, Babbage & Sons"),
    (false, "118.25", "Analytical Society, dues"),
    (true, "200.00", ""),
    (false, "41.90", "Bookshop"),
];

#[tokio::test]
async fn the_main_pages_are_pictured() {
    let bank = Deployment::up();
    fill(&bank).await;
    let browser = Browser::open(&bank.url).await;
    browser.hide_scrollbars().await;
    browser.go("/sign-in").await;
    picture(&browser, "sign-in").await;
    executive(&bank, &browser).await;
    teller(&bank, &browser).await;
    auditor(&bank, &browser).await;
    administrator(&bank, &browser).await;
    browser.close().await;
}

async fn fill(bank: &Deployment) {
    let desk = Desk::of(bank);
    for (number, (name, address, amount)) in PEOPLE.iter().enumerate() {
        let customer = desk.customer(&format!("10000000{number}"), name, address).await;
        desk.account(&customer, "current", amount).await;
    }
    desk.account("110110000", "savings", "18000.00").await;
    desk.account("110110003", "savings", "").await;
    desk.act("/api/v1/accounts/360110007/close").await;
    desk.act("/api/v1/customers/110110005/deactivate").await;
    for (comes, amount, text) in MOVED {
        if comes {
            desk.deposit("360110000", amount, text).await;
        } else {
            desk.withdraw("360110000", amount, text).await;
        }
    }
}

async fn executive(bank: &Deployment, browser: &Browser) {
    browser.sign_in("C00000001", &bank.password("C00000001")).await;
    let pages = [
        ("/", "home-executive"),
        ("/customers", "customers"),
        ("/customers/110110000", "customer"),
        ("/customers/new", "new-customer"),
        ("/accounts", "accounts"),
    ];
    pictures(browser, &pages).await;
    browser.sign_out().await;
}

async fn teller(bank: &Deployment, browser: &Browser) {
    browser.sign_in("C00000003", &bank.password("C00000003")).await;
    let pages = [
        ("/", "home-teller"),
        ("/accounts/360110000/statement", "statement"),
        ("/transfers/new?from=360110000", "transfer"),
        ("/accounts/360110099", "not-there"),
        ("/me", "me"),
    ];
    pictures(browser, &pages).await;
    browser.go("/").await;
    browser.fill("account", "360110000").await;
    browser.fill("amount", "1_000").await;
    browser.submit_unchecked().await;
    picture(browser, "refused").await;
    browser.fill("amount", "65.88").await;
    browser.click_button("Deposit").await;
    browser.wait_for("please confirm").await;
    picture(browser, "confirm").await;
    browser.click_button("Confirm the deposit").await;
    browser.wait_for("Deposit done.").await;
    picture(browser, "account").await;
    browser.click_link("Receipt").await;
    browser.wait_for("Signed by the bank").await;
    picture(browser, "receipt").await;
    browser.sign_out().await;
}

async fn auditor(bank: &Deployment, browser: &Browser) {
    browser.sign_in("C00000004", &bank.password("C00000004")).await;
    let pages = [
        ("/", "home-auditor"),
        ("/audit", "audit"),
        ("/audit/operations", "postings"),
        ("/statements/verify", "verify"),
    ];
    pictures(browser, &pages).await;
    browser.sign_out().await;
}

async fn administrator(bank: &Deployment, browser: &Browser) {
    browser.sign_in("C00000005", &bank.password("C00000005")).await;
    let pages = [
        ("/", "home-administrator"),
        ("/staff", "staff"),
        ("/staff/C00000003", "staff-member"),
        ("/staff/new", "new-staff"),
    ];
    pictures(browser, &pages).await;
}

async fn pictures(browser: &Browser, pages: &[(&str, &str)]) {
    for (path, name) in pages {
        browser.go(path).await;
        picture(browser, name).await;
    }
}

/// Everybody who may look at the page as it is now.
async fn picture(browser: &Browser, name: &str) {
    // What a page draws in behind itself is there.
    let idle = "document.querySelector('.htmx-request, [data-hx-trigger=load] a[href=\"/today\"]') === null";
    browser.wait_until(idle, async || browser.value_of(idle).await == true).await;
    for (look, dark, width, height) in LOOKS {
        browser.look(Look { dark, width, height }).await;
        browser.picture(&format!("pages/{name}-{look}")).await;
    }
}
