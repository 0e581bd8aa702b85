//! Promises about cancel scopes and shields: trio's rules where cancelling is dropping. Feature
//! U32; order fact O14.

#[path = "../support/mod.rs"]
mod support;

mod catching;
mod shields;
mod borrowed;
mod random;
