//! Receipts: what is signed is read back, whatever is touched is noticed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;

use super::*;
use crate::account::AccountKind;
use crate::id::CustomerNumber;
use crate::money::Currency;
use crate::operation::{Description, Opening, Refusal};
use crate::{Leg, Request};

fn keys() -> SigningKeys {
    SigningKeys::from_seeds([1; 32], [2; 32]).unwrap()
}

fn public(keys: &SigningKeys) -> PublicKeys {
    PublicKeys::parse(keys.to_public_json().as_bytes()).unwrap()
}

fn amount(minor: i64) -> Amount {
    Amount::try_new(minor, Currency::Usd).unwrap()
}

fn account(index: i64) -> AccountNumber {
    AccountNumber::new(AccountNumber::FIRST + index)
}

fn transfer() -> Receipt {
    let (debit, credit) = (account(0), account(1));
    let moved = Moved { debit, credit, amount: amount(4_000), reverses: None };
    let movement = Movement {
        transfer: TransferId::new(9),
        moved,
        debit_after: Some(-6_000),
        credit_after: Some(4_000),
    };
    Receipt {
        operation: OperationId::new(17),
        key: IdempotencyKey::parse("pay-\"7\"").unwrap(),
        effect: Effect::Movement(MovementKind::Transfer, movement),
        booked_at_ms: 1_795_000_000_123,
        server: "applicationServer01-east".into(),
        durability: Durability::Region,
        position: Some(Position { timeline: 3, lsn: 0x1_016B_3740 }),
    }
}

/// The signed text between the two points.
fn claims(text: &str) -> String {
    let part = text.split('.').nth(1).unwrap();
    String::from_utf8(URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

fn money() -> impl Strategy<Value = Amount> {
    (1..=Amount::MAX_MINOR, 0..Currency::ALL.len())
        .prop_map(|(minor, which)| Amount::try_new(minor, Currency::ALL[which]).unwrap())
}

fn movement() -> impl Strategy<Value = Effect> {
    let numbers = (1..1_i64 << 52, 0..1_000_i64, 1_000..2_000_i64);
    (0..MovementKind::ALL.len(), numbers, any::<i64>(), any::<i64>(), money()).prop_map(
        |(which, (transfer, one, two), debit_after, credit_after, amount)| {
            let kind = MovementKind::ALL[which];
            let cash = House::Cash.account(amount.currency());
            let (debit, debit_after) = match kind {
                MovementKind::Deposit => (cash, None),
                // Of a deposit.
                MovementKind::Reversal if one % 3 == 0 => (cash, None),
                _ => (account(one), Some(debit_after)),
            };
            let (credit, credit_after) = match kind {
                MovementKind::Withdrawal => (cash, None),
                // Of a withdrawal.
                MovementKind::Reversal if one % 3 == 1 => (cash, None),
                _ => (account(two), Some(credit_after)),
            };
            let transfer = TransferId::new(transfer);
            let reverses = (kind == MovementKind::Reversal).then_some(TransferId::new(7));
            let moved = Moved { debit, credit, amount, reverses };
            Effect::Movement(kind, Movement { transfer, moved, debit_after, credit_after })
        },
    )
}

fn effect() -> impl Strategy<Value = Effect> {
    let opened = (0..1_000_i64, proptest::option::of((1..1_i64 << 52, money()))).prop_map(
        |(number, deposit)| Effect::Opened {
            account: account(number),
            deposit: deposit.map(|(transfer, amount)| (TransferId::new(transfer), amount)),
        },
    );
    let batch = (1..=8_000_u64, 0..=8_000_u64, any::<[u8; 32]>())
        .prop_map(|(accepted, refused, digest)| Effect::Batch { accepted, refused, digest });
    prop_oneof![movement(), opened, batch]
}

fn receipt() -> impl Strategy<Value = Receipt> {
    let position = proptest::option::of((any::<u32>(), any::<u64>()));
    let words = ("[!-~]{1,128}", "[ -~]{1,40}");
    (1..1_i64 << 52, words, effect(), any::<i64>(), 0..Durability::ALL.len(), position).prop_map(
        |(operation, (key, server), effect, booked_at_ms, which, position)| Receipt {
            operation: OperationId::new(operation),
            key: IdempotencyKey::parse(&key).unwrap(),
            effect,
            booked_at_ms,
            server: server.into(),
            durability: Durability::ALL[which],
            position: position.map(|(timeline, lsn)| Position { timeline, lsn }),
        },
    )
}

proptest! {
    #[test]
    fn what_is_signed_is_read_back(receipt in receipt()) {
        let keys = keys();
        let text = keys.signer().unwrap().sign(&receipt);
        prop_assert_eq!(&keys.signer().unwrap().sign(&receipt), &text);
        prop_assert_eq!(public(&keys).verify(&text), Ok(receipt));
    }

    #[test]
    fn receipts_that_differ_have_other_texts(one in receipt(), two in receipt()) {
        let signer = keys().signer().unwrap();
        prop_assert_eq!(one == two, signer.sign(&one) == signer.sign(&two));
    }

    #[test]
    fn any_touched_character_is_noticed(receipt in receipt(), place: prop::sample::Index, with in "[!-~]") {
        let keys = keys();
        let text = keys.signer().unwrap().sign(&receipt);
        let place = place.index(text.len());
        prop_assume!(text[place..=place] != with);
        let touched = format!("{}{with}{}", &text[..place], &text[place + 1..]);
        prop_assert!(public(&keys).verify(&touched).is_err());
        prop_assert!(public(&keys).verify(&text[..place]).is_err());
    }

    #[test]
    fn no_text_makes_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let keys = public(&keys());
        let text = String::from_utf8_lossy(&bytes);
        prop_assert!(keys.verify(&text).is_err());
        // The bank's own signature over nonsense.
        let _ = claims::decode(&bytes);
        prop_assert!(PublicKeys::parse(&bytes).is_err());
    }

    #[test]
    fn log_positions_are_written_as_postgresql_does(lsn: u64) {
        let text = Position { timeline: 1, lsn }.lsn_text();
        prop_assert_eq!(Position::parse_lsn(&text), Some(lsn));
    }
}

#[test]
fn the_text_is_stable() {
    let keys = keys();
    let text = keys.signer().unwrap().sign(&transfer());
    assert_eq!(
        claims(&text),
        r#"{"v":1,"operation":"17","key":"pay-\"7\"","kind":"transfer","transfer":"9","#.to_owned()
            + r#""from":{"account":"360110000","balance":"-60.00"},"#
            + r#""to":{"account":"360110001","balance":"40.00"},"#
            + r#""amount":"40.00","currency":"USD","booked_at_ms":1795000000123,"#
            + r#""server":"applicationServer01-east","durability":"region","#
            + r#""position":{"timeline":3,"lsn":"1/16B3740"}}"#
    );
    let header = URL_SAFE_NO_PAD.decode(text.split('.').next().unwrap()).unwrap();
    let expect = format!(r#"{{"alg":"EdDSA","kid":"{}","typ":"receipt+jwt"}}"#, keys.signing_id());
    assert_eq!(String::from_utf8(header).unwrap(), expect);
}

/// RFC 8037, appendices A.1 to A.3: the key, its public part and its thumbprint.
#[test]
fn keys_are_those_of_the_standard() {
    let seed = URL_SAFE_NO_PAD.decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap();
    let keys = SigningKeys::from_seeds(seed.try_into().unwrap(), [2; 32]).unwrap();
    assert_eq!(keys.signing_id(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    assert!(keys.to_public_json().contains("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"));
}

#[test]
fn each_field_that_is_changed_is_caught() {
    let keys = keys();
    let text = keys.signer().unwrap().sign(&transfer());
    let parts: Vec<&str> = text.split('.').collect();
    let said = claims(&text);
    let changes = [
        (r#""v":1"#, r#""v":2"#),
        (r#""operation":"17""#, r#""operation":"18""#),
        (r#"pay-"#, r#"pax-"#),
        (r#""kind":"transfer""#, r#""kind":"deposit""#),
        (r#""transfer":"9""#, r#""transfer":"8""#),
        ("360110000", "360110002"),
        ("-60.00", "60.00"),
        ("360110001", "360110003"),
        (r#""balance":"40.00""#, r#""balance":"40.01""#),
        (r#""amount":"40.00""#, r#""amount":"90.00""#),
        ("USD", "EUR"),
        ("1795000000123", "1795000000124"),
        ("Server01", "Server02"),
        (r#""durability":"region""#, r#""durability":"zone""#),
        (r#""timeline":3"#, r#""timeline":4"#),
        ("1/16B3740", "1/16B3741"),
    ];
    for (from, to) in changes {
        let changed = said.replacen(from, to, 1);
        assert_ne!(changed, said, "{from} is not in the text");
        let forged = format!("{}.{}.{}", parts[0], URL_SAFE_NO_PAD.encode(&changed), parts[2]);
        assert_eq!(public(&keys).verify(&forged), Err(VerifyError::Forged), "{from} → {to}");
    }
}

#[test]
fn other_headers_are_refused() {
    let keys = keys();
    let text = keys.signer().unwrap().sign(&transfer());
    let (_, rest) = text.split_once('.').unwrap();
    let id = keys.signing_id();
    let headers = [
        format!(r#"{{"alg":"none","kid":"{id}","typ":"receipt+jwt"}}"#),
        format!(r#"{{"alg":"HS256","kid":"{id}","typ":"receipt+jwt"}}"#),
        format!(r#"{{"alg":"EdDSA","kid":"{id}","typ":"JWT"}}"#),
        format!(r#"{{"alg":"EdDSA","kid":"{id}","typ":"receipt+jwt","crit":["b64"],"b64":false}}"#),
        r#"{"alg":"EdDSA","typ":"receipt+jwt"}"#.to_owned(),
    ];
    for header in headers {
        let forged = format!("{}.{rest}", URL_SAFE_NO_PAD.encode(&header));
        assert_eq!(public(&keys).verify(&forged), Err(VerifyError::Malformed), "{header}");
    }
    for text in ["", ".", "..", "a.b.c", &text.replace('.', ""), &"a".repeat(100_000)] {
        assert_eq!(public(&keys).verify(text), Err(VerifyError::Malformed));
    }
}

#[test]
fn old_receipts_verify_after_rotations_and_the_next_key_was_known_before() {
    let first = keys();
    let known_before = public(&first);
    let old = first.signer().unwrap().sign(&transfer());
    let second = first.rotate([3; 32]).unwrap();
    let new = second.signer().unwrap().sign(&transfer());
    assert_ne!(old, new);
    assert_eq!(known_before.verify(&new), Ok(transfer()));
    let third = second.rotate([4; 32]).unwrap();
    for text in [&old, &new] {
        assert_eq!(public(&third).verify(text), Ok(transfer()));
    }
    // Two private parts, whatever the number of rotations, and none among the public keys.
    assert_eq!(third.to_secret_json().matches(r#""d":"#).count(), 2);
    assert_eq!(third.to_public_json().matches(r#""d":"#).count(), 0);
    assert_eq!(third.to_public_json().matches(r#""x":"#).count(), 4);
    let read_again = SigningKeys::parse(third.to_secret_json().as_bytes()).unwrap();
    assert_eq!(read_again.to_secret_json(), third.to_secret_json());
    // Another bank's keys.
    let stranger = SigningKeys::from_seeds([8; 32], [9; 32]).unwrap();
    let unknown = VerifyError::KeyUnknown(first.signing_id().to_owned());
    assert_eq!(public(&stranger).verify(&old), Err(unknown));
}

#[test]
fn files_of_keys_are_checked() {
    let text = keys().to_secret_json();
    let public = keys().to_public_json();
    let swapped = text.replacen("\"d\":\"AQ", "\"d\":\"AA", 1);
    let cases = [
        ("{}".to_owned(), KeyError::Malformed),
        (r#"{"keys":[]}"#.to_owned(), KeyError::Malformed),
        (public, KeyError::NotPrivate),
        (swapped, KeyError::KeyMalformed(0)),
        (text.replacen("Ed25519", "Ed448", 1), KeyError::KeyMalformed(0)),
        (text.replacen("\"kid\":\"", "\"kid\":\"x", 1), KeyError::KeyMalformed(0)),
    ];
    for (text, expect) in cases {
        assert_eq!(SigningKeys::parse(text.as_bytes()).err(), Some(expect), "{text}");
    }
}

#[test]
fn effects_are_what_was_asked_and_accepted() {
    let leg = |from, to, minor| Leg {
        debit: account(from),
        credit: account(to),
        amount: amount(minor),
        description: Description::default(),
    };
    let took = |transfer, debit, credit| LegAnswer::Accepted {
        transfer: TransferId::new(transfer),
        debit_after: Some(debit),
        credit_after: Some(credit),
    };
    let moved = |minor| Moved {
        debit: account(0),
        credit: account(1),
        amount: amount(minor),
        reverses: None,
    };
    let refused = LegAnswer::Refused(Refusal::InsufficientFunds);
    let effect = |request: &Request, answer: &Answer, opened| {
        let moved = accepted(answer, &request.movements(opened));
        Effect::of(request.kind(), answer, &moved)
    };

    let batch = Request::Batch(vec![leg(0, 1, 100), leg(1, 0, 999), leg(1, 0, 50)]);
    let answer = Answer::Legs(vec![took(1, 900, 100), refused, took(2, 50, 950)]);
    let lines =
        "1 360110000 360110001 1.00 USD 9.00 1.00\n2 360110001 360110000 0.50 USD 0.50 9.50\n";
    let digest = Sha256::digest(lines).into();
    let expect = Effect::Batch { accepted: 2, refused: 1, digest };
    assert_eq!(effect(&batch, &answer, None), Some(expect));
    assert_eq!(effect(&batch, &Answer::Legs(vec![refused; 3]), None), None);

    let one = Request::Transfer(leg(0, 1, 100));
    assert_eq!(effect(&one, &Answer::Legs(vec![refused]), None), None);
    let found = effect(&one, &Answer::Legs(vec![took(1, 900, 100)]), None).unwrap();
    assert_eq!(found.kind(), "transfer");

    let back = |reverses| Moved { debit: account(1), credit: account(0), reverses, ..moved(100) };
    let undone = Answer::Legs(vec![took(2, 0, 1_000)]);
    let reverses = Some(TransferId::new(1));
    let found = Effect::of("reversal", &undone, &[back(reverses)]).unwrap();
    assert_eq!(found.kind(), "reversal");
    assert_eq!(Effect::of("reversal", &undone, &[back(None)]), None);
    assert_eq!(Effect::of("transfer", &undone, &[back(reverses)]), None);

    let open = Request::Open(Opening {
        customer: CustomerNumber::new(CustomerNumber::FIRST),
        kind: AccountKind::Current,
        currency: Currency::Usd,
        overdraft_minor: 0,
        deposit: Some(amount(500)),
    });
    let deposit = Some(TransferId::new(4));
    let opened = Answer::Opened { account: account(7), deposit };
    let expect =
        Effect::Opened { account: account(7), deposit: Some((TransferId::new(4), amount(500))) };
    assert_eq!(effect(&open, &opened, Some(account(7))), Some(expect));
    let none = Answer::OpenRefused(Refusal::AccountKindTaken);
    assert_eq!(effect(&open, &none, None), None);
}

#[test]
fn differences_are_named() {
    let ours = transfer();
    let Effect::Movement(kind, movement) = ours.effect.clone() else { unreachable!() };
    let with = |change: &dyn Fn(&mut Movement)| {
        let mut movement = movement;
        change(&mut movement);
        Effect::Movement(kind, movement)
    };
    let difference =
        |effect: &Effect| ours.difference(ours.operation, ours.booked_at_ms, Some(effect));
    assert_eq!(difference(&ours.effect), None);
    assert_eq!(difference(&with(&|it| it.transfer = TransferId::new(8))), Some("transfer"));
    assert_eq!(difference(&with(&|it| it.moved.debit = account(5))), Some("from"));
    assert_eq!(difference(&with(&|it| it.debit_after = Some(1))), Some("from"));
    assert_eq!(difference(&with(&|it| it.moved.credit = account(5))), Some("to"));
    assert_eq!(difference(&with(&|it| it.moved.amount = amount(3_999))), Some("amount"));
    let other = Some(TransferId::new(1));
    assert_eq!(difference(&with(&|it| it.moved.reverses = other)), Some("reverses"));
    let deposit = Effect::Movement(MovementKind::Deposit, movement);
    assert_eq!(difference(&deposit), Some("kind"));
    let (other, at) = (OperationId::new(18), ours.booked_at_ms);
    assert_eq!(ours.difference(other, at, Some(&ours.effect)), Some("operation"));
    assert_eq!(ours.difference(ours.operation, at + 1, Some(&ours.effect)), Some("booked_at_ms"));
    assert_eq!(ours.difference(ours.operation, at, None), Some("kind"));
}
