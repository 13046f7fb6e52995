//! Packed charts: a tar of plain files in a gzip (Helm `pkg/chart/v2/util/save.go`).

use miniz_oxide::deflate::compress_to_vec;

const BLOCK: usize = 512;
/// How hard it is compressed, as in Go's default.
const LEVEL: u8 = 6;

/// Files of a chart as a `.tgz`. Names are paths below the chart's folder, which is put before them; `seconds` is the
/// time of all files since 1970.
pub(crate) fn pack(folder: &str, files: &[(String, Vec<u8>)], seconds: u64) -> Result<Vec<u8>, String> {
    let mut tar = Vec::new();
    for (name, content) in files {
        let path = format!("{folder}/{name}");
        if path.len() > 100 {
            // The name does not fit into the header: a record before it has it whole (POSIX pax).
            let record = pax_record(&format!("path={path}\n"));
            append(&mut tar, &header("././@PaxHeader", record.len(), seconds, b'x')?, record.as_bytes());
        }
        append(&mut tar, &header(&path, content.len(), seconds, b'0')?, content);
    }
    tar.resize(tar.len() + 2 * BLOCK, 0);
    Ok(gzip(&tar))
}

fn append(tar: &mut Vec<u8>, header: &[u8], content: &[u8]) {
    tar.extend_from_slice(header);
    tar.extend_from_slice(content);
    tar.resize(tar.len().next_multiple_of(BLOCK), 0);
}

/// `LENGTH key=value\n`, where the length counts itself.
fn pax_record(text: &str) -> String {
    let mut length = text.len() + 2;
    loop {
        let record = format!("{length} {text}");
        if record.len() == length {
            return record;
        }
        length = record.len();
    }
}

fn header(path: &str, size: usize, seconds: u64, kind: u8) -> Result<Vec<u8>, String> {
    if size >= 1 << 33 {
        return Err(format!("{path} is too large for an archive"));
    }
    let mut header = vec![0; BLOCK];
    let short: Vec<u8> = path.bytes().take(100).collect();
    put(&mut header, 0, &short);
    put(&mut header, 100, b"0000644\0");
    put(&mut header, 108, b"0000000\0");
    put(&mut header, 116, b"0000000\0");
    put(&mut header, 124, format!("{size:011o}\0").as_bytes());
    put(&mut header, 136, format!("{:011o}\0", seconds & 0o77_777_777_777).as_bytes());
    put(&mut header, 148, b"        ");
    put(&mut header, 156, &[kind]);
    put(&mut header, 257, b"ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    put(&mut header, 148, format!("{sum:06o}\0 ").as_bytes());
    Ok(header)
}

fn put(header: &mut [u8], at: usize, bytes: &[u8]) {
    for (place, byte) in header.iter_mut().skip(at).zip(bytes) {
        *place = *byte;
    }
}

/// A gzip member (RFC 1952) with the comment by which Helm marks its own.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, 0x10, 0, 0, 0, 0, 0, 0xff];
    out.extend_from_slice(b"Helm\0");
    out.extend_from_slice(&compress_to_vec(bytes, LEVEL));
    out.extend_from_slice(&crc32(bytes).to_le_bytes());
    // The format counts modulo 2^32.
    out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    out
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut table = [0_u32; 256];
    for (index, entry) in (0_u32..).zip(table.iter_mut()) {
        let mut value = index;
        for _ in 0..8 {
            value = if value & 1 == 1 { 0xedb8_8320 ^ (value >> 1) } else { value >> 1 };
        }
        *entry = value;
    }
    let step = |crc: u32, byte: &u8| {
        let index = ((crc ^ u32::from(*byte)) & 0xff) as usize;
        table.get(index).copied().unwrap_or_default() ^ (crc >> 8)
    };
    !bytes.iter().fold(!0, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_unpacked() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        let long = format!("templates/{}/x.yaml", "deep/".repeat(40));
        let files = vec![
            ("Chart.yaml".to_owned(), b"name: web\n".to_vec()),
            (long.clone(), vec![7; 1500]),
            ("empty".to_owned(), Vec::new()),
        ];
        let archive = pack("web", &files, 1_795_241_449).unwrap();
        let found = backstay_core::chart::unpack(&archive).unwrap();
        let found: Vec<_> = found.iter().map(|file| (file.name.clone(), file.data.to_vec())).collect();
        assert_eq!(found, files.iter().map(|(n, d)| (n.replace("//", "/"), d.clone())).collect::<Vec<_>>());
    }
}
