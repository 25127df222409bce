#!/bin/sh
# Prepares every suite that this machine can run, runs them, and says which were left out and why.
# With CI=true nothing may be left out, except detoxify where no build of torch without CUDA is offered.
set -eu
cd "$(dirname "$0")/.."

left_out=.venv/left-out
without=""
may_not_be_left_out=""
: > "$left_out"

leave_out() { # suite reason
    echo "left out: $1 ($2)" >> "$left_out"
    without="$without $1"
}

insist_on() { # suite reason
    leave_out "$1" "$2"
    may_not_be_left_out="$may_not_be_left_out $1"
}

find_chromium() {
    for name in chromium chromium-browser google-chrome google-chrome-stable; do
        if command -v "$name" && "$name" --version >&2 </dev/null; then return 0; fi
    done
    return 1
}

apt_install() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
    echo "Installing $* with apt-get"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq </dev/null && apt-get install -y -qq --no-install-recommends "$@" </dev/null >/dev/null
}

node_packages() { # folder; npm writes its hidden lock file last, so that file tells of a completed installation
    command -v node >/dev/null && command -v npm >/dev/null || return 1
    if [ "$1/node_modules/.package-lock.json" -nt "$1/package-lock.json" ]; then return 0; fi
    echo "Installing the Node packages of $1"
    (cd "$1" && npm ci --no-audit --no-fund --loglevel=error </dev/null) && touch "$1/node_modules/.package-lock.json"
}

command -v npm >/dev/null || apt_install nodejs npm || echo "Node.js is not installed"

if ! TEST_CHROMIUM=$(find_chromium 2>/dev/null); then
    apt_install chromium fonts-dejavu-core || true
    TEST_CHROMIUM=$(find_chromium 2>/dev/null) || TEST_CHROMIUM=""
fi
if [ -z "$TEST_CHROMIUM" ]; then
    insist_on browser "no Chromium found, and it cannot be installed without root and apt-get"
elif ! node_packages tests/node; then
    insist_on browser "axe-core could not be installed with Node's npm"
fi
.venv/bin/python -P tests/peers/network.py ||
    insist_on namespace "no network namespace can be made here: that needs root, or user namespaces"
node_packages tests/fedify_peer || insist_on peer "the Fedify peer could not be installed with Node's npm"

status=0
moderation/ml/install.sh || status=$?
case $status in
    0) ;;
    3) leave_out ml "only a CUDA build of torch, of several gigabytes, is offered here" ;;
    *) insist_on ml "detoxify could not be installed" ;;
esac

if [ "${CI:-}" = true ] && [ -n "$may_not_be_left_out" ]; then
    cat "$left_out" >&2
    echo "CI=true insists on:$may_not_be_left_out" >&2
    exit 1
fi

# Said before the tests too, so that with nothing to add pytest's own summary is the last line.
cat "$left_out"
marks="" names=""
for suite in $without; do
    marks="${marks:+$marks and }not $suite"
    names="${names:+$names,}$suite"
done
export TEST_CHROMIUM TEST_WITHOUT="$names"

status=0
.venv/bin/pytest ${marks:+-m "$marks"} "$@" </dev/null || status=$?
cat "$left_out"
exit $status
