//! How the binary finds libtorch: an rpath, and on Linux a libtorch that is loaded when it is first needed.

#[path = "build/lazy.rs"]
mod lazy;

use std::{env, path::PathBuf};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rustc-check-cfg=cfg(lazy_libtorch)");
    let Some(lib) = env::var_os("DEP_TCH_LIBTORCH_LIB").map(PathBuf::from) else { return };
    // A link argument does not reach dependants, so each crate that links libtorch asks for its own.
    println!("cargo::rustc-link-arg=-Wl,-rpath,{}", lib.display());
    match lazy::compile(&lib) {
        Ok(objects) if objects.is_empty() => {}
        Ok(objects) => {
            println!("cargo::rustc-cfg=lazy_libtorch");
            for object in objects {
                println!("cargo::rustc-link-arg-bins={}", object.display());
            }
        }
        Err(error) => println!("cargo::warning=tl will load libtorch at each start: {error}"),
    }
}
