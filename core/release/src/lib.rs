//! Helm's release record: encoding, history, what a revision means.
