//! API tokens, join tokens, and who is asking.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    ids::{JoinTokenId, Name, TokenId},
    time::Timestamp,
};

/// Each may do what those after it may do. Agents are known by certificate alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Admin,
    Operator,
    Submitter,
    Viewer,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenRequest {
    #[schema(min_length = 1)]
    pub name: String,
    pub role: Role,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<Name>,
    /// A duration such as `90d`; never unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Token {
    pub id: TokenId,
    pub name: String,
    pub role: Role,
    pub team: Name,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    /// The secret itself (`dft_…`), in the answer to its creation and never again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct JoinTokenRequest {
    /// The pool joining machines come into; `default` unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<Name>,
    /// How many machines may join with it; any number unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub uses: Option<u32>,
    /// A duration; `24h` unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JoinToken {
    pub id: JoinTokenId,
    pub pool: Name,
    pub uses_left: Option<u32>,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    /// The secret itself (`dfj_…`, with the CA's hash), in the answer to its creation and never again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

/// `GET /v1/whoami`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Whoami {
    pub id: TokenId,
    pub name: String,
    pub role: Role,
    pub team: Name,
    pub expires_at: Option<Timestamp>,
}
