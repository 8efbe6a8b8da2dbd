//! Probes: read-only questions to the machine, asked once or until they are answered as wanted.

use std::{path::Path, time::Duration};

use super::{
    action::ProgramError,
    describe,
    fault::{Break, Fault, category, fault},
    find::{Absence, Hit, Meant, Sought},
    look::Look,
    run::Runner,
};
use crate::{
    desktop::{
        Color, Frame, Point, Rect,
        process::{Exit, ProcessError},
    },
    wire::job::Category,
    workflow::{App, CommandLine, Name, PixelProbe, Probe, Screen, Target, Watch},
};

/// What a probe said.
#[derive(Clone, Debug)]
pub(super) struct Verdict {
    pub(super) holds: bool,
    /// The part that decided, in words: `window "Sign in" is there`.
    pub(super) because: String,
    /// The place, where the probe found one.
    pub(super) hit: Option<Hit>,
    /// Places that show why not.
    pub(super) marks: Vec<Rect>,
    /// Of the best place, where that was not good enough.
    pub(super) best: Option<f32>,
}

impl Verdict {
    fn new(holds: bool, because: String) -> Self {
        Self { holds, because, hit: None, marks: Vec::new(), best: None }
    }

    fn says(holds: bool, what: &str, yes: &str, no: &str) -> Self {
        Self::new(holds, format!("{what} {}", if holds { yes } else { no }))
    }
}

/// The end of a wait for a probe.
pub(super) struct Watched {
    pub(super) verdict: Verdict,
    pub(super) frame: Option<Frame>,
}

impl Runner<'_> {
    /// Waits until the probe holds (or no longer does). The last verdict either way.
    pub(super) fn watch(&mut self, probe: &Probe, timeout: Duration, wanted: bool) -> Result<Watched, Break> {
        let mut last = None;
        let answered = self.until_clear(timeout, |runner, look| {
            let verdict = runner.probe(probe, look)?;
            let holds = verdict.holds;
            let watched = Watched { verdict, frame: look.taken() };
            if holds == wanted {
                return Ok(Some(watched));
            }
            last = Some(watched);
            Ok(None)
        })?;
        match answered.or(last) {
            Some(watched) => Ok(watched),
            None => unreachable!("a wait looks at least once"),
        }
    }

    /// A condition: one look unless it carries a timeout.
    pub(super) fn holds(&mut self, watch: &Watch) -> Result<bool, Break> {
        let watched = self.watch(&watch.probe, watch.timeout.unwrap_or_default(), true)?;
        self.report_verdict(&watch.probe, &watched.verdict, Duration::ZERO);
        Ok(watched.verdict.holds)
    }

    /// One look.
    pub(super) fn probe(&mut self, probe: &Probe, look: &mut Look) -> Result<Verdict, Break> {
        match probe {
            Probe::Visible(target) => self.visible(target, look),
            Probe::Pixel(pixel) => self.pixel(pixel, look),
            Probe::Process(name) => {
                let name = name.text(&self.scope)?;
                let runs = !self.world.processes(&name)?.is_empty();
                Ok(Verdict::says(runs, &describe::probe(probe), "runs", "does not run"))
            }
            Probe::File(path) => {
                let path = path.text(&self.scope)?;
                let exists = self.world.file_exists(Path::new(&path));
                Ok(Verdict::says(exists, &describe::probe(probe), "is there", "is not there"))
            }
            Probe::Command(line) => self.command_holds(line),
            Probe::Screen { app, screen } => self.screen_holds(app.as_ref(), screen, look),
            Probe::Any(probes) => self.any_holds(probes, look),
            Probe::All(probes) => self.all_hold(probes, look),
            Probe::Not(probe) => {
                let verdict = self.probe(probe, look)?;
                Ok(Verdict::new(!verdict.holds, verdict.because))
            }
        }
    }

    /// Several places are as good as one here: what is asked is whether it is there at all.
    fn visible(&mut self, target: &Target, look: &mut Look) -> Result<Verdict, Break> {
        let what = describe::target(target);
        Ok(match self.find(target, Meant::Any, look)? {
            Sought::Found(hit) => Verdict { hit: Some(hit), ..Verdict::new(true, format!("{what} is there")) },
            Sought::Several(hits) => {
                let hit = hits.into_iter().next();
                Verdict { hit, ..Verdict::new(true, format!("{what} is there, more than once")) }
            }
            Sought::Absent(Absence { best, reason }) => {
                let detail = match (&reason, &best) {
                    (Some(reason), _) => format!(": {reason}"),
                    (None, Some(best)) => format!(" (best score {:.2} at {},{})", best.score, best.rect.x, best.rect.y),
                    (None, None) => String::new(),
                };
                let score = best.as_ref().map(|best| best.score);
                let marks = best.into_iter().map(|best| best.rect).collect();
                Verdict { marks, best: score, ..Verdict::new(false, format!("{what} is not there{detail}")) }
            }
        })
    }

    fn pixel(&mut self, pixel: &PixelProbe, look: &mut Look) -> Result<Verdict, Break> {
        let at = Point::new(self.position(&pixel.at.0)?, self.position(&pixel.at.1)?);
        let wanted = Color::new(pixel.color.red, pixel.color.green, pixel.color.blue);
        let Some(found) = look.frame(self)?.pixel(at) else {
            return fault(Category::TargetNotFound, format!("pixel {at} is outside the desktop"));
        };
        let holds = found.is_near(wanted, pixel.tolerance);
        let because = if holds {
            format!("pixel {at} is {found}")
        } else {
            format!("pixel {at} is {found}, not {wanted}{}", within(pixel.tolerance))
        };
        let marks = if holds { Vec::new() } else { vec![Rect::new(at.x, at.y, 1, 1)] };
        Ok(Verdict { marks, ..Verdict::new(holds, because) })
    }

    fn command_holds(&mut self, line: &CommandLine) -> Result<Verdict, Break> {
        let what = format!("command {}", describe::cut(&describe::command(line)));
        match self.run_program(line, None) {
            Ok(finished) => {
                let (holds, ended) = match finished.exit {
                    Exit::Code(code) => (line.exit_codes.contains(&code), format!("ended with {code}")),
                    Exit::Signal(signal) => (false, format!("was killed by signal {signal}")),
                };
                Ok(Verdict::new(holds, format!("{what} {ended}")))
            }
            Err(ProgramError::Process(ProcessError::TimedOut { limit, .. })) => {
                let limit = crate::time::format_duration(limit);
                Ok(Verdict::new(false, format!("{what} did not end within {limit}")))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn screen_holds(&mut self, app: Option<&Name>, screen: &Name, look: &mut Look) -> Result<Verdict, Break> {
        let app = self.app_of(app)?;
        let Some(sought) = app.screens.get(screen) else {
            return fault(Category::InvalidWorkflow, format!("the app {} has no screen {screen}", app.name));
        };
        self.in_app(&app, |runner| runner.shows(sought, look))
    }

    /// Whether all probes of a screen hold.
    pub(super) fn shows(&mut self, screen: &Screen, look: &mut Look) -> Result<Verdict, Break> {
        self.all_hold(&screen.probes, look)
    }

    fn any_holds(&mut self, probes: &[Probe], look: &mut Look) -> Result<Verdict, Break> {
        let mut reasons = Vec::new();
        let mut marks = Vec::new();
        let mut best = None;
        for probe in probes {
            let verdict = self.probe(probe, look)?;
            if verdict.holds {
                return Ok(verdict);
            }
            reasons.push(verdict.because);
            if marks.is_empty() {
                best = verdict.best;
            }
            marks.extend(verdict.marks);
        }
        Ok(Verdict { marks, best, ..Verdict::new(false, reasons.join("; ")) })
    }

    fn all_hold(&mut self, probes: &[Probe], look: &mut Look) -> Result<Verdict, Break> {
        let mut reasons = Vec::new();
        let mut hit = None;
        for probe in probes {
            let verdict = self.probe(probe, look)?;
            if !verdict.holds {
                return Ok(verdict);
            }
            reasons.push(verdict.because);
            hit = hit.or(verdict.hit);
        }
        Ok(Verdict { hit, ..Verdict::new(true, reasons.join("; ")) })
    }

    /// The app a probe or step speaks of: by name, else the document's own, else the only one.
    pub(super) fn app_of(&self, name: Option<&Name>) -> Result<std::sync::Arc<App>, Break> {
        let found = match (name, &self.owner) {
            (Some(name), _) => self.plan.app(name.as_str()),
            (None, Some(own)) => Some(own),
            (None, None) => self.only_app(),
        };
        match (found, name) {
            (Some(app), _) => Ok(app.clone()),
            (None, Some(name)) => {
                fault(Category::InvalidWorkflow, format!("the workflow does not list the app {name}"))
            }
            (None, None) => fault(Category::InvalidWorkflow, "name the app: the workflow has not exactly one"),
        }
    }

    /// A wait or assertion that was not answered as wanted.
    pub(super) fn unmet(watched: Watched, kind: crate::workflow::Category, message: &str) -> Fault {
        let message = format!("{message}: {}", watched.verdict.because);
        Fault::new(category(kind), message).seen(watched.frame, watched.verdict.marks)
    }
}

fn within(tolerance: u8) -> String {
    if tolerance == 0 { String::new() } else { format!(" within {tolerance}") }
}
