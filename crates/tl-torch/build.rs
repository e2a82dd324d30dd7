//! Compiles the C++ shim, and asks for an rpath to libtorch: a link argument does not reach dependants, so
//! each crate that links it asks for its own.

use std::{env, path::PathBuf};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=shim");
    let Some(lib) = env::var_os("DEP_TCH_LIBTORCH_LIB").map(PathBuf::from) else { return };
    println!("cargo::rustc-link-arg=-Wl,-rpath,{}", lib.display());

    println!("cargo::rerun-if-env-changed=LIBTORCH_INCLUDE");
    let root = env::var_os("LIBTORCH_INCLUDE").map_or_else(|| lib.join(".."), PathBuf::from);
    cc::Build::new()
        .cpp(true)
        .std("c++20")
        .opt_level(2)
        .warnings(false)
        .include(root.join("include"))
        .files(["shim/shim.cpp", "shim/list.cpp"])
        .compile("tl_torch_shim");
    // A binary that binds libtorch late looks up what the shim calls.
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    println!("cargo::metadata=archive={}", out.join("libtl_torch_shim.a").display());
}
