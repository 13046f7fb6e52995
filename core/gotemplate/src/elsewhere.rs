//! What the small build leaves to the full one: functions with large tables or much code that few charts use.
//!
//! A small module answers most requests with the full one's bytes. Where a template needs more, this is noted, and whoever
//! asked throws the answer away and asks the full module: a template could otherwise catch the error, or not even see one.

#[cfg(not(feature = "full"))]
use std::cell::Cell;

#[cfg(not(feature = "full"))]
thread_local! {
    static NEEDED: Cell<bool> = const { Cell::new(false) };
}

/// Notes that an answer needs the full build.
#[cfg(not(feature = "full"))]
pub fn note() {
    NEEDED.set(true);
}

/// Whether something was noted since this was asked last. Never in the full build.
#[must_use]
pub fn take() -> bool {
    #[cfg(feature = "full")]
    let needed = false;
    #[cfg(not(feature = "full"))]
    let needed = NEEDED.replace(false);
    needed
}

/// Stands for a function that is not here.
#[cfg(not(feature = "full"))]
pub(crate) fn function(
    _: &mut dyn crate::Runtime,
    _: &[crate::Value],
) -> Result<crate::Value, crate::FunctionError> {
    note();
    Err(crate::FunctionError::new("this build leaves the function out"))
}

/// The function in the full build, what stands for it in the small one.
#[cfg(feature = "full")]
macro_rules! full {
    ($function:ident) => {
        $function
    };
}

/// The function in the full build, what stands for it in the small one.
#[cfg(not(feature = "full"))]
macro_rules! full {
    ($function:ident) => {
        $crate::elsewhere::function
    };
}

pub(crate) use full;
