//! The bundle: backbone, head, classes and preprocessing in one safe file; prediction with it.
