//! The HTTP front of the built agent: what needs a process of its own.
//!
//! Everything else is tested beside the code.

#![cfg(test)]

mod attacks;
