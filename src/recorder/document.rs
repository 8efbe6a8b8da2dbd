//! The recorded steps as a workflow, and the application that was launched for them as an app.

use std::fmt::Write as _;

use super::{
    scribe::{Step, slug},
    yaml::quoted,
};
use crate::desktop::{DesktopError, Window};

/// Everything that was recorded.
pub struct Recorded {
    pub(super) steps: Vec<Step>,
    pub(super) secrets: Vec<String>,
}

/// What was launched, and the window it opened.
pub struct Application {
    pub command: Vec<String>,
    pub window: Window,
    /// The name its program has for itself alone.
    pub process: Option<String>,
}

impl Application {
    /// A document's name, after the program.
    pub fn name(&self) -> String {
        let program = self.command.first().map(String::as_str).unwrap_or_default();
        let file = program.rsplit(['/', '\\']).next().unwrap_or_default();
        let name = slug(file.trim_end_matches(".exe"));
        if name.is_empty() { "app".to_owned() } else { name }
    }

    /// Its document.
    pub fn app(&self) -> String {
        let Window { class, title, .. } = &self.window;
        let process = self.process.as_ref().map(|name| format!("process: {}\n", quoted(name))).unwrap_or_default();
        let ready = if class.is_empty() { quoted(title) } else { format!("{{ class: {} }}", quoted(class)) };
        let command: Vec<String> = self.command.iter().map(|word| quoted(word)).collect();
        format!(
            "kind: app\nname: {}\nlaunch: {{ command: [{}] }}\n{process}screens:\n  ready: [ {{ window: {ready} }} ]\n",
            self.name(),
            command.join(", ")
        )
    }
}

impl Recorded {
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter()
    }

    /// The properties of its input that stand for what was typed into fields for passwords.
    pub fn secrets(&self) -> &[String] {
        &self.secrets
    }

    /// The document of this name. `app`: the app it works with.
    pub fn workflow(&self, name: &str, app: Option<&str>) -> String {
        let mut text = String::from(
            "# Recorded. Before it does real work: give it `input` for what differs from job to job, mark the step that saves with\n\
             # `commit: true` so that it is never done twice, and end with a `wait` for what must be there when all went well.\n",
        );
        let _ = writeln!(text, "kind: workflow\nname: {name}");
        if let Some(app) = app {
            let _ = writeln!(text, "apps: [{app}]");
        }
        if !self.secrets.is_empty() {
            let properties =
                self.secrets.iter().map(|name| format!("    {name}: {{ type: string, x-sensitive: true }}\n"));
            let _ = write!(
                text,
                "input:\n  type: object\n  required: [{}]\n  properties:\n{}",
                self.secrets.join(", "),
                properties.collect::<String>()
            );
        }
        text.push_str("steps:\n");
        for step in &self.steps {
            let _ = writeln!(text, "  - {}", step.yaml.replace('\n', "\n  "));
        }
        text
    }

    /// Its images, by the names that the workflow has for them.
    pub fn images(&self) -> impl Iterator<Item = (&str, Result<Vec<u8>, DesktopError>)> {
        let images = self.steps.iter().flat_map(|step| &step.images);
        images.map(|(name, frame)| (name.as_str(), frame.to_png()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desktop::{Color, Frame, Rect, WindowId};

    fn step(yaml: &str) -> Step {
        let images = vec![("images/01.png".to_owned(), Frame::filled(4, 4, Color::new(1, 2, 3)))];
        Step { words: String::new(), yaml: yaml.into(), images }
    }

    #[test]
    fn steps_become_a_document() {
        let any = "click:\n    any:\n      - { ui: { name: \"A\" } }\n      - { image: images/01.png }";
        let recorded = Recorded {
            steps: vec![step(any), step("type: { text: \"{{ input.pin }}\", secret: true }\n  pause: 400ms")],
            secrets: vec!["pin".into()],
        };
        let text = recorded.workflow("add", Some("calc"));
        let (head, body) = text.split_once("kind:").unwrap();
        assert!(head.lines().all(|line| line.starts_with('#')));
        let expected = " workflow\nname: add\napps: [calc]\ninput:\n  type: object\n  required: [pin]\n  properties:\n    \
            pin: { type: string, x-sensitive: true }\nsteps:\n  - click:\n      any:\n        - { ui: { name: \"A\" } }\n        \
            - { image: images/01.png }\n  - type: { text: \"{{ input.pin }}\", secret: true }\n    pause: 400ms\n";
        assert_eq!(body, expected);
        assert_eq!(recorded.images().count(), 2);
    }

    #[test]
    fn an_application_is_ready_with_its_window() {
        let rect = Rect::default();
        let window = Window {
            id: WindowId(1),
            title: "Calculator".into(),
            class: "Galculator".into(),
            process: String::new(),
            pid: None,
            rect,
            client: rect,
            focused: true,
            minimised: false,
            maximised: false,
        };
        let app = Application {
            command: vec!["/usr/bin/galculator".into(), "-a b".into()],
            window,
            process: Some("galculator".into()),
        };
        assert_eq!(
            app.app(),
            "kind: app\nname: galculator\nlaunch: { command: [\"/usr/bin/galculator\", \"-a b\"] }\nprocess: \"galculator\"\nscreens:\n  \
             ready: [ { window: { class: \"Galculator\" } } ]\n"
        );
    }
}
