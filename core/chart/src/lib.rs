//! Chart files and values to manifests, hooks and notes.
