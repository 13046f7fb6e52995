//! Packed charts: gzip, tar, and Helm's checks of the paths inside.

use miniz_oxide::inflate::decompress_to_vec_with_limit;

use crate::error::ChartError;
use crate::files::{ChartFile, MAX_CHART_SIZE};

const BLOCK: usize = 512;

/// How large a tar stream may become: the files, and headers around very many small ones.
const MAX_TAR_SIZE: usize = MAX_CHART_SIZE + 16 * 1024 * 1024;

/// Unpacks a `.tgz`; the names are relative to the chart's folder. Never writes anything anywhere.
///
/// # Errors
/// When it is no gzipped tar file, is damaged, unpacks to more than [`MAX_CHART_SIZE`], or holds paths that leave the chart.
pub fn unpack(archive: &[u8]) -> Result<Vec<ChartFile>, ChartError> {
    let tar = gunzip(archive)?;
    let mut reader = Tar { bytes: &tar, at: 0, long_name: None, pax_path: None };
    let mut files = Vec::new();
    let mut left = MAX_CHART_SIZE;
    while let Some(entry) = reader.next()? {
        if entry.folder || entry.skipped {
            continue;
        }
        let name = chart_path(&entry.name)?;
        left = left
            .checked_sub(entry.data.len())
            .filter(|left| *left > 0)
            .ok_or(ChartError::TooLarge(MAX_CHART_SIZE))?;
        files.push(ChartFile::new(name, entry.data));
    }
    if files.is_empty() {
        return Err(broken("no files in chart archive"));
    }
    Ok(files)
}

fn broken(message: &str) -> ChartError {
    ChartError::Archive(message.to_owned())
}

fn gunzip(archive: &[u8]) -> Result<Vec<u8>, ChartError> {
    if !archive.starts_with(&[0x1f, 0x8b, 8]) {
        return Err(broken("the file does not appear to be a gzipped archive"));
    }
    let header = gzip_header(archive).ok_or_else(|| broken("unexpected end of the gzip header"))?;
    let body = archive.get(header..).unwrap_or_default();
    decompress_to_vec_with_limit(body, MAX_TAR_SIZE).map_err(|error| match error.status {
        miniz_oxide::inflate::TINFLStatus::HasMoreOutput => ChartError::TooLarge(MAX_CHART_SIZE),
        _ => broken("the gzip stream is damaged or cut short"),
    })
}

/// The length of the gzip header (RFC 1952).
fn gzip_header(archive: &[u8]) -> Option<usize> {
    let flags = *archive.get(3)?;
    let mut at = 10;
    if flags & 4 != 0 {
        let length = usize::from(*archive.get(at)?) | usize::from(*archive.get(at + 1)?) << 8;
        at += 2 + length;
    }
    for flag in [8, 16] {
        if flags & flag != 0 {
            at += archive.get(at..)?.iter().position(|byte| *byte == 0)? + 1;
        }
    }
    if flags & 2 != 0 {
        at += 2;
    }
    (at <= archive.len()).then_some(at)
}

struct Entry<'a> {
    name: String,
    data: &'a [u8],
    folder: bool,
    skipped: bool,
}

struct Tar<'a> {
    bytes: &'a [u8],
    at: usize,
    long_name: Option<String>,
    pax_path: Option<String>,
}

impl<'a> Tar<'a> {
    fn next(&mut self) -> Result<Option<Entry<'a>>, ChartError> {
        loop {
            let Some(header) = self.bytes.get(self.at..self.at + BLOCK) else { return Ok(None) };
            if header.iter().all(|byte| *byte == 0) {
                return Ok(None);
            }
            if !checksum_is_right(header) {
                return Err(broken("archive/tar: invalid tar header"));
            }
            let size =
                number(field(header, 124, 12)).ok_or_else(|| broken("archive/tar: invalid tar header"))?;
            let start = self.at + BLOCK;
            let data = start
                .checked_add(size)
                .and_then(|end| self.bytes.get(start..end))
                .ok_or_else(|| broken("the archive is cut short: unexpected EOF"))?;
            self.at = start + size.div_ceil(BLOCK) * BLOCK;
            let kind = header.get(156).copied().unwrap_or(0);
            match kind {
                b'L' => self.long_name = Some(text(data)),
                b'K' => {}
                b'x' => self.pax_path = pax(data, "path"),
                b'g' => {}
                _ => return Ok(Some(self.entry(header, kind, data))),
            }
        }
    }

    fn entry(&mut self, header: &[u8], kind: u8, data: &'a [u8]) -> Entry<'a> {
        let own = || {
            let name = text(field(header, 0, 100));
            let prefix = text(field(header, 345, 155));
            let is_ustar = field(header, 257, 6) == b"ustar\0";
            if is_ustar && !prefix.is_empty() { format!("{prefix}/{name}") } else { name }
        };
        let name = self.pax_path.take().or(self.long_name.take()).unwrap_or_else(own);
        let folder = kind == b'5' || name.ends_with('/');
        // Links and devices have no content; Helm loads them as empty files, which no template can use.
        let skipped = !matches!(kind, 0 | b'0' | b'7');
        Entry { name, data, folder, skipped }
    }
}

fn field(header: &[u8], at: usize, length: usize) -> &[u8] {
    header.get(at..at + length).unwrap_or_default()
}

fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned()
}

/// An octal number, or a binary one where the highest bit says so.
fn number(bytes: &[u8]) -> Option<usize> {
    if bytes.first().is_some_and(|byte| byte & 0x80 != 0) {
        let mut value = 0_usize;
        for (index, byte) in bytes.iter().enumerate() {
            let byte = if index == 0 { byte & 0x7f } else { *byte };
            value = value.checked_mul(256)?.checked_add(usize::from(byte))?;
        }
        return Some(value);
    }
    let digits: String = text(bytes).trim().to_owned();
    if digits.is_empty() { Some(0) } else { usize::from_str_radix(&digits, 8).ok() }
}

fn checksum_is_right(header: &[u8]) -> bool {
    let sum: usize = header
        .iter()
        .enumerate()
        .map(|(index, byte)| usize::from(if (148..156).contains(&index) { b' ' } else { *byte }))
        .sum();
    number(field(header, 148, 8)) == Some(sum)
}

/// A record of a pax header: `LENGTH KEY=VALUE\n`.
fn pax(data: &[u8], key: &str) -> Option<String> {
    let mut rest = data;
    let mut found = None;
    while !rest.is_empty() {
        let space = rest.iter().position(|byte| *byte == b' ')?;
        let length: usize = std::str::from_utf8(rest.get(..space)?).ok()?.parse().ok()?;
        let record = std::str::from_utf8(rest.get(space + 1..length.checked_sub(1)?)?).ok()?;
        if let Some((name, value)) = record.split_once('=')
            && name == key
        {
            found = Some(value.to_owned());
        }
        rest = rest.get(length..)?;
    }
    found
}

/// The path below the chart's folder, after Helm's checks (`LoadArchiveFiles`).
fn chart_path(name: &str) -> Result<String, ChartError> {
    let delimiter = if name.contains('\\') { '\\' } else { '/' };
    let mut parts = name.split(delimiter);
    let first = parts.next().unwrap_or_default();
    let inside = parts.collect::<Vec<_>>().join("/");
    if inside.starts_with('/') {
        return Err(broken("chart illegally contains absolute paths"));
    }
    let clean = clean(&inside);
    if clean.is_empty() {
        return Err(ChartError::Archive(format!(
            "chart illegally contains content outside the base directory: {name:?}"
        )));
    }
    if clean.starts_with("..") {
        return Err(broken("chart illegally references parent directory"));
    }
    let mut start = clean.chars();
    let drive = start.next().is_some_and(|char| char.is_ascii_alphabetic());
    if drive && start.next() == Some(':') && start.next() == Some('/') {
        return Err(broken("chart contains illegally named files"));
    }
    if first == "Chart.yaml" {
        return Err(broken("chart yaml not in base directory"));
    }
    Ok(clean)
}

/// `path.Clean` for relative paths; empty for the folder itself.
fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            other => parts.push(other),
        }
    }
    parts.join("/")
}
