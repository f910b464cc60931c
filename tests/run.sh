#!/usr/bin/env bash
# Installs what the tests need, builds once, runs every test project and sums up.
#
#   tests/run.sh                                         everything
#   tests/run.sh --only Contracts --only Agent           these projects
#   tests/run.sh --only Contracts -- -method '*Gate*'    options after -- go to the test programs (xunit v3)
#   tests/run.sh --coverage                              and a line for each project: how much of it the tests run
#
# The last line is 'N passed, N failed, N skipped'; the exit code is 0 only when none failed and at least one passed.
# A test program that crashes, runs nothing, or says nothing for FLEET_TEST_SILENCE_SECONDS (900) counts as a failure; what had passed
# by then counts too. Nothing is limited in time: a slow machine is not a failure. Logs: .artifacts/tests/.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Debug, because that is what the commands of README.md build: one build serves both, and tests judge what people start.
configuration=Debug
results=.artifacts/tests
# mosquitto_pub and mosquitto_sub are clients nobody here wrote; curl and openssl enroll one by hand; strace sees what a child opens;
# softhsm2 is a security module in software; chromium is the browser that the pages are read with; jq is in the commands of guides. qemu-user
# and gcc count the instructions of models: the static qemu of deploy/emulation.sh takes no plugins.
packages=(mosquitto-clients curl openssl ca-certificates strace softhsm2 chromium jq qemu-user gcc libc6-dev)

only=() coverage=
while (($#)); do
  case $1 in
    --only) only+=("${2:?--only needs a project, such as Contracts}"); shift 2 ;;
    --coverage) coverage=1; shift ;;
    --) shift; break ;;
    -h | --help) sed -n '2,12s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 0 ;;
    *) echo "tests/run.sh: '$1' is not understood; options for the test programs go after --." >&2; exit 2 ;;
  esac
done

give_up() {
  echo "tests/run.sh: $1" >&2
  echo "0 passed, 1 failed, 0 skipped"
  exit 1
}

install_packages() {
  local missing=() as_root=()
  for package in "${packages[@]}"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  ((${#missing[@]})) || return 0
  if ((EUID != 0)); then
    command -v sudo >/dev/null || give_up "the tests need the Debian packages ${missing[*]}; install them, or run this as root or where sudo is."
    as_root=(sudo -n)
  fi
  echo "Installing ${missing[*]}"
  # The package lists are fetched only when those on the machine are too old or absent.
  for attempt in 1 2; do
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" </dev/null >"$results/packages.log" 2>&1 && return 0
    ((attempt == 1)) && "${as_root[@]}" apt-get update -qq </dev/null >>"$results/packages.log" 2>&1
  done
  cat "$results/packages.log" >&2
  give_up "the Debian packages ${missing[*]} could not be installed (see above)."
}

rm -rf "$results" && mkdir -p "$results"
install_packages
command -v dotnet >/dev/null || give_up "dotnet is not on PATH; install the .NET SDK that global.json names."

# A bare machine may have no home folder, which NuGet and the SDK want.
if [[ -z ${HOME:-} || ! -w ${HOME:-/nowhere} ]]; then
  export HOME=$PWD/.artifacts/home
  mkdir -p "$HOME"
fi
# Counting which way code went, so as to compile it better once more, costs a fifth of the processor time of programs that live so short.
export DOTNET_TieredPGO=0
export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_SKIP_FIRST_TIME_EXPERIENCE=1 MSBUILDDISABLENODEREUSE=1

SECONDS=0
# A run that was killed while it counted coverage leaves counting copies where the build put its own.
tests/coverage.sh restore
echo "Building ($configuration)"
dotnet build Fleet.sln -c "$configuration" -v quiet -clp:NoSummary </dev/null || give_up "the solution does not build."
echo "Built in $SECONDS s"

# Processors that this machine is not, provided while the first program runs. Without them the tests that need them are skipped and say so.
emulate() {
  local began=$SECONDS
  if timeout --kill-after=10 900 deploy/emulation.sh </dev/null >"$results/emulation.log" 2>&1; then
    echo "Emulation ready in $((SECONDS - began)) s"
  else
    echo "Other processors cannot be emulated here, see $results/emulation.log"
  fi
}

# Every test program. Two run side by side, the longest first; those that run two tests at once and judge times run alone.
alone=(Agent EndToEnd)
emulated=(Cli Modeling Quantization)
chosen=() emulating=
trap '[[ -z $emulating ]] || kill "$emulating" 2>/dev/null' EXIT
for project in Fleet.{Server,Cli,Modeling,Quantization}.Tests $(ls tests); do
  [[ -d tests/$project && $project == *.Tests && ! " ${chosen[*]} " =~ "/$project " ]] || continue
  short=${project#Fleet.} short=${short%.Tests}
  if ((${#only[@]})) && [[ ! " ${only[*]} " =~ " $short " && ! " ${only[*]} " =~ " $project " ]]; then continue; fi
  if [[ -z $emulating && " ${emulated[*]} " =~ " $short " ]]; then
    emulate &
    emulating=$!
    chosen+=(--after "$emulating")
  fi
  [[ " ${alone[*]} " =~ " $short " ]] && how=--alone || how=--together
  chosen+=("$how" ".artifacts/bin/$project/${configuration,,}/$project")
done

then=()
if [[ -n $coverage ]] && tests/coverage.sh begin "$results"; then
  then=(--then tests/coverage.sh)
  trap 'tests/coverage.sh restore; [[ -z $emulating ]] || kill "$emulating" 2>/dev/null' EXIT
fi
tests/programs.sh "$results" "${chosen[@]}" ${then[@]+"${then[@]}"} -- "$@"
