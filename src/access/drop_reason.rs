//! Why a datagram gets no answer: one word for each cause, in metrics, log and audit.

use crate::radius::DecodeError;

/// Why a datagram was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum DropReason {
    /// It came from an address of no gateway.
    #[error("the source address belongs to no gateway")]
    UnknownGateway,
    /// It is no RADIUS packet.
    #[error("{0}")]
    Malformed(DecodeError),
    /// It is neither an Access-Request nor a Status-Server.
    #[error("the code is not served here")]
    WrongCode,
    /// It is not signed, and the gateway's requests have to be.
    #[error("the Message-Authenticator is missing")]
    NoMessageAuthenticator,
    /// The signature is wrong; most often the shared secrets differ.
    #[error("the Message-Authenticator is wrong")]
    BadMessageAuthenticator,
    /// It is not signed and has the attribute that forged replies are made with.
    #[error("a Proxy-State comes without Message-Authenticator")]
    ProxyStateWithoutMessageAuthenticator,
    /// It repeats a request that is being worked on, or whose Reject has not left.
    #[error("the same request is in progress")]
    DuplicateInProgress,
    /// It repeats a request whose answer found no room in the cache.
    #[error("the answer to the same request was not kept")]
    AnswerNotKept,
    /// The duplicate cache is full of requests in progress.
    #[error("the duplicate cache is full")]
    CacheFull,
    /// The gateway's share is full of requests in progress: of the duplicate cache, or of the queue.
    #[error("the gateway has as many requests in progress as one may have")]
    GatewayShareFull,
    /// What the reply has to carry is longer than a packet.
    #[error("the reply does not fit a packet")]
    ReplyTooLong,
}

impl DropReason {
    /// All reasons, in the order of their counters.
    pub const ALL: [Self; 24] = [
        Self::UnknownGateway,
        Self::Malformed(DecodeError::ShorterThanHeader),
        Self::Malformed(DecodeError::LengthTooSmall),
        Self::Malformed(DecodeError::LengthTooBig),
        Self::Malformed(DecodeError::Truncated),
        Self::Malformed(DecodeError::UnknownCode),
        Self::Malformed(DecodeError::StrayOctet),
        Self::Malformed(DecodeError::AttributeTypeZero),
        Self::Malformed(DecodeError::AttributeTooShort),
        Self::Malformed(DecodeError::AttributeOverrun),
        Self::Malformed(DecodeError::TooManyAttributes),
        Self::Malformed(DecodeError::MessageAuthenticatorLength),
        Self::Malformed(DecodeError::MessageAuthenticatorTwice),
        Self::Malformed(DecodeError::EapUnsigned),
        Self::Malformed(DecodeError::StatusServerUnsigned),
        Self::WrongCode,
        Self::NoMessageAuthenticator,
        Self::BadMessageAuthenticator,
        Self::ProxyStateWithoutMessageAuthenticator,
        Self::DuplicateInProgress,
        Self::AnswerNotKept,
        Self::CacheFull,
        Self::GatewayShareFull,
        Self::ReplyTooLong,
    ];

    /// The word that stays the same.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::UnknownGateway => "unknown_gateway",
            Self::Malformed(error) => error.reason(),
            Self::WrongCode => "wrong_code",
            Self::NoMessageAuthenticator => "no_message_authenticator",
            Self::BadMessageAuthenticator => "bad_message_authenticator",
            Self::ProxyStateWithoutMessageAuthenticator => {
                "proxy_state_without_message_authenticator"
            }
            Self::DuplicateInProgress => "duplicate_in_progress",
            Self::AnswerNotKept => "answer_not_kept",
            Self::CacheFull => "cache_full",
            Self::GatewayShareFull => "gateway_share_full",
            Self::ReplyTooLong => "reply_too_long",
        }
    }

    /// The place in [`DropReason::ALL`].
    pub(super) fn index(self) -> usize {
        Self::ALL.iter().position(|it| *it == self).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_reason_has_a_name_of_its_own() {
        let names: HashSet<_> = DropReason::ALL.iter().map(|it| it.name()).collect();
        assert_eq!(names.len(), DropReason::ALL.len());
        for error in DecodeError::ALL {
            let reason = DropReason::Malformed(error);
            assert_eq!(DropReason::ALL[reason.index()], reason);
        }
    }
}
