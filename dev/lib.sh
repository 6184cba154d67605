# What the scripts in dev/ share. Sourced by them, not run.
# shellcheck shell=bash

# shellcheck disable=SC2034
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/privatelink-operator
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$cache/target}

say() { printf '==> %s\n' "$*" >&2; }

die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# need PROGRAM WHY: ends the script, in words, when PROGRAM is not on the PATH.
need() { command -v "$1" >/dev/null || die "$1 is not on the PATH; $2"; }

# Sets `python` to a Python that is new enough for LocalStack.
find_python() {
  local candidate
  for candidate in python3.13 python3.12 python3 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[23].*/bin/python3; do
    if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; then
      python=$(command -v "$candidate")
      return
    fi
  done
  die 'Python 3.12 or newer, with its venv module, is needed for LocalStack: looked for python3.13, python3.12, python3 and pyenv versions'
}

# digest FILE...: a short name for the content of these files.
digest() { cat "$@" | sha256sum | cut -c1-16; }

# install_once DIR WHAT COMMAND...: runs COMMAND, which fills DIR, unless an earlier run has completed it. One run at a
# time does this; a DIR without its stamp was cut short and is made again. (Not built elsewhere and moved: a Python
# environment knows its own path.)
install_once() {
  local dir=$1 what=$2 began=$SECONDS
  shift 2
  [[ -e $dir/.complete ]] && return
  mkdir -p "$(dirname "$dir")"
  (
    flock --nonblock 9 || { say "waiting for another run, which is installing $what" && flock 9; }
    [[ -e $dir/.complete ]] && exit
    say "installing $what"
    rm -rf "$dir"
    mkdir "$dir"
    "$@" 9>&-
    touch "$dir/.complete"
    say "installed ${what%%[:,]*} in $((SECONDS - began)) s"
  ) 9>"$dir.lock"
}

# free_ports COUNT: outside the range that the kernel takes for outgoing connections.
free_ports() {
  "$python" - "$1" <<'PYTHON'
import random, socket, sys

found = []
for port in random.sample(range(20000, 30000), 1000):
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) != 0:
            found.append(str(port))
    if len(found) == int(sys.argv[1]):
        print(*found)
        break
PYTHON
}

# fetch URL: prints what is there; fails when it is not 200.
fetch() {
  "$python" -c 'import sys, urllib.request as u; sys.stdout.buffer.write(u.urlopen(sys.argv[1], timeout=5).read())' "$1"
}

# launch NAME CMD...: CMD as the leader of a process group, in `dir`, with its output in NAME.log there.
launch() {
  local name=$1
  shift
  setsid "$@" >"$name.log" 2>&1 </dev/null &
  echo "$! $name" >>pids
  disown
}

# stage TEXT: says how long the stage before took, and what comes now.
stage() {
  stage_done
  say "$*"
  stage_began=$(now)
}

stage_done() {
  if [[ -n ${stage_began:-} ]]; then printf '    %s s\n' "$(since "$stage_began")" >&2; fi
  stage_began=
}

now() { echo "${EPOCHREALTIME//[^0-9]/}"; }

since() {
  local tenths=$((($(now) - $1) / 100000))
  echo "$((tenths / 10)).$((tenths % 10))"
}
