#!/usr/bin/env bash
# Provides what 'fleet models prove' and its tests need to run the agent on processors that this machine is not:
# qemu's user mode, the C and C++ libraries for arm64, and the agent compiled for arm64. Asked again, it does only what is missing.
#
#   deploy/emulation.sh            Debian packages by apt-get, then the agent (a minute of one core)
#   deploy/emulation.sh --check    changes nothing; exit code 0 when everything is there
#
# The agent is kept in .artifacts/emulation/linux-arm64, and made anew when its sources have changed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# qemu plays the processors; clang and Arm's cross compiler link the agent ahead of time, and bring the libraries it runs with.
packages=(qemu-user-static clang gcc-aarch64-linux-gnu libc6-dev-arm64-cross libstdc++6-arm64-cross)
home=.artifacts/emulation
agent=$home/linux-arm64

check=
case ${1:-} in
  '') ;;
  --check) check=1 ;;
  -h | --help) sed -n '2,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 0 ;;
  *) echo "deploy/emulation.sh: '$1' is not understood; see --help." >&2; exit 2 ;;
esac

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
# What the agent is made of; its digest tells whether the one that is kept is still it.
sources=$(find shared/Fleet.Contracts shared/Fleet.Platform agent/Fleet.Agent Directory.Build.props Directory.Packages.props global.json -type f -not -path '*/bin/*' -not -path '*/obj/*' -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -d ' ' -f 1)
made=$(cat "$home/sources" 2>/dev/null || true)
[[ $made == "$sources" && -x $agent/fleet-agent ]] && current=1 || current=

if [[ -n $check ]]; then
  ((${#missing[@]})) && echo "Missing Debian packages: ${missing[*]}"
  [[ -z $current ]] && echo "The agent for arm64 is not made yet, or its sources have changed."
  ((${#missing[@]} == 0)) && [[ -n $current ]]
  exit
fi

if ((${#missing[@]})); then
  as_root=()
  if ((EUID != 0)); then
    command -v sudo >/dev/null || { echo "deploy/emulation.sh: the Debian packages ${missing[*]} are needed; install them, or run this as root or where sudo is." >&2; exit 1; }
    as_root=(sudo -n)
  fi
  echo "Installing ${missing[*]}"
  log=$(mktemp)
  installed=
  # The package lists are fetched only when those on the machine are too old or absent.
  for attempt in 1 2; do
    if "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" </dev/null >"$log" 2>&1; then installed=1; break; fi
    ((attempt == 1)) && "${as_root[@]}" apt-get update -qq </dev/null >>"$log" 2>&1
  done
  [[ -n $installed ]] || { cat "$log" >&2; echo "deploy/emulation.sh: the Debian packages ${missing[*]} could not be installed (see above)." >&2; exit 1; }
  rm -f "$log"
fi

if [[ -z $current ]]; then
  echo "Compiling the agent for arm64 (about a minute)"
  began=$SECONDS
  rm -rf "$agent.new"
  # Folders of its own: what an ordinary build has restored and made is left alone.
  DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 MSBUILDDISABLENODEREUSE=1 dotnet publish agent/Fleet.Agent -c Release -r linux-arm64 \
    -p:PublishAot=true -p:ObjCopyName=aarch64-linux-gnu-objcopy -p:ArtifactsPath="$PWD/$home/build" \
    -o "$PWD/$agent.new" -v quiet </dev/null
  rm -f "$agent.new"/*.dbg "$agent.new"/*.pdb "$agent.new"/*.xml
  rm -rf "$agent" && mv "$agent.new" "$agent"
  echo "$sources" >"$home/sources"
  echo "Compiled in $((SECONDS - began)) s"
fi
echo "Ready: $agent/fleet-agent, $(command -v qemu-aarch64-static), $(command -v qemu-x86_64-static)"
