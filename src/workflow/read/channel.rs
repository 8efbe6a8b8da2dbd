//! Reader of `kind: channel`.

use std::collections::BTreeMap;

use super::Reader;
use super::fields::Fields;
use super::target::transpose;
use crate::workflow::limits;
use crate::workflow::model::{Channel, Name, Secret, Webhook};
use crate::workflow::node::{Node, Tree};

const SECRET_PREFIX: &str = "whsec_";

impl Reader {
    pub(super) fn channel(&mut self, mut fields: Fields<'_>, name: Option<Name>) -> Option<Channel> {
        let description = fields.take("description").and_then(|node| self.prose(node));
        let webhook = fields.require("webhook", "a channel", self).and_then(|node| self.webhook(node));
        let events = fields.require("events", "a channel", self).and_then(|node| self.event_patterns(node));
        let workflows = fields.take("workflow").map(|node| self.one_or_more(node, "`workflow`"));
        let pools = fields.take("pool").map(|node| self.one_or_more(node, "`pool`"));
        let teams = fields.take("team").map(|node| self.one_or_more(node, "`team`"));
        fields.finish("a channel", &[], self);
        Some(Channel {
            name: name?,
            description,
            webhook: webhook?,
            events: events?,
            workflows: transpose(workflows)?.unwrap_or_default(),
            pools: transpose(pools)?.unwrap_or_default(),
            teams: transpose(teams)?.unwrap_or_default(),
        })
    }

    fn webhook(&mut self, node: &Node) -> Option<Webhook> {
        let mut fields = Fields::new(node, "`webhook`", self)?;
        let url = fields.require("url", "`webhook`", self).and_then(|node| self.web_address(node));
        let headers = fields.take("headers").map(|node| self.headers(node));
        let one = fields.take("secret").map(|node| self.secret(node).map(|secret| vec![secret]));
        let several = fields.take("secrets").map(|node| self.secrets(node));
        if let (Some(_), Some(_)) = (&one, &several) {
            self.fault_with(node, "`secret` and `secrets` stand together", "keep `secrets`, with all of them");
        }
        fields.finish("`webhook`", &[], self);
        let secrets = transpose(one.or(several))?;
        Some(Webhook { url: url?, headers: transpose(headers)?.unwrap_or_default(), secrets })
    }

    fn web_address(&mut self, node: &Node) -> Option<String> {
        let url = self.text(node)?;
        if url.contains("{{") {
            self.fault(node, "an address cannot be a template");
            return None;
        }
        if !url.starts_with("https://") && !url.starts_with("http://") {
            self.fault_with(node, format!("`{url}` is no address"), "such as https://example.org/hook");
            return None;
        }
        if url.len() > limits::URL_BYTES {
            self.fault(node, format!("an address has at most {} bytes", limits::URL_BYTES));
            return None;
        }
        Some(url.to_owned())
    }

    fn headers(&mut self, node: &Node) -> Option<BTreeMap<String, Option<Secret>>> {
        let Tree::Map(entries) = &node.tree else {
            self.fault(node, format!("`headers` is a mapping from names to values, this is {}", node.describe()));
            return None;
        };
        if entries.len() > limits::HEADERS {
            self.fault(node, format!("`headers` has more than {} entries", limits::HEADERS));
            return None;
        }
        let mut headers = BTreeMap::new();
        for entry in entries {
            let name = entry.key.to_ascii_lowercase();
            let fits = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
            let taken = ["host", "connection", "transfer-encoding", "user-agent"].contains(&name.as_str())
                || name.starts_with("webhook-")
                || name.starts_with("content-");
            if !fits {
                self.fault(&entry.value, format!("`{}` is no name of a header: letters, digits and -", entry.key));
            } else if taken {
                self.fault(&entry.value, format!("the header `{}` is set by the controller", entry.key));
            }
            let Some(value) = self.text(&entry.value) else { continue };
            if value.len() > limits::HEADER_BYTES || !value.bytes().all(|b| (0x20..0x7f).contains(&b)) {
                let most = limits::HEADER_BYTES;
                self.fault(&entry.value, format!("a header's value has at most {most} visible ASCII characters"));
            }
            headers.insert(name, (value != Secret::MASK).then(|| Secret::new(value)));
        }
        Some(headers)
    }

    fn secrets(&mut self, node: &Node) -> Option<Vec<Secret>> {
        let secrets = self.each(node, "`secrets`", limits::SECRETS, Self::secret)?;
        if secrets.is_empty() {
            self.fault_with(node, "`secrets` is empty", "leave it out, and those stored before stay");
        }
        Some(secrets)
    }

    /// The text is never repeated in a fault.
    fn secret(&mut self, node: &Node) -> Option<Secret> {
        let text = self.text(node)?;
        if !text.starts_with(SECRET_PREFIX) {
            let help = "whsec_ and 24 to 64 random bytes in base64; or leave it out, and the controller makes one";
            self.fault_with(node, "this is no secret of a webhook", help);
            return None;
        }
        Some(Secret::new(text))
    }

    fn event_patterns(&mut self, node: &Node) -> Option<Vec<String>> {
        let patterns = self.each(node, "`events`", limits::EVENT_PATTERNS, Self::event_pattern)?;
        if patterns.is_empty() {
            self.fault_with(node, "`events` is empty, so nothing would ever be told", "such as [job.failed]");
        }
        Some(patterns)
    }

    fn event_pattern(&mut self, node: &Node) -> Option<String> {
        let text = self.text(node)?;
        let word = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        let fits = text == "*"
            || text.split_once('.').is_some_and(|(family, rest)| word(family) && (rest == "*" || word(rest)));
        if !fits {
            let detail = format!("`{text}` is no type of event");
            self.fault_with(node, detail, "such as job.failed, job.* for all of a family, or * for everything");
            return None;
        }
        Some(text.to_owned())
    }

    /// One name, or a list of them.
    fn one_or_more(&mut self, node: &Node, what: &str) -> Option<Vec<Name>> {
        match &node.tree {
            Tree::List(_) => self.each(node, what, limits::ENTRIES, Self::name),
            _ => self.name(node).map(|name| vec![name]),
        }
    }
}
