//! Batches as lines: NDJSON, one job a line, or CSV, one job a row.

use serde_json::{Map, Value};

use crate::{
    http::{problem::fault, request::parse_json},
    wire::{job::JobRequest, problem::Fault},
};

/// Pointers are those of the same batch as JSON; lines are those of the text.
pub(crate) fn from_lines(bytes: &[u8], max_items: usize) -> Result<Vec<JobRequest>, Vec<Fault>> {
    let lines = bytes.split(|byte| *byte == b'\n').enumerate();
    let lines = lines.filter(|(_, line)| !line.iter().all(u8::is_ascii_whitespace));
    let mut gathered = Gathered::new(max_items);
    for (number, line) in lines {
        if !gathered.take(number + 1, parse_json::<JobRequest>(line)) {
            break;
        }
    }
    gathered.finish()
}

/// The first row names fields of a job: `workflow`, `key`, `input.mrn`, `labels.ticket`. An empty cell leaves the field out.
/// A cell is text, unless it is JSON: a number, true, false, an array, an object, or a text in quotes.
pub(crate) fn from_csv(bytes: &[u8], max_items: usize) -> Result<Vec<JobRequest>, Vec<Fault>> {
    let mut reader = csv::ReaderBuilder::new().flexible(false).trim(csv::Trim::Headers).from_reader(bytes);
    let headers =
        reader.headers().map_err(|error| vec![fault("", format!("the first row cannot be read: {error}"))])?;
    let headers: Vec<String> = headers.iter().map(str::to_owned).collect();
    if !headers.iter().any(|header| header == "workflow") {
        return Err(vec![fault("", "the first row names the fields, and `workflow` is not among them")]);
    }
    let mut gathered = Gathered::new(max_items);
    for row in reader.records() {
        let row = row.map_err(|error| vec![fault("", format!("a row cannot be read: {error}"))])?;
        let line = row.position().and_then(|position| usize::try_from(position.line()).ok()).unwrap_or(0);
        let job = Value::Object(fields(&headers, &row)).to_string();
        if !gathered.take(line, parse_json::<JobRequest>(job.as_bytes())) {
            break;
        }
    }
    gathered.finish()
}

fn fields(headers: &[String], row: &csv::StringRecord) -> Map<String, Value> {
    let mut fields = Map::new();
    for (header, cell) in headers.iter().zip(row.iter()).filter(|(_, cell)| !cell.is_empty()) {
        match header.split_once('.') {
            Some((outer @ "input", name)) => insert(&mut fields, outer, name, typed(cell)),
            Some((outer @ ("labels" | "require" | "files"), name)) => {
                insert(&mut fields, outer, name, Value::String(cell.to_owned()));
            }
            _ if matches!(header.as_str(), "priority" | "version" | "input") => {
                fields.insert(header.clone(), typed(cell));
            }
            _ => {
                fields.insert(header.clone(), Value::String(cell.to_owned()));
            }
        }
    }
    fields
}

fn insert(fields: &mut Map<String, Value>, outer: &str, name: &str, value: Value) {
    let object = fields.entry(outer).or_insert_with(|| Value::Object(Map::new()));
    if let Some(object) = object.as_object_mut() {
        object.insert(name.to_owned(), value);
    }
}

/// `0042` is text: it is no JSON number, and a key like that must keep its zeros.
fn typed(cell: &str) -> Value {
    match serde_json::from_str(cell) {
        Ok(Value::Null) | Err(_) => Value::String(cell.to_owned()),
        Ok(value) => value,
    }
}

/// Jobs, or the faults of those that are none.
struct Gathered {
    jobs: Vec<JobRequest>,
    faults: Vec<Fault>,
    seen: usize,
    max_items: usize,
}

impl Gathered {
    fn new(max_items: usize) -> Self {
        Self { jobs: Vec::new(), faults: Vec::new(), seen: 0, max_items }
    }

    /// False where it makes no sense to go on.
    fn take(&mut self, line: usize, parsed: Result<JobRequest, Vec<Fault>>) -> bool {
        let index = self.seen;
        self.seen += 1;
        if self.seen > self.max_items {
            self.faults.push(fault("/items", format!("has more than {} jobs: send several batches", self.max_items)));
            return false;
        }
        match parsed {
            Ok(job) => self.jobs.push(job),
            Err(faults) => self.faults.extend(faults.into_iter().map(|fault| Fault {
                pointer: format!("/items/{index}{}", fault.pointer),
                detail: fault.detail,
                line: u32::try_from(line).ok().filter(|line| *line > 0),
            })),
        }
        self.faults.len() < 100
    }

    fn finish(self) -> Result<Vec<JobRequest>, Vec<Fault>> {
        if self.faults.is_empty() { Ok(self.jobs) } else { Err(self.faults) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_row_of_a_table_is_a_job() {
        let csv = "workflow,key,input.mrn,input.age,labels.ticket,priority\nreg,k1,0042,31,4711,5\nreg,,7,,,\n";
        let jobs = from_csv(csv.as_bytes(), 10).unwrap();
        assert_eq!(jobs.len(), 2);
        assert_eq!(jobs[0].input, json!({"mrn": "0042", "age": 31}));
        assert_eq!((jobs[0].key.as_deref(), jobs[0].priority), (Some("k1"), 5));
        assert_eq!(jobs[0].labels["ticket"], "4711");
        assert_eq!((jobs[1].key.as_deref(), jobs[1].input.clone()), (None, json!({"mrn": 7})));
    }

    #[test]
    fn faults_of_lines_have_their_item_and_their_line() {
        let faults = from_lines(b"{\"workflow\":\"w\"}\n\n{\"workflow\":\"w\",\"x\":1}\nnonsense\n", 10).unwrap_err();
        let places: Vec<_> = faults.iter().map(|fault| (fault.pointer.as_str(), fault.line)).collect();
        assert_eq!(places, [("/items/1/x", Some(3)), ("/items/2", Some(4))]);
        assert_eq!(from_lines(b"{\"workflow\":\"w\"}\n{\"workflow\":\"w\"}", 1).unwrap_err()[0].pointer, "/items");
        assert!(from_csv(b"key\nx\n", 10).is_err());
    }
}
