//! Binds libtorch late: loading its 440 MB and registering its operators takes longer than most commands of `tl`.
//!
//! A Linux linker has no such thing, so it is made from three parts: a small function for each one of libtorch's that the
//! C++ wrappers call (here, in assembly), which jumps to where a slot says; what puts the right address into the slot at
//! the first call (`bind.S`, `bind.c`); and the linker's habit of leaving a library out that nothing refers to any more.
//! Whatever is not covered makes the linker keep libtorch, which then loads at the start, as everywhere else.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    error::Error,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use object::{Object, ObjectSymbol, SymbolKind, read::archive::ArchiveFile};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The library that is not to be loaded at the start. The small `libc10.so` is: it holds thread-local variables.
const LIBRARY: &str = "libtorch_cpu.so";

/// Adds what binds late to the binary's link, where that works: on Linux, x86-64, with a libtorch for processors. That for
/// GPUs is held together by references between its own libraries, which would miss what is hidden here.
pub(crate) fn bind_late(lib: &Path) -> Result<bool> {
    let target = |what: &str| env::var(format!("CARGO_CFG_TARGET_{what}")).unwrap_or_default();
    if target("OS") != "linux" || target("ARCH") != "x86_64" || lib.join("libtorch_cuda.so").exists() {
        return Ok(false);
    }
    let wanted = wanted()?;
    if wanted.is_empty() {
        return Ok(false);
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets no OUT_DIR")?);
    fs::write(out.join("lazy.S"), assembly(&wanted, &exported(&lib.join(LIBRARY))?)?)?;
    let objects = cc::Build::new()
        .file(out.join("lazy.S"))
        .file("build/bind.S")
        .file("build/bind.c")
        .define("LIBRARY", format!("\"{LIBRARY}\"").as_str())
        .try_compile_intermediates()?;
    objects.iter().for_each(|object| println!("cargo::rustc-link-arg-bins={}", object.display()));
    Ok(true)
}

/// What the C++ wrappers, of `torch-sys` and our own, refer to and do not define.
fn wanted() -> Result<BTreeSet<String>> {
    let mut wanted = BTreeSet::new();
    for archive in archives()? {
        let bytes = fs::read(archive)?;
        for member in ArchiveFile::parse(&*bytes)?.members() {
            let file = object::File::parse(member?.data(&*bytes)?)?;
            let undefined = file.symbols().filter(ObjectSymbol::is_undefined);
            wanted.extend(undefined.filter_map(|symbol| symbol.name().ok().map(str::to_owned)));
        }
    }
    Ok(wanted)
}

/// Cargo tells no one where the output of another crate's build script is; it lies beside our own.
fn archives() -> Result<Vec<PathBuf>> {
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets no OUT_DIR")?);
    let scripts = out.ancestors().nth(2).ok_or("OUT_DIR has no parent")?;
    let mut found = Vec::new();
    for entry in fs::read_dir(scripts)? {
        let out = entry?.path().join("out");
        found.extend(["libtch.a", "libtl_torch_shim.a"].map(|name| out.join(name)).into_iter().filter(|path| path.is_file()));
    }
    Ok(found)
}

/// What the library defines: functions, and the tables of classes with their sizes.
fn exported(library: &Path) -> Result<BTreeMap<String, u64>> {
    let bytes = fs::read(library)?;
    let file = object::File::parse(&*bytes)?;
    let defined = file.dynamic_symbols().filter(|symbol| !symbol.is_undefined());
    let mut exported = BTreeMap::new();
    for symbol in defined {
        let name = symbol.name()?;
        match symbol.kind() {
            SymbolKind::Text => exported.insert(name.to_owned(), 0),
            // Constant once the library is loaded, so that a copy is as good.
            SymbolKind::Data if name.starts_with("_ZTV") => exported.insert(name.to_owned(), symbol.size()),
            _ => None,
        };
    }
    Ok(exported)
}

/// A section for each symbol, so that the linker drops those that nothing refers to.
fn assembly(wanted: &BTreeSet<String>, exported: &BTreeMap<String, u64>) -> Result<String> {
    let mut text = String::new();
    let mut tables = String::new();
    for (i, name) in wanted.iter().enumerate() {
        match exported.get(name) {
            None => {}
            Some(0) => write!(
                text,
                "    .section .text.lazy.{i},\"ax\",@progbits\n    .globl {name}\n    .hidden {name}\n    .type {name},@function\n\
                 {name}:\n    jmp *.Lslot{i}(%rip)\n.Lbind{i}:\n    leaq .Lslot{i}(%rip), %r11\n    jmp tl_bind\n    \
                 .section .data.lazy.{i},\"aw\",@progbits\n    .balign 8\n.Lslot{i}:\n    .quad .Lbind{i}, .Lname{i}\n    \
                 .section .rodata.lazy.{i},\"a\",@progbits\n.Lname{i}:\n    .asciz \"{name}\"\n"
            )?,
            Some(size) => {
                write!(text, "    .section .bss.lazy.{i},\"aw\",@nobits\n    .balign 32\n    .globl {name}\n    .hidden {name}\n{name}:\n    .zero {size}\n    .section .rodata.lazy.{i},\"a\",@progbits\n.Lname{i}:\n    .asciz \"{name}\"\n")?;
                writeln!(tables, "    .quad {name}, .Lname{i}, {size}")?;
            }
        }
    }
    writeln!(text, "    .section .data.rel.ro.lazy,\"aw\",@progbits\n    .balign 8\n    .globl tl_tables\n    .hidden tl_tables\ntl_tables:\n{tables}    .quad 0")?;
    writeln!(text, "    .section .note.GNU-stack,\"\",@progbits")?;
    Ok(text)
}
