//! The site of `invariants.rs`, for the rules and gateways that it is configured with.

#[path = "../../invariants/bugs.rs"]
mod bugs;
#[path = "../../invariants/site.rs"]
pub(crate) mod site;

use super::{DOORS, judging, model, rules};
