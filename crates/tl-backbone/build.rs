//! An rpath to libtorch: a link argument does not reach dependants, so each crate that links it asks for its own.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if let Some(lib) = std::env::var_os("DEP_TCH_LIBTORCH_LIB") {
        println!("cargo::rustc-link-arg=-Wl,-rpath,{}", lib.display());
    }
}
