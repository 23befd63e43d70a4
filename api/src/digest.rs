//! SHA-256 in hexadecimal digits.

use sha2::{Digest, Sha256};

/// The first `length` bytes (at most 32) of the SHA-256 of `data`, two digits each.
pub(crate) fn sha256_hex(data: &[u8], length: usize) -> String {
    hex::encode(Sha256::digest(data).iter().take(length).copied().collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::sha256_hex;

    #[test]
    fn it_is_the_digest_of_the_standard() {
        assert_eq!(sha256_hex(b"abc", 32), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(sha256_hex(b"abc", 4), "ba7816bf");
    }
}
