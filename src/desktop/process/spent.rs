//! How much processor time programs have used, with everything they started.

use std::{fs, time::Duration};

use super::{
    ProcessError, Spent,
    tree::{Stat, called, pids},
};

/// Of these processes and all their descendants. Those that are gone are left out.
pub fn spent(roots: &[u32]) -> Result<Vec<Spent>, ProcessError> {
    let read = |pid: u32| {
        let line = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        Some((Stat::parse(pid, &line)?, ticks(&line)?))
    };
    let all: Vec<(Stat, [u64; 2])> = pids()?.into_iter().filter_map(read).collect();
    let mut tree = roots.to_vec();
    tree.sort_unstable();
    tree.dedup();
    let mut next = 0;
    while let Some(parent) = tree.get(next).copied() {
        let children = all.iter().map(|(stat, _)| stat).filter(|stat| stat.parent == parent);
        let new: Vec<u32> = children.map(|stat| stat.pid).filter(|pid| !tree.contains(pid)).collect();
        tree.extend(new);
        next += 1;
    }
    let of_tree = all.iter().filter(|(stat, _)| tree.contains(&stat.pid));
    Ok(of_tree
        .map(|(stat, [own, ended])| Spent {
            pid: stat.pid,
            name: called(stat.pid, stat).into_iter().next().unwrap_or_default(),
            own: time(*own),
            ended: time(*ended),
        })
        .collect())
}

/// Ticks of the process itself, and of its children that have ended and were waited for.
fn ticks(line: &str) -> Option<[u64; 2]> {
    // Behind the name, which may hold spaces: state, parent, eight more, then user and system time, own and of children.
    let mut fields = line[line.rfind(')')? + 1..].split_ascii_whitespace().skip(11);
    let mut pair = || Some(fields.next()?.parse::<u64>().ok()?.saturating_add(fields.next()?.parse().ok()?));
    Some([pair()?, pair()?])
}

fn time(ticks: u64) -> Duration {
    let per_second = rustix::param::clock_ticks_per_second().max(1);
    Duration::from_millis(ticks.saturating_mul(1_000) / per_second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_stand_behind_a_name_that_may_hold_anything() {
        let line = "42 (a) b (c) S 7 42 42 0 -1 4194560 1 2 3 4 50 6 700 8 20 0";
        assert_eq!(ticks(line), Some([56, 708]));
        assert_eq!(ticks("42 (x) S 7 42"), None);
    }

    #[test]
    fn a_program_that_computes_uses_time_and_its_parent_is_told_with_it() {
        let mut child =
            std::process::Command::new("sh").args(["-c", "sh -c 'while :; do :; done' & wait"]).spawn().unwrap();
        let mut busiest = None;
        for _ in 0..500 {
            let spent = spent(&[child.id()]).unwrap();
            busiest = spent.into_iter().find(|spent| spent.pid != child.id() && spent.own > Duration::from_millis(50));
            if busiest.is_some() {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let busiest = busiest.expect("the child of the child computes");
        child.kill().unwrap();
        child.wait().unwrap();
        let pid = rustix::process::Pid::from_raw(i32::try_from(busiest.pid).unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    }
}
