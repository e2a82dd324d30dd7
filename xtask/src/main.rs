//! Project chores.

fn main() {
    let a: Vec<String> = std::env::args().collect();
    let f = if a[1] == "tf" { xtask::convert::Format::MobilenetV1Graphdef } else { xtask::convert::Format::TorchStateDict };
    fs_err::write(&a[3], xtask::convert::convert(f, &fs_err::read(&a[2]).unwrap()).unwrap()).unwrap();
}
