//! A certificate for the local use of a deployment, which no authority has signed.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, KeyPair};

use crate::config::TlsFiles;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// A year: browsers distrust certificates that are valid for longer than 398 days.
const VALID_DAYS: u32 = 365;
/// It is made anew this long before its end, so that no deployment starts with a dying one.
const RENEW_DAYS: u32 = 30;

/// The files of a certificate for localhost, 127.0.0.1 and ::1 in a folder; made when there is
/// none or it ends within 30 days. The key is readable by its owner only.
///
/// # Errors
/// The files cannot be written.
pub fn self_signed(folder: &Path) -> io::Result<TlsFiles> {
    let files = TlsFiles::in_folder(folder);
    if is_fresh(&files) {
        return Ok(files);
    }
    let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
    let mut params = CertificateParams::new(names).map_err(io::Error::other)?;
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let now = rcgen::date_time_ymd(1970, 1, 1) + since_1970;
    // A client whose clock is a little behind accepts it too.
    params.not_before = now - DAY;
    params.not_after = now + DAY * VALID_DAYS;
    let key = KeyPair::generate().map_err(io::Error::other)?;
    let certificate = params.self_signed(&key).map_err(io::Error::other)?;
    write(&files.key, &key.serialize_pem())?;
    write(&files.certificate, &certificate.pem())?;
    Ok(files)
}

/// The certificate is written last, so its age is that of the pair.
fn is_fresh(files: &TlsFiles) -> bool {
    let made = fs::metadata(&files.certificate).and_then(|file| file.modified());
    let age = made.ok().and_then(|made| made.elapsed().ok());
    files.key.exists() && age.is_some_and(|age| age < DAY * (VALID_DAYS - RENEW_DAYS))
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    let temporary = path.with_extension("new");
    // One that a killed process left behind may have another mode.
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&temporary, path)
}
