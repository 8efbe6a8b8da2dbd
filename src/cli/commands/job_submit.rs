//! `deskfleet job submit`: from flags to a request, its files uploaded first.

use std::{collections::BTreeMap, str::FromStr, time::Duration};

use clap::Args;
use reqwest::Method;
use serde_json::{Map, Value};

use super::watch::{self, Show};
use crate::{
    cli::{
        client::{Api, Call},
        exit::{Exit, usage},
        files,
        output::{self, OutputFlag},
    },
    ids::Digest,
    wire::job::{Job, JobRequest},
};

const MOST_INPUT_BYTES: u64 = 64 << 20;
const MOST_FILE_BYTES: u64 = 4 << 30;

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  deskfleet job submit register-patient --input patient.json --wait\n  \
    deskfleet job submit register-patient --set mrn=0042 --set name=Doe --watch\n  \
    deskfleet job submit scan --file referral.pdf=./r.pdf --deadline 2h --priority 10")]
pub(crate) struct SubmitArgs {
    workflow: String,
    /// JSON object: a file, - for stdin, or the object itself
    #[arg(long, value_name = "FILE|-|{…}")]
    input: Option<String>,
    /// One property of the input; the value is JSON where it reads as such, else text
    #[arg(long = "set", value_name = "K=V")]
    properties: Vec<String>,
    /// A file for the job, uploaded first
    #[arg(long = "file", value_name = "NAME=PATH")]
    files: Vec<String>,
    /// A version other than the newest
    #[arg(long, value_name = "NUMBER")]
    version: Option<u32>,
    /// At most one job of the workflow with this key may be open or have succeeded
    #[arg(long)]
    key: Option<String>,
    /// -100 to 100, higher sooner
    #[arg(long, default_value_t = 0, allow_negative_numbers = true, value_name = "NUMBER")]
    priority: i16,
    #[arg(long)]
    pool: Option<String>,
    #[arg(long)]
    machine: Option<String>,
    /// A label the machine must have
    #[arg(long, value_name = "K=V")]
    require: Vec<String>,
    /// A label of the job, to filter by
    #[arg(long = "label", value_name = "K=V")]
    labels: Vec<String>,
    /// Not before: RFC 3339, or from now such as 2h
    #[arg(long, value_name = "TIME")]
    run_at: Option<String>,
    /// Failed if not done by: RFC 3339, or from now such as 2h
    #[arg(long, value_name = "TIME")]
    deadline: Option<String>,
    /// Wait until it is settled; print its output
    #[arg(long)]
    wait: bool,
    /// The same, with its steps on stderr as they happen
    #[arg(long)]
    watch: bool,
    /// Give up waiting after this time, such as 10m; the job goes on
    #[arg(long, value_name = "TIME")]
    timeout: Option<String>,
    #[command(flatten)]
    output: OutputFlag,
}

pub(crate) async fn run(api: &Api, args: SubmitArgs) -> anyhow::Result<Exit> {
    let timeout: Option<Duration> = watch::timeout(args.timeout.as_deref())?;
    let (wait, watch, format) = (args.wait, args.watch, args.output);
    let files = pairs("--file", &args.files)?;
    let mut request = request(args)?;
    for (name, path) in files {
        let digest = upload(api, files::read(&path, MOST_FILE_BYTES)?).await?;
        request.files.insert(name, digest);
    }
    // The request can be sent again safely: a lost answer or a busy controller makes no second job.
    let call = Call::post(&["v1", "jobs"]).header("idempotency-key", random_key()?).json(&request)?;
    let answer = api.call::<Job>(call).await?;
    if !(wait || watch) {
        if format.is_json() {
            output::json(&answer.raw)?;
        } else {
            output::line(watch::state_line(&answer.value))?;
        }
        return Ok(Exit::Done);
    }
    let id = answer.value.id.to_string();
    // A watch tells the states itself.
    if !watch && !format.is_json() {
        output::remark(watch::state_line(&answer.value));
    }
    let show = if watch { Show::Steps } else { Show::Nothing };
    watch::conclude(&watch::job(api, &id, show, timeout).await?, format.is_json())
}

fn request(args: SubmitArgs) -> anyhow::Result<JobRequest> {
    Ok(JobRequest {
        workflow: parsed("the workflow", &args.workflow)?,
        version: args.version,
        input: input(args.input.as_deref(), &args.properties)?,
        key: args.key,
        pool: args.pool.map(|pool| parsed("--pool", &pool)).transpose()?,
        machine: args.machine.map(|machine| parsed("--machine", &machine)).transpose()?,
        require: pairs("--require", &args.require)?,
        priority: args.priority,
        run_at: args.run_at,
        deadline: args.deadline,
        files: BTreeMap::new(),
        labels: pairs("--label", &args.labels)?,
        notify: Vec::new(),
    })
}

fn parsed<T: FromStr<Err: std::fmt::Display>>(what: &str, text: &str) -> anyhow::Result<T> {
    text.parse().map_err(|error| usage(format!("{what}: {error}")))
}

pub(crate) fn pairs(flag: &str, texts: &[String]) -> anyhow::Result<BTreeMap<String, String>> {
    let pair = |text: &String| match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err(usage(format!("{flag} {text}: write KEY=VALUE"))),
    };
    texts.iter().map(pair).collect()
}

/// The object of `--input`, with `--set` over it.
pub(crate) fn input(source: Option<&str>, properties: &[String]) -> anyhow::Result<Value> {
    let text = match source {
        None => "{}".to_owned(),
        Some(text) if text.trim_start().starts_with('{') => text.to_owned(),
        Some(path) => String::from_utf8(files::read(path, MOST_INPUT_BYTES)?)
            .map_err(|_| usage(format!("--input {path}: this is not UTF-8 text")))?,
    };
    let value: Value = serde_json::from_str(&text).map_err(|error| {
        usage(format!("--input: this is not JSON: {error}; write an object such as {{\"mrn\": \"0042\"}}"))
    })?;
    let Value::Object(mut object) = value else {
        return Err(usage("--input: the input must be a JSON object, such as {\"mrn\": \"0042\"}"));
    };
    set(&mut object, properties)?;
    Ok(Value::Object(object))
}

fn set(object: &mut Map<String, Value>, properties: &[String]) -> anyhow::Result<()> {
    for property in properties {
        let (key, text) =
            property.split_once('=').ok_or_else(|| usage(format!("--set {property}: write KEY=VALUE")))?;
        let value = serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()));
        object.insert(key.to_owned(), value);
    }
    Ok(())
}

/// Stores bytes under their digest unless they are there already.
pub(crate) async fn upload(api: &Api, bytes: Vec<u8>) -> anyhow::Result<Digest> {
    let digest = Digest::of(&bytes);
    let name = digest.to_string();
    let path = ["v1", "blobs", name.as_str()];
    if !api.exists(&path).await? {
        api.bytes(Call::new(Method::PUT, &path).bytes("application/octet-stream", bytes)).await?;
    }
    Ok(digest)
}

pub(crate) fn random_key() -> anyhow::Result<String> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no random numbers: {error}"))?;
    Ok(hex::encode(bytes))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn properties_are_json_where_they_read_as_such() {
        let properties =
            ["mrn=0042", "count=3", "name=Doe", "tags=[1,2]", "quoted=\"12\"", "empty="].map(str::to_owned);
        let value = input(Some(r#"{"count": 1, "kept": true}"#), &properties).unwrap();
        let expected = json!({"mrn": "0042", "count": 3, "name": "Doe", "tags": [1, 2], "quoted": "12", "empty": "", "kept": true});
        assert_eq!(value, expected);
    }

    #[test]
    fn an_input_that_is_no_object_is_a_wrong_command_line() {
        for text in ["{", "{]}"] {
            let error = input(Some(text), &[]).unwrap_err();
            assert_eq!(crate::cli::exit::code(&error), Exit::Usage, "{error}");
        }
        assert!(pairs("--require", &["=x".to_owned()]).is_err());
    }
}
