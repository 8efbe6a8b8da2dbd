//! The TOML file, flattened: each known key with its value and line; everything else is a fault.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    path::PathBuf,
};

use toml::de::{DeTable, DeValue};

use super::{Fault, FileText, Place, SETTINGS, fault::nearest, value::Raw};

#[derive(Debug, Default)]
pub(super) struct Flattened {
    pub(super) values: BTreeMap<&'static str, (Place, Raw)>,
    pub(super) faults: Vec<Fault>,
}

pub(super) fn flatten(file: &FileText) -> Flattened {
    let (document, errors) = DeTable::parse_recoverable(&file.text);
    let mut walk = Walk { path: &file.path, text: &file.text, out: Flattened::default() };
    for error in errors {
        let place = walk.place(error.span().unwrap_or_default());
        walk.out.faults.push(Fault { place, message: format!("this is not TOML: {}", error.message()) });
    }
    for (name, value) in document.get_ref() {
        walk.section(name.get_ref(), name.span(), value.get_ref());
    }
    walk.out
}

struct Walk<'a> {
    path: &'a PathBuf,
    text: &'a str,
    out: Flattened,
}

impl Walk<'_> {
    fn place(&self, span: Range<usize>) -> Place {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        Place::File { path: self.path.clone(), line: 1 + before.matches('\n').count() }
    }

    fn fault(&mut self, span: Range<usize>, message: String) {
        let place = self.place(span);
        self.out.faults.push(Fault { place, message });
    }

    fn section(&mut self, name: &str, span: Range<usize>, value: &DeValue<'_>) {
        let sections: BTreeSet<&str> = SETTINGS.iter().map(super::Setting::section).collect();
        let message = match value {
            DeValue::Table(table) if sections.contains(name) => {
                for (key, value) in table {
                    self.setting(name, key.get_ref(), key.span(), value.get_ref());
                }
                return;
            }
            DeValue::Table(_) => match nearest(name, sections.iter().copied()) {
                Some(near) => format!("there is no section [{name}]; did you mean [{near}]?"),
                None => format!("there is no section [{name}]; there are {}", bracketed(&sections)),
            },
            _ if sections.contains(name) => format!("`{name}` is a section: write [{name}] and its settings below"),
            _ => match SETTINGS.iter().find(|setting| setting.name() == name) {
                Some(setting) => format!("`{name}` stands outside a section; it belongs to [{}]", setting.section()),
                None => format!("`{name}` stands outside a section; there are {}", bracketed(&sections)),
            },
        };
        self.fault(span, message);
    }

    fn setting(&mut self, section: &str, name: &str, span: Range<usize>, value: &DeValue<'_>) {
        if let Some(setting) = SETTINGS.iter().find(|known| known.section() == section && known.name() == name) {
            let place = self.place(span);
            self.out.values.insert(setting.key, (place, raw(value)));
            return;
        }
        let of_section = || SETTINGS.iter().filter(|known| known.section() == section).map(super::Setting::name);
        let elsewhere = SETTINGS.iter().find(|known| known.name() == name);
        let message = match (nearest(name, of_section()), elsewhere) {
            (Some(near), _) => format!("[{section}] has no setting `{name}`; did you mean `{near}`?"),
            (None, Some(other)) => format!("`{name}` belongs to [{}], not to [{section}]", other.section()),
            (None, None) => {
                let known = of_section().collect::<Vec<_>>().join(", ");
                format!("[{section}] has no setting `{name}`; it has {known}")
            }
        };
        self.fault(span, message);
    }
}

fn bracketed(sections: &BTreeSet<&str>) -> String {
    sections.iter().map(|name| format!("[{name}]")).collect::<Vec<_>>().join(", ")
}

fn raw(value: &DeValue<'_>) -> Raw {
    let unfit = || Raw::Unfit(value.type_str());
    match value {
        DeValue::String(text) => Raw::Text(text.to_string()),
        DeValue::Boolean(flag) => Raw::Bool(*flag),
        DeValue::Integer(number) => u64::from_str_radix(number.as_str(), number.radix())
            .map_or(Raw::Unfit("negative or huge number"), Raw::Count),
        DeValue::Array(items) => {
            let texts: Option<Vec<String>> =
                items.iter().map(|item| item.get_ref().as_str().map(str::to_owned)).collect();
            texts.map_or(Raw::Unfit("array of other things than strings"), Raw::List)
        }
        DeValue::Table(table) => {
            let pairs: Option<BTreeMap<String, String>> = table
                .iter()
                .map(|(key, item)| Some((key.get_ref().to_string(), item.get_ref().as_str()?.to_owned())))
                .collect();
            pairs.map_or(Raw::Unfit("table of other things than strings"), Raw::Pairs)
        }
        DeValue::Float(_) | DeValue::Datetime(_) => unfit(),
    }
}
