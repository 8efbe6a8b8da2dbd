//! Reader of `save_artifact`.

use super::Reader;
use super::fields::Fields;
use crate::workflow::model::SaveArtifact;
use crate::workflow::node::Node;

impl Reader {
    pub(super) fn save_artifact(&mut self, node: &Node) -> Option<SaveArtifact> {
        let mut fields = Fields::new(node, "`save_artifact`", self)?;
        let path = fields.require("path", "`save_artifact`", self).and_then(|node| self.filled(node));
        let name = fields.require("name", "`save_artifact`", self).and_then(|node| self.filled(node));
        fields.finish("`save_artifact`", &[], self);
        Some(SaveArtifact { path: path?, name: name? })
    }
}

#[cfg(test)]
mod tests {
    use crate::workflow::parse_one;

    #[test]
    fn both_path_and_name_are_needed_and_nothing_else_is_known() {
        let read = |step: &str| {
            let text = format!("kind: workflow\nname: w\nsteps:\n  - {step}\n");
            parse_one(text.as_bytes()).map(drop).map_err(|faults| format!("{faults:?}"))
        };
        assert_eq!(read("{ save_artifact: { path: '/tmp/{{ job.id }}', name: a.pdf }, as: saved }"), Ok(()));
        for (wrong, told) in [
            ("save_artifact: { path: /tmp/a }", "needs `name`"),
            ("save_artifact: { name: a }", "needs `path`"),
            ("save_artifact: { path: '', name: a }", "/path"),
            ("save_artifact: { path: /tmp/a, name: a, glob: true }", "unknown key `glob`"),
            ("save_artifact: /tmp/a", "save_artifact"),
            ("{ save_artifact: { path: /tmp/a, name: a }, timeout: 5s }", "`timeout` has no meaning"),
            ("{ save_artifact: { path: /tmp/a, name: a }, commit: true }", "`commit` has no meaning"),
        ] {
            let fault = read(wrong).unwrap_err();
            assert!(fault.contains(told), "{fault}");
        }
    }
}
