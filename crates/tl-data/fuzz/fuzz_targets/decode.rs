//! Any bytes are a photo or a reason why not: no panic, no hang, no memory beyond the limits.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tl_data::{DecodeOptions, Geometry, Limits, PhotoReader};

fuzz_target!(|bytes: &[u8]| {
    // Small limits, so that a step is short; the fuzzer itself watches the memory (`-malloc_limit_mb`).
    let limits = Limits { max_pixels: 1 << 18, max_file_bytes: 1 << 20, max_memory_bytes: 16 << 20 };
    for (geometry, partial) in [(Geometry::squash(16), false), (Geometry::crop(20, 16), true)] {
        let mut out = [0; 16 * 16 * 3];
        // Either answer is fine; what counts is that there is one.
        let _ = PhotoReader::new(geometry, DecodeOptions { limits, partial }).read_bytes(bytes, &mut out);
    }
});
