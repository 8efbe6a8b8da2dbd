//! Deeds by the system's low-level hooks: it tells of each key and button before any application has it. Windows with more rights than this
//! process are not heard.

#![expect(unsafe_code, reason = "the system's calls are foreign functions")]

use std::{cell::RefCell, collections::BTreeSet, sync::mpsc, thread, time::Duration};

use windows::Win32::{
    Foundation::{LPARAM, LRESULT, POINT, WPARAM},
    System::LibraryLoader::GetModuleHandleW,
    UI::{
        Input::KeyboardAndMouse::{
            GetAsyncKeyState, GetKeyState, GetKeyboardLayout, HKL, ToUnicodeEx, VIRTUAL_KEY, VK_CAPITAL, VK_CONTROL,
            VK_LCONTROL, VK_LMENU, VK_LSHIFT, VK_LWIN, VK_MENU, VK_NUMLOCK, VK_PACKET, VK_RCONTROL, VK_RMENU,
            VK_RSHIFT, VK_RWIN, VK_SCROLL, VK_SHIFT,
        },
        WindowsAndMessaging::{
            CallNextHookEx, GetForegroundWindow, GetMessageW, GetWindowThreadProcessId, HC_ACTION, HHOOK, HOOKPROC,
            KBDLLHOOKSTRUCT, MSG, MSLLHOOKSTRUCT, PostQuitMessage, SetWindowsHookExW, UnhookWindowsHookEx,
            WH_KEYBOARD_LL, WH_MOUSE_LL, WINDOWS_HOOK_ID, WM_KEYDOWN, WM_LBUTTONDOWN, WM_LBUTTONUP, WM_MBUTTONDOWN,
            WM_MBUTTONUP, WM_MOUSEHWHEEL, WM_MOUSEMOVE, WM_MOUSEWHEEL, WM_RBUTTONDOWN, WM_RBUTTONUP, WM_SYSKEYDOWN,
        },
    },
};

use super::{capture, keyboard, session};
use crate::desktop::{
    Button, Chord, DesktopError, Key, Modifier, Stopwatch,
    listen::{Deed, Doing, Listener, Meaning, Strokes},
};

/// For the hooks to hang.
const BEGINS: Duration = Duration::from_secs(5);

/// The system's unit of the wheel.
const NOTCH: i32 = 120;

/// Layouts with `AltGr` press a control key with it, by this code.
const WITH_ALT_GR: u32 = 0x21d;

/// [`ToUnicodeEx`] must not use up an accent that the application waits for.
const LEAVE_ALL_AS_IT_IS: u32 = 1 << 2;

/// Spacing accents, as the system tells them, and what combines.
const ACCENTS: [(char, char); 10] = [
    ('`', '\u{300}'),
    ('´', '\u{301}'),
    ('\'', '\u{301}'),
    ('^', '\u{302}'),
    ('~', '\u{303}'),
    ('¨', '\u{308}'),
    ('"', '\u{308}'),
    ('˚', '\u{30a}'),
    ('ˇ', '\u{30c}'),
    ('¸', '\u{327}'),
];

thread_local! {
    /// Of the thread that the hooks hang on: they are called there.
    static EAR: RefCell<Option<Ear>> = const { RefCell::new(None) };
}

/// Returns when the hooks hang.
pub(in crate::desktop) fn listen() -> Result<Listener, DesktopError> {
    session::check()?;
    let clock = Stopwatch::start();
    let (sender, deeds) = mpsc::channel();
    let (begun, begins) = mpsc::channel();
    let hear = move || {
        session::enter();
        let hooks =
            [(WH_KEYBOARD_LL, on_key as _), (WH_MOUSE_LL, on_mouse as _)].map(|(kind, proc)| hang(kind, Some(proc)));
        let hang = hooks.iter().find_map(|hook| hook.as_ref().err().cloned());
        EAR.set(Some(Ear::new(clock, sender)));
        let is_heard = hang.is_none();
        let is_awaited = begun.send(hang.map_or(Ok(()), Err)).is_ok();
        let mut message = MSG::default();
        // SAFETY: the message is a local that outlives the calls; each hook that hangs is taken down once.
        unsafe {
            // Until nobody listens any more. Hooks are called while this waits.
            while is_heard && is_awaited && GetMessageW(&raw mut message, None, 0, 0).0 > 0 {}
            for hook in hooks.into_iter().flatten() {
                let _ = UnhookWindowsHookEx(hook);
            }
        }
    };
    let spawned = thread::Builder::new().name("listener".into()).spawn(hear);
    spawned.map_err(|error| DesktopError::Unavailable(format!("no thread to listen: {error}")))?;
    let refused = |why: String| DesktopError::Unavailable(format!("the system does not tell what is done: {why}"));
    match begins.recv_timeout(BEGINS) {
        Ok(Ok(())) => Ok(Listener::new(clock, deeds)),
        Ok(Err(error)) => Err(refused(error.message())),
        Err(_) => Err(refused("its hooks do not hang in time".into())),
    }
}

fn hang(kind: WINDOWS_HOOK_ID, proc: HOOKPROC) -> windows::core::Result<HHOOK> {
    // SAFETY: the procedure is a function of this program, which outlives the hook.
    unsafe { SetWindowsHookExW(kind, proc, Some(GetModuleHandleW(None)?.into()), 0) }
}

extern "system" fn on_key(code: i32, what: WPARAM, told: LPARAM) -> LRESULT {
    if code == HC_ACTION.cast_signed() {
        // SAFETY: the system hands over a pointer to this for this kind of hook.
        let told = unsafe { *(told.0 as *const KBDLLHOOKSTRUCT) };
        let is_press = matches!(u32::try_from(what.0), Ok(WM_KEYDOWN | WM_SYSKEYDOWN));
        tell(|ear| ear.key(is_press, &told));
    }
    // SAFETY: hands on what was handed over.
    unsafe { CallNextHookEx(None, code, what, told) }
}

extern "system" fn on_mouse(code: i32, what: WPARAM, told: LPARAM) -> LRESULT {
    if code == HC_ACTION.cast_signed() {
        // SAFETY: the system hands over a pointer to this for this kind of hook.
        let told = unsafe { *(told.0 as *const MSLLHOOKSTRUCT) };
        tell(|ear| ear.mouse(u32::try_from(what.0).unwrap_or_default(), told.pt, told.mouseData));
    }
    // SAFETY: hands on what was handed over.
    unsafe { CallNextHookEx(None, code, what, told) }
}

fn tell(doings: impl FnOnce(&mut Ear) -> Vec<Doing>) {
    EAR.with_borrow_mut(|ear| {
        let Some(ear) = ear else { return };
        for what in doings(ear) {
            if ear.sender.send(Ok(Deed { at: ear.clock.elapsed(), what })).is_err() {
                // SAFETY: takes a number.
                unsafe { PostQuitMessage(0) };
            }
        }
    });
}

struct Ear {
    clock: Stopwatch,
    sender: mpsc::Sender<Result<Deed, DesktopError>>,
    strokes: Strokes,
    /// Keys that are down and change what others mean.
    held: BTreeSet<u16>,
    has_alt_gr: bool,
    caps_lock: bool,
    caps_lock_is_down: bool,
    /// The first half of a character that is sent as itself in two.
    half: Option<u16>,
    /// What is left of a notch, across and down.
    turned: (i32, i32),
}

const HELD: [(VIRTUAL_KEY, Modifier); 8] = [
    (VK_LCONTROL, Modifier::Ctrl),
    (VK_RCONTROL, Modifier::Ctrl),
    (VK_LSHIFT, Modifier::Shift),
    (VK_RSHIFT, Modifier::Shift),
    (VK_LMENU, Modifier::Alt),
    (VK_RMENU, Modifier::Alt),
    (VK_LWIN, Modifier::Super),
    (VK_RWIN, Modifier::Super),
];

impl Ear {
    fn new(clock: Stopwatch, sender: mpsc::Sender<Result<Deed, DesktopError>>) -> Self {
        // SAFETY: these take numbers and give numbers.
        let (is_down, caps_lock) =
            unsafe { (|key: u16| GetAsyncKeyState(key.into()) < 0, GetKeyState(VK_CAPITAL.0.into()) & 1 != 0) };
        let held = HELD.iter().map(|(key, _)| key.0).filter(|key| is_down(*key)).collect();
        let strokes = Strokes::default();
        Self {
            clock,
            sender,
            strokes,
            held,
            has_alt_gr: false,
            caps_lock,
            caps_lock_is_down: false,
            half: None,
            turned: (0, 0),
        }
    }

    fn modifiers(&self) -> Vec<Modifier> {
        let mut modifiers: Vec<Modifier> = Vec::new();
        for (key, modifier) in HELD.iter().filter(|(key, _)| self.held.contains(&key.0)) {
            let modifier = if *key == VK_RMENU && self.has_alt_gr { Modifier::AltGr } else { *modifier };
            if !modifiers.contains(&modifier) {
                modifiers.push(modifier);
            }
        }
        modifiers
    }

    fn mouse(&mut self, what: u32, at: POINT, data: u32) -> Vec<Doing> {
        if what == WM_MOUSEMOVE {
            return Vec::new();
        }
        self.strokes.interrupt();
        let Ok(screen) = capture::screen() else { return Vec::new() };
        let at = screen.place_of(at.x, at.y);
        let pressed = |button| vec![Doing::Pressed { button, at, modifiers: self.modifiers() }];
        let released = |button| vec![Doing::Released { button, at }];
        // In the upper half, with a sign.
        let turned =
            i32::from((data >> 16).to_le_bytes()[0]) | i32::from((data >> 16).to_le_bytes()[1].cast_signed()) << 8;
        match what {
            WM_LBUTTONDOWN => pressed(Button::Left),
            WM_MBUTTONDOWN => pressed(Button::Middle),
            WM_RBUTTONDOWN => pressed(Button::Right),
            WM_LBUTTONUP => released(Button::Left),
            WM_MBUTTONUP => released(Button::Middle),
            WM_RBUTTONUP => released(Button::Right),
            WM_MOUSEWHEEL => {
                self.turned.1 -= turned;
                let notches = self.turned.1 / NOTCH;
                self.turned.1 %= NOTCH;
                (0..notches.abs()).map(|_| Doing::Turned { at, dx: 0, dy: notches.signum() }).collect()
            }
            WM_MOUSEHWHEEL => {
                self.turned.0 += turned;
                let notches = self.turned.0 / NOTCH;
                self.turned.0 %= NOTCH;
                (0..notches.abs()).map(|_| Doing::Turned { at, dx: notches.signum(), dy: 0 }).collect()
            }
            _ => Vec::new(),
        }
    }

    fn key(&mut self, is_press: bool, told: &KBDLLHOOKSTRUCT) -> Vec<Doing> {
        let Ok(key) = u16::try_from(told.vkCode) else { return Vec::new() };
        if told.scanCode == WITH_ALT_GR {
            self.has_alt_gr |= is_press;
            return Vec::new();
        }
        let meaning = self.meaning(VIRTUAL_KEY(key), told.scanCode, is_press);
        self.has_alt_gr &= is_press || VIRTUAL_KEY(key) != VK_RMENU;
        if HELD.iter().any(|(held, _)| held.0 == key) {
            if is_press {
                self.held.insert(key)
            } else {
                self.held.remove(&key)
            };
        }
        if VIRTUAL_KEY(key) == VK_CAPITAL {
            // Held down it is told again and again, and switches once.
            self.caps_lock ^= is_press && !self.caps_lock_is_down;
            self.caps_lock_is_down = is_press;
        }
        self.strokes.doing(is_press, meaning).into_iter().collect()
    }

    fn meaning(&mut self, key: VIRTUAL_KEY, code: u32, is_press: bool) -> Meaning {
        if key == VK_PACKET {
            return if is_press { self.half_of(code) } else { Meaning::Nothing };
        }
        if let Some((_, modifier)) = HELD.iter().find(|(held, _)| *held == key) {
            let is_alt_gr = key == VK_RMENU && self.has_alt_gr;
            return Meaning::Held(if is_alt_gr { Modifier::AltGr } else { *modifier });
        }
        if [VK_CAPITAL, VK_NUMLOCK, VK_SCROLL].contains(&key) {
            return Meaning::Nothing;
        }
        let modifiers = self.modifiers();
        if let Some(named) = keyboard::named_of(key) {
            return Meaning::Chord(Chord { modifiers, key: Key::Named(named) });
        }
        let is_command = |modifier: &Modifier| !matches!(modifier, Modifier::Shift | Modifier::AltGr);
        if modifiers.iter().any(is_command) {
            return match character(key, code, &[]) {
                Made::Character(char) => Meaning::Chord(Chord { modifiers, key: Key::Char(char) }),
                _ => Meaning::Unknown(format!("key {:#x}", key.0)),
            };
        }
        let mut down = Vec::new();
        if modifiers.contains(&Modifier::Shift) {
            down.push((VK_SHIFT, 0x80));
        }
        if modifiers.contains(&Modifier::AltGr) {
            down.extend([(VK_CONTROL, 0x80), (VK_MENU, 0x80)]);
        }
        if self.caps_lock {
            down.push((VK_CAPITAL, 1));
        }
        match character(key, code, &down) {
            Made::Character(char) => Meaning::Character(char),
            Made::Accent(mark) => Meaning::Dead(mark),
            Made::Nothing => Meaning::Unknown(format!("key {:#x}", key.0)),
        }
    }

    /// A character that was sent as itself, by 16 bits of it.
    fn half_of(&mut self, unit: u32) -> Meaning {
        let Ok(unit) = u16::try_from(unit) else { return Meaning::Nothing };
        let units: Vec<u16> = self.half.take().into_iter().chain([unit]).collect();
        if let Some(Ok(char)) = char::decode_utf16(units).next() {
            return Meaning::Character(char);
        }
        self.half = Some(unit);
        Meaning::Nothing
    }
}

enum Made {
    Character(char),
    Accent(char),
    Nothing,
}

/// What a key makes with others down or switched on, on the layout of the window in front.
fn character(key: VIRTUAL_KEY, code: u32, down: &[(VIRTUAL_KEY, u8)]) -> Made {
    let mut state = [0_u8; 256];
    for (key, how) in down {
        state[usize::from(key.0 & 0xff)] = *how;
    }
    let mut units = [0_u16; 8];
    // SAFETY: the buffers are as long as the calls take them to be.
    let made = unsafe { ToUnicodeEx(key.0.into(), code, &state, &mut units, LEAVE_ALL_AS_IT_IS, Some(layout())) };
    let char = char::decode_utf16(units).next().and_then(Result::ok).unwrap_or_default();
    match made {
        1 | 2 if !char.is_control() => Made::Character(char),
        -1 => ACCENTS.iter().find(|(told, _)| *told == char).map_or(Made::Nothing, |(_, mark)| Made::Accent(*mark)),
        _ => Made::Nothing,
    }
}

fn layout() -> HKL {
    // SAFETY: these take and give numbers and handles.
    unsafe { GetKeyboardLayout(GetWindowThreadProcessId(GetForegroundWindow(), None)) }
}
