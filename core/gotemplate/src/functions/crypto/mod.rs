//! Keys, certificates and passwords (Sprig v3.3.0 `crypto.go`), all from the seed of the environment.
//!
//! RSA, ECDSA on P-256 and Ed25519; DSA keys and other curves, which no chart uses, are refused.

#![cfg_attr(
    not(feature = "full"),
    allow(dead_code, reason = "the small build leaves these functions to the full one")
)]

mod certificate;
mod der;
mod field;
mod kernel;
mod key;
#[cfg(target_arch = "x86_64")]
mod lanes;
mod modular;
mod narrow;
mod password;
mod prime;
mod residues;
mod sieve;
mod signature;
mod wide;

use std::net::IpAddr;

use rand_core::RngCore as _;

use certificate::{Certificate, Issuer, Request, issue};
use key::Key;

use super::arguments::{int, list, text};
use super::encoding::base64_decode;
use super::random::Source;
use crate::elsewhere::full;
use crate::function::{Function, FunctionError, Parameter, Runtime};
use crate::value::{List, Text, Value};

const TEXT: Parameter = Parameter::Text;
const INT: Parameter = Parameter::Int;
const LIST: Parameter = Parameter::List;
const CERTIFICATE: Parameter = Parameter::Named("sprig.certificate");
const TWO_TEXTS: &[Parameter] = &[TEXT, TEXT];

/// The functions of this module.
pub(super) const FUNCTIONS: &[Function] = &[
    Function { name: "genPrivateKey", parameters: &[TEXT], variadic: None, call: full!(gen_private_key) },
    Function { name: "genCA", parameters: &[TEXT, INT], variadic: None, call: full!(gen_ca) },
    Function { name: "genCAWithKey", parameters: &[TEXT, INT, TEXT], variadic: None, call: full!(gen_ca) },
    Function {
        name: "genSelfSignedCert",
        parameters: &[TEXT, LIST, LIST, INT],
        variadic: None,
        call: full!(gen_self_signed),
    },
    Function {
        name: "genSelfSignedCertWithKey",
        parameters: &[TEXT, LIST, LIST, INT, TEXT],
        variadic: None,
        call: full!(gen_self_signed),
    },
    Function {
        name: "genSignedCert",
        parameters: &[TEXT, LIST, LIST, INT, CERTIFICATE],
        variadic: None,
        call: full!(gen_signed),
    },
    Function {
        name: "genSignedCertWithKey",
        parameters: &[TEXT, LIST, LIST, INT, CERTIFICATE, TEXT],
        variadic: None,
        call: full!(gen_signed),
    },
    Function { name: "buildCustomCert", parameters: TWO_TEXTS, variadic: None, call: full!(build_custom) },
    Function {
        name: "derivePassword",
        parameters: &[INT, TEXT, TEXT, TEXT, TEXT],
        variadic: None,
        call: full!(derive_password),
    },
    Function { name: "bcrypt", parameters: &[TEXT], variadic: None, call: full!(bcrypt) },
    Function { name: "htpasswd", parameters: TWO_TEXTS, variadic: None, call: full!(htpasswd) },
    Function { name: "encryptAES", parameters: TWO_TEXTS, variadic: None, call: full!(encrypt_aes) },
    Function { name: "decryptAES", parameters: TWO_TEXTS, variadic: None, call: full!(decrypt_aes) },
];

/// As Sprig has it, `genPrivateKey` answers with the error.
fn gen_private_key(runtime: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    let mut source = Source(runtime);
    let key = match text(arguments, 0) {
        "" | "rsa" => Key::rsa(&mut source, 4096),
        "ecdsa" => Ok(Key::p256(&mut source)),
        "ed25519" => Ok(Key::ed25519(&mut source)),
        "dsa" => {
            return Err(FunctionError::new(
                "DSA keys cannot be made here; use \"rsa\", \"ecdsa\" or \"ed25519\"",
            ));
        }
        other => return Ok(format!("Unknown type {other}").into()),
    };
    let shown = key.and_then(|key| key.to_pem());
    Ok(shown.unwrap_or_else(|error| format!("failed to generate private key: {error}")).into())
}

/// The key at this place, or a new one for the functions without.
fn key_of(runtime: &mut dyn Runtime, arguments: &[Value], index: usize) -> Result<Key, FunctionError> {
    match arguments.get(index) {
        Some(Value::Text(pem)) => {
            Key::from_pem(pem).map_err(|error| FunctionError::new(format!("parsing private key: {error}")))
        }
        _ => Key::rsa(&mut Source(runtime), 2048)
            .map_err(|error| FunctionError::new(format!("error generating rsa key: {error}"))),
    }
}

fn made(certificate: Result<Certificate, String>) -> Result<Value, FunctionError> {
    certificate.map(Value::object).map_err(FunctionError::new)
}

fn gen_ca(runtime: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    let key = key_of(runtime, arguments, 2)?;
    let request = Request {
        common_name: text(arguments, 0),
        addresses: Vec::new(),
        names: Vec::new(),
        now_ns: runtime.environment().now_ns,
        days: int(arguments, 1),
        authority: true,
    };
    made(issue(&mut Source(runtime), &request, &key, None))
}

/// What the first four arguments of the other functions say.
fn request<'a>(runtime: &dyn Runtime, arguments: &'a [Value]) -> Result<Request<'a>, FunctionError> {
    Ok(Request {
        common_name: text(arguments, 0),
        addresses: addresses(&list(arguments, 1)).map_err(FunctionError::new)?,
        names: names(&list(arguments, 2)).map_err(FunctionError::new)?,
        now_ns: runtime.environment().now_ns,
        days: int(arguments, 3),
        authority: false,
    })
}

fn addresses(list: &List) -> Result<Vec<IpAddr>, String> {
    let read = |item: &Value| match item {
        Value::Text(text) => text.parse().map_err(|_| format!("error parsing ip: {text}")),
        other => Err(format!("error parsing ip: {} is not a string", plainly(other))),
    };
    list.iter().map(read).collect()
}

fn names(list: &List) -> Result<Vec<String>, String> {
    let read = |item: &Value| match item {
        Value::Text(text) => Ok(text.to_string()),
        other => {
            let shown = plainly(other);
            Err(format!("error processing alternate dns name: {shown} is not a string"))
        }
    };
    list.iter().map(read).collect()
}

/// A value as `%v` shows it.
fn plainly(value: &Value) -> String {
    match value {
        Value::Nil => "<nil>".to_owned(),
        Value::Float(number) => backstay_yaml::number::float_text(*number),
        Value::Object(object) => object.print(),
        other => crate::data::to_json(other).to_string(),
    }
}

fn gen_self_signed(runtime: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    let key = key_of(runtime, arguments, 4)?;
    let request = request(runtime, arguments)?;
    made(issue(&mut Source(runtime), &request, &key, None))
}

fn gen_signed(runtime: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    let authority = match arguments.get(4) {
        Some(Value::Object(object)) => object.as_any().downcast_ref::<Certificate>().cloned(),
        _ => None,
    };
    let authority = authority.ok_or_else(|| FunctionError::new("unable to decode certificate"))?;
    let key = key_of(runtime, arguments, 5)?;
    let issuer = Issuer::from_pem(&authority.cert).map_err(FunctionError::new)?;
    let signer = Key::from_pem(&authority.key)
        .map_err(|error| FunctionError::new(format!("error parsing private key: {error}")))?;
    let request = request(runtime, arguments)?;
    made(issue(&mut Source(runtime), &request, &key, Some((&issuer, &signer))))
}

fn build_custom(_: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    let decode = |index: usize, what: &str| {
        base64_decode(text(arguments, index))
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .map_err(|_| FunctionError::new(format!("unable to decode base64 {what}")))
    };
    let certificate = Certificate { cert: decode(0, "certificate")?, key: decode(1, "private key")? };
    let (_, der) =
        der::from_pem(&certificate.cert).ok_or_else(|| FunctionError::new("unable to decode certificate"))?;
    if Issuer::from_der(&der).is_none() {
        return Err(FunctionError::new(
            "error parsing certificate: decodedCert.Bytes: x509: malformed certificate",
        ));
    }
    Key::from_pem(&certificate.key)
        .map_err(|error| FunctionError::new(format!("error parsing private key: {error}")))?;
    Ok(Value::object(certificate))
}

fn derive_password(_: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    let counter =
        u32::try_from(int(arguments, 0)).map_err(|_| FunctionError::new("the counter is no uint32"))?;
    let argument = |index: usize| text(arguments, index);
    Ok(password::derive(counter, argument(1), argument(2), argument(3), argument(4)).into())
}

fn bcrypt(runtime: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    let mut salt = [0; 16];
    Source(runtime).fill_bytes(&mut salt);
    Ok(password::bcrypt(&salt, text(arguments, 0)).into())
}

/// The salt comes from the user and the password, and the seed, which is as secret: who asks again in the same rendering gets the
/// same line, so that the checksum of a Secret that a chart annotates is of the Secret it makes, and pays for one hash.
fn htpasswd(runtime: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    let (user, password) = (text(arguments, 0), text(arguments, 1));
    if user.contains(':') {
        return Ok(format!("invalid username: {user}").into());
    }
    let key = (Text::from(user), Text::from(password));
    if let Some(line) = runtime.password_lines().borrow().get(&key) {
        return Ok(Value::Text(line.clone()));
    }
    let hash = password::bcrypt(&password::salt_of(&runtime.environment().seed, user, password), password);
    let line = Text::from(format!("{user}:{hash}"));
    runtime.password_lines().borrow_mut().insert(key, line.clone());
    Ok(Value::Text(line))
}

fn encrypt_aes(runtime: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    Ok(password::encrypt(&mut Source(runtime), text(arguments, 0), text(arguments, 1)).into())
}

fn decrypt_aes(_: &mut dyn Runtime, arguments: &[Value]) -> Result<Value, FunctionError> {
    let plain = password::decrypt(text(arguments, 0), text(arguments, 1)).map_err(FunctionError::new)?;
    Ok(Value::text(String::from_utf8_lossy(&plain)))
}

#[cfg(test)]
mod tests;
