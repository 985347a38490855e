//! The decision: which operations of a group are posted, and what is written for them.
//!
//! A [`Books`] holds the touched part of the bank, read under the store's lock. [`Books::post`]
//! decides one operation after the other, so that operations on the same account inside a group
//! see each other in order, and one operation's refusal never fails its neighbours. What must
//! be written is collected in [`Books::written`]. Not here: keys (the store knows which are
//! new), locks, ids of operations.

use std::collections::{BTreeMap, BTreeSet};

use crate::account::{Account, AccountStatus};
use crate::answer::{Answer, LegAnswer};
use crate::customer::CustomerStatus;
use crate::day::Day;
use crate::house::House;
use crate::id::{AccountNumber, CustomerNumber, OperationId, TransferId};
use crate::money::Amount;
use crate::operation::{Description, Leg, Opening, Operation, Refusal, Request};
use crate::reversal::{Past, Reversal};
use crate::staff::UserId;

/// A transfer to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferRow {
    /// Its id.
    pub id: TransferId,
    /// The operation it is part of.
    pub operation: OperationId,
    /// Debit, credit, amount, description.
    pub leg: Leg,
}

/// An entry to be written: a transfer seen from one account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryRow {
    /// The account.
    pub account: AccountNumber,
    /// Without gaps from 1 for customers' accounts; the transfer's id for house accounts.
    pub number: i64,
    /// The transfer.
    pub transfer: TransferId,
    /// Above zero: credit; below: debit. Minor units.
    pub signed_minor: i64,
    /// The balance after it in minor units; `None` for house accounts.
    pub balance_after: Option<i64>,
}

/// A link to be written between a transfer and the one it takes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReversalRow {
    /// The reversing transfer.
    pub transfer: TransferId,
    /// The one that it takes back.
    pub reverses: TransferId,
}

/// What a group writes.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Written {
    /// In the order of ids.
    pub transfers: Vec<TransferRow>,
    /// In the order of posting; two for each transfer.
    pub entries: Vec<EntryRow>,
    /// Accounts that were opened, to be inserted with their counters, and by which operation.
    pub opened: Vec<(AccountNumber, OperationId)>,
    /// Which of `transfers` take back which.
    pub reversals: Vec<ReversalRow>,
}

/// The touched part of the bank while a group is decided.
#[derive(Debug, Clone)]
pub struct Books {
    accounts: BTreeMap<AccountNumber, Account>,
    customers: BTreeMap<CustomerNumber, CustomerStatus>,
    /// Transfers of earlier groups that somebody asks to reverse.
    past: BTreeMap<TransferId, Past>,
    /// Who asks for which operation, in the order of ids.
    users: Vec<(OperationId, UserId)>,
    /// What this group takes back.
    reversed: BTreeSet<TransferId>,
    booked_at_ms: i64,
    transfer_last: i64,
    account_last: i64,
    written: Written,
}

impl Books {
    /// Books after the last transfer and account that exist (zero if there is none), with the
    /// time at which all that is posted will be booked.
    #[must_use]
    pub fn new(transfer_last: i64, account_last: i64, booked_at_ms: i64) -> Self {
        Self {
            accounts: BTreeMap::new(),
            customers: BTreeMap::new(),
            past: BTreeMap::new(),
            users: Vec::new(),
            reversed: BTreeSet::new(),
            booked_at_ms,
            transfer_last,
            account_last: account_last.max(AccountNumber::FIRST.saturating_sub(1)),
            written: Written::default(),
        }
    }

    /// Adds an account that exists. For an opening: all open accounts of the customer.
    pub fn insert_account(&mut self, account: Account) {
        self.accounts.insert(account.number, account);
    }

    /// Adds a customer who exists; needed for openings only.
    pub fn insert_customer(&mut self, customer: CustomerNumber, status: CustomerStatus) {
        self.customers.insert(customer, status);
    }

    /// Adds a transfer that exists; needed for reversals only.
    pub fn insert_transfer(&mut self, transfer: TransferId, past: Past) {
        self.past.insert(transfer, past);
    }

    /// The accounts as they are after all decisions so far.
    #[must_use]
    pub const fn accounts(&self) -> &BTreeMap<AccountNumber, Account> {
        &self.accounts
    }

    /// What must be written for all decisions so far.
    #[must_use]
    pub const fn written(&self) -> &Written {
        &self.written
    }

    /// Decides one operation whose key is new.
    pub fn post(&mut self, id: OperationId, operation: &Operation) -> Answer {
        self.users.push((id, operation.actor.user.clone()));
        match &operation.request {
            Request::Open(opening) => match self.open(id, opening) {
                Ok((account, deposit)) => Answer::Opened { account, deposit },
                Err(refusal) => Answer::OpenRefused(refusal),
            },
            Request::Deposit(leg) | Request::Withdrawal(leg) | Request::Transfer(leg) => {
                Answer::Legs(vec![self.transfer(id, leg)])
            }
            Request::Batch(legs) => {
                Answer::Legs(legs.iter().map(|leg| self.transfer(id, leg)).collect())
            }
            Request::Reversal(reversal) => {
                let answer = self.reverse(id, &operation.actor.user, reversal);
                Answer::Legs(vec![answer.unwrap_or_else(LegAnswer::Refused)])
            }
        }
    }

    fn open(
        &mut self,
        id: OperationId,
        opening: &Opening,
    ) -> Result<(AccountNumber, Option<TransferId>), Refusal> {
        let status = self.customers.get(&opening.customer).ok_or(Refusal::CustomerUnknown)?;
        if *status == CustomerStatus::Deactivated {
            return Err(Refusal::CustomerDeactivated);
        }
        if opening.deposit.is_some_and(|amount| amount.currency() != opening.currency) {
            return Err(Refusal::CurrencyMismatch);
        }
        let taken = self.accounts.values().any(|account| {
            account.customer == opening.customer
                && account.kind == opening.kind
                && account.status == AccountStatus::Open
        });
        if taken {
            return Err(Refusal::AccountKindTaken);
        }
        self.account_last = self.account_last.checked_add(1).ok_or(Refusal::BooksFull)?;
        let number = AccountNumber::new(self.account_last);
        self.accounts.insert(
            number,
            Account {
                number,
                customer: opening.customer,
                kind: opening.kind,
                currency: opening.currency,
                status: AccountStatus::Open,
                customer_status: *status,
                overdraft_minor: opening.overdraft_minor,
                debits_posted: 0,
                credits_posted: 0,
                debits_pending: 0,
                entry_count: 0,
            },
        );
        self.written.opened.push((number, id));
        let deposit = opening.deposit.map(|amount| self.opening_deposit(id, number, amount));
        Ok((number, deposit.transpose()?))
    }

    fn opening_deposit(
        &mut self,
        id: OperationId,
        credit: AccountNumber,
        amount: Amount,
    ) -> Result<TransferId, Refusal> {
        let debit = House::Cash.account(amount.currency());
        let description = Description::parse("Opening deposit").unwrap_or_default();
        match self.transfer(id, &Leg { debit, credit, amount, description }) {
            LegAnswer::Accepted { transfer, .. } => Ok(transfer),
            LegAnswer::Refused(refusal) => Err(refusal),
        }
    }

    fn transfer(&mut self, operation: OperationId, leg: &Leg) -> LegAnswer {
        match self.try_transfer(operation, leg) {
            Ok(answer) => answer,
            Err(refusal) => LegAnswer::Refused(refusal),
        }
    }

    fn reverse(
        &mut self,
        id: OperationId,
        user: &UserId,
        asked: &Reversal,
    ) -> Result<LegAnswer, Refusal> {
        let past = self.find_past(asked.transfer).ok_or(Refusal::TransferUnknown)?;
        past.may_be_reversed(user, asked.reach, Day::of(self.booked_at_ms))?;
        let description = asked.reason.description().clone();
        let Past { debit: credit, credit: debit, amount, .. } = past;
        let answer = self.try_transfer(id, &Leg { debit, credit, amount, description })?;
        let transfer = TransferId::new(self.transfer_last);
        self.reversed.insert(asked.transfer);
        self.written.reversals.push(ReversalRow { transfer, reverses: asked.transfer });
        Ok(answer)
    }

    /// A transfer of an earlier group or from earlier in this one.
    fn find_past(&self, transfer: TransferId) -> Option<Past> {
        let is_reversed = self.reversed.contains(&transfer);
        if let Some(past) = self.past.get(&transfer) {
            return Some(Past { is_reversed: past.is_reversed || is_reversed, ..past.clone() });
        }
        let rows = &self.written.transfers;
        let row = rows.get(rows.binary_search_by_key(&transfer, |row| row.id).ok()?)?;
        let place = self.users.binary_search_by_key(&row.operation, |(id, _)| *id).ok()?;
        let reversals = &self.written.reversals;
        Some(Past {
            debit: row.leg.debit,
            credit: row.leg.credit,
            amount: row.leg.amount,
            user: self.users.get(place)?.1.clone(),
            booked_at_ms: self.booked_at_ms,
            is_reversal: reversals.binary_search_by_key(&transfer, |row| row.transfer).is_ok(),
            is_reversed,
        })
    }

    /// Works on copies of both accounts and keeps them only when all of it is allowed.
    fn try_transfer(&mut self, operation: OperationId, leg: &Leg) -> Result<LegAnswer, Refusal> {
        if leg.debit == leg.credit {
            return Err(Refusal::SameAccount);
        }
        let minor = leg.amount.minor();
        let mut debited = self.side(leg.debit, leg.amount)?;
        let mut credited = self.side(leg.credit, leg.amount)?;
        if let Some(account) = &mut debited {
            account.debit(minor)?;
        }
        if let Some(account) = &mut credited {
            account.credit(minor)?;
        }
        self.transfer_last = self.transfer_last.checked_add(1).ok_or(Refusal::BooksFull)?;
        let id = TransferId::new(self.transfer_last);
        let debit_after = self.keep(leg.debit, id, minor.saturating_neg(), debited);
        let credit_after = self.keep(leg.credit, id, minor, credited);
        self.written.transfers.push(TransferRow { id, operation, leg: leg.clone() });
        Ok(LegAnswer::Accepted { transfer: id, debit_after, credit_after })
    }

    /// A copy of a customer's account if it may take part; `None` for a house account.
    fn side(&self, number: AccountNumber, amount: Amount) -> Result<Option<Account>, Refusal> {
        if number.is_house() {
            return Ok(None);
        }
        let account = self.accounts.get(&number).ok_or(Refusal::AccountUnknown)?;
        account.accepts_postings()?;
        if account.currency != amount.currency() {
            return Err(Refusal::CurrencyMismatch);
        }
        Ok(Some(account.clone()))
    }

    fn keep(
        &mut self,
        number: AccountNumber,
        transfer: TransferId,
        signed_minor: i64,
        account: Option<Account>,
    ) -> Option<i64> {
        let balance_after = account.as_ref().map(Account::balance_minor);
        let entry_number = account.as_ref().map_or(transfer.get(), |account| account.entry_count);
        self.written.entries.push(EntryRow {
            account: number,
            number: entry_number,
            transfer,
            signed_minor,
            balance_after,
        });
        if let Some(account) = account {
            self.accounts.insert(number, account);
        }
        balance_after
    }
}

#[cfg(test)]
mod tests;
