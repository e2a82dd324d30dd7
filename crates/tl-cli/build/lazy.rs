//! Binds libtorch late: to load its 440 MB and register its operators takes longer than most of what `tl` does.
//!
//! Linkers of Linux have no such thing, so it is made of three parts: for each function of libtorch that the C++
//! wrappers call, a small one of the same name that jumps to where a slot says (`assembly`, here); what puts the right
//! address into the slot at the first call (`bind.S`, `bind.c`); and the linker's habit of leaving out a library that
//! nothing refers to any more (LLD, Rust's own on this platform; GNU's counts references that were found elsewhere, too).
//! Where something is not covered, the linker keeps libtorch, and it is loaded at the start as everywhere else.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    error::Error,
    fmt::Write as _,
    path::{Path, PathBuf},
};

use object::{Object, ObjectSymbol, SymbolKind, read::archive::ArchiveFile};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The library that is bound late. The small `libc10.so` is not: it has thread-local variables.
const LIBRARY: &str = "libtorch_cpu.so";

/// The objects to link the binary with; none where this does not work. That is elsewhere than on Linux and x86-64, and
/// with a libtorch for GPUs, whose libraries refer to each other's names, which are hidden here.
pub(crate) fn compile(lib: &Path) -> Result<Vec<PathBuf>> {
    let target = |what: &str| env::var(format!("CARGO_CFG_TARGET_{what}")).unwrap_or_default();
    if target("OS") != "linux" || target("ARCH") != "x86_64" || lib.join("libtorch_cuda.so").exists() {
        return Ok(Vec::new());
    }
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let library = lib.join(LIBRARY);
    println!("cargo::rerun-if-changed={}", library.display());
    let source = out.join("lazy.S");
    fs_err::write(&source, assembly(&wanted(&out)?, &exported(&library)?)?)?;
    let mut build = cc::Build::new();
    build.files([source, "build/bind.S".into(), "build/bind.c".into()]);
    Ok(build.define("LIBRARY", format!("\"{LIBRARY}\"").as_str()).try_compile_intermediates()?)
}

/// What the C++ wrappers, those of `torch-sys` and our own, refer to and do not define.
fn wanted(out: &Path) -> Result<BTreeSet<String>> {
    let mut wanted = BTreeSet::new();
    for archive in archives(out)? {
        println!("cargo::rerun-if-changed={}", archive.display());
        let bytes = fs_err::read(archive)?;
        for member in ArchiveFile::parse(&*bytes)?.members() {
            let object = object::File::parse(member?.data(&*bytes)?)?;
            let undefined = object.symbols().filter(ObjectSymbol::is_undefined);
            wanted.extend(undefined.filter_map(|symbol| symbol.name().ok().map(str::to_owned)));
        }
    }
    Ok(wanted)
}

/// `torch-sys` does not tell where its wrappers are; its build script writes beside this one's `out`.
fn archives(out: &Path) -> Result<Vec<PathBuf>> {
    let mut found = vec![PathBuf::from(env::var("DEP_TL_TORCH_SHIM_ARCHIVE")?)];
    let scripts = out.ancestors().nth(2).ok_or("OUT_DIR is not in a folder of build scripts")?;
    for entry in fs_err::read_dir(scripts)? {
        found.extend(Some(entry?.path().join("out/libtch.a")).filter(|path| path.is_file()));
    }
    Ok(found)
}

/// What the library has for others.
enum Exported {
    Function,
    /// A class's table of functions and its size. Nothing changes it once it is loaded, so that a copy is as good.
    Table(u64),
}

fn exported(library: &Path) -> Result<BTreeMap<String, Exported>> {
    let bytes = fs_err::read(library)?;
    let mut exported = BTreeMap::new();
    for symbol in object::File::parse(&*bytes)?.dynamic_symbols().filter(|symbol| !symbol.is_undefined()) {
        let name = symbol.name()?.to_owned();
        match symbol.kind() {
            SymbolKind::Text => exported.insert(name, Exported::Function),
            SymbolKind::Data if name.starts_with("_ZTV") => exported.insert(name, Exported::Table(symbol.size())),
            _ => None,
        };
    }
    Ok(exported)
}

/// Each function in sections of its own, so that the linker drops those that nobody calls.
fn assembly(wanted: &BTreeSet<String>, exported: &BTreeMap<String, Exported>) -> Result<String> {
    let (mut text, mut tables) = (String::new(), String::new());
    for (i, name) in wanted.iter().enumerate() {
        match exported.get(name) {
            None => continue,
            Some(Exported::Function) => text += &function(i, name),
            Some(Exported::Table(size)) => {
                writeln!(text, ".section .bss.lazy.{i},\"aw\",@nobits\n.balign 32\n.globl {name}\n.hidden {name}")?;
                writeln!(text, "{name}: .zero {size}")?;
                writeln!(tables, ".quad {name}, .Lname{i}, {size}")?;
            }
        }
        writeln!(text, ".section .rodata.lazy.{i},\"a\",@progbits\n.Lname{i}: .asciz \"{name}\"")?;
    }
    writeln!(text, ".section .data.rel.ro.lazy,\"aw\",@progbits\n.balign 8\n.globl tl_tables\n.hidden tl_tables")?;
    writeln!(text, "tl_tables:\n{tables}.quad 0\n.section .note.GNU-stack,\"\",@progbits")?;
    Ok(text)
}

/// Its slot leads to the code that binds it, until that has put the real address there.
fn function(i: usize, name: &str) -> String {
    format!(
        "\
.section .text.lazy.{i},\"ax\",@progbits
.globl {name}
.hidden {name}
.type {name},@function
{name}:
    jmp *.Lslot{i}(%rip)
.Lbind{i}:
    leaq .Lslot{i}(%rip), %r11
    jmp tl_bind
.section .data.lazy.{i},\"aw\",@progbits
.balign 8
.Lslot{i}: .quad .Lbind{i}, .Lname{i}
"
    )
}
