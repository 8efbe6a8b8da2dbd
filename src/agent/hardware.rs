//! The number that the hardware, or whoever plays it, has given this machine: a copied disk does not take it along.

/// `None` where it cannot be read, or was never given.
#[cfg(unix)]
pub(super) fn id() -> Option<String> {
    let read = |path: &&str| std::fs::read_to_string(path).ok().filter(|id| !id.trim().is_empty());
    ["/sys/class/dmi/id/product_uuid", "/sys/firmware/devicetree/base/serial-number"].iter().find_map(read)
}

/// `None` where it cannot be read, or was never given.
#[cfg(windows)]
#[expect(unsafe_code, reason = "the system's call is a foreign function")]
pub(super) fn id() -> Option<String> {
    use windows::Win32::System::SystemInformation::{FIRMWARE_TABLE_PROVIDER, GetSystemFirmwareTable};
    const TABLES: FIRMWARE_TABLE_PROVIDER = FIRMWARE_TABLE_PROVIDER(u32::from_be_bytes(*b"RSMB"));
    /// Before the tables themselves: versions and their length.
    const HEAD: usize = 8;
    // SAFETY: asks how long it is, then for as much as there is room for.
    let told = unsafe {
        let mut tables = vec![0_u8; GetSystemFirmwareTable(TABLES, 0, None) as usize];
        let length = GetSystemFirmwareTable(TABLES, 0, Some(&mut tables)) as usize;
        tables.truncate(length);
        tables
    };
    uuid(told.get(HEAD..)?)
}

/// Of the tables that the firmware keeps (SMBIOS): in the one about the whole system (type 1), behind four names.
#[cfg(any(windows, test))]
fn uuid(mut tables: &[u8]) -> Option<String> {
    const SYSTEM: u8 = 1;
    const AT: usize = 8;
    loop {
        let [kind, length] = *tables.first_chunk::<2>()?;
        let table = tables.get(..usize::from(length)).filter(|table| table.len() >= 4)?;
        if kind == SYSTEM {
            let uuid = table.get(AT..AT + 16)?;
            let is_given = uuid.iter().any(|byte| *byte != 0) && uuid.iter().any(|byte| *byte != 0xff);
            return is_given.then(|| hex::encode(uuid));
        }
        // The texts of a table follow it, and end with two zeros.
        let texts = &tables[table.len()..];
        let end = texts.windows(2).position(|two| two == [0, 0])?;
        tables = &texts[end + 2..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn system(uuid: [u8; 16]) -> Vec<u8> {
        let bios = [0, 6, 0, 0, 1, 2, b'A', b'c', b'm', b'e', 0, b'1', 0, 0];
        let mut tables = bios.to_vec();
        tables.extend([1, 27, 1, 0, 1, 2, 3, 4]);
        tables.extend(uuid);
        tables.extend([6, 0, 0, b'v', b'm', 0, 0]);
        tables
    }

    #[test]
    fn the_number_is_found_behind_other_tables() {
        let uuid_of = |given| uuid(&system(given));
        assert_eq!(uuid_of([7; 16]).as_deref(), Some("07070707070707070707070707070707"));
        assert_eq!(uuid_of([0; 16]), None, "never given");
        assert_eq!(uuid_of([0xff; 16]), None, "never set");
    }

    #[test]
    fn tables_that_are_cut_or_lie_give_none() {
        let whole = system([7; 16]);
        for length in 0..14 + 24 {
            assert_eq!(uuid(&whole[..length]), None, "{length}");
        }
        assert_eq!(uuid(&[0, 0, 0, 0]), None, "a table without a length does not turn for ever");
        assert_eq!(uuid(&[5, 4, 0, 0, b'x', b'y']), None);
    }
}
