//! Downloads from a server that may break, change, or know no ranges.

use std::io::{Read, Seek, SeekFrom};

use xtask::download::{Download, discard};
use xtask::net::{Failure, Net};
use xtask::progress::Progress;

use crate::server::{Route, Server};

const CHUNK: usize = 256 << 10;

/// Bytes in which no two chunks are alike.
pub(crate) fn noise(n: usize) -> Vec<u8> {
    (0..n).map(|i| (i * 31 + i / 253 + i / CHUNK * 7) as u8).collect()
}

#[test]
fn a_file_comes_whole_through_ranges() {
    let (server, folder) = (Server::start(), tempfile::tempdir().unwrap());
    let bytes = noise(9 * CHUNK + 17);
    server.put("/file", Route::new(bytes.clone()));
    let path = folder.path().join("file");
    let (net, task) = (Net::direct(), Progress::silent().task("file"));
    Download::open(&net, &server.url("/file"), &path, &task).unwrap().bring_all().unwrap();
    assert!(fs_err::read(&path).unwrap() == bytes);
    assert!(server.requests("/file").iter().all(|request| request.range.is_some()));
}

#[test]
fn only_the_chunks_that_are_read_are_brought() {
    let (server, folder) = (Server::start(), tempfile::tempdir().unwrap());
    let bytes = noise(40 * CHUNK);
    server.put("/file", Route::new(bytes.clone()));
    let (net, task) = (Net::direct(), Progress::silent().task("file"));
    let download = Download::open(&net, &server.url("/file"), &folder.path().join("file"), &task).unwrap();
    let mut reader = download.reader().unwrap();
    let mut part = [0; 100];
    reader.seek(SeekFrom::End(-(CHUNK as i64) - 50)).unwrap();
    reader.read_exact(&mut part).unwrap();
    assert_eq!(part, bytes[39 * CHUNK - 50..39 * CHUNK + 50]);
    // The probe and the two chunks that the hundred bytes touch.
    assert_eq!(server.n_sent("/file"), 3 * CHUNK);
}

#[test]
fn a_broken_connection_goes_on_where_it_stopped() {
    let (server, folder) = (Server::start(), tempfile::tempdir().unwrap());
    let bytes = noise(6 * CHUNK);
    server.put("/file", Route::new(bytes.clone()).breaking(2, 2 * CHUNK + 1000));
    let path = folder.path().join("file");
    let (net, task) = (Net::direct(), Progress::silent().task("file"));
    Download::open(&net, &server.url("/file"), &path, &task).unwrap().bring_all().unwrap();
    assert!(fs_err::read(&path).unwrap() == bytes);
    let starts: Vec<usize> = server.requests("/file").iter().map(|request| request.range.unwrap().0).collect();
    assert_eq!(starts, [0, 0, 2 * CHUNK], "the second request broke after two chunks, the third goes on from there");
}

#[test]
fn a_later_run_takes_up_what_an_earlier_one_left() {
    let (server, folder) = (Server::start(), tempfile::tempdir().unwrap());
    let bytes = noise(12 * CHUNK);
    server.put("/file", Route::new(bytes.clone()));
    let path = folder.path().join("file");
    let (net, task) = (Net::direct(), Progress::silent().task("file"));
    let first = Download::open(&net, &server.url("/file"), &path, &task).unwrap();
    first.bring(&[0..CHUNK as u64, 100..8 * CHUNK as u64]).unwrap();
    drop(first);
    let before = server.n_sent("/file");
    Download::open(&net, &server.url("/file"), &path, &task).unwrap().bring_all().unwrap();
    assert!(fs_err::read(&path).unwrap() == bytes);
    assert_eq!(server.n_sent("/file") - before, CHUNK + 4 * CHUNK, "one chunk to ask, four that were missing");
}

#[test]
fn what_was_left_of_another_file_is_not_taken_up() {
    let (server, folder) = (Server::start(), tempfile::tempdir().unwrap());
    let path = folder.path().join("file");
    let (net, task) = (Net::direct(), Progress::silent().task("file"));
    server.put("/file", Route::new(vec![1; 3 * CHUNK]));
    Download::open(&net, &server.url("/file"), &path, &task).unwrap().bring_all().unwrap();
    server.put("/file", Route { etag: "\"two\"", ..Route::new(vec![2; 3 * CHUNK]) });
    Download::open(&net, &server.url("/file"), &path, &task).unwrap().bring_all().unwrap();
    assert!(fs_err::read(&path).unwrap() == vec![2; 3 * CHUNK]);
}

#[test]
fn a_file_that_changes_under_the_download_is_refused() {
    let (server, folder) = (Server::start(), tempfile::tempdir().unwrap());
    let (net, task) = (Net::direct(), Progress::silent().task("file"));
    server.put("/file", Route::new(noise(3 * CHUNK)));
    let download = Download::open(&net, &server.url("/file"), &folder.path().join("file"), &task).unwrap();
    server.put("/file", Route::new(noise(4 * CHUNK)));
    assert!(matches!(download.bring_all(), Err(Failure::Changed)));
}

#[test]
fn a_server_without_ranges_gives_the_whole_file() {
    let (server, folder) = (Server::start(), tempfile::tempdir().unwrap());
    let bytes = noise(3 * CHUNK + 5);
    server.put("/file", Route::new(bytes.clone()).without_ranges());
    let path = folder.path().join("file");
    let (net, task) = (Net::direct(), Progress::silent().task("file"));
    let download = Download::open(&net, &server.url("/file"), &path, &task).unwrap();
    download.bring(&[10..20, 15..30]).unwrap();
    assert!(fs_err::read(&path).unwrap() == bytes);
    assert_eq!(server.requests("/file").len(), 1);
}

#[test]
fn a_truncated_body_is_asked_for_again() {
    let (server, folder) = (Server::start(), tempfile::tempdir().unwrap());
    let bytes = noise(2 * CHUNK);
    server.put("/file", Route::new(bytes.clone()).without_ranges().breaking(1, CHUNK));
    let path = folder.path().join("file");
    let (net, task) = (Net::direct(), Progress::silent().task("file"));
    Download::open(&net, &server.url("/file"), &path, &task).unwrap().bring_all().unwrap();
    assert!(fs_err::read(&path).unwrap() == bytes);
}

#[test]
fn a_body_that_is_always_truncated_is_a_failure_that_may_pass() {
    let (server, folder) = (Server::start(), tempfile::tempdir().unwrap());
    server.put("/file", Route::new(noise(2 * CHUNK)).without_ranges().breaking(usize::MAX, CHUNK));
    let (net, task) = (Net::direct(), Progress::silent().task("file"));
    let failure = Download::open(&net, &server.url("/file"), &folder.path().join("file"), &task).unwrap_err();
    assert!(failure.is_passing(), "{failure}");
}

#[test]
fn what_is_not_there_and_who_does_not_answer_are_told_apart() {
    let (server, folder) = (Server::start(), tempfile::tempdir().unwrap());
    let path = folder.path().join("file");
    let (net, task) = (Net::direct(), Progress::silent().task("file"));
    let missing = Download::open(&net, &server.url("/file"), &path, &task).unwrap_err();
    assert!(matches!(missing, Failure::Status(404)), "{missing}");
    let nobody = Download::open(&net, "http://no-such-host.invalid/file", &path, &task).unwrap_err();
    assert!(matches!(nobody, Failure::Unreachable(_)), "{nobody}");
    assert!(nobody.to_string().contains("no-such-host.invalid"));
}

#[test]
fn discarding_leaves_nothing() {
    let (server, folder) = (Server::start(), tempfile::tempdir().unwrap());
    server.put("/file", Route::new(noise(CHUNK)));
    let path = folder.path().join("file");
    let (net, task) = (Net::direct(), Progress::silent().task("file"));
    Download::open(&net, &server.url("/file"), &path, &task).unwrap().bring_all().unwrap();
    discard(&path);
    assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 0);
}
