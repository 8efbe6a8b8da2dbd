//! The limits of a document. Every one has a name here, and a fault that says it when it is met.

use std::time::Duration;

/// Bytes of one file, all its documents together.
pub const SOURCE_BYTES: usize = 1024 * 1024;
/// Documents in one file.
pub const DOCUMENTS: usize = 200;
/// Values (mappings, lists and scalars) in one file, after aliases are expanded.
pub const VALUES: usize = 100_000;
/// Bytes of text and keys in one file, after aliases are expanded.
pub const EXPANDED_BYTES: usize = 4 * SOURCE_BYTES;
/// Mappings and lists inside one another, in the source.
pub const SOURCE_DEPTH: usize = 64;
/// Bytes of one key.
pub const KEY_BYTES: usize = 256;
/// Bytes of one text.
pub const TEXT_BYTES: usize = 64 * 1024;
/// Characters of a name.
pub const NAME_LENGTH: usize = 63;
/// Steps of one document, nested ones counted.
pub const STEPS: usize = 1_000;
/// Steps inside steps, and combiners inside combiners.
pub const NESTING: usize = 16;
/// Images of one document.
pub const IMAGES: usize = 500;
/// Variants of one image target.
pub const VARIANTS: usize = 20;
/// Parts of `any` or `all`.
pub const COMBINED: usize = 50;
/// Parts of a command line, and of its environment.
pub const ARGUMENTS: usize = 200;
/// Chords in one `key` step.
pub const CHORDS: usize = 100;
/// Screens of one app, probes of one screen, recoveries of one app, apps of one workflow.
pub const ENTRIES: usize = 100;
/// Regions of one `mask`.
pub const MASKS: usize = 20;
/// Bytes of an address that is told of events.
pub const URL_BYTES: usize = 2 * 1024;
/// Headers of one channel, and bytes of a value.
pub const HEADERS: usize = 20;
pub const HEADER_BYTES: usize = 1024;
/// Secrets that sign at the same time.
pub const SECRETS: usize = 4;
/// Types of events of one channel.
pub const EVENT_PATTERNS: usize = 50;
/// Bytes of a regular expression.
pub const PATTERN_BYTES: usize = 4 * 1024;
/// Bytes that a compiled regular expression may take.
pub const PATTERN_COMPILED_BYTES: usize = 1024 * 1024;
/// Regular expressions of one document, its `input` schema apart.
pub const PATTERNS: usize = 200;
/// Bytes of an `input` schema as JSON.
pub const SCHEMA_BYTES: usize = 128 * 1024;
/// Regular expressions of an `input` schema.
pub const SCHEMA_PATTERNS: usize = 200;
/// Schemas that hold for one value, by `$ref`, `allOf`, `anyOf`, `oneOf`, `not` and `if`.
pub const SCHEMA_BRANCHES: usize = 300;
/// Faults reported for one file. The rest is counted.
pub const FAULTS: usize = 100;
/// Repetitions of a step (`retries`) or of a recovery (`times`).
pub const REPEATS: u32 = 100;
/// Rounds of one `repeat`.
pub const ROUNDS: u32 = 10_000;
/// Workflows that call one another, the first one not counted.
pub const CALL_DEPTH: usize = 8;
/// Workflows that one workflow calls, by others too.
pub const CALLED: usize = 100;
/// Items of one loop.
pub const LOOP_ITEMS: usize = 10_000;
/// Bytes of the key of an item.
pub const LOOP_KEY_BYTES: usize = 256;
/// Bytes of the result of one item of a loop that is kept over attempts.
pub const LOOP_RESULT_BYTES: usize = 16 * 1024;
/// Rows and columns of one `read_table`.
pub const TABLE_ROWS: u32 = 10_000;
pub const TABLE_COLUMNS: usize = 100;
/// Bytes of the variables that are kept with a commit.
pub const JOURNAL_BYTES: usize = 256 * 1024;
/// Attempts of a job.
pub const ATTEMPTS: u32 = 100;
/// Bytes of a file that `save_artifact` stores.
pub const ARTIFACT_BYTES: u64 = 64 * 1024 * 1024;
/// Jobs of one concurrency key that may run at once.
pub const CONCURRENT: u32 = 10_000;
/// Steps an expression or template may take, in units of its engine.
pub const TEMPLATE_FUEL: u64 = 200_000;
/// Bytes an expression or template may yield.
pub const TEMPLATE_OUTPUT_BYTES: usize = 1024 * 1024;
/// Pixels of a display's side, and of every position.
pub const PIXELS: i64 = 65_535;
/// The longest duration a document can name.
pub const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);
