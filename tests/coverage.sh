#!/usr/bin/env bash
# Counts which lines of the product the tests run, child processes included. tests/run.sh --coverage calls it; the parts:
#
#   tests/coverage.sh begin RESULTS    puts counting copies of the product's libraries in place of what was built
#   tests/coverage.sh end RESULTS      puts back what was built, prints a line for each project
#   tests/coverage.sh restore          puts back what was built, should a run have been killed
#
# Every library is prepared once and its copy laid beside each program that loads it, so that all processes count into one place.
# A process that is killed outright cannot tell what it ran: figures are a little low rather than high.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bin=.artifacts/bin
libraries=(Fleet.Contracts Fleet.Platform Fleet.Quantization fleet-server fleet-modeling fleet-quantize fleet-agent fleet)
work=$(realpath -m "${2:-.artifacts/tests}/coverage")

restore() {
  local plain
  find "$bin" -name '*.dll.plain' -print0 2>/dev/null | while IFS= read -r -d '' plain; do mv -f "$plain" "${plain%.plain}"; done
}

begin() {
  local library folder file
  restore
  rm -rf "$work" && mkdir -p "$work/libraries"
  # The libraries and whatever they refer to, in one folder: all of it is read, ours are changed.
  for folder in "$bin"/Fleet.{Server,Modeling,Quantize,Agent,Cli}/debug; do cp -n "$folder"/*.dll "$folder"/*.pdb "$work/libraries/" 2>/dev/null; done
  dotnet msbuild tests/coverage.proj -noLogo -restore -t:Cover -p:TargetPath="$work/libraries/fleet-server.dll" \
    -p:Ready="$work/ready" -p:Finished="$work/finished" -p:CoverletOutput="$work/" </dev/null >"$work/log" 2>&1 &
  echo $! >"$work/pid"
  until [[ -e $work/ready ]]; do
    kill -0 "$(cat "$work/pid")" 2>/dev/null || { cat "$work/log" >&2; return 1; }
    sleep 0.5
  done
  for library in "${libraries[@]}"; do
    [[ -e $work/libraries/$library.dll ]] || continue
    find "$bin" -path '*/debug/*' -name "$library.dll" -print0 | while IFS= read -r -d '' file; do
      mv "$file" "$file.plain" && cp "$work/libraries/$library.dll" "$file"
    done
  done
}

end() {
  restore
  touch "$work/finished"
  while kill -0 "$(cat "$work/pid")" 2>/dev/null; do sleep 0.5; done
  awk -F '|' '/^\| (Fleet|fleet)/ { gsub(/ /, "", $2); gsub(/ /, "", $3); gsub(/ /, "", $4)
    printf "Coverage of %s: %s of its lines, %s of its branches\n", $2, $3, $4; seen = 1 }
    END { exit !seen }' "$work/log" || { echo "Coverage could not be counted, see $work/log"; }
}

case ${1:-} in
  begin | end | restore) "$1" ;;
  *) sed -n '2,9s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 2 ;;
esac
