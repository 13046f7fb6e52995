//! Go text/template with the Sprig and Helm functions.
