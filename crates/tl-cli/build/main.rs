//! How the binary finds libtorch: an rpath, and on Linux a libtorch that is loaded when it is first needed.

mod lazy;

use std::{env, path::PathBuf};

fn main() {
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rustc-check-cfg=cfg(lazy_libtorch)");
    let Some(lib) = env::var_os("DEP_TCH_LIBTORCH_LIB").map(PathBuf::from) else { return };
    // A link argument does not reach dependants, so each crate that links libtorch asks for its own.
    println!("cargo::rustc-link-arg=-Wl,-rpath,{}", lib.display());
    match lazy::bind_late(&lib) {
        Ok(true) => println!("cargo::rustc-cfg=lazy_libtorch"),
        Ok(false) => {}
        Err(error) => println!("cargo::warning=tl will load libtorch at each start: {error}"),
    }
}
