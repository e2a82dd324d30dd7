//! Tests of the optimizers and of whole runs.

mod run;
