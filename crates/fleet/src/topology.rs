//! What should run where: `topology.json`, the one file that the local deployment and Terraform
//! both read.
//!
//! Guarantees: a [`Topology`] in hand has passed every rule of `topology/rules.rs`; unknown fields
//! are refused; a broken file is described by sentences that name the field and the rule.
//!
//! Deliberately not here: processes and addresses (`plan`). The built-in topology is the file in
//! the root of the repository, so the binary works anywhere.

mod cidr;
pub mod diagram;
mod rules;
mod shape;

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

pub use cidr::Cidr;
pub use shape::{
    Application, Database, FrontDoor, HealthCheck, Region, RegionRole, Rollout, Shape, Zone,
};

/// The name of the file that is looked for in the working directory.
pub const FILE_NAME: &str = "topology.json";

/// The topology that is used when there is no file.
pub const BUILT_IN: &str = include_str!("../../../topology.json");

/// A topology that keeps all rules. Reads like its [`Shape`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topology {
    shape: Shape,
}

/// One broken rule: which field, and what the rule asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Path of the field, as in `regions[0].zones`.
    pub field: String,
    /// The rule, as a sentence without a full stop.
    pub rule: String,
}

/// Why there is no topology.
#[derive(Debug, thiserror::Error)]
pub enum TopologyError {
    /// The file could not be read.
    #[error("could not read the topology file {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The text is not JSON, or not of this shape.
    #[error("{source_name} is not a topology")]
    Malformed {
        /// Where the text came from.
        source_name: String,
        /// What, and where in the text.
        source: serde_path_to_error::Error<serde_json::Error>,
    },
    /// The shape is right and rules are broken.
    #[error("{source_name}: {}", join(problems))]
    Invalid {
        /// Where the text came from.
        source_name: String,
        /// Every broken rule, at least one.
        problems: Vec<Problem>,
    },
}

impl Topology {
    /// Reads and proves a topology. `source_name` is how errors call the text.
    ///
    /// # Errors
    /// [`TopologyError::Malformed`] or [`TopologyError::Invalid`].
    pub fn parse(text: &str, source_name: &str) -> Result<Self, TopologyError> {
        let reader = &mut serde_json::Deserializer::from_str(text);
        let shape: Shape = serde_path_to_error::deserialize(reader).map_err(|source| {
            TopologyError::Malformed { source_name: source_name.to_owned(), source }
        })?;
        let problems = rules::problems(&shape);
        if problems.is_empty() {
            return Ok(Self { shape });
        }
        Err(TopologyError::Invalid { source_name: source_name.to_owned(), problems })
    }

    /// The topology to use: the given file, else `./topology.json` when present, else the built-in.
    ///
    /// # Errors
    /// As [`Topology::parse`], and [`TopologyError::Unreadable`].
    pub fn load(file: Option<&Path>) -> Result<Self, TopologyError> {
        let path = match file {
            Some(path) => path,
            None if Path::new(FILE_NAME).exists() => Path::new(FILE_NAME),
            None => return Self::parse(BUILT_IN, "the built-in topology"),
        };
        let text = fs::read_to_string(path)
            .map_err(|source| TopologyError::Unreadable { path: path.to_owned(), source })?;
        Self::parse(&text, &path.display().to_string())
    }
}

impl Deref for Topology {
    type Target = Shape;

    fn deref(&self) -> &Shape {
        &self.shape
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.field, self.rule)
    }
}

fn join(problems: &[Problem]) -> String {
    problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("; ")
}
