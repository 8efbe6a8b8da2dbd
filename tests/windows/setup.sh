# Sourced by tests/windows/run.sh: what builds for Windows on Debian, and a Wine to run it in. Everything that takes time is kept in
# target/windows and in the toolchain itself, and made anew only where a version changed.

TARGET=x86_64-pc-windows-gnu
HOME_OF_WINDOWS=$PWD/target/windows
PACKAGES="rustc-web cargo-web rust-web-clippy rust-web-src gcc-mingw-w64-x86-64-win32 wine wine64 xvfb xdotool fonts-wine fonts-liberation"
# Debian's own toolchain: its standard library can be built for Windows from Debian's source package.
DEBIAN_PATH=/usr/bin:/bin

install_packages() {
    local package missing="" root=""
    for package in $PACKAGES; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    [ "$(id -u)" -eq 0 ] || root=sudo
    say "installing from Debian:$missing"
    $root apt-get update -qq
    $root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
}

# The standard library for Windows, into the toolchain's own folder, once for each version of it.
build_std() {
    local library made version
    made=$(PATH=$DEBIAN_PATH rustc --print sysroot)/lib/rustlib
    version=$(PATH=$DEBIAN_PATH rustc -vV; dpkg-query -W -f='${Version}' rust-web-src)
    [ "$(cat "$made/$TARGET/.version" 2>/dev/null)" != "$version" ] || return 0
    say "building the standard library for $TARGET"
    library=$made/src/rust/library
    rm -rf "${made:?}/$TARGET" "$HOME_OF_WINDOWS/std"
    # Flags of the caller would take the place of those that the library needs.
    env -u RUSTFLAGS -u CARGO -u RUSTC -u RUSTUP_TOOLCHAIN PATH=$DEBIAN_PATH RUSTC_BOOTSTRAP=1 CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUSTFLAGS=-Zforce-unstable-if-unmarked \
        cargo build --quiet --locked --manifest-path "$library/sysroot/Cargo.toml" --profile dist --target $TARGET \
        --features 'panic-unwind backtrace' --target-dir "$HOME_OF_WINDOWS/std"
    mkdir -p "$made/$TARGET/lib"
    cp "$HOME_OF_WINDOWS/std/$TARGET/dist/deps/"*.rlib "$made/$TARGET/lib/"
    # The workspace's own crate is none of the library.
    rm -f "$made/$TARGET/lib/"libsysroot-*.rlib
    rm -rf "$HOME_OF_WINDOWS/std"
    printf '%s' "$version" >"$made/$TARGET/.version"
}

# One call of this system's library that Wine 8 does not have yet.
make_missing_library() {
    cat >"$HOME_OF_WINDOWS/bcryptprimitives.c" <<'C'
#include <windows.h>
#include <ntsecapi.h>
__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE to, SIZE_T left)
{
    while (left) {
        ULONG part = left > 0x10000 ? 0x10000 : (ULONG)left;
        if (!RtlGenRandom(to, part)) return FALSE;
        to += part;
        left -= part;
    }
    return TRUE;
}
C
    x86_64-w64-mingw32-gcc -O2 -s -shared -o "$1" "$HOME_OF_WINDOWS/bcryptprimitives.c" -ladvapi32
}

# A display of its own, and a Windows that nobody has used: version 10, its desktop in one window as large as the display.
start_wine() {
    export WINEPREFIX=$work/prefix WINEDEBUG=-all WINEARCH=win64 WINEDLLOVERRIDES="mscoree,mshtml="
    start xvfb.log Xvfb -displayfd 3 -screen 0 1280x800x24 -nolisten tcp -noreset 3>"$work/display"
    has_display() { [ -s "$work/display" ]; }
    until_true "a display" xvfb.log has_display
    DISPLAY=:$(cat "$work/display")
    export DISPLAY
    wineboot --init >/dev/null 2>&1
    make_missing_library "$WINEPREFIX/drive_c/windows/system32/bcryptprimitives.dll"
    wine winecfg -v win10
    wine reg add 'HKCU\Software\Wine\Explorer' /v Desktop /d Default /f >/dev/null
    wine reg add 'HKCU\Software\Wine\Explorer\Desktops' /v Default /d 1280x800 /f >/dev/null
    # What a service starts for a user has that user's variables alone, and Wine finds its display by one.
    wine reg add 'HKCU\Environment' /v DISPLAY /d "$DISPLAY" /f >/dev/null
    # The desktop is that of the next server only.
    wineserver -k || true
    wineserver -w
}
