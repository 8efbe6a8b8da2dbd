//! `deskfleet join-token`: what lets machines in. A secret is printed once, alone on stdout.

use clap::{Args, Subcommand};

use crate::{
    cli::{
        client::{Api, Call, ConnectionFlags},
        exit::usage,
        output::{self, OutputFlag},
    },
    wire::token::{JoinToken, JoinTokenRequest},
};

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  deskfleet join-token create --pool clinic --uses 20 --expires-in 2h > join.token\n  \
    deskfleet --agent --controller https://fleet.example.org:8443 --join-token-file join.token"
)]
pub(crate) struct JoinTokenArgs {
    #[command(flatten)]
    connection: ConnectionFlags,
    #[command(subcommand)]
    action: JoinTokenAction,
}

#[derive(Debug, Subcommand)]
enum JoinTokenAction {
    /// Make a join token; stdout gets the secret and nothing else
    Create(CreateArgs),
    /// All join tokens, without their secrets
    List {
        #[command(flatten)]
        output: OutputFlag,
    },
    /// Let no further machine in with it
    Revoke { id: String },
}

#[derive(Debug, Args)]
struct CreateArgs {
    /// The pool joining machines come into; `default` unless given
    #[arg(long)]
    pool: Option<String>,
    /// How many machines may join with it; any number unless given
    #[arg(long, value_name = "COUNT")]
    uses: Option<u32>,
    /// Such as 2h; 24h unless given
    #[arg(long, value_name = "TIME")]
    expires_in: Option<String>,
    #[command(flatten)]
    output: OutputFlag,
}

pub(crate) async fn run(args: JoinTokenArgs) -> anyhow::Result<()> {
    let api = Api::connect(&args.connection)?;
    match args.action {
        JoinTokenAction::Create(args) => create(&api, args).await,
        JoinTokenAction::List { output } => list(&api, output).await,
        JoinTokenAction::Revoke { id } => {
            api.bytes(Call::delete(&["v1", "join-tokens", &id])).await?;
            output::line(format!("{} revoked", output::clean(&id)))
        }
    }
}

async fn create(api: &Api, args: CreateArgs) -> anyhow::Result<()> {
    let pool = args.pool.map(|pool| pool.parse()).transpose().map_err(|error| usage(format!("--pool: {error}")))?;
    let request = JoinTokenRequest { pool, uses: args.uses, expires_in: args.expires_in };
    let answer = api.call::<JoinToken>(Call::post(&["v1", "join-tokens"]).json(&request)?).await?;
    if args.output.is_json() {
        return output::json(&answer.raw);
    }
    let token = answer.value;
    let until = output::moment(token.expires_at);
    output::remark(format!("{} for pool {}, valid until {until} UTC; it is shown this once:", token.id, token.pool));
    output::line(token.token.unwrap_or_default())
}

async fn list(api: &Api, format: OutputFlag) -> anyhow::Result<()> {
    let answer = api.list::<JoinToken>(&["v1", "join-tokens"], Vec::new(), usize::MAX).await?;
    if format.is_json() {
        return output::json(&answer.raw);
    }
    let row = |token: &JoinToken| {
        [
            token.id.to_string(),
            token.pool.to_string(),
            token.uses_left.map_or_else(|| "any number".to_owned(), |uses| uses.to_string()),
            output::moment(token.created_at),
            output::moment(token.expires_at),
        ]
    };
    output::table(["id", "pool", "uses left", "created", "expires"], answer.value.iter().map(row))
}
