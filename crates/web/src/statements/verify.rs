//! Whether a number and a code are of a statement of this bank, and what that statement said.
//!
//! Nothing is stored: the code's first part is checked before the books are asked, and the rest by
//! making the statement again. What does not fit gets one answer, whatever is wrong with it, and
//! costs one hash; so neither guesses nor floods of them learn or cost anything. The answer tells
//! only what is on the statement, to whoever holds it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ledger::statement::Statement;
use ledger::{StatementNumber, VerificationCode};
use store::Vault;
use subtle::ConstantTimeEq as _;

use super::{Asked, Made, assemble};
use crate::app::Server;
use crate::problem::Problem;

/// What becomes of a number and a code.
pub(crate) enum Verdict {
    /// They are of this statement, and the books still hold all of it.
    Genuine(Box<Made>),
    /// They are of none.
    Unknown,
}

/// The code of a statement. The key behind it never changes, so neither does the code.
pub(super) fn code(keys: &Vault, statement: &Statement) -> VerificationCode {
    let number = statement.number().to_string();
    let content = format!("{number} {}", URL_SAFE_NO_PAD.encode(statement.digest()));
    let ticket = keys.index("statement number", &number);
    VerificationCode::new(&ticket, &keys.index("statement content", &content))
}

/// Looks into it.
///
/// # Errors
/// Only that the bank cannot answer now.
pub(crate) async fn verify(server: &Server, number: &str, code: &str) -> Result<Verdict, Problem> {
    let keys = server.store.keys()?;
    let read = (StatementNumber::parse(number), VerificationCode::parse(code));
    let (Some(number), Some(code)) = read else { return Ok(Verdict::Unknown) };
    let ticket = keys.index("statement number", &number.to_string());
    let expect = VerificationCode::new(&ticket, &[0; 32]);
    if !bool::from(code.ticket().ct_eq(expect.ticket())) {
        return Ok(Verdict::Unknown);
    }
    let _turn = server.turns.check().await?;
    let asked = Asked::Number(number).of_the_books();
    let Some(extract) = server.store.extract(number.account(), asked).await? else {
        return Ok(Verdict::Unknown);
    };
    let Ok(statement) = assemble(number, extract) else { return Ok(Verdict::Unknown) };
    let made = Made::new(server, statement);
    let fits = made.code.is_some_and(|made| bool::from(made.bytes().ct_eq(code.bytes())));
    Ok(if fits { Verdict::Genuine(Box::new(made)) } else { Verdict::Unknown })
}
