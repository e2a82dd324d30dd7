//! The CUDA build, from tiny wheels with the shapes of the real ones.

use xtask::fetch::{Outcome, Store, cuda, libtorch};
use xtask::hash::sha256_of_bytes;
use xtask::index::Index;
use xtask::manifest::Manifest;
use xtask::net::Net;
use xtask::progress::Progress;

use crate::fetch::zip_of;
use crate::server::{Route, Server};

const LINUX: &str = "manylinux_2_28_x86_64";

/// Publishes several files of a project; each is a name and its members.
fn publish(server: &Server, project: &str, files: &[(String, Vec<u8>)]) {
    let entry = |(name, bytes): &(String, Vec<u8>)| {
        let sha256 = sha256_of_bytes(bytes);
        format!(r#"{{"filename":"{name}","url":"/files/{name}","hashes":{{"sha256":"{sha256}"}}}}"#)
    };
    let entries: Vec<String> = files.iter().map(entry).collect();
    server.put(&format!("/simple/{project}/"), Route::new(format!(r#"{{"files":[{}]}}"#, entries.join(","))));
    for (name, bytes) in files {
        server.put(&format!("/files/{name}"), Route::new(bytes.clone()));
    }
}

fn wheel(metadata: &str, members: &[(&str, &[u8])]) -> Vec<u8> {
    let metadata = format!("Metadata-Version: 2.4\nName: x\n{metadata}\n\nRequires-Dist: prose-is-no-requirement\n");
    zip_of(&[members, &[("x-1.dist-info/METADATA", metadata.as_bytes())]].concat())
}

fn publish_all(server: &Server) -> String {
    let torch = wheel(
        "Requires-Dist: sympy>=1.13\n\
         Requires-Dist: cuda-toolkit[cufft]==13.0.3; platform_system == \"Linux\"\n\
         Requires-Dist: nvidia-cudnn-cu13==9.20.0.48; platform_system == \"Linux\"\n\
         Requires-Dist: nvidia-windows==1.0; platform_system == \"Windows\"",
        &[
            ("torch/lib/libtorch.so", b"torch"),
            ("torch/lib/libtorch_cuda.so", b"cuda"),
            ("torch/lib/libtorch_python.so", b"python"),
            ("torch/include/c10.h", b"header"),
            ("torch/__init__.py", b"raise SystemExit"),
        ],
    );
    let sha256 = sha256_of_bytes(&torch);
    publish(server, "torch", &[("torch-2.13.0-cp311-cp311-manylinux_2_28_x86_64.whl".to_owned(), torch)]);
    let toolkit = wheel(
        "Requires-Dist: nvidia-cufft==12.0.0.*; sys_platform == 'linux' and extra == 'cufft'\n\
         Requires-Dist: nvidia-npp==13.0.*; sys_platform == 'linux' and extra == 'npp'",
        &[],
    );
    publish(server, "cuda-toolkit", &[("cuda_toolkit-13.0.3.0-py2.py3-none-any.whl".to_owned(), toolkit)]);
    let cufft = |version: &str, platform: &str, bytes: &[u8]| {
        (
            format!("nvidia_cufft-{version}-py3-none-{platform}.whl"),
            wheel("", &[("nvidia/cu13/lib/libcufft.so.12", bytes)]),
        )
    };
    let cuffts = [
        cufft("12.0.0.9", LINUX, b"old"),
        cufft("12.0.0.61", LINUX, b"new"),
        cufft("12.0.0.99", "win_amd64", b"windows"),
        cufft("12.1.0.1", LINUX, b"too new"),
    ];
    publish(server, "nvidia-cufft", &cuffts);
    // It takes any version: the toolkit's exact one has to win.
    let cudnn = wheel(
        "Requires-Dist: nvidia-cufft",
        &[("nvidia/cudnn/lib/libcudnn.so.9", b"cudnn"), ("nvidia/cudnn/include/cudnn.h", b"header")],
    );
    publish(server, "nvidia-cudnn-cu13", &[(format!("nvidia_cudnn_cu13-9.20.0.48-py3-none-{LINUX}.whl"), cudnn)]);
    sha256
}

fn store(server: &Server, data: &std::path::Path, torch_sha256: &str) -> Store {
    let manifest = format!(
        r#"
        format = 1
        weights = {{}}
        samples = {{}}
        [libtorch]
        version = "2.13.0"
        links = {{}}
        [[libtorch.archive]]
        source = [{{ project = "torch", file = "torch-2.13.0-cp311-cp311-manylinux_2_28_x86_64.whl", sha256 = "{torch_sha256}" }}]
        pick = {{ "torch/lib/libtorch.so" = "lib/libtorch.so" }}
        sha256 = {{ "lib/libtorch.so" = "{torch_sha256}" }}
        "#
    );
    let index = Index::at(&server.url("/simple"));
    Store::new(data, Manifest::parse(&manifest).unwrap(), Net::direct(), index, Progress::silent())
}

#[test]
fn the_wheel_comes_with_the_libraries_that_its_metadata_lists() {
    let (server, data) = (Server::start(), tempfile::tempdir().unwrap());
    let sha256 = publish_all(&server);
    let store = store(&server, data.path(), &sha256);
    let task = store.progress.task("cuda");
    assert_eq!(cuda::fetch(&store, None, &task).unwrap(), Outcome::Fetched(None));
    let lib = data.path().join("libtorch/lib");
    let mut names: Vec<_> = fs_err::read_dir(&lib).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["libcudnn.so.9", "libcufft.so.12", "libtorch.so", "libtorch_cuda.so"]);
    assert_eq!(fs_err::read(lib.join("libcufft.so.12")).unwrap(), b"new");
    assert!(data.path().join("libtorch/include/c10.h").exists());
    assert_eq!(cuda::fetch(&store, None, &task).unwrap(), Outcome::AlreadyHere);
    let kept = libtorch::fetch(&store, None, &task).unwrap();
    assert!(matches!(kept, Outcome::LeftAlone(_)), "the CPU build does not replace it: {kept:?}");
}

#[test]
fn a_wheel_that_is_not_the_pinned_one_changes_nothing() {
    let (server, data) = (Server::start(), tempfile::tempdir().unwrap());
    publish_all(&server);
    let store = store(&server, data.path(), &"0".repeat(64));
    let error = format!("{:#}", cuda::fetch(&store, None, &store.progress.task("cuda")).unwrap_err());
    assert!(error.contains("thrown away"), "{error}");
    assert!(!data.path().join("libtorch").exists());
}
