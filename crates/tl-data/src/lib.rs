//! Folders of photos: find, check, decode, split and batch them. No tensors.
