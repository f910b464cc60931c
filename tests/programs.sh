#!/usr/bin/env bash
# Runs test programs (xunit v3), some side by side and the others alone, shows how far they are and sums up.
#
#   tests/programs.sh RESULTS [--together PROGRAM | --alone PROGRAM | --after PROCESS]... [--then SCRIPT] [-- OPTIONS OF THE PROGRAMS]
#
# A slow machine is not a failure: nothing is limited in time. A program that says nothing for FLEET_TEST_SILENCE_SECONDS (900) is
# ended; what had passed by then counts, and the tests that were running are named. Logs and results lie in RESULTS.
# What is named behind --after starts only when that process (its number) has ended.
# SCRIPT is run as 'SCRIPT end RESULTS' before the last line, for what else there is to say of the run.
# The last line is 'N passed, N failed, N skipped'; the exit code is 0 only when none failed and at least one passed.
set -uo pipefail
# Each program gets a process group of its own, so that it is ended with all that it started; and Ctrl+C as it comes from a terminal:
# without job control a shell has what runs in its background ignore it, and tests send it to what they start.
set -m

silence=${FLEET_TEST_SILENCE_SECONDS:-900}
# How often a line of progress is printed while counts move, and at least how often when they do not.
every=${FLEET_TEST_PROGRESS_SECONDS:-15}
side_by_side=${FLEET_TEST_SIDE_BY_SIDE:-2}

results=${1:?a folder for logs and results}
shift
together=() alone=() then=
while (($#)); do
  case $1 in
    --together) together+=("${2:?}"); shift 2 ;;
    --after) together+=("after ${2:?}"); shift 2 ;;
    --alone) alone+=("${2:?}"); shift 2 ;;
    --then) then=${2:?}; shift 2 ;;
    --) shift; break ;;
    *) echo "tests/programs.sh: '$1' is not understood." >&2; exit 2 ;;
  esac
done
options=("$@")
mkdir -p "$results"

# Of each program by its name: process, when it began, how far its log had grown and when it last did.
declare -A process=() began=() size=() grew=() silenced=()
passed=0 failed=0 skipped=0 broken=()

# 'PASSED FAILED SKIPPED' so far, from the log that is written as tests end.
counted() {
  awk '/\[FINISHED\] Time: / { done++ } /^ *[^ ].* \[FAIL\]$/ { failed++ } /^ *[^ ].* \[SKIP\]$/ { skipped++ }
    END { passed = done - failed - skipped; print (passed > 0 ? passed : 0), failed + 0, skipped + 0 }' "$1"
}

# Tests that began and did not end.
running_tests() {
  awk '/ \[STARTING\]$/ { sub(/^ */, ""); sub(/ \[STARTING\]$/, ""); open[$0] = 1 }
    / \[FINISHED\] Time: / { sub(/^ */, ""); sub(/ \[FINISHED\] Time: .*$/, ""); delete open[$0] }
    END { for (name in open) print "  " name }' "$1"
}

# What failed and what each said first: a log is long, and its end is what remains where only a part is kept.
failures() {
  awk '/^ *[^ ].* \[FAIL\]$/ { print substr($0, 1, 200); left = 10; next }
    left > 0 && /^      / { print substr($0, 1, 200); left--; next }
    { left = 0 }' "$1"
}

# An attribute of the assembly that a result file describes: 'failed="3"'.
attribute() { sed -n '0,/<assembly /s/.*<assembly [^>]*[ ]'"$2"'="\([0-9]*\)".*/\1/p' "$1" 2>/dev/null | head -n 1; }

clock() { printf '%02d:%02d' $((SECONDS / 60)) $((SECONDS % 60)); }

start() {
  local program=$1 name
  name=$(basename "$program")
  : >"$results/$name.log"
  # Whoever started this may have had Ctrl+C ignored, which a shell cannot take back for what it starts.
  env --default-signal=INT "$program" -noColor -noLogo -reporter verbose ${options[@]+"${options[@]}"} -result-xml "$results/$name.xml" \
    </dev/null >"$results/$name.log" 2>&1 &
  process[$name]=$! began[$name]=$SECONDS size[$name]=0 grew[$name]=$SECONDS
}

end_group() {
  kill -TERM -- "-$1" 2>/dev/null
  for _ in {1..50}; do kill -0 -- "-$1" 2>/dev/null || return 0; sleep 0.2; done
  kill -KILL -- "-$1" 2>/dev/null
}

finish() {
  local name=$1 code=$2 log=$results/$1.log xml=$results/$1.xml p f s trouble=
  p=$(attribute "$xml" passed) f=$(attribute "$xml" failed) s=$(attribute "$xml" skipped)
  if [[ -n $p && -z ${silenced[$name]:-} ]]; then f=$((f + $(attribute "$xml" errors)))
  else read -r p f s < <(counted "$log")
  fi
  if [[ -n ${silenced[$name]:-} ]]; then trouble="silent for $silence s and ended"
  elif [[ ! -s $xml ]]; then trouble="ended with code $code and no results"
  elif ((code != 0 && f == 0)); then trouble="ended with code $code though no test failed"
  elif ((p + f + s == 0 && ${#options[@]} == 0)); then trouble="holds no test"
  fi
  if [[ -n $trouble ]]; then
    f=$((f + 1))
    running_tests "$log" >"$results/$name.running"
  fi
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
  if ((f)); then
    broken+=("$name")
    grep -v -E '\[STARTING\]$|\[FINISHED\] Time: ' "$log"
    [[ -s $results/$name.running ]] && echo "These were running:" && cat "$results/$name.running"
  else
    grep -F '[SKIP]' -A 1 "$log" | grep -v -E '\[FINISHED\] Time: |^--$'
  fi
  echo "$name: $p passed, $f failed, $s skipped in $((SECONDS - began[$name])) s${trouble:+ ($trouble)}"
  unset "process[$name]"
}

# Takes in what ended, ends what is silent.
look() {
  local name now
  for name in "${!process[@]}"; do
    now=$(stat -c %s "$results/$name.log")
    ((now != size[$name])) && size[$name]=$now grew[$name]=$SECONDS
    if ! kill -0 "${process[$name]}" 2>/dev/null; then
      wait "${process[$name]}"
      finish "$name" $?
    elif ((SECONDS - grew[$name] >= silence)); then
      silenced[$name]=1
      end_group "${process[$name]}"
      wait "${process[$name]}" 2>/dev/null
      finish "$name" $?
    fi
  done
}

told='' told_at=0
tell() {
  local name line='' p f s
  ((SECONDS - told_at < every)) && return
  for name in "${!process[@]}"; do
    read -r p f s < <(counted "$results/$name.log")
    line+="${line:+; }$name $p passed"
    ((f)) && line+=", $f failed"
  done
  [[ -z $line || ( $line == "$told" && $((SECONDS - told_at)) -lt $((every * 8)) ) ]] && return
  echo "[$(clock)] $line"
  told=$line told_at=$SECONDS
}

await_fewer_than() {
  while ((${#process[@]} >= $1)); do
    look
    tell
    ((${#process[@]} >= $1)) && sleep 0.5
  done
}

trap 'for p in "${process[@]}"; do end_group "$p"; done' EXIT
trap 'exit 130' INT TERM

for program in ${together[@]+"${together[@]}"}; do
  if [[ $program == "after "* ]]; then
    while kill -0 "${program#after }" 2>/dev/null; do look; tell; sleep 0.5; done
    continue
  fi
  await_fewer_than "$side_by_side"
  start "$program"
done
for program in ${alone[@]+"${alone[@]}"}; do
  await_fewer_than 1
  start "$program"
done
await_fewer_than 1

[[ -n $then ]] && "$then" end "$results"
for name in ${broken[@]+"${broken[@]}"}; do failures "$results/$name.log"; done
((${#broken[@]})) && echo "Failed: ${broken[*]}. Logs: $results/"
echo "$passed passed, $failed failed, $skipped skipped"
((failed == 0 && passed > 0))
