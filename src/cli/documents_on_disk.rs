//! Documents in files: found, read, linted as one set.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::Context as _;

use super::exit::{Exit, Stop};
use crate::{
    cli::files,
    desktop::image::Template,
    workflow::{self, Diagnostic, FileSource, ImageFault, ImageFile, Severity, limits},
};

/// Files of one set.
const MOST_FILES: usize = 2_000;
/// Folders within folders.
const MOST_DEPTH: usize = 16;
const MOST_IMAGE_BYTES: u64 = 64 << 20;
/// A picture with a shorter side is no sight of its own.
const LEAST_SIDE: u32 = 4;

/// A file of documents.
pub(crate) struct DocumentFile {
    pub(crate) path: PathBuf,
    pub(crate) bytes: Vec<u8>,
}

impl DocumentFile {
    /// As it is shown in messages and known to lint.
    pub(crate) fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// Images are named relative to the file that names them.
    pub(crate) fn image(&self, image: &ImageFile) -> PathBuf {
        beside(&self.path, image)
    }

    /// Why an image cannot be looked for, or would be found anywhere.
    fn image_fault(&self, image: &ImageFile) -> ImageFault {
        if !self.image(image).is_file() {
            return Some(format!("there is no image {image} beside the document"));
        }
        let told = self.read_image(image).map_err(|error| format!("{error:#}"));
        let template = told.and_then(|bytes| Template::decode(&bytes).map_err(|error| error.to_string()));
        match template {
            Err(reason) => Some(format!("the image {image} cannot be used: {reason}")),
            Ok(template) if template.width().min(template.height()) < LEAST_SIDE => {
                let (width, height) = (template.width(), template.height());
                Some(format!(
                    "the image {image} has {width}x{height} pixels: so small a picture is found where it is not; cut out more"
                ))
            }
            Ok(template) if template.is_flat() => Some(format!(
                "the image {image} is of one colour, which is found anywhere: cut out something with an edge"
            )),
            Ok(_) => None,
        }
    }

    pub(crate) fn read_image(&self, image: &ImageFile) -> anyhow::Result<Vec<u8>> {
        files::read(&self.image(image).to_string_lossy(), MOST_IMAGE_BYTES)
    }
}

fn beside(file: &Path, image: &ImageFile) -> PathBuf {
    file.parent().unwrap_or(Path::new("")).join(image.as_str())
}

/// One file, or every YAML file in a folder and below. In a folder, JSON files are left alone: they are inputs, results, settings of
/// editors. A JSON document is named by its own path.
pub(crate) fn read(path: &Path) -> anyhow::Result<Vec<DocumentFile>> {
    let missing = |error| Stop::new(Exit::NotFound, format!("{}: {error}", path.display()));
    let mut paths = Vec::new();
    if std::fs::metadata(path).map_err(missing)?.is_dir() {
        find(path, MOST_DEPTH, &mut paths)?;
        paths.sort();
        if paths.is_empty() {
            let message = format!("{}: there is no .yaml or .yml file in this folder", path.display());
            return Err(Stop::new(Exit::NotFound, message).into());
        }
    } else {
        paths.push(path.to_owned());
    }
    let read = |path: PathBuf| {
        // One byte more than allowed is enough for lint to say so, with its own words.
        let bytes = files::read_up_to(&path, limits::SOURCE_BYTES as u64 + 1)?;
        Ok(DocumentFile { path, bytes })
    };
    paths.into_iter().map(read).collect()
}

fn find(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let unreadable = || format!("{} can't be read", folder.display());
    for entry in std::fs::read_dir(folder).with_context(unreadable)? {
        let entry = entry.with_context(unreadable)?;
        let path = entry.path();
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        let kind = entry.file_type().with_context(unreadable)?;
        if kind.is_dir() {
            anyhow::ensure!(
                depth > 0,
                "{}: folders more than {MOST_DEPTH} deep; give a folder further in",
                path.display()
            );
            find(&path, depth - 1, found)?;
        } else if path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml") {
            anyhow::ensure!(
                found.len() < MOST_FILES,
                "{}: more than {MOST_FILES} files; give a smaller folder",
                folder.display()
            );
            found.push(path);
        }
    }
    Ok(())
}

/// Every finding in all of them, looked at together.
pub(crate) fn lint(files: &[DocumentFile]) -> Vec<Diagnostic> {
    let names: Vec<String> = files.iter().map(DocumentFile::name).collect();
    let by_name: BTreeMap<&str, &DocumentFile> = names.iter().map(String::as_str).zip(files).collect();
    let sources: Vec<FileSource<'_>> =
        names.iter().zip(files).map(|(name, file)| FileSource { name, bytes: &file.bytes }).collect();
    let look = |name: &str, image: &ImageFile| by_name.get(name).and_then(|file| file.image_fault(image));
    workflow::lint_set(&sources, &look)
}

/// Every finding in one of them, by itself: what it names may lie elsewhere.
pub(crate) fn lint_alone(file: &DocumentFile) -> Vec<Diagnostic> {
    let source = FileSource { name: &file.name(), bytes: &file.bytes };
    workflow::lint(source, &|image| file.image_fault(image))
}

pub(crate) fn has_errors(findings: &[Diagnostic]) -> bool {
    findings.iter().any(|finding| finding.severity == Severity::Error)
}

/// A finding with the line it is about and a caret below the place.
pub(crate) fn excerpt(finding: &Diagnostic, files: &[DocumentFile]) -> String {
    const SHOWN_CHARS: usize = 140;
    let text = files.iter().find(|file| file.name() == finding.file).map(|file| String::from_utf8_lossy(&file.bytes));
    let line = text.as_ref().and_then(|text| text.lines().nth(usize::try_from(finding.line).ok()?.checked_sub(1)?));
    let Some(line) = line else { return String::new() };
    let column = usize::try_from(finding.column).unwrap_or(1).max(1);
    if column > SHOWN_CHARS {
        return String::new();
    }
    let shown = super::output::clean(&super::output::shorten(line, SHOWN_CHARS));
    let number = finding.line.to_string();
    let margin = " ".repeat(number.len());
    format!("\n {number} | {shown}\n {margin} | {}^", " ".repeat(column - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_gives_its_yaml_files_and_those_below_in_order() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("apps/.git")).unwrap();
        for name in ["b.yaml", "a.yml", "apps/c.yaml", "input.json", "apps/.git/x.yaml"] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        let names: Vec<String> = read(dir.path())
            .unwrap()
            .iter()
            .map(|file| file.path.file_name().unwrap().to_string_lossy().into())
            .collect();
        assert_eq!(names, ["a.yml", "c.yaml", "b.yaml"]);
    }

    #[test]
    fn nothing_there_is_not_found() {
        let dir = tempfile::tempdir().unwrap();
        for path in [dir.path().to_owned(), dir.path().join("absent.yaml")] {
            let error = read(&path).err().unwrap();
            assert_eq!(crate::cli::exit::code(&error), Exit::NotFound);
        }
    }

    #[test]
    fn images_that_cannot_be_looked_for_are_refused_before_they_are() {
        use crate::desktop::{Color, Frame, Rect};

        let dir = tempfile::tempdir().unwrap();
        let mut whole = Frame::filled(20, 20, Color::new(9, 9, 9));
        let flat = whole.clone();
        whole.fill(Rect::new(3, 3, 9, 9), Color::new(200, 0, 0));
        let png = |frame: &Frame| frame.to_png().unwrap();
        let images = [
            ("good.png", png(&whole)),
            ("one.png", png(&Frame::filled(1, 1, Color::default()))),
            ("flat.png", png(&flat)),
            ("broken.png", png(&whole)[..60].to_vec()),
        ];
        for (name, bytes) in &images {
            std::fs::write(dir.path().join(name), bytes).unwrap();
        }
        let told = |image: &str| {
            let bytes = format!("kind: workflow\nname: w\nsteps:\n  - click: {{ image: {image} }}\n").into_bytes();
            lint_alone(&DocumentFile { path: dir.path().join("w.yaml"), bytes })
                .iter()
                .map(ToString::to_string)
                .collect()
        };
        let told: Vec<String> = ["good.png", "one.png", "flat.png", "broken.png", "absent.png"].map(told).into();
        assert_eq!(told[0], "");
        for (told, part) in told[1..].iter().zip(["1x1 pixels", "of one colour", "cannot be used", "there is no image"])
        {
            assert!(told.contains(part), "{told}");
        }
    }

    #[test]
    fn the_caret_stands_below_the_place() {
        let file = DocumentFile { path: "x.yaml".into(), bytes: b"kind: app\nnmae: x\n".to_vec() };
        let findings = lint(std::slice::from_ref(&file));
        let finding = findings.iter().find(|finding| finding.line == 2).unwrap();
        assert!(excerpt(finding, &[file]).starts_with("\n 2 | nmae: x\n   | ^"));
    }
}
