//! Features of photos: decoding and the frozen network overlapped on all cores.
