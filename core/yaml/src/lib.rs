//! YAML exactly as Helm reads and writes it.
