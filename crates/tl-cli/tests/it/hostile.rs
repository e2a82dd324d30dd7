//! A folder with everything that goes wrong in real ones, through every command.

#![cfg(unix)]

use std::{
    ffi::OsStr,
    os::unix::{ffi::OsStrExt, fs::symlink, net::UnixListener},
    process::Command,
};

use crate::harness::{Run, Work};

/// Address space that a command may take, in kilobytes: libtorch maps about 1 GB of it, and the pictures that claim
/// billions of pixels would need more than is left.
const MAX_KILOBYTES: &str = "3500000";

/// Good photos, and beside them whatever a file system can hold. The socket lives as long as the listener.
fn hostile() -> (Work, UnixListener) {
    let work = Work::with_photos(8);
    let good = std::fs::read(work.path("photos/checks/001.jpg")).unwrap();
    let at = |name: &str| format!("photos/stripes/{name}");
    work.write(&at("empty.jpg"), b"");
    work.write(&at("words.png"), b"just words");
    work.write(&at("cut.jpg"), &good[..good.len() / 2]);
    let mut jpeg = good.clone();
    let frame = jpeg.windows(2).position(|pair| pair == [0xFF, 0xC0]).unwrap();
    jpeg[frame + 5..frame + 9].fill(0xFF);
    work.write(&at("65535.jpg"), &jpeg);
    work.write(&at("30000.png"), &png_header(30_000));
    work.photo(&at("png_inside.png"), "stripes", 3);
    std::fs::rename(work.path(&at("png_inside.png")), work.path(&at("png_inside.jpg"))).unwrap();
    std::fs::write(work.path("photos/stripes").join(OsStr::from_bytes(b"not\xFFutf8.jpg")), &good).unwrap();
    work.write(&at("line\nbreak.jpg"), &good);
    std::fs::create_dir_all(work.path(&at("folder.jpg"))).unwrap();
    symlink(work.path("photos/stripes"), work.path(&at("loop"))).unwrap();
    symlink(work.path("nowhere"), work.path(&at("dangling.jpg"))).unwrap();
    symlink("/dev/zero", work.path(&at("device.jpg"))).unwrap();
    assert!(Command::new("mkfifo").arg(work.path(&at("pipe.jpg"))).status().unwrap().success());
    let socket = UnixListener::bind(work.path(&at("socket.jpg"))).unwrap();
    for debris in [".gitkeep", "Thumbs.db", "._001.jpg", ".DS_Store"] {
        work.write(&at(debris), b"debris");
    }
    (work, socket)
}

/// The head of a PNG that claims `side` x `side` pixels, with the right checksum.
fn png_header(side: u32) -> Vec<u8> {
    let mut header = b"IHDR".to_vec();
    header.extend([side.to_be_bytes(), side.to_be_bytes()].concat());
    header.extend([8, 2, 0, 0, 0]);
    let crc = header.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 })
    });
    [b"\x89PNG\r\n\x1a\n\0\0\0\x0d".as_slice(), &header, &(!crc).to_be_bytes(), b"\0\0\0\x05IDAT"].concat()
}

/// Runs `tl` with little memory and little patience.
fn bounded(work: &Work, args: &[&str]) -> Run {
    let script = format!("ulimit -v {MAX_KILOBYTES}; exec timeout 120 \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    command.current_dir(work.path("")).args(["-c", &script, env!("CARGO_BIN_EXE_tl")]).args(args);
    Run::of(&mut command)
}

const BROKEN: [&str; 5] = ["empty.jpg", "words.png", "cut.jpg", "65535.jpg", "30000.png"];
const NO_FILES: [&str; 4] = ["device.jpg", "pipe.jpg", "socket.jpg", "dangling.jpg"];

#[test]
fn good_photos_are_used_and_bad_ones_listed() {
    let (work, _socket) = hostile();
    let run = bounded(&work, &["train", "photos", "--hidden", "8", "--epochs", "1", "--max-skipped", "50%"]);
    assert_eq!(run.code(), 0, "{}", run.stderr());
    assert!(run.stderr().contains("Passed over 4 files"), "{}", run.stderr());
    let listed = std::fs::read_to_string(work.path("runs/latest/skipped.csv")).unwrap();
    for name in BROKEN.iter().chain(&NO_FILES).chain(&["loop"]) {
        assert!(listed.contains(name), "{name} is not in\n{listed}");
    }
    assert!(!listed.contains("Thumbs.db") && !listed.contains("png_inside"), "{listed}");
    let metrics = work.json("runs/latest/metrics.json");
    // Sixteen made photos, the PNG under another name, and two good photos with odd names.
    assert_eq!(metrics["n_train"].as_u64().unwrap() + metrics["n_val"].as_u64().unwrap(), 19, "{metrics}\n{listed}");

    let run = bounded(&work, &["predict", "runs/latest", "photos", "--format", "jsonl"]);
    assert_eq!(run.code(), 1, "more than a fifth was skipped: {}", run.stderr());
    let lines: Vec<serde_json::Value> = run.stdout().lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(lines.iter().filter(|line| line.get("class").is_some()).count(), 19);
    for name in BROKEN {
        let is_listed = |l: &serde_json::Value| l.get("error").is_some() && l["path"].as_str().unwrap().contains(name);
        assert!(lines.iter().any(is_listed), "{name}");
    }

    let run = bounded(&work, &["data", "audit", "photos", "--json"]);
    assert_eq!(run.code(), 1, "{}", run.stderr());
    for name in BROKEN.iter().chain(&NO_FILES) {
        assert!(run.stdout().contains(name), "{name} is not in\n{}", run.stdout());
    }
}

#[test]
fn a_cut_photo_is_used_when_asked_for() {
    let work = Work::with_photos(6);
    work.trained();
    let good = std::fs::read(work.path("photos/checks/001.jpg")).unwrap();
    work.write("cut.jpg", &good[..good.len() * 2 / 3]);
    assert_eq!(work.run(&["predict", "runs/run", "cut.jpg"]).code(), 2);
    assert!(work.ok(&["predict", "runs/run", "cut.jpg", "--partial"]).stdout().contains("cut.jpg"));
}
