//! Reads the import section of a WebAssembly module (WebAssembly core specification 3.0, section 5.5, binary format).

use anyhow::{Context as _, bail};

const IMPORT_SECTION: u8 = 2;

/// The imports of a module as `module.name`.
pub(super) fn of(module: &[u8]) -> anyhow::Result<Vec<String>> {
    let mut reader = Reader { bytes: module };
    if reader.take(8)? != b"\0asm\x01\0\0\0" {
        bail!("it does not start with the mark of WebAssembly version 1");
    }
    let mut imports = Vec::new();
    while !reader.bytes.is_empty() {
        let id = reader.byte()?;
        let size = reader.number()?;
        let mut section = Reader { bytes: reader.take(size)? };
        if id == IMPORT_SECTION {
            for _ in 0..section.number()? {
                let (from, name) = (section.name()?, section.name()?);
                section.skip_description().with_context(|| format!("import {from}.{name}"))?;
                imports.push(format!("{from}.{name}"));
            }
        }
    }
    Ok(imports)
}

struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: u64) -> anyhow::Result<&'a [u8]> {
        let split = usize::try_from(count).ok().and_then(|count| self.bytes.split_at_checked(count));
        let (taken, rest) = split.context("it ends too early")?;
        self.bytes = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> anyhow::Result<u8> {
        self.take(1)?.first().copied().context("it ends too early")
    }

    /// An unsigned LEB128 number of at most 64 bits.
    fn number(&mut self) -> anyhow::Result<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        bail!("a number has no end")
    }

    fn name(&mut self) -> anyhow::Result<String> {
        let length = self.number()?;
        Ok(String::from_utf8_lossy(self.take(length)?).into_owned())
    }

    /// Minimum and, by the lowest bit of the flags, maximum.
    fn skip_limits(&mut self) -> anyhow::Result<()> {
        let flags = self.byte()?;
        self.number()?;
        if flags & 1 == 1 {
            self.number()?;
        }
        Ok(())
    }

    /// A value or reference type: one byte, or two for a reference to a type by number.
    fn skip_type(&mut self) -> anyhow::Result<()> {
        if matches!(self.byte()?, 0x63 | 0x64) {
            self.number()?;
        }
        Ok(())
    }

    fn skip_description(&mut self) -> anyhow::Result<()> {
        match self.byte()? {
            0 => self.number().map(|_| ()),
            1 => self.skip_type().and_then(|()| self.skip_limits()),
            2 => self.skip_limits(),
            3 => self.skip_type().and_then(|()| self.byte().map(|_| ())),
            4 => self.byte().and_then(|_| self.number()).map(|_| ()),
            other => bail!("kind {other} is unknown"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A module of a custom section, the given import section, and another section after it.
    fn module(imports: &[u8]) -> Vec<u8> {
        let mut bytes = b"\0asm\x01\0\0\0\0\x03\x02hi".to_vec();
        if !imports.is_empty() {
            bytes.extend([2, u8::try_from(imports.len()).unwrap()]);
            bytes.extend(imports);
        }
        bytes.extend([3, 1, 0]);
        bytes
    }

    #[test]
    fn imports_of_all_kinds() {
        let all = b"\x06\x01e\x01f\0\x80\x01\x01e\x01t\x01\x70\x01\x02\x03\x01e\x01m\x02\0\x11\x01e\x01g\x03\x7f\x01\
                    \x01e\x01r\x03\x64\x02\0\x01e\x01x\x04\0\x01";
        for (imports, expected) in [
            (&b""[..], Ok(vec![])),
            (b"\0", Ok(vec![])),
            (b"\x01\x03env\x03now\0\x05", Ok(vec!["env.now"])),
            (all, Ok(vec!["e.f", "e.t", "e.m", "e.g", "e.r", "e.x"])),
            (b"\x01\x01e\x01f\x09\0", Err("import e.f: kind 9 is unknown")),
            (b"\x02\x01e\x01f\0\0", Err("it ends too early")),
        ] {
            let found = of(&module(imports)).map_err(|error| format!("{error:#}"));
            let expected = expected
                .map(|names| names.iter().map(|name| (*name).to_owned()).collect())
                .map_err(str::to_owned);
            assert_eq!(found, expected, "{imports:?}");
        }
    }

    #[test]
    fn other_files_are_refused() {
        for bytes in [&b""[..], b"\0asm\x02\0\0\0", b"\x7fELF\0\0\0\0"] {
            of(bytes).unwrap_err();
        }
    }
}
