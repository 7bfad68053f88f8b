#!/usr/bin/env bash
# Makes sure that what the named groups of dependencies.txt need is there.
#
#   cmake/install_dependencies.sh build test     # or check, chaos, e2e, or any of the five
#   cmake/install_dependencies.sh --list build   # only says what is missing; exit code 1 if anything is
#
# Debian 12: installs what is missing with apt, as root or by sudo. Elsewhere: lists it and stops. Says nothing and
# takes a few hundredths of a second when nothing is missing.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
only_list=
[[ ${1:-} == --list ]] && { only_list=1; shift; }
[[ $# -gt 0 ]] || { echo "usage: install_dependencies.sh [--list] build|test|check|chaos|e2e ..." >&2; exit 2; }

debian12() { [[ -r /etc/os-release ]] && (. /etc/os-release; [[ ${ID:-} == debian && ${VERSION_ID:-} == 12 ]]); }

# The packages of the groups whose command isn't on the path (into missing) or that have none (into to_ask).
missing=()
to_ask=()
declare -A file_of
while read -r group package probe; do
  [[ " $* " == *" $group "* ]] || continue
  case $probe in
    cmd:*) command -v "${probe#cmd:}" >/dev/null || missing+=("$package") ;;
    file:*) to_ask+=("$package"); file_of[$package]=${probe#file:} ;;
  esac
done < <(grep -v '^#' "$here/dependencies.txt")

if [[ ${#to_ask[@]} -gt 0 ]]; then
  if debian12; then
    installed=" $(dpkg-query -W -f '${Package}=${db:Status-Status} ' "${to_ask[@]}" 2>/dev/null || true)"
    for package in "${to_ask[@]}"; do
      [[ $installed == *" $package=installed "* ]] || missing+=("$package")
    done
  else
    multiarch=$(uname -m)-linux-gnu
    for package in "${to_ask[@]}"; do
      found=
      for root in /usr/include /usr/local/include "/usr/include/$multiarch" /usr/lib /usr/lib64 /opt/homebrew/include; do
        [[ -e $root/${file_of[$package]} ]] && found=1
      done
      [[ -n $found ]] || missing+=("$package")
    done
  fi
fi

[[ ${#missing[@]} -gt 0 ]] || exit 0
if [[ -n $only_list ]]; then
  printf '%s\n' "${missing[@]}"
  exit 1
fi
if ! debian12; then
  echo "Dohle needs these first (names as in Debian 12); install them and try again:" >&2
  printf '  %s\n' "${missing[@]}" >&2
  exit 1
fi
as_root=()
if [[ $(id -u) -ne 0 ]]; then
  command -v sudo >/dev/null || {
    echo "Dohle needs these packages, and there is neither root nor sudo to install them: ${missing[*]}" >&2
    exit 1
  }
  as_root=(sudo)
  [[ -t 0 ]] || as_root=(sudo -n)
fi
echo "installing: ${missing[*]}"
apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300)
"${apt[@]}" update
"${apt[@]}" install -y --no-install-recommends "${missing[@]}" </dev/null
