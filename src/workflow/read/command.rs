//! Reader of programs with their arguments.

use super::Reader;
use super::fields::Fields;
use crate::workflow::limits;
use crate::workflow::model::CommandLine;
use crate::workflow::node::{Node, Tree};

const AS_LIST: &str = "write the program and its arguments as a list: [program, argument]";

impl Reader {
    /// A command line as a mapping with `command`.
    pub(super) fn command_line(&mut self, node: &Node, what: &str) -> Option<CommandLine> {
        let mut fields = Fields::new(node, what, self)?;
        let command = self.command_fields(&mut fields, what);
        fields.finish(what, &[], self);
        command
    }

    /// A command line as a list, or as a mapping with more.
    pub(super) fn short_command_line(&mut self, node: &Node, what: &str) -> Option<CommandLine> {
        if let Tree::List(_) = node.tree {
            let command = self.arguments(node)?;
            return Some(plain(command));
        }
        self.command_line(node, what)
    }

    /// The keys of a command line among others of the same mapping.
    pub(super) fn command_fields(&mut self, fields: &mut Fields<'_>, what: &str) -> Option<CommandLine> {
        let command = fields.require("command", what, self).and_then(|node| self.arguments(node));
        let cwd = fields.take("cwd").and_then(|node| self.filled(node));
        let env = fields.take("env").and_then(|node| self.templates(node, "`env`"));
        let stdin = fields.take("stdin").and_then(|node| self.template(node));
        let timeout = fields.take("timeout").and_then(|node| self.duration(node));
        let exit_codes = fields.take("exit_codes").and_then(|node| self.exit_codes(node));
        Some(CommandLine {
            command: command?,
            cwd,
            env: env.unwrap_or_default(),
            stdin,
            timeout,
            exit_codes: exit_codes.unwrap_or_else(|| vec![0]),
        })
    }

    fn arguments(&mut self, node: &Node) -> Option<Vec<crate::workflow::Template>> {
        if let Tree::Text(_) = node.tree {
            self.fault_with(node, "a command is a list, so that nothing in it is taken for syntax", AS_LIST);
            return None;
        }
        let items = self.list(node, "a command", limits::ARGUMENTS)?;
        let Some((program, arguments)) = items.split_first() else {
            self.fault_with(node, "a command names at least a program", AS_LIST);
            return None;
        };
        let mut command = vec![self.filled(program)];
        command.extend(arguments.iter().map(|argument| self.template(argument)));
        command.into_iter().collect()
    }

    fn exit_codes(&mut self, node: &Node) -> Option<Vec<i32>> {
        let read = |reader: &mut Self, item: &Node| {
            reader.integer(item, i64::from(i32::MIN)..=i64::from(u32::MAX)).map(exit_code)
        };
        let codes = self.each(node, "`exit_codes`", limits::ENTRIES, read)?;
        if codes.is_empty() {
            self.fault(node, "`exit_codes` names at least one: it says what counts as success");
            return None;
        }
        Some(codes)
    }
}

/// Windows writes its codes unsigned: 3221225477 is -1073741819.
#[expect(clippy::cast_possible_truncation, reason = "the range was checked; the upper half wraps on purpose")]
fn exit_code(code: i64) -> i32 {
    code as i32
}

fn plain(command: Vec<crate::workflow::Template>) -> CommandLine {
    CommandLine {
        command,
        cwd: None,
        env: std::collections::BTreeMap::new(),
        stdin: None,
        timeout: None,
        exit_codes: vec![0],
    }
}
