//! Customers are found by part of their name, in any case of any script, page by page.

use ledger::NewCustomer;
use ledger::customer::CustomerFields;

use crate::bank::Bank;

async fn names_are_found_by_their_parts(bank: Bank) {
    let names = ["Ada Lovelace", "Åsa Öberg", "Иван Петров", "100% Ltd", "under_score"];
    for (index, name) in names.iter().enumerate() {
        let fields = CustomerFields {
            ssn: &format!("{index:09}"),
            name,
            address: "1 Way",
            age: "36",
            state: "NJ",
            city: "Newark",
        };
        let customer = NewCustomer::parse(&fields).ok().unwrap();
        bank.store.create_customer(&bank.actor, customer).await.unwrap();
    }
    let named = async |part: &str, after, limit| {
        let found = bank.store.customers_named(part.to_owned(), after, limit).await.unwrap();
        let names: Vec<_> = found.rows.into_iter().map(|each| each.details.name).collect();
        (names, found.next)
    };
    for (part, expect) in [
        ("lovelace", "Ada Lovelace"),
        ("DA L", "Ada Lovelace"),
        ("ÖBERG", "Åsa Öberg"),
        ("петр", "Иван Петров"),
        ("0%", "100% Ltd"),
        ("R_S", "under_score"),
    ] {
        assert_eq!(named(part, None, 9).await, (vec![expect.to_owned()], None), "{part}");
    }
    for part in ["a%e", "Ada  Lovelace", "?", "A_a"] {
        assert_eq!(named(part, None, 9).await, (vec![], None), "{part}");
    }
    let (first, next) = named("A", None, 1).await;
    assert_eq!(first, ["Ada Lovelace"]);
    assert_eq!(named("A", next, 1).await, (vec!["Åsa Öberg".to_owned()], None));
}

crate::on_both!(names_are_found_by_their_parts);
