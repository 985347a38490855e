//! The life of one account: what comes in, what goes out, and when.
//!
//! Months are made one after the other: wage, rent and fee on their days, cash and card payments
//! between. A careful person stops spending at zero; a careless one (about one in eight) goes on
//! for a while below it, which gives the overdrafts, and pays interest for it.

use jiff::civil::{Date, date};

use super::Row;
use crate::{cents::Cents, dice::Dice};

/// The first day of the first accounts.
const EPOCH: Date = date(2023, 1, 1);

pub(super) struct Person {
    months: i64,
    first_month: i64,
    wage: i64,
    wage_day: i64,
    rent: i64,
    outings_max: i64,
    /// Spent in an ordinary month, in cents.
    spending: i64,
    /// How far below zero this person spends, in cents.
    carelessness: i64,
}

impl Person {
    /// Somebody new.
    pub(super) fn meet(dice: &mut Dice) -> Self {
        let wage = dice.between(180_000, 620_000);
        let rent = wage * dice.between(25, 40) / 100;
        let is_careless = dice.chance(12);
        let appetite = if is_careless { (95, 120) } else { (55, 95) };
        Self {
            months: dice.between(12, 36),
            first_month: dice.between(0, 11),
            wage,
            wage_day: dice.between(1, 10),
            rent,
            outings_max: dice.between(3, 9),
            spending: (wage - rent) * dice.between(appetite.0, appetite.1) / 100,
            carelessness: if is_careless { dice.between(20_000, 150_000) } else { 0 },
        }
    }

    /// All rows of the account, in order.
    pub(super) fn live(&self, dice: &mut Dice) -> Vec<Row> {
        let mut life = Life { rows: Vec::new(), balance: 0 };
        let Some(opened) = day(self.first_month, 1) else { return life.rows };
        life.book(opened, dice.between(5_000, 100_000), "opening deposit");
        for month in 0..self.months {
            self.live_month(month, dice, &mut life);
        }
        life.rows
    }

    fn live_month(&self, month: i64, dice: &mut Dice, life: &mut Life) {
        let mut events = vec![
            (self.wage_day, self.wage + dice.between(-5_000, 5_000), "salary"),
            (self.wage_day + 2, -self.rent, "rent"),
            (28, -dice.between(150, 490), "fee"),
        ];
        let outings = dice.between(1, self.outings_max);
        for _ in 0..outings {
            let spent = self.spending / outings * dice.between(40, 160) / 100;
            let day = dice.between(2, 28);
            events.push(match dice.below(10) {
                0 => (day, dice.between(2_000, 20_000), "cash deposit"),
                // Machines pay out notes of twenty.
                1..=3 => (day, -(spent / 2_000 + 1) * 2_000, "cash"),
                _ => (day, -spent.max(399), "card"),
            });
        }
        events.sort_by_key(|(day, _, _)| *day);
        for (day_of_month, change, purpose) in events {
            let Some(date) = day(self.first_month + month, day_of_month) else { continue };
            let affordable = life.balance + change >= -self.carelessness;
            if change > 0 || affordable {
                life.book(date, change, purpose);
            }
        }
        if life.balance < 0
            && let Some(date) = day(self.first_month + month, 28)
        {
            // About 18 % a year, at least one cent.
            life.book(date, (life.balance * 15 / 1_000).min(-1), "overdraft interest");
        }
    }
}

struct Life {
    rows: Vec<Row>,
    balance: i64,
}

impl Life {
    fn book(&mut self, date: Date, change: i64, purpose: &'static str) {
        self.balance += change;
        self.rows.push(Row { date, change: Cents::new(change), purpose });
    }
}

/// A day of a month counted from the epoch. Days beyond 28 are not used, so all months have them.
fn day(month: i64, day_of_month: i64) -> Option<Date> {
    let year = i64::from(EPOCH.year()) + month / 12;
    Date::new(
        i16::try_from(year).ok()?,
        i8::try_from(month % 12 + 1).ok()?,
        i8::try_from(day_of_month.clamp(1, 28)).ok()?,
    )
    .ok()
}
