#!/usr/bin/env bash
# Installs what a make target needs beyond the Rust toolchain, and says what it installs. Does nothing where all is there.
#
#   install-needs.sh build       a C compiler and linker
#   install-needs.sh desktop     X server, window manager and real applications for tests and demo; curl and jq
#   install-needs.sh deny        cargo-deny, built into target/tools
#   install-needs.sh schemathesis  schemathesis of PyPI, in an environment of its own in target/tools
#   install-needs.sh opencv      OpenCV of PyPI, likewise, for the benchmark beside it
#   install-needs.sh fuzz        a C++ compiler, for the fuzzer's library
set -eu
cd "$(dirname "$0")/.."

DENY_VERSION=0.20.2

# What must be there, and the Debian package that brings it: a command, or a file by its path or a pattern of it.
BUILD_NEEDS="cc:gcc /usr/include/stdlib.h:libc6-dev"
FUZZ_NEEDS="c++:g++"
DESKTOP_NEEDS="Xvfb:xvfb openbox:openbox galculator:galculator mousepad:mousepad xterm:xterm curl:curl jq:jq
  xclip:xclip xdotool:xdotool tesseract:tesseract-ocr dbus-daemon:dbus-daemon gnumeric:gnumeric xmessage:x11-utils /etc/init.d/dbus:dbus
  setxkbmap:x11-xkb-utils
  /usr/libexec/at-spi-bus-launcher:at-spi2-core /usr/lib/python3/dist-packages/gi/__init__.py:python3-gi
  /usr/lib/$(uname -m)-linux-gnu/girepository-1.0/Gtk-3.0.typelib:gir1.2-gtk-3.0 /usr/lib/python3.*/tkinter/__init__.py:python3-tk
  /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf:fonts-dejavu-core"

fail() {
    echo "install-needs: $1" >&2
    exit 1
}

present() {
    case $1 in
        /*) compgen -G "$1" >/dev/null ;;
        *) command -v "$1" >/dev/null ;;
    esac
}

install_packages() {
    local missing="" root=""
    for need in "$@"; do
        present "${need%%:*}" || missing="$missing ${need##*:}"
    done
    [ -n "$missing" ] || return 0
    command -v apt-get >/dev/null || fail "please install, by whatever name your system has for them:$missing"
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || fail "as root, please run: apt-get update && apt-get install$missing"
        root="sudo"
    fi
    echo "install-needs: installing from Debian:$missing"
    $root apt-get update -qq || fail "apt-get update failed; then please install:$missing"
    $root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null ||
        fail "apt-get could not install:$missing"
}

install_deny() {
    # Whatever version a person has is theirs; the pinned one is for machines that have none.
    if command -v cargo-deny >/dev/null || [ -x target/tools/bin/cargo-deny ]; then
        return 0
    fi
    echo "install-needs: building cargo-deny $DENY_VERSION into target/tools (some minutes, once)"
    # Unoptimised: it builds in half the time and runs for a second.
    cargo install --quiet --locked --debug --root target/tools --target-dir target/tools/build \
        cargo-deny --version "$DENY_VERSION" || fail "cargo-deny could not be built; see above"
    rm -rf target/tools/build
}

# Packages of PyPI, in an environment of their own: its name, and the list of what goes in.
install_python() {
    local home=target/tools/$1 wanted=$2
    # The list it was made from lies beside it: another list, another environment.
    if cmp -s "$wanted" "$home/requirements.txt"; then
        return 0
    fi
    python3 -c 'import ensurepip' 2>/dev/null || install_packages no-python3-venv:python3-venv
    echo "install-needs: installing $1 and what it needs into $home (a minute, once)"
    rm -rf "$home"
    python3 -m venv "$home" || fail "python3 could not make an environment in $home"
    "$home/bin/pip" install --quiet --disable-pip-version-check --requirement "$wanted" ||
        fail "pip could not install $wanted; see above"
    cp "$wanted" "$home/requirements.txt"
}

command -v cargo >/dev/null || fail "there is no cargo; install a Rust toolchain first (rustup brings the pinned one)"

for group in "$@"; do
    case $group in
        build) install_packages $BUILD_NEEDS ;;
        desktop) install_packages $DESKTOP_NEEDS ;;
        deny) install_deny ;;
        schemathesis) install_python schemathesis tests/schemathesis/requirements.txt ;;
        opencv) install_python opencv benches/opencv/requirements.txt ;;
        fuzz) install_packages $FUZZ_NEEDS ;;
        *) fail "there is no group '$group'; there are build, desktop, deny, schemathesis, opencv and fuzz" ;;
    esac
done
