//! Which start of the system this is, and why the one before it ended.

/// The kernel's own.
#[cfg(unix)]
pub(super) fn id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|id| id.trim().to_owned()).unwrap_or_default()
}

/// Windows counts its starts.
#[cfg(windows)]
pub(super) fn id() -> String {
    let path = r"SYSTEM\CurrentControlSet\Control\Session Manager\Memory Management\PrefetchParameters";
    let count = windows_registry::LOCAL_MACHINE.open(path).and_then(|key| key.get_u32("BootId"));
    count.map(|count| count.to_string()).unwrap_or_default()
}

/// Not kept by the system in a form that all distributions share.
#[cfg(unix)]
pub(super) fn reason() -> Option<String> {
    None
}

/// As the system's event log has it. Asked once: it stays until the next start.
#[cfg(windows)]
pub(super) fn reason() -> Option<String> {
    static REASON: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    REASON.get_or_init(|| in_words(&newest_entry()?)).clone()
}

/// The newest entry about an end of the system: somebody asked for it, or it is found at the next start that nobody did.
#[cfg(windows)]
fn newest_entry() -> Option<String> {
    use crate::desktop::{
        Pass,
        process::{Exit, Program, RunLimits, run},
    };
    const LIMIT: std::time::Duration = std::time::Duration::from_secs(10);
    let query = "/q:*[System[(Provider[@Name='User32'] and EventID=1074) or (Provider[@Name='EventLog'] and EventID=6008) \
                 or (Provider[@Name='Microsoft-Windows-Kernel-Power'] and EventID=41)]]";
    let words = ["wevtutil", "qe", "System", "/c:1", "/rd:true", "/f:xml", query].map(str::to_owned);
    let limits = RunLimits { timeout: LIMIT, ..RunLimits::default() };
    let told = run(&Program::from_words(words)?, &[], &limits, &Pass::unfenced()).ok()?;
    (told.exit == Exit::Code(0)).then(|| told.stdout.text())
}

/// What an entry of the event log says; `None` where it is none of those asked for.
#[cfg(any(windows, test))]
fn in_words(entry: &str) -> Option<String> {
    let document = roxmltree::Document::parse(entry.trim_start_matches('\u{feff}').trim()).ok()?;
    let text = |tag: &str, name: Option<&str>| {
        let mut fit =
            document.descendants().filter(|one| one.tag_name().name() == tag && one.attribute("Name") == name);
        fit.find_map(|one| one.text().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned))
    };
    let named = |name: &str| text("Data", Some(name));
    let id = text("EventID", None)?;
    match id.as_str() {
        "1074" => {
            let what = named("param5").unwrap_or_else(|| "restart".to_owned());
            let by = named("param7").map(|user| format!(" by {user}")).unwrap_or_default();
            let with = named("param1").map(|program| format!(" with {program}")).unwrap_or_default();
            let why = [named("param3"), named("param6")].into_iter().flatten().collect::<Vec<_>>().join("; ");
            let why = if why.is_empty() { why } else { format!(": {why}") };
            Some(format!("{what}{by}{with}{why}"))
        }
        "41" | "6008" => {
            Some(match named("BugcheckCode").and_then(|code| code.parse::<u64>().ok()).filter(|code| *code != 0) {
                Some(code) => format!("unexpected: the system crashed (stop code {code:#x})"),
                None => "unexpected: power was lost, or the system was reset or hung".to_owned(),
            })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(provider: &str, id: u32, data: &str) -> String {
        format!(
            "\u{feff}<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider Name='{provider}'/>\
             <EventID Qualifiers='32768'>{id}</EventID><Level>4</Level></System><EventData>{data}</EventData></Event>\r\n"
        )
    }

    #[test]
    fn who_asked_for_it_with_what_and_why() {
        let asked = "<Data Name='param1'>C:\\Windows\\system32\\svchost.exe (VM07)</Data><Data Name='param2'>VM07</Data>\
             <Data Name='param3'>Operating System: Service pack (Planned)</Data><Data Name='param4'>0x80020010</Data>\
             <Data Name='param5'>restart</Data><Data Name='param6'>updates &amp; more</Data><Data Name='param7'>NT AUTHORITY\\SYSTEM</Data>";
        assert_eq!(
            in_words(&entry("User32", 1074, asked)).as_deref(),
            Some(
                "restart by NT AUTHORITY\\SYSTEM with C:\\Windows\\system32\\svchost.exe (VM07): Operating System: Service pack \
                 (Planned); updates & more"
            )
        );
        let little = "<Data Name='param5'>power off</Data><Data Name='param6'/>";
        assert_eq!(in_words(&entry("User32", 1074, little)).as_deref(), Some("power off"));
    }

    #[test]
    fn nobody_asked_for_it() {
        let lost = in_words(&entry("EventLog", 6008, "<Data>09:13:42</Data>")).unwrap();
        assert!(lost.starts_with("unexpected: power was lost"), "{lost}");
        let reset =
            in_words(&entry("Microsoft-Windows-Kernel-Power", 41, "<Data Name='BugcheckCode'>0</Data>")).unwrap();
        assert_eq!(reset, lost);
        let crashed =
            in_words(&entry("Microsoft-Windows-Kernel-Power", 41, "<Data Name='BugcheckCode'>209</Data>")).unwrap();
        assert!(crashed.ends_with("crashed (stop code 0xd1)"), "{crashed}");
    }

    #[test]
    fn anything_else_says_nothing() {
        for text in ["", "no such log", "<Event>", "<Event/>", &entry("EventLog", 6005, "")] {
            assert_eq!(in_words(text), None, "{text}");
        }
    }
}
