//! Which jobs are meant: the flags of every command that speaks of many, under the names of the API's filters.

use clap::Args;

use crate::cli::exit::usage;

#[derive(Debug, Args)]
pub(crate) struct JobFilterFlags {
    /// Several with commas, as with the other filters
    #[arg(long)]
    state: Option<String>,
    #[arg(long)]
    workflow: Option<String>,
    #[arg(long)]
    pool: Option<String>,
    #[arg(long)]
    machine: Option<String>,
    #[arg(long)]
    team: Option<String>,
    #[arg(long)]
    batch: Option<String>,
    #[arg(long)]
    key: Option<String>,
    /// Of the failure
    #[arg(long)]
    category: Option<String>,
    #[arg(long, value_name = "K=V")]
    label: Vec<String>,
    /// Created at or after, RFC 3339
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Created before, RFC 3339
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

impl JobFilterFlags {
    /// Name and value of each that was given.
    pub(crate) fn into_pairs(self) -> anyhow::Result<Vec<(String, String)>> {
        let named = [
            ("state", self.state),
            ("workflow", self.workflow),
            ("pool", self.pool),
            ("machine", self.machine),
            ("team", self.team),
            ("batch", self.batch),
            ("key", self.key),
            ("category", self.category),
            ("since", self.since),
            ("until", self.until),
        ];
        let mut pairs = given(named);
        pairs.extend(labels(&self.label)?);
        Ok(pairs)
    }
}

pub(crate) fn given<'a>(named: impl IntoIterator<Item = (&'a str, Option<String>)>) -> Vec<(String, String)> {
    named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// `site=north` to `label.site=north`.
pub(crate) fn labels(pairs: &[String]) -> anyhow::Result<Vec<(String, String)>> {
    let pair = |pair: &String| {
        let (key, value) = pair.split_once('=').ok_or_else(|| usage(format!("--label {pair}: write KEY=VALUE")))?;
        Ok((format!("label.{key}"), value.to_owned()))
    };
    pairs.iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_become_parameters_of_their_own() {
        assert_eq!(labels(&["a=b=c".to_owned()]).unwrap(), [("label.a".to_owned(), "b=c".to_owned())]);
        assert!(labels(&["a".to_owned()]).unwrap_err().to_string().contains("KEY=VALUE"));
    }
}
