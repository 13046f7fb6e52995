//! X.509 certificates with the content that Sprig v3.3.0 and Go's `x509.CreateCertificate` give them.

use std::any::Any;
use std::net::IpAddr;

use rand_core::RngCore as _;
use sha2::{Digest as _, Sha256};

use super::super::dates::utc_digits;
use super::super::random::Source;
use super::der::{
    OCTET_STRING, SEQUENCE, SET, bit_string, expect, from_pem, integer, next, pem, sequence, wrap,
};
use super::key::Key;
use crate::value::{Object, Value};

const DAY_NS: i128 = 86_400_000_000_000;
const COMMON_NAME: &[u8] = b"\x06\x03\x55\x04\x03";
const KEY_USAGE: &[u8] = b"\x06\x03\x55\x1d\x0f";
const EXTENDED_KEY_USAGE: &[u8] = b"\x06\x03\x55\x1d\x25";
const BASIC_CONSTRAINTS: &[u8] = b"\x06\x03\x55\x1d\x13";
const SUBJECT_KEY: &[u8] = b"\x06\x03\x55\x1d\x0e";
const AUTHORITY_KEY: &[u8] = b"\x06\x03\x55\x1d\x23";
const ALTERNATIVE_NAMES: &[u8] = b"\x06\x03\x55\x1d\x11";
const SERVER_AUTH: &[u8] = b"\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01";
const CLIENT_AUTH: &[u8] = b"\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x02";
const TRUE: &[u8] = b"\x01\x01\xff";

/// Sprig's `certificate`: both parts in PEM.
#[derive(Clone, Debug)]
pub(super) struct Certificate {
    pub(super) cert: String,
    pub(super) key: String,
}

impl Object for Certificate {
    fn type_name(&self) -> &str {
        "sprig.certificate"
    }

    fn field(&self, name: &str) -> Option<Value> {
        match name {
            "Cert" => Some(Value::text(&self.cert)),
            "Key" => Some(Value::text(&self.key)),
            _ => None,
        }
    }

    fn print(&self) -> String {
        format!("{{{} {}}}", self.cert, self.key)
    }

    fn plain(&self) -> Value {
        let entries = [("Cert", &self.cert), ("Key", &self.key)];
        Value::map(entries.map(|(key, value)| (key.into(), Value::text(value))))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// What a certificate is to say.
pub(super) struct Request<'a> {
    pub(super) common_name: &'a str,
    pub(super) addresses: Vec<IpAddr>,
    pub(super) names: Vec<String>,
    pub(super) now_ns: i128,
    pub(super) days: i64,
    pub(super) authority: bool,
}

/// What is needed of the certificate that signs.
pub(super) struct Issuer {
    subject: Vec<u8>,
    public_info: Vec<u8>,
    key_id: Vec<u8>,
}

impl Issuer {
    /// Reads a certificate; `None` where it is none.
    pub(super) fn from_der(der: &[u8]) -> Option<Self> {
        let mut data = der;
        let mut outer = expect(&mut data, SEQUENCE)?.content;
        let mut body = expect(&mut outer, SEQUENCE)?.content;
        let mut element = next(&mut body)?;
        if element.tag == 0xa0 {
            element = next(&mut body)?;
        }
        // The serial number was read; algorithm, issuer and validity follow.
        if element.tag != super::der::INTEGER {
            return None;
        }
        for _ in 0..3 {
            expect(&mut body, SEQUENCE)?;
        }
        let subject = expect(&mut body, SEQUENCE)?.whole.to_vec();
        let public_info = expect(&mut body, SEQUENCE)?.whole.to_vec();
        let mut key_id = Vec::new();
        while let Some(element) = next(&mut body) {
            if element.tag == 0xa3 {
                key_id = key_id_of(element.content).unwrap_or_default();
            }
        }
        Some(Self { subject, public_info, key_id })
    }

    /// Reads a certificate in PEM, with Sprig's words for an error.
    pub(super) fn from_pem(text: &str) -> Result<Self, String> {
        let (_, der) = from_pem(text).ok_or("unable to decode certificate")?;
        Self::from_der(&der).ok_or_else(|| {
            "error parsing certificate: decodedSignerCert.Bytes: x509: malformed certificate".to_owned()
        })
    }
}

fn key_id_of(mut extensions: &[u8]) -> Option<Vec<u8>> {
    let mut list = expect(&mut extensions, SEQUENCE)?.content;
    while let Some(extension) = expect(&mut list, SEQUENCE) {
        let mut parts = extension.content;
        if next(&mut parts)?.whole != SUBJECT_KEY {
            continue;
        }
        let mut value = expect(&mut parts, OCTET_STRING)?.content;
        return Some(expect(&mut value, OCTET_STRING)?.content.to_vec());
    }
    None
}

/// Makes a certificate; without an issuer it signs itself.
pub(super) fn issue(
    source: &mut Source<'_>,
    request: &Request<'_>,
    key: &Key,
    issuer: Option<(&Issuer, &Key)>,
) -> Result<Certificate, String> {
    let mut serial = [0; 16];
    source.fill_bytes(&mut serial);
    let subject = name(request.common_name);
    let public_info = key.public_info()?;
    let signer = issuer.map_or(key, |(_, signer)| signer);
    let issuer_name = issuer.map_or(&subject, |(issuer, _)| &issuer.subject);
    if let Some((issuer, signer)) = issuer
        && issuer.public_info != signer.public_info()?
    {
        return Err("error creating certificate: x509: provided PrivateKey doesn't match parent's PublicKey"
            .to_owned());
    }
    let authority_key =
        issuer.filter(|_| *issuer_name != subject).map(|(issuer, _)| issuer.key_id.as_slice());
    let extensions = extensions(request, key, authority_key.filter(|id| !id.is_empty()))?;
    let until_ns = request.now_ns + i128::from(request.days) * DAY_NS;
    let body = sequence(&[
        &wrap(0xa0, &integer(&[2])),
        &integer(&serial),
        &signer.signature_algorithm(),
        issuer_name,
        &sequence(&[&moment(request.now_ns), &moment(until_ns)]),
        &subject,
        &public_info,
        &wrap(0xa3, &wrap(SEQUENCE, &extensions)),
    ]);
    let signature = bit_string(&signer.sign(&body)?);
    let der = sequence(&[&body, &signer.signature_algorithm(), &signature]);
    Ok(Certificate { cert: pem("CERTIFICATE", &der), key: key.to_pem()? })
}

fn name(common_name: &str) -> Vec<u8> {
    if common_name.is_empty() {
        return sequence(&[]);
    }
    let printable = |byte: u8| byte.is_ascii_alphanumeric() || b" '()+,-./:=?".contains(&byte);
    let tag = if common_name.bytes().all(printable) { 0x13 } else { 0x0c };
    let pair = sequence(&[COMMON_NAME, &wrap(tag, common_name.as_bytes())]);
    sequence(&[&wrap(SET, &pair)])
}

/// `UTCTime` up to 2049, `GeneralizedTime` from then on.
fn moment(ns: i128) -> Vec<u8> {
    let digits = utc_digits(ns);
    match digits.get(..4).and_then(|year| year.parse().ok()) {
        Some(1950..=2049) => wrap(0x17, format!("{}Z", digits.get(2..).unwrap_or_default()).as_bytes()),
        _ => wrap(0x18, format!("{digits}Z").as_bytes()),
    }
}

fn extensions(request: &Request<'_>, key: &Key, authority_key: Option<&[u8]>) -> Result<Vec<u8>, String> {
    let octets = |content: &[u8]| wrap(OCTET_STRING, content);
    // Digital signature and key encipherment; for an authority the signing of certificates, too.
    let usage: &[u8] = if request.authority { b"\x03\x02\x02\xa4" } else { b"\x03\x02\x05\xa0" };
    let constraints = if request.authority { sequence(&[TRUE]) } else { sequence(&[]) };
    let mut out = sequence(&[KEY_USAGE, TRUE, &octets(usage)]);
    out.extend(sequence(&[EXTENDED_KEY_USAGE, &octets(&sequence(&[SERVER_AUTH, CLIENT_AUTH]))]));
    out.extend(sequence(&[BASIC_CONSTRAINTS, TRUE, &octets(&constraints)]));
    if request.authority {
        // Since Go 1.25 the first 160 bits of SHA-256.
        let digest = Sha256::digest(key.public_bits()?);
        let id = octets(digest.get(..20).unwrap_or_default());
        out.extend(sequence(&[SUBJECT_KEY, &octets(&id)]));
    }
    if let Some(id) = authority_key {
        out.extend(sequence(&[AUTHORITY_KEY, &octets(&sequence(&[&wrap(0x80, id)]))]));
    }
    if !(request.names.is_empty() && request.addresses.is_empty()) {
        let mut names = Vec::new();
        for name in &request.names {
            if !name.is_ascii() {
                let quoted = super::super::arguments::quoted(name);
                return Err(format!(
                    "error creating certificate: x509: {quoted} cannot be encoded as an IA5String"
                ));
            }
            names.extend(wrap(0x82, name.as_bytes()));
        }
        for address in &request.addresses {
            match address {
                IpAddr::V4(address) => names.extend(wrap(0x87, &address.octets())),
                IpAddr::V6(address) => match address.to_ipv4_mapped() {
                    Some(address) => names.extend(wrap(0x87, &address.octets())),
                    None => names.extend(wrap(0x87, &address.octets())),
                },
            }
        }
        let value = octets(&wrap(SEQUENCE, &names));
        // Without a subject the names are all there is.
        let critical: &[u8] = if request.common_name.is_empty() { TRUE } else { &[] };
        out.extend(sequence(&[ALTERNATIVE_NAMES, critical, &value]));
    }
    Ok(out)
}
