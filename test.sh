#!/usr/bin/env bash
# Builds everything once and runs every test. Needs the .NET SDK of global.json and Node 20 or newer; fetches the rest.
#
#   ./test.sh                  everything
#   ./test.sh Engine Interop   only the test projects whose name contains one of these words
#
# The last line is `N passed, N failed` (and `, N skipped` when any). With CI=true a test that would be skipped
# because something is missing on this machine fails instead.
set -uo pipefail
exec </dev/null
cd "$(dirname "${BASH_SOURCE[0]}")" || exit 1

export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 MSBUILDTERMINALLOGGER=off
only=("$@")
results=$(mktemp -d) || exit 1
trap 'rm -rf "$results"' EXIT
mkdir "$results/tmp" # what tests leave behind, when one of them dies too, goes with the results
# timeout(1) puts a test project into a process group of its own, with the servers and clients it starts, and ends them all together.
running=
trap '[ -n "$running" ] && kill "$running"; exit 130' INT TERM
passed=0 failed=0 skipped=0

say() { printf '%s\n' "$*"; }

finish() {
  local line="$passed passed, $failed failed"
  [ "$skipped" -gt 0 ] && line="$line, $skipped skipped"
  say "took ${SECONDS} s"
  say "$line"
  [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
  exit
}

# A step that is not a test: silent when it works, one failure with its output when not.
step() {
  local name=$1 started=$SECONDS; shift
  if "$@" >"$results/step.log" 2>&1; then
    say "$name: ok ($((SECONDS - started)) s)"
  else
    say "$name: FAILED ($((SECONDS - started)) s)"
    tail -n 40 "$results/step.log"
    failed=$((failed + 1))
    return 1
  fi
}

wanted() {
  [ ${#only[@]} -eq 0 ] && return 0
  local word
  for word in "${only[@]}"; do [[ $1 == *"$word"* ]] && return 0; done
  return 1
}

# npm ci wipes node_modules each time; a copy of the lock file inside says that what is there is what the lock asks for.
npm_parts() {
  local lock folder
  for lock in "$@"; do
    folder=$(dirname "$lock")
    cmp -s "$lock" "$folder/node_modules/.installed-lock.json" && continue
    (cd "$folder" && npm ci --no-audit --no-fund --loglevel=error) || return 1
    cp "$lock" "$folder/node_modules/.installed-lock.json"
  done
}

# The browser tests drive a real Chromium. Without one, and without the right to install it, they say so.
chromium() {
  type -P chromium >/dev/null && return 0              # not command -v: it would find this function
  apt_install chromium
}

apt_install() {
  local as=()
  if [ "$(id -u)" -ne 0 ]; then
    sudo -n true || return 1
    as=(sudo -n)
  fi
  "${as[@]}" apt-get update && DEBIAN_FRONTEND=noninteractive "${as[@]}" apt-get install -y --no-install-recommends "$1"
}

# Accounts are kept in the system's SQLite, which small installations lack; without it the tests of accounts fail.
sqlite() {
  /sbin/ldconfig -p 2>/dev/null | grep -q 'libsqlite3\.so\.0' && return 0
  apt_install libsqlite3-0
}

# One test project; its counts come from its report, so a process that dies without one counts as a failure.
run_project() {
  local name=$1 report=$results/$1.xml log=$results/$1.log started=$SECONDS p f s e
  TMPDIR=$results/tmp timeout --kill-after=10 900 dotnet "tests/$name/bin/Release/net10.0/$name.dll" --no-ansi --no-progress --ignore-exit-code 8 \
    --report-xunit --report-xunit-filename "$name.xml" --results-directory "$results" >"$log" 2>&1 &
  running=$!
  wait "$running"
  local code=$?
  running=
  count() { grep -o "<assembly [^>]*>" "$report" 2>/dev/null | head -n 1 | grep -o " $1=\"[0-9]*\"" | tr -dc 0-9; }
  p=$(count passed) f=$(count failed) s=$(count skipped) e=$(count errors)
  p=${p:-0} f=$((${f:-0} + ${e:-0})) s=${s:-0}
  [ $code -ne 0 ] && [ $f -eq 0 ] && f=1
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
  say "$name: $p passed, $f failed, $s skipped ($((SECONDS - started)) s)"
  if [ "$f" -gt 0 ]; then
    if [ ! -f "$report" ]; then tail -n 60 "$log"; else grep -vE '^ *$|artifacts produced|^ +- /' "$log" | head -n 300; fi
  elif [ "$s" -gt 0 ]; then
    grep -A 1 '^skipped ' "$log"
  fi
}

step "build" dotnet build Ratatoskr.sln -c Release -v q --nologo || finish
if [ ${#only[@]} -eq 0 ]; then
  step "format" dotnet format Ratatoskr.sln --verify-no-changes --no-restore
fi
if wanted Automerge.Net.Tests; then
  step "npm package of the lockstep test" npm_parts tests/Automerge.Net.Tests/Lockstep/node/package-lock.json
fi
if wanted Ratatoskr.Http.Tests; then
  step "npm packages of the sign-in tests" npm_parts tests/Ratatoskr.Http.Tests/node/package-lock.json
fi
if wanted Ratatoskr.Storage.Tests; then
  step "npm package of the S3 tests" npm_parts tests/Ratatoskr.Storage.Tests/node/package-lock.json
fi
if wanted Ratatoskr.Interop.Tests; then
  step "npm packages" npm_parts tests/Ratatoskr.Interop.Tests/node/*/package-lock.json
fi
if wanted Ratatoskr.Http.Tests || wanted Ratatoskr.Interop.Tests; then
  if ! chromium >"$results/chromium.log" 2>&1; then
    say "chromium: not installed and cannot be installed here"
    tail -n 3 "$results/chromium.log"
  fi
fi
if ! sqlite >"$results/sqlite.log" 2>&1; then
  say "libsqlite3: not installed and cannot be installed here"
  tail -n 3 "$results/sqlite.log"
fi
for project in tests/*/*.Tests.csproj; do
  name=$(basename "$project" .csproj)
  wanted "$name" && run_project "$name"
done
finish
