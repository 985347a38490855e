//! An operation: what a person or client asked for, under one idempotency key.

use sha2::{Digest, Sha256};

use crate::account::AccountKind;
use crate::house::House;
use crate::id::{AccountNumber, CustomerNumber, IdempotencyKey};
use crate::money::{Amount, Currency};
use crate::reversal::Reversal;
use crate::staff::UserId;

/// The most transfers in one batch: about 100 ms of posting on two cores (measured: 80,000
/// transfers a second in groups of 8,000), so that a batch does not stall the counter.
pub const BATCH_LENGTH_MAX: usize = 8_000;

/// Who asked, from which session, through which server: on every operation and audit row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The member of staff.
    pub user: UserId,
    /// The public number of the session, not its secret.
    pub session: i64,
    /// The name of the server that took the request.
    pub server: std::sync::Arc<str>,
}

/// A short free text on a transfer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Description(Box<str>);

impl Description {
    /// The longest in characters: what camt.053 carries in one remittance line.
    pub const LENGTH_MAX: usize = 140;

    /// Reads a text; `None` if it is too long or has control characters.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let good = text.chars().count() <= Self::LENGTH_MAX && !text.chars().any(char::is_control);
        good.then(|| Self(text.into()))
    }

    /// The text; may be empty.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One transfer that is asked for: one debit, one credit, one amount (I1: it cannot be unequal).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leg {
    /// Where the money leaves.
    pub debit: AccountNumber,
    /// Where it goes.
    pub credit: AccountNumber,
    /// How much, above zero.
    pub amount: Amount,
    /// What for; may be empty.
    pub description: Description,
}

/// An account to be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// Whose it will be.
    pub customer: CustomerNumber,
    /// Current or savings.
    pub kind: AccountKind,
    /// Its currency.
    pub currency: Currency,
    /// How far below zero it may go, in minor units; zero or more; savings accounts: zero.
    pub overdraft_minor: i64,
    /// An ordinary deposit, posted in the same commit.
    pub deposit: Option<Amount>,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Open an account.
    Open(Opening),
    /// Cash in: the debit is the house's cash account.
    Deposit(Leg),
    /// Cash out: the credit is the house's cash account.
    Withdrawal(Leg),
    /// From one customer's account to another's.
    Transfer(Leg),
    /// Many transfers, each accepted or refused on its own, in order.
    Batch(Vec<Leg>),
    /// The opposite of a transfer that is in the books.
    Reversal(Reversal),
}

impl Request {
    /// A deposit of cash.
    #[must_use]
    pub const fn deposit(account: AccountNumber, amount: Amount, description: Description) -> Self {
        let debit = House::Cash.account(amount.currency());
        Self::Deposit(Leg { debit, credit: account, amount, description })
    }

    /// A withdrawal of cash.
    #[must_use]
    pub const fn withdrawal(
        account: AccountNumber,
        amount: Amount,
        description: Description,
    ) -> Self {
        let credit = House::Cash.account(amount.currency());
        Self::Withdrawal(Leg { debit: account, credit, amount, description })
    }

    /// The word for the kind of operation in books and answers.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Open(_) => "open_account",
            Self::Deposit(_) => "deposit",
            Self::Withdrawal(_) => "withdrawal",
            Self::Transfer(_) => "transfer",
            Self::Batch(_) => "batch",
            Self::Reversal(_) => "reversal",
        }
    }

    /// The transfers it asks for (an opening's deposit has no account number yet, and what a
    /// reversal moves is in the books).
    #[must_use]
    pub fn legs(&self) -> &[Leg] {
        match self {
            Self::Open(_) | Self::Reversal(_) => &[],
            Self::Deposit(leg) | Self::Withdrawal(leg) | Self::Transfer(leg) => {
                std::slice::from_ref(leg)
            }
            Self::Batch(legs) => legs,
        }
    }
}

/// SHA-256 over everything that a request asks for: the same key with another fingerprint is
/// another request and is refused. Who asks is not part of it: a second clerk who resumes the
/// first one's file must not move the money twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// The fingerprint of a request.
    #[must_use]
    pub fn of(request: &Request) -> Self {
        let mut hash = Sha256::new();
        hash.update(request.kind());
        if let Request::Open(opening) = request {
            hash.update(opening.customer.get().to_be_bytes());
            hash.update(opening.kind.as_str());
            hash.update(opening.currency.code());
            hash.update(opening.overdraft_minor.to_be_bytes());
            hash.update(opening.deposit.map_or(0, Amount::minor).to_be_bytes());
        }
        if let Request::Reversal(reversal) = request {
            hash.update(reversal.transfer.get().to_be_bytes());
            hash.update(reversal.reason.as_str());
        }
        for leg in request.legs() {
            hash.update(leg.debit.get().to_be_bytes());
            hash.update(leg.credit.get().to_be_bytes());
            hash.update(leg.amount.minor().to_be_bytes());
            hash.update(leg.amount.currency().code());
            let length = u64::try_from(leg.description.as_str().len()).unwrap_or(u64::MAX);
            hash.update(length.to_be_bytes());
            hash.update(leg.description.as_str());
        }
        Self(hash.finalize().into())
    }
}

/// A request with its key and its actor, ready to be posted.
#[derive(Debug, Clone)]
pub struct Operation {
    /// At most one effect for each key (I3).
    pub key: IdempotencyKey,
    /// What is asked.
    pub request: Request,
    /// The fingerprint of `request`.
    pub fingerprint: Fingerprint,
    /// Who asks.
    pub actor: Actor,
}

impl Operation {
    /// An operation; computes the fingerprint.
    #[must_use]
    pub fn new(key: IdempotencyKey, request: Request, actor: Actor) -> Self {
        let fingerprint = Fingerprint::of(&request);
        Self { key, request, fingerprint, actor }
    }
}

macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $word:literal, $text:literal;)*) => {
        /// Why the books refuse. The numbers and words are stored: never reuse or rename one.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
        pub enum Refusal {
            $($(#[$doc])* #[error($text)] $name = $code,)*
        }

        impl Refusal {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The number in stored answers.
            #[must_use]
            pub const fn code(self) -> u8 {
                match self { $(Self::$name => $code,)* }
            }

            /// The word in answers, such as `insufficient-funds`.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// The refusal of a stored number.
            #[must_use]
            pub fn from_code(code: u8) -> Option<Self> {
                Self::ALL.iter().copied().find(|each| each.code() == code)
            }
        }
    };
}

refusals! {
    /// No such account.
    AccountUnknown = 1, "account-unknown", "there is no such account";
    /// Closed accounts take nothing.
    AccountClosed = 2, "account-closed", "the account is closed";
    /// Nothing moves on a deactivated customer's accounts.
    CustomerDeactivated = 3, "customer-deactivated", "the account's customer is deactivated";
    /// The debit would go below the floor.
    InsufficientFunds = 4, "insufficient-funds", "the account does not have that much available";
    /// An account holds one currency.
    CurrencyMismatch = 5, "currency-mismatch", "the account is kept in another currency";
    /// Debit and credit are the same account.
    SameAccount = 6, "same-account", "the two accounts are the same";
    /// The counters would leave 64 bits.
    BooksFull = 7, "books-full", "the account has reached the largest sum it can hold";
    /// No such customer.
    CustomerUnknown = 8, "customer-unknown", "there is no such customer";
    /// One savings and one current account a customer.
    AccountKindTaken = 9, "account-kind-taken", "the customer has an open account of this kind";
    /// Accounts close at zero.
    BalanceNotZero = 10, "balance-not-zero", "the account's balance is not zero";
    /// Accounts close without holds.
    HoldsOpen = 11, "holds-open", "the account has open holds";
    /// An open account needs no reactivation.
    AccountOpen = 12, "account-open", "the account is open";
    /// The customer is active already.
    CustomerActive = 13, "customer-active", "the customer is active";
    /// One customer for each social security number.
    SsnTaken = 14, "ssn-taken", "a customer with this social security number exists";
    /// No such transfer.
    TransferUnknown = 15, "transfer-unknown", "there is no such transfer";
    /// At most one reversal for each transfer.
    AlreadyReversed = 16, "already-reversed", "the transfer has been reversed before";
    /// Reversals are not reversible.
    IsReversal = 17, "is-a-reversal", "the transfer is itself a reversal";
    /// Somebody else booked it.
    NotOwnTransfer = 18, "not-own-transfer", "somebody else booked the transfer";
    /// It was booked on an earlier day.
    NotOfToday = 19, "not-of-today", "the transfer was booked on an earlier day";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::TransferId;
    use crate::reversal::{Reach, Reason};

    #[test]
    fn refusals_are_found_by_their_code() {
        for refusal in Refusal::ALL {
            assert_eq!(Refusal::from_code(refusal.code()), Some(*refusal));
        }
        assert_eq!(Refusal::from_code(0), None);
    }

    #[test]
    fn each_part_of_a_request_changes_its_fingerprint() {
        let usd = |minor| Amount::try_new(minor, Currency::Usd).unwrap();
        let text = |text| Description::parse(text).unwrap();
        let (a, b) = (AccountNumber::new(360_110_000), AccountNumber::new(360_110_001));
        let leg = Leg { debit: a, credit: b, amount: usd(5), description: text("x") };
        let reversal = |transfer, reason| {
            Request::Reversal(Reversal {
                transfer: TransferId::new(transfer),
                reason: Reason::parse(reason).unwrap(),
                reach: Reach::Any,
            })
        };
        let requests = [
            Request::Transfer(leg.clone()),
            Request::Transfer(Leg { debit: b, credit: a, ..leg.clone() }),
            Request::Transfer(Leg { amount: usd(6), ..leg.clone() }),
            Request::Transfer(Leg { description: text("y"), ..leg.clone() }),
            Request::Batch(vec![leg.clone()]),
            Request::Batch(vec![leg.clone(), leg]),
            Request::deposit(a, usd(5), text("x")),
            Request::withdrawal(a, usd(5), text("x")),
            reversal(5, "x"),
            reversal(5, "y"),
            reversal(6, "x"),
        ];
        for (index, one) in requests.iter().enumerate() {
            for other in &requests[..index] {
                assert_ne!(Fingerprint::of(one), Fingerprint::of(other));
            }
        }
    }
}
