//! Names of AWS objects that had to be cut to AWS's limit.

use sha2::{Digest, Sha256};

const HASH_BYTES: usize = 4;
/// Length of what [`hashed`] puts behind: a hyphen and two digits a byte.
pub const SUFFIX: usize = 1 + 2 * HASH_BYTES;

/// What was kept of a name, and a hash of the whole, so that two long names that begin alike stay apart.
pub fn hashed(kept: &str, whole: &str) -> String {
    let hash = Sha256::digest(whole).iter().take(HASH_BYTES).fold(0, |hash, byte| hash << 8 | u32::from(*byte));
    format!("{kept}-{hash:08x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_beginning_of_sha_256() {
        assert_eq!(hashed("a", "abc"), "a-ba7816bf");
        assert_eq!(hashed("", "abc").len(), SUFFIX);
    }
}
