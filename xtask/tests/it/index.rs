//! Pages of a package index.

use xtask::index::{Index, join};
use xtask::net::Net;

use crate::server::{Route, Server};

#[test]
fn links_are_resolved_against_their_page() {
    let base = "https://index.example/simple/torch/";
    for (link, expected) in [
        ("https://files.example/a.whl#sha256=1", "https://files.example/a.whl"),
        ("/files/a.whl", "https://index.example/files/a.whl"),
        ("../../files/a.whl", "https://index.example/files/a.whl"),
        ("./a.whl", "https://index.example/simple/torch/a.whl"),
        ("a.whl", "https://index.example/simple/torch/a.whl"),
        ("../../../../a.whl", "https://index.example/a.whl"),
    ] {
        assert_eq!(join(base, link), expected, "{link}");
    }
}

#[test]
fn withdrawn_files_are_not_found_and_pages_are_asked_for_once() {
    let server = Server::start();
    let page = r#"{"meta":{"api-version":"1.1"},"files":[
        {"filename":"a-1.whl","url":"/a-1.whl","yanked":"broken"},
        {"filename":"a-2.whl","url":"/a-2.whl","yanked":false,"hashes":{"sha256":"ab"}}]}"#;
    server.put("/simple/a/", Route::new(page));
    let (index, net) = (Index::at(&server.url("/simple/")), Net::direct());
    let found = index.find(&net, "a", "a-2.whl").unwrap();
    assert_eq!((found.url, found.sha256.as_deref()), (server.url("/a-2.whl"), Some("ab")));
    let error = index.find(&net, "a", "a-1.whl").unwrap_err().to_string();
    assert!(error.contains("a-1.whl"), "{error}");
    assert_eq!(server.requests("/simple/a/").len(), 1);
}
