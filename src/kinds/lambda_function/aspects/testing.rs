//! For the tests of the aspects.
