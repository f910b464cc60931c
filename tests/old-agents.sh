#!/usr/bin/env bash
# Builds agents of earlier versions from the repository's own history, for the tests that need them (OldAgentTests).
#
#   tests/old-agents.sh            all of them, a minute each; asked again, only what is missing
#   tests/old-agents.sh --check    changes nothing; exit code 0 when all are there
#
# They are kept in .artifacts/old-agents/NAME. A clone without that history ('git fetch --unshallow' brings it) cannot build them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# The last commit that spoke protocol 1, and that of 0.2.0, the last of protocol 2.
agents=(protocol-1:03c022f 0.2.0:4a1d202)
home=$PWD/.artifacts/old-agents

check=
case ${1:-} in
  '') ;;
  --check) check=1 ;;
  -h | --help) sed -n '2,7s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 0 ;;
  *) echo "tests/old-agents.sh: '$1' is not understood; see --help." >&2; exit 2 ;;
esac

missing=0
for agent in "${agents[@]}"; do
  name=${agent%:*} commit=${agent#*:}
  [[ -x $home/$name/fleet-agent ]] && continue
  if [[ -n $check ]]; then
    echo "The agent $name is not built."
    missing=1
    continue
  fi
  git cat-file -e "$commit^{commit}" 2>/dev/null || { echo "tests/old-agents.sh: this clone does not hold commit $commit; 'git fetch --unshallow' brings it." >&2; exit 1; }
  echo "Building the agent $name from $commit"
  source=$(mktemp -d)
  trap 'rm -rf "$source"' EXIT
  git archive "$commit" | tar -x -C "$source"
  # What was found in its packages since must not keep it from being built, and the packages of today's SDK are not those it was locked to.
  (cd "$source" && env -u CI DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 MSBUILDDISABLENODEREUSE=1 dotnet publish agent/Fleet.Agent -c Release \
    --use-current-runtime --no-self-contained -p:NuGetAudit=false -o "$home/$name.new" -v quiet </dev/null)
  rm -rf "${home:?}/$name" "$source" && mv "$home/$name.new" "$home/$name"
done
((missing == 0)) || exit 1
[[ -n $check ]] || echo "Ready: $home"
