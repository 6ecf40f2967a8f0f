//! Certificate authorities beside those of the system: a proxy that looks into TLS has its own, and so has a sandbox.

use std::fs;
use std::io;
use std::path::Path;

use reqwest::Certificate;

/// Why a file gives no certificate authorities.
#[derive(Debug, thiserror::Error)]
pub enum AuthoritiesFault {
    #[error("it cannot be read: {0}")]
    Unreadable(io::ErrorKind),
    #[error("expected certificates in PEM, found none")]
    NoCertificate,
    #[error("expected certificates in PEM, found one that is damaged")]
    Damaged,
}

/// All certificates of a PEM file; other things in it, such as texts between them, are passed over.
///
/// # Errors
/// If the file cannot be read, or not each certificate in it is one, or there is none.
pub fn read(path: &Path) -> Result<Vec<Certificate>, AuthoritiesFault> {
    let pem = fs::read(path).map_err(|fault| AuthoritiesFault::Unreadable(fault.kind()))?;
    let certificates = Certificate::from_pem_bundle(&pem).map_err(|_| AuthoritiesFault::Damaged)?;
    if certificates.is_empty() {
        return Err(AuthoritiesFault::NoCertificate);
    }
    // What is within the base64 is looked at only by who trusts it.
    let trusting = reqwest::Client::builder().tls_certs_only(certificates.iter().cloned()).build();
    trusting.map_err(|_| AuthoritiesFault::Damaged)?;
    Ok(certificates)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_authorities_has_one_certificate_or_more_and_no_damaged_one() {
        let whole = include_str!("../../tests/config/files/authority.pem");
        let (head, rest) = whole.split_at(whole.find("MII").expect("a certificate in DER begins so"));
        let folder = tempfile::tempdir().expect("a directory");
        let path = folder.path().join("authorities.pem");
        for (text, found) in [
            (whole.to_owned(), Ok(1)),
            (format!("# the old one\n{whole}\n# the new one\n{whole}"), Ok(2)),
            (String::new(), Err("expected certificates in PEM, found none")),
            ("{}".to_owned(), Err("expected certificates in PEM, found none")),
            (format!("{head}AAAA{rest}"), Err("expected certificates in PEM, found one that is damaged")),
            (format!("{whole}{head}????{rest}"), Err("expected certificates in PEM, found one that is damaged")),
        ] {
            fs::write(&path, &text).expect("written");
            let read = read(&path).map(|certificates| certificates.len()).map_err(|fault| fault.to_string());
            assert_eq!(read, found.map_err(str::to_owned), "{text}");
        }
        let absent = read(&folder.path().join("absent.pem")).expect_err("there is no such file");
        assert_eq!(absent.to_string(), "it cannot be read: entity not found");
    }
}
