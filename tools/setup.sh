#!/usr/bin/env bash
# Makes this machine ready to build placer: packages, CMake >= 3.25, LibTorch. Does nothing, in a
# tenth of a second, where all of it is there. quickstart.sh and test.sh source it; it also runs alone.
#
#   LIBTORCH_ROOT   a folder that holds torch/ (and nvidia/): used instead of fetching LibTorch
#   XDG_CACHE_HOME  LibTorch goes to $XDG_CACHE_HOME/placer [~/.cache/placer]
set -euo pipefail

setup_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
setup_cache=${XDG_CACHE_HOME:-$HOME/.cache}/placer
setup_torch=$setup_cache/libtorch-2.11.0
setup_wheels=(torch==2.11.0 nvidia-cuda-runtime==13.0.96 nvidia-cuda-cupti==13.0.85)
setup_packages=(
  ca-certificates ccache clang-format cmake g++ git ninja-build python3 python3-pip
  coinor-libclp-dev libbenchmark-dev libcli11-dev libfmt-dev libgmock-dev libgtest-dev libmetis-dev
  libscotch-dev libvalijson-dev libxxhash-dev libzip-dev libzstd-dev nlohmann-json3-dev
)

setup_say() { printf 'setup: %s\n' "$*" >&2; }
setup_fail() {
  setup_say "$@"
  exit 1
}

setup_install_packages() {
  command -v dpkg-query >/dev/null || return 0 # not Debian: CMake names what is missing
  local status missing=() as_root=()
  # An installed package prints "ii name"; others print another state, or nothing.
  # shellcheck disable=SC2016 # a format of dpkg-query, not a shell variable
  status=$(dpkg-query -W -f '${db:Status-Abbrev}${Package}\n' "${setup_packages[@]}" 2>/dev/null || true)
  for package in "${setup_packages[@]}"; do
    grep -qxF "ii $package" <<<"$status" || missing+=("$package")
  done
  ((${#missing[@]})) || return 0

  local install=(apt-get install -y --no-install-recommends "${missing[@]}")
  if ((EUID != 0)); then
    if ! command -v sudo >/dev/null || ! { [[ -t 0 ]] || sudo -n true 2>/dev/null; }; then
      setup_fail "packages are missing and this user cannot install them. As root, run:" \
        $'\n'"  apt-get update && ${install[*]}"
    fi
    as_root=(sudo)
  fi
  setup_say "installing ${missing[*]}"
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive "${install[@]}" -qq >/dev/null ||
    setup_fail "apt-get failed; to see why, run as root:"$'\n'"  ${install[*]}"
}

# setup_pip TARGET WHEEL...: installs into a folder of its own, which appears only when complete.
setup_pip() {
  local target=$1 part=$1.part.$$
  shift
  python3 -m pip --version >/dev/null 2>&1 || setup_fail "python3 has no pip: install python3-pip"
  rm -rf "$target".part.* # left by a run that was killed
  # shellcheck disable=SC2064 # the path of now
  trap "rm -rf '$part'" EXIT
  PIP_ROOT_USER_ACTION=ignore python3 -m pip install --quiet --disable-pip-version-check \
    --no-cache-dir --no-deps --only-binary :all: --target "$part" "$@" ||
    setup_fail "pip could not fetch $*; try again, or see CONTRIBUTING.md for other ways"
  rm -rf "$target"
  mv "$part" "$target"
  trap - EXIT
}

setup_cmake() {
  local version
  version=$(cmake --version 2>/dev/null | sed -n 's/^cmake version \([0-9.]*\).*/\1/p' || true)
  if [[ -n $version && $(printf '%s\n3.25\n' "$version" | sort -V | head -n 1) == 3.25 ]]; then
    return 0
  fi
  if [[ ! -x $setup_cache/cmake/cmake/data/bin/cmake ]]; then
    setup_say "CMake is ${version:-missing}; fetching 3.31 from PyPI"
    setup_pip "$setup_cache/cmake" "cmake==3.31.*"
  fi
  export PATH=$setup_cache/cmake/cmake/data/bin:$PATH
}

setup_libtorch() {
  local find=(cmake -P "$setup_root/tools/cmake/FindLibTorch.cmake")
  "${find[@]}" >/dev/null 2>&1 && return 0
  if [[ -n ${LIBTORCH_ROOT:-} ]]; then
    "${find[@]}" # says what is wrong with it
    exit 1
  fi
  setup_say "fetching LibTorch into $setup_torch (530 MB, once)"
  setup_pip "$setup_torch" "${setup_wheels[@]}"
  "${find[@]}" >/dev/null
}

# One at a time: two set-ups at once would fetch the same things.
setup_downloads() {
  mkdir -p "$setup_cache"
  exec {setup_lock}>"$setup_cache/.lock"
  flock "$setup_lock"
  setup_cmake
  setup_libtorch
  exec {setup_lock}>&-
}

[[ $(uname -sm) == "Linux x86_64" ]] || setup_fail "placer builds on x86-64 Linux only"
setup_install_packages
setup_downloads
