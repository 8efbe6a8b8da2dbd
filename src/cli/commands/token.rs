//! `deskfleet token`: who may call the API. A secret is printed once, alone on stdout, so that it can go straight into a file.

use clap::{Args, Subcommand, ValueEnum};

use crate::{
    cli::{
        client::{Api, Call, ConnectionFlags},
        exit::usage,
        output::{self, OutputFlag},
    },
    wire::token::{Role, Token, TokenRequest},
};

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  deskfleet token create --name ci --role submitter --expires-in 90d > ci.token\n  \
    deskfleet token list\n  deskfleet token revoke tok_…"
)]
pub(crate) struct TokenArgs {
    #[command(flatten)]
    connection: ConnectionFlags,
    #[command(subcommand)]
    action: TokenAction,
}

#[derive(Debug, Subcommand)]
enum TokenAction {
    /// Make a token; stdout gets the secret and nothing else
    Create(CreateArgs),
    /// All tokens, without their secrets
    List {
        #[command(flatten)]
        output: OutputFlag,
    },
    /// Make a token worthless at once
    Revoke { id: String },
}

#[derive(Debug, Args)]
struct CreateArgs {
    /// Who or what will use it
    #[arg(long)]
    name: String,
    #[arg(long, value_enum)]
    role: RoleName,
    #[arg(long)]
    team: Option<String>,
    /// Such as 90d; it never expires unless given
    #[arg(long, value_name = "TIME")]
    expires_in: Option<String>,
    #[command(flatten)]
    output: OutputFlag,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum RoleName {
    Admin,
    Operator,
    Submitter,
    Viewer,
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Admin => Self::Admin,
            RoleName::Operator => Self::Operator,
            RoleName::Submitter => Self::Submitter,
            RoleName::Viewer => Self::Viewer,
        }
    }
}

pub(crate) async fn run(args: TokenArgs) -> anyhow::Result<()> {
    let api = Api::connect(&args.connection)?;
    match args.action {
        TokenAction::Create(args) => create(&api, args).await,
        TokenAction::List { output } => list(&api, output).await,
        TokenAction::Revoke { id } => {
            api.bytes(Call::delete(&["v1", "tokens", &id])).await?;
            output::line(format!("{} revoked", output::clean(&id)))
        }
    }
}

async fn create(api: &Api, args: CreateArgs) -> anyhow::Result<()> {
    let team = args.team.map(|team| team.parse()).transpose().map_err(|error| usage(format!("--team: {error}")))?;
    let request = TokenRequest { name: args.name, role: args.role.into(), team, expires_in: args.expires_in };
    let answer = api.call::<Token>(Call::post(&["v1", "tokens"]).json(&request)?).await?;
    if args.output.is_json() {
        return output::json(&answer.raw);
    }
    let token = answer.value;
    output::remark(format!("{} for {}; it is shown this once:", token.id, token.name));
    output::line(token.token.unwrap_or_default())
}

async fn list(api: &Api, format: OutputFlag) -> anyhow::Result<()> {
    let answer = api.list::<Token>(&["v1", "tokens"], Vec::new(), usize::MAX).await?;
    if format.is_json() {
        return output::json(&answer.raw);
    }
    let row = |token: &Token| {
        [
            token.id.to_string(),
            token.name.clone(),
            output::word(&token.role),
            token.team.to_string(),
            output::moment(token.created_at),
            token.expires_at.map_or_else(|| "never".to_owned(), output::moment),
        ]
    };
    output::table(["id", "name", "role", "team", "created", "expires"], answer.value.iter().map(row))
}
