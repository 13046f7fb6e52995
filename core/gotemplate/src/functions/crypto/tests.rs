use super::super::testing::{Bench, arguments, call, call_on, check, shown};
use super::certificate::{Certificate, Issuer};
use super::key::Key;
use crate::value::Value;

fn certificate(value: &Value) -> Certificate {
    let Value::Object(object) = value else { panic!("no certificate: {value:?}") };
    object.as_any().downcast_ref::<Certificate>().expect("a certificate").clone()
}

#[test]
fn passwords() {
    check(&[
        ("derivePassword", r#"[1, "long", "password", "user", "example.com"]"#, "ZedaFaxcZaso9*"),
        ("derivePassword", r#"[2, "long", "password", "user", "example.com"]"#, "Fovi2@JifpTupx"),
        ("derivePassword", r#"[1, "medium", "password", "user", "example.com"]"#, "ZedJuz8$"),
        ("derivePassword", r#"[1, "odd", "p", "u", "s"]"#, "cannot find password template odd"),
        ("htpasswd", r#"["a:b", "c"]"#, "invalid username: a:b"),
        ("encryptAES", r#"["secret", ""]"#, ""),
        ("decryptAES", r#"["secretkey", "jTXxI7Xq0DG41q8ocpsh8gUts/amqJ64GlxXECXNDOE="]"#, "plaintext"),
        (
            "decryptAES",
            r#"["secretkey", "YWJj"]"#,
            "error: runtime error: slice bounds out of range [:16] with capacity 3",
        ),
    ]);
    let mut bench = Bench::new();
    let encrypted = shown(&call_on(&mut bench, "encryptAES", &arguments(r#"["secret", "the text"]"#)));
    let back = call("decryptAES", &[Value::text("secret"), Value::text(&encrypted)]);
    assert_eq!(shown(&back), "the text");
    let hash = shown(&call_on(&mut bench, "htpasswd", &arguments(r#"["me", "pw"]"#)));
    assert!(hash.starts_with("me:$2a$10$") && hash.len() == 63, "{hash}");
    let mut line = |user: &str, password: &str| {
        shown(&call_on(&mut bench, "htpasswd", &[Value::text(user), Value::text(password)]))
    };
    let (again, other) = (line("me", "pw"), line("you", "pw"));
    assert_eq!(again, hash);
    assert_ne!(other.split_once(':').unwrap().1, hash.split_once(':').unwrap().1);
}

#[test]
fn keys() {
    for (kind, header) in [("ecdsa", "EC PRIVATE KEY"), ("ed25519", "PRIVATE KEY")] {
        let pem = shown(&call("genPrivateKey", &[Value::text(kind)]));
        assert!(pem.starts_with(&format!("-----BEGIN {header}-----\n")), "{pem}");
        assert_eq!(Key::from_pem(&pem).expect(kind).to_pem(), Ok(pem));
    }
    check(&[("genPrivateKey", r#"["odd"]"#, "Unknown type odd")]);
    assert_eq!(Key::from_pem("x").err().as_deref(), Some("no PEM data in input"));
}

#[test]
fn certificates() {
    let mut bench = Bench::new();
    let key = call_on(&mut bench, "genPrivateKey", &[Value::text("ecdsa")]).unwrap();
    let name = Value::text("an-authority");
    let authority = call_on(&mut bench, "genCAWithKey", &[name, Value::Int(365), key]).unwrap();
    let mut request = arguments(r#"["a-name", ["10.0.0.1", "::1"], ["a.example", "b.example"], 30]"#);
    request.push(authority.clone());
    let signed = certificate(&call_on(&mut bench, "genSignedCert", &request).unwrap());
    assert!(Issuer::from_pem(&signed.cert).is_ok());
    assert!(signed.key.starts_with("-----BEGIN RSA PRIVATE KEY-----\n"));

    let encoded = [&signed.cert, &signed.key].map(|pem| call("b64enc", &[Value::text(pem)]).unwrap());
    let custom = certificate(&call("buildCustomCert", &encoded).unwrap());
    assert_eq!((custom.cert, custom.key), (signed.cert.clone(), signed.key.clone()));

    let foreign = certificate(&authority);
    let mixed = Value::object(Certificate { cert: foreign.cert, key: signed.key });
    request[4] = mixed;
    let error =
        "error: error creating certificate: x509: provided PrivateKey doesn't match parent's PublicKey";
    assert_eq!(shown(&call_on(&mut bench, "genSignedCert", &request)), error);
    check(&[
        (
            "genSelfSignedCertWithKey",
            r#"["n", [], [], 1, "x"]"#,
            "error: parsing private key: no PEM data in input",
        ),
        ("buildCustomCert", r#"["*", "x"]"#, "error: unable to decode base64 certificate"),
        ("buildCustomCert", r#"["eA==", "eA=="]"#, "error: unable to decode certificate"),
    ]);
}
