//! The formats of statements.

use super::{Made, camt, csv, ofx, pdf, xlsx};
use crate::api::statements;

/// What a statement is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// For programs, by the API's own rules.
    Json,
    /// Paper.
    Pdf,
    /// A spreadsheet.
    Xlsx,
    /// A table as text.
    Csv,
    /// Open Financial Exchange 2.2: home finance programs.
    Ofx,
    /// ISO 20022 camt.053.001.08: accounting programs.
    Camt,
}

/// Why a statement is not rendered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RenderError {
    /// The spreadsheet.
    #[error("the spreadsheet was refused")]
    Xlsx(#[from] rust_xlsxwriter::XlsxError),
    /// The PDF.
    #[error("the document was refused: {0}")]
    Pdf(String),
}

impl Format {
    /// The formats of files.
    const FILES: [Self; 5] = [Self::Pdf, Self::Xlsx, Self::Csv, Self::Ofx, Self::Camt];

    /// The format that a path ends with.
    pub(super) fn of_path(path: &str) -> Option<Self> {
        let (_, ending) = path.rsplit_once('.')?;
        Self::FILES.into_iter().find(|format| format.ending() == ending)
    }

    /// The ending of files.
    pub(super) const fn ending(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Pdf => "pdf",
            Self::Xlsx => "xlsx",
            Self::Csv => "csv",
            Self::Ofx => "ofx",
            Self::Camt => "xml",
        }
    }

    /// The audit row's word.
    pub(super) const fn action(self) -> &'static str {
        match self {
            Self::Json => "statement.export.json",
            Self::Pdf => "statement.export.pdf",
            Self::Xlsx => "statement.export.xlsx",
            Self::Csv => "statement.export.csv",
            Self::Ofx => "statement.export.ofx",
            Self::Camt => "statement.export.camt",
        }
    }

    /// The type of the content.
    pub(super) const fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Pdf => "application/pdf",
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            Self::Csv => "text/csv; charset=utf-8",
            Self::Ofx => "application/x-ofx",
            Self::Camt => "application/xml",
        }
    }

    /// Writes a statement; the same bytes for the same statement.
    pub(super) fn render(self, made: &Made) -> Result<Vec<u8>, RenderError> {
        match self {
            Self::Json => Ok(statements::statement_json(made)),
            Self::Pdf => pdf::render(made),
            Self::Xlsx => xlsx::render(made),
            Self::Csv => Ok(csv::render(made)),
            Self::Ofx => Ok(ofx::render(made)),
            Self::Camt => Ok(camt::render(made)),
        }
    }
}
