//! The one table from refusals of the books to statuses and to words for the counter.

use http::StatusCode;
use ledger::Refusal;

/// What was asked when the books refused: the same refusal is a missing page for one question
/// and a failed posting for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// A posting on the account in the path.
    Account,
    /// A posting on accounts in the body.
    Posting,
    /// To open an account for the customer in the path.
    Opening,
    /// To reverse the transfer in the path.
    Reversal,
    /// Another state of the customer or account in the path.
    State,
}

/// The status of a refusal.
pub(crate) const fn status(refusal: Refusal, asked: Asked) -> StatusCode {
    use Asked::{Account, Opening, Posting, Reversal, State};
    use Refusal as R;
    match (refusal, asked) {
        (R::AccountUnknown, Account | State)
        | (R::CustomerUnknown, Opening | State)
        | (R::TransferUnknown, _) => StatusCode::NOT_FOUND,
        (R::NotOwnTransfer | R::NotOfToday, _) => StatusCode::FORBIDDEN,
        (R::AccountKindTaken | R::SsnTaken | R::AccountOpen | R::CustomerActive, _)
        | (R::AlreadyReversed, _)
        | (R::AccountClosed | R::CustomerDeactivated, State) => StatusCode::CONFLICT,
        (R::AccountUnknown, Posting | Opening | Reversal)
        | (R::CustomerUnknown, Account | Posting | Reversal)
        | (R::AccountClosed | R::CustomerDeactivated, Account | Posting | Opening | Reversal)
        | (R::IsReversal, _)
        | (R::InsufficientFunds | R::CurrencyMismatch | R::SameAccount | R::BooksFull, _)
        | (R::BalanceNotZero | R::HoldsOpen, _) => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

/// The refusal as a sentence.
pub(crate) fn title(refusal: Refusal) -> String {
    let text = refusal.to_string();
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Whether it was money that did not move; else a customer or an account stayed as it was.
pub(crate) const fn is_of_money(refusal: Refusal) -> bool {
    use Refusal as R;
    match refusal {
        R::AccountUnknown
        | R::AccountClosed
        | R::CustomerDeactivated
        | R::InsufficientFunds
        | R::CurrencyMismatch
        | R::SameAccount
        | R::BooksFull
        | R::TransferUnknown
        | R::AlreadyReversed
        | R::IsReversal
        | R::NotOwnTransfer
        | R::NotOfToday => true,
        R::CustomerUnknown
        | R::AccountKindTaken
        | R::BalanceNotZero
        | R::HoldsOpen
        | R::AccountOpen
        | R::CustomerActive
        | R::SsnTaken => false,
    }
}

/// What to tell the customer who stands at the counter, and what to do next.
pub(crate) const fn advice(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::AccountUnknown => "Check the account number with the customer.",
        Refusal::AccountClosed => {
            "Tell the customer that this account is closed. An executive can reactivate it."
        }
        Refusal::CustomerDeactivated => {
            "Tell the customer that the accounts are blocked for now. Nothing moves on this \
             customer's accounts until an executive activates the customer."
        }
        Refusal::InsufficientFunds => {
            "Tell the customer that there is not enough money for this. Offer a smaller amount; \
             the available sum is shown above."
        }
        Refusal::CurrencyMismatch => "Use the currency in which the account is kept.",
        Refusal::SameAccount => "Choose another account to transfer to.",
        Refusal::BooksFull => {
            "Tell the customer that the bank has to look into this. Call the operations desk."
        }
        Refusal::CustomerUnknown => "Check the customer number.",
        Refusal::AccountKindTaken => {
            "A customer has at most one open account of each kind: use the one that is there."
        }
        Refusal::BalanceNotZero => {
            "Ask the customer where the money should go. Withdraw or transfer the whole balance \
             first."
        }
        Refusal::HoldsOpen => {
            "Tell the customer that sums are still reserved. Wait until the holds are settled."
        }
        Refusal::AccountOpen => "There is nothing to do.",
        Refusal::CustomerActive => "There is nothing to do.",
        Refusal::TransferUnknown => "Check the transfer number.",
        Refusal::AlreadyReversed => "There is nothing to do: the money went back before.",
        Refusal::IsReversal => {
            "A reversal cannot be reversed. Post the money again as a deposit, withdrawal or \
             transfer."
        }
        Refusal::NotOwnTransfer => "An executive can reverse it. Give them the transfer number.",
        Refusal::NotOfToday => {
            "Only transfers of today can be reversed at the counter. An executive can reverse it. \
             Give them the transfer number."
        }
        Refusal::SsnTaken => "Find the customer by this social security number instead.",
    }
}
