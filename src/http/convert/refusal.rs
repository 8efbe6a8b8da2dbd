//! What the fleet refuses, as problems.

use crate::{
    fleet,
    http::problem::{ApiError, Code, fault},
};

impl From<fleet::Refusal> for ApiError {
    fn from(refusal: fleet::Refusal) -> Self {
        use fleet::Refusal as R;
        let code = match &refusal {
            R::Unauthorized(_) => Code::Unauthorized,
            R::Forbidden(_) => Code::Forbidden,
            R::NotFound { .. } => Code::NotFound,
            R::Conflict(_) | R::WrongNumber { .. } => Code::Conflict,
            R::LeaseLost { .. } => Code::LeaseLost,
            R::DuplicateIdentity { .. } => Code::DuplicateIdentity,
            R::IdempotencyMismatch => Code::IdempotencyMismatch,
            R::DuplicateKey { .. } => Code::DuplicateKey,
            R::WrongState { .. } | R::Retried { .. } => Code::WrongState,
            R::Invalid { faults } => {
                return Self::invalid(faults.iter().map(|f| fault(f.pointer.clone(), f.detail.clone())).collect());
            }
            R::QuotaExceeded(_) => Code::QuotaExceeded,
            R::Overloaded(_) => Code::Overloaded,
        };
        Self::new(code, refusal.to_string())
    }
}
