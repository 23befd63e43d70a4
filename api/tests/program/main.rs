//! The program as its operators run it: the command line, starting, stopping, and being killed.
#![allow(missing_docs)]

mod commands;
mod running;
mod support;
