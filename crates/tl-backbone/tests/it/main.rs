//! Tests of the pretrained networks.

mod backbone;
mod classes;
mod golden;
mod network;
mod registry;
mod support;
mod weights;
