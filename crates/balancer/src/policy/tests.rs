//! The laws of the policy.
