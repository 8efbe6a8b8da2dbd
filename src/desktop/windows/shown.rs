//! Windows of applications: who they are, which is in front, how to ask for more.

#![expect(unsafe_code, reason = "the system's calls are foreign functions")]

use std::{ffi::c_void, thread, time::Duration};

use windows::{
    Win32::{
        Foundation::{CloseHandle, HWND, LPARAM, POINT, RECT, WPARAM},
        Graphics::{
            Dwm::{DWMWA_CLOAKED, DWMWA_EXTENDED_FRAME_BOUNDS, DwmGetWindowAttribute},
            Gdi::ClientToScreen,
        },
        System::Threading::{
            OpenProcess, PROCESS_NAME_WIN32, PROCESS_QUERY_LIMITED_INFORMATION, QueryFullProcessImageNameW,
        },
        UI::{
            Input::KeyboardAndMouse::VK_LMENU,
            WindowsAndMessaging::{
                EnumWindows, GA_ROOT, GWL_EXSTYLE, GetAncestor, GetClassNameW, GetClientRect, GetForegroundWindow,
                GetMenu, GetSystemMetrics, GetWindowLongPtrW, GetWindowPlacement, GetWindowRect, GetWindowTextW,
                GetWindowThreadProcessId, IsIconic, IsWindow, IsWindowVisible, IsZoomed, PostMessageW, SM_CYMENU,
                SMTO_ABORTIFHUNG, SW_RESTORE, SendMessageTimeoutW, SetForegroundWindow, ShowWindow, WINDOWPLACEMENT,
                WM_CLOSE, WM_NULL, WS_EX_APPWINDOW, WS_EX_TOOLWINDOW,
            },
        },
    },
    core::{BOOL, PWSTR},
};

use super::{capture, input};
use crate::desktop::{DesktopError, Foreground, Pass, Rect, Stopwatch, Window, WindowId};

/// How long a window may take to come to the front.
const ACTIVATE: Duration = Duration::from_secs(3);

/// The system's own: the desktop, the task bar, menus.
const OF_THE_SYSTEM: [&str; 6] =
    ["Progman", "WorkerW", "Shell_TrayWnd", "Shell_SecondaryTrayWnd", "#32768", "Windows.UI.Core.CoreWindow"];

/// Longest title or class that is read.
const MAX_UNITS: usize = 1024;

/// All windows of applications, topmost first.
pub(super) fn list() -> Result<Vec<Window>, DesktopError> {
    let screen = capture::screen()?;
    let front = foreground().map(|front| front.id);
    Ok(handles()
        .into_iter()
        .filter(|window| is_listed(*window))
        .map(|window| describe(window, &screen, front))
        .collect())
}

pub(super) fn focused() -> Result<Option<Window>, DesktopError> {
    let Some(front) = foreground() else { return Ok(None) };
    Ok(Some(describe(handle(front.id), &capture::screen()?, Some(front.id))))
}

/// The window that gets the keys, with its title only: what is checked before every burst.
pub(super) fn foreground() -> Option<Foreground> {
    // SAFETY: gives a window or none; asking one that is gone gives none.
    let window = unsafe { GetAncestor(GetForegroundWindow(), GA_ROOT) };
    (!window.is_invalid()).then(|| Foreground { id: id(window), title: title(window) })
}

pub(super) fn title_of(id: WindowId) -> String {
    title(handle(id))
}

pub(super) fn pid_of(id: WindowId) -> Option<u32> {
    pid(handle(id))
}

fn id(window: HWND) -> WindowId {
    WindowId(window.0 as u64)
}

fn handle(id: WindowId) -> HWND {
    // A window that is gone, or never was, is told by the call that is given it.
    HWND(usize::try_from(id.0).unwrap_or_default() as *mut c_void)
}

fn known(id: WindowId) -> Result<HWND, DesktopError> {
    let window = handle(id);
    // SAFETY: any value may be asked.
    if unsafe { IsWindow(Some(window)) }.as_bool() { Ok(window) } else { Err(DesktopError::WindowGone(id)) }
}

/// All top-level windows, topmost first.
pub(super) fn handles() -> Vec<HWND> {
    unsafe extern "system" fn collect(window: HWND, list: LPARAM) -> BOOL {
        // SAFETY: the parameter is the list below, which outlives the call.
        unsafe { (*(list.0 as *mut Vec<HWND>)).push(window) };
        true.into()
    }
    let mut list: Vec<HWND> = Vec::new();
    // SAFETY: the function is called within this call only. Its error says that there are none.
    let _ = unsafe { EnumWindows(Some(collect), LPARAM(&raw mut list as isize)) };
    list
}

pub(super) fn is_visible(window: HWND) -> bool {
    // SAFETY: asks only.
    unsafe { IsWindowVisible(window) }.as_bool()
}

pub(super) fn is_listed(window: HWND) -> bool {
    // SAFETY: asks only.
    let (visible, style) = unsafe { (IsWindowVisible(window).as_bool(), GetWindowLongPtrW(window, GWL_EXSTYLE)) };
    let has = |bit: u32| style & isize::try_from(bit).unwrap_or_default() != 0;
    let is_tool = has(WS_EX_TOOLWINDOW.0) && !has(WS_EX_APPWINDOW.0);
    visible && !is_tool && !is_cloaked(window) && !OF_THE_SYSTEM.contains(&class(window).as_str())
}

/// Shown, says the system, but on no screen: of a suspended application, or another virtual desktop.
fn is_cloaked(window: HWND) -> bool {
    let mut cloaked = 0_u32;
    // SAFETY: the value is as long as it is said to be.
    let asked = unsafe { DwmGetWindowAttribute(window, DWMWA_CLOAKED, (&raw mut cloaked).cast(), 4) };
    asked.is_ok() && cloaked != 0
}

fn describe(window: HWND, screen: &capture::Screen, front: Option<WindowId>) -> Window {
    // SAFETY: asks only.
    let (minimised, maximised) = unsafe { (IsIconic(window).as_bool(), IsZoomed(window).as_bool()) };
    let rect = if minimised { place_restored(window) } else { place(window) };
    let rect = ours(rect, screen);
    let pid = pid(window);
    Window {
        id: id(window),
        title: title(window),
        class: class(window),
        process: pid.and_then(program_of).unwrap_or_default(),
        pid,
        rect,
        client: if minimised { rect } else { client(window, screen).unwrap_or(rect) },
        focused: front == Some(id(window)),
        minimised,
        maximised,
    }
}

/// What can be seen of it, without the invisible frame that it is dragged by.
fn place(window: HWND) -> RECT {
    let mut rect = RECT::default();
    let size = u32::try_from(size_of::<RECT>()).unwrap_or_default();
    // SAFETY: the rectangle is as long as it is said to be.
    unsafe {
        if DwmGetWindowAttribute(window, DWMWA_EXTENDED_FRAME_BOUNDS, (&raw mut rect).cast(), size).is_err() {
            let _ = GetWindowRect(window, &raw mut rect);
        }
    }
    rect
}

fn place_restored(window: HWND) -> RECT {
    let length = u32::try_from(size_of::<WINDOWPLACEMENT>()).unwrap_or_default();
    let mut placement = WINDOWPLACEMENT { length, ..WINDOWPLACEMENT::default() };
    // SAFETY: the structure names its size.
    let _ = unsafe { GetWindowPlacement(window, &raw mut placement) };
    placement.rcNormalPosition
}

fn client(window: HWND, screen: &capture::Screen) -> Option<Rect> {
    let (mut rect, mut corner) = (RECT::default(), POINT::default());
    // SAFETY: the pointers are to locals that outlive the calls.
    let moved = unsafe {
        GetClientRect(window, &raw mut rect).ok()?;
        ClientToScreen(window, &raw mut corner).as_bool()
    };
    let (right, bottom) = (rect.right.saturating_add(corner.x), rect.bottom.saturating_add(corner.y));
    let inside = ours(RECT { left: corner.x, top: corner.y, right, bottom }, screen);
    let menu = menu_height(window);
    // For the system the menu bar is of the frame; for who works with the window it is not.
    moved.then(|| Rect {
        y: inside.y.saturating_sub_unsigned(menu),
        height: inside.height.saturating_add(menu),
        ..inside
    })
}

/// Of a menu bar in one line; 0 where there is none.
fn menu_height(window: HWND) -> u32 {
    // SAFETY: asks only.
    let height = unsafe { if GetMenu(window).is_invalid() { 0 } else { GetSystemMetrics(SM_CYMENU) } };
    u32::try_from(height).unwrap_or_default()
}

pub(super) fn ours(rect: RECT, screen: &capture::Screen) -> Rect {
    let corner = screen.place_of(rect.left, rect.top);
    let length = |from: i32, to: i32| u32::try_from(to.saturating_sub(from)).unwrap_or_default();
    Rect::new(corner.x, corner.y, length(rect.left, rect.right), length(rect.top, rect.bottom))
}

fn title(window: HWND) -> String {
    let mut units = [0; MAX_UNITS];
    // SAFETY: the buffer knows its length. Of another process the system gives what it knows, without asking it.
    let length = unsafe { GetWindowTextW(window, &mut units) };
    text(&units, length)
}

pub(super) fn class(window: HWND) -> String {
    let mut units = [0; MAX_UNITS];
    // SAFETY: the buffer knows its length.
    let length = unsafe { GetClassNameW(window, &mut units) };
    text(&units, length)
}

fn text(units: &[u16], length: i32) -> String {
    String::from_utf16_lossy(&units[..usize::try_from(length).unwrap_or_default().min(units.len())])
}

pub(super) fn pid(window: HWND) -> Option<u32> {
    let mut pid = 0;
    // SAFETY: the pointer is to a local that outlives the call.
    unsafe { GetWindowThreadProcessId(window, Some(&raw mut pid)) };
    (pid != 0).then_some(pid)
}

/// The program's file name, without path.
fn program_of(pid: u32) -> Option<String> {
    let mut units = [0; MAX_UNITS];
    let mut length = u32::try_from(units.len()).unwrap_or_default();
    // SAFETY: the buffer is as long as it is said to be; the process is closed again.
    let told = unsafe {
        let process = OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, false, pid).ok()?;
        let told = QueryFullProcessImageNameW(process, PROCESS_NAME_WIN32, PWSTR(units.as_mut_ptr()), &raw mut length);
        let _ = CloseHandle(process);
        told
    };
    told.ok()?;
    let path = text(&units, i32::try_from(length).ok()?);
    path.rsplit(['\\', '/']).next().map(ToOwned::to_owned)
}

/// Asks for the focus and waits until it is really there.
pub(super) fn activate(id: WindowId, pass: &Pass) -> Result<(), DesktopError> {
    let window = known(id)?;
    let watch = Stopwatch::start();
    // SAFETY: asks only.
    if unsafe { IsIconic(window) }.as_bool() {
        // SAFETY: restores a window; whether it did shows below.
        let _ = unsafe { ShowWindow(window, SW_RESTORE) };
    }
    let mut asked = false;
    loop {
        pass.check()?;
        if foreground().is_some_and(|front| front.id == id) {
            return Ok(());
        }
        known(id)?;
        if watch.left(ACTIVATE).is_none() {
            let window = Foreground { id, title: title(window) };
            return Err(DesktopError::NotActivated { window, found: foreground(), waited: ACTIVATE });
        }
        if asked {
            // The system lets a program change the foreground only while it has got the last input.
            input::send(&[input::key(VK_LMENU, true), input::key(VK_LMENU, false)])?;
        }
        // SAFETY: whether it did shows in the next round.
        asked = !unsafe { SetForegroundWindow(window) }.as_bool();
        thread::sleep(Duration::from_millis(20));
    }
}

/// Asks it to close, as its close button does.
pub(super) fn close(id: WindowId) -> Result<(), DesktopError> {
    let window = known(id)?;
    // SAFETY: the message carries nothing.
    unsafe { PostMessageW(Some(window), WM_CLOSE, WPARAM(0), LPARAM(0)) }
        .map_err(|error| DesktopError::Input(format!("the window cannot be asked to close: {}", error.message())))
}

/// Asks all windows of a process to close.
pub(in crate::desktop) fn close_of(process: u32) {
    for window in handles().into_iter().filter(|window| pid(*window) == Some(process)) {
        // It may have gone; whoever asked looks afterwards.
        let _ = close(id(window));
    }
}

pub(super) fn answers(id: WindowId, within: Duration) -> Result<bool, DesktopError> {
    let window = known(id)?;
    let ms = u32::try_from(within.as_millis()).unwrap_or(u32::MAX);
    // SAFETY: the message carries nothing.
    let answered = unsafe { SendMessageTimeoutW(window, WM_NULL, WPARAM(0), LPARAM(0), SMTO_ABORTIFHUNG, ms, None) };
    if answered.0 == 0 {
        known(id)?;
    }
    Ok(answered.0 != 0)
}
