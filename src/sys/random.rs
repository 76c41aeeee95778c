//! Random octets for keys, handles, nonces and file names.
//!
//! They come from the generator of the cryptographic library, which is seeded by the kernel. A
//! failure is an error that the caller must handle: nothing may go on with octets that are not
//! random.

/// The generator gave nothing. What needed the octets must not happen.
#[derive(Debug, thiserror::Error)]
#[error("the random number generator failed")]
pub struct RandomError;

/// Fills `octets`; on an error none of them may be used.
pub fn fill(octets: &mut [u8]) -> Result<(), RandomError> {
    aws_lc_rs::rand::fill(octets).map_err(|_| RandomError)
}

/// Makes an array of random octets.
pub fn array<const N: usize>() -> Result<[u8; N], RandomError> {
    let mut octets = [0; N];
    fill(&mut octets)?;
    Ok(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fills_everything_and_never_twice_the_same() {
        let first: [u8; 32] = array().unwrap();
        let second: [u8; 32] = array().unwrap();
        assert_ne!(first, [0; 32]);
        assert_ne!(first, second);
    }
}
