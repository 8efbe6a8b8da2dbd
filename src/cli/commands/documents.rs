//! `deskfleet get` and `deskfleet delete`: documents as the controller has them.

use clap::{Args, ValueEnum};

use crate::{
    cli::{
        client::{Api, Call, ConnectionFlags},
        output::{self, OutputFlag},
    },
    wire::document::Document,
};

/// In the order in which documents are applied: what others refer to comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Kind {
    #[value(alias = "apps")]
    App,
    #[value(alias = "pools")]
    Pool,
    #[value(alias = "workflows")]
    Workflow,
    #[value(alias = "channels")]
    Channel,
}

impl Kind {
    /// As in a route: `/v1/apps`.
    pub(crate) const fn collection(self) -> &'static str {
        match self {
            Self::App => "apps",
            Self::Pool => "pools",
            Self::Workflow => "workflows",
            Self::Channel => "channels",
        }
    }

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::Pool => "pool",
            Self::Workflow => "workflow",
            Self::Channel => "channel",
        }
    }
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  deskfleet get workflow\n  deskfleet get workflow register-patient --version 2 -o json"
)]
pub(crate) struct GetArgs {
    #[arg(value_enum)]
    kind: Kind,
    /// All of the kind unless given
    name: Option<String>,
    /// An older version
    #[arg(long, requires = "name", value_name = "NUMBER")]
    version: Option<u32>,
    #[command(flatten)]
    output: OutputFlag,
    #[command(flatten)]
    connection: ConnectionFlags,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  deskfleet delete workflow register-patient")]
pub(crate) struct DeleteArgs {
    #[arg(value_enum)]
    kind: Kind,
    name: String,
    #[command(flatten)]
    connection: ConnectionFlags,
}

pub(crate) async fn get(args: GetArgs) -> anyhow::Result<()> {
    let api = Api::connect(&args.connection)?;
    let collection = args.kind.collection();
    let Some(name) = &args.name else {
        return list(&api, args.kind, args.output).await;
    };
    let version = args.version.map(|version| version.to_string());
    let mut path = vec!["v1", collection, name.as_str()];
    if let Some(version) = &version {
        path.extend(["versions", version.as_str()]);
    }
    let answer = api.call::<Document>(Call::get(&path)).await?;
    if args.output.is_json() {
        return output::json(&answer.raw);
    }
    let document = answer.value;
    output::fields(&[
        ("kind", document.kind.clone()),
        ("name", document.name.to_string()),
        ("version", document.version.to_string()),
        ("created", output::moment(document.created_at)),
        ("by", output::optional(document.created_by)),
        ("paused", output::optional(document.paused)),
    ])?;
    output::json(&document.content)
}

async fn list(api: &Api, kind: Kind, format: OutputFlag) -> anyhow::Result<()> {
    let answer = api.list::<Document>(&["v1", kind.collection()], Vec::new(), usize::MAX).await?;
    if format.is_json() {
        return output::json(&answer.raw);
    }
    let row = |document: &Document| {
        [
            document.name.to_string(),
            document.version.to_string(),
            output::moment(document.created_at),
            document.created_by.clone().unwrap_or_default(),
            document.paused.as_ref().map_or_else(String::new, |reason| format!("paused: {reason}")),
        ]
    };
    output::table(["name", "version", "created", "by", "state"], answer.value.iter().map(row))
}

pub(crate) async fn delete(args: DeleteArgs) -> anyhow::Result<()> {
    let api = Api::connect(&args.connection)?;
    api.bytes(Call::delete(&["v1", args.kind.collection(), &args.name])).await?;
    output::line(format!("{} {} deleted", args.kind.word(), output::clean(&args.name)))
}
