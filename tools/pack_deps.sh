#!/usr/bin/env bash
# Gathers what placer is built from, LibTorch and the CUDA Toolkit apart, into a folder for a machine
# without network: headers, shared libraries with all that they load, CMake packages, GoogleTest's
# source. Run it on Debian 12 where tools/setup.sh has run; the other machine needs x86-64, a C
# library that is no older (2.36), g++ 12 or later and CMake 3.25. A second or two, no network.
#
#   tools/pack_deps.sh [DIR]        default: deps
#
# There: cmake --preset release -DCMAKE_PREFIX_PATH=$PWD/deps, or tools/gpu_check.sh, which finds it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

pack=${1:-deps}
arch=x86_64-linux-gnu
packages=(
  coinor-libclp-dev coinor-libcoinutils-dev libcli11-dev libfmt-dev libmetis-dev libscotch-dev
  libvalijson-dev libxxhash-dev libzip-dev libzstd-dev nlohmann-json3-dev
)
# Of these packages, what is linked; each brings the libraries that it loads.
libraries=(Clp CoinUtils fmt metis scotch scotcherr xxhash zip zstd)
# What every machine has, and must not have twice.
everywhere='^(linux-vdso|ld-linux-x86-64|lib(c|m|dl|rt|pthread|resolv|stdc\+\+|gcc_s))[-.]'

fail() {
  printf 'pack_deps: %s\n' "$*" >&2
  exit 1
}

# copy FILE...: to the same place under the folder, as /usr/x is x there; links stay links.
copy() {
  local file
  for file in "$@"; do
    local target=$pack/${file#/usr/}
    mkdir -p "${target%/*}"
    cp -P "$file" "$target"
  done
}

# The files of the packages that a build reads.
copy_packages() {
  local file
  while read -r file; do
    case $file in
      /usr/include/*/scotch-int* | /usr/include/scotch-* | */cmake/libzip/* | */cmake/zstd/*) continue ;;
      /usr/include/* | /usr/lib/*/cmake/* | /usr/share/cmake/*) [[ -d $file ]] || copy "$file" ;;
    esac
  done < <(dpkg -L "${packages[@]}")
}

# copy_library PATH: the file behind the name, under its own name and under the name that is loaded.
copy_library() {
  local real name=${1##*/}
  real=$(readlink -f "$1")
  mkdir -p "$pack/lib/$arch"
  cp -u "$real" "$pack/lib/$arch/"
  [[ $name == "${real##*/}" ]] || ln -sf "${real##*/}" "$pack/lib/$arch/$name"
}

copy_libraries() {
  local library name arrow path
  for library in "${libraries[@]}"; do
    copy_library "/usr/lib/$arch/lib$library.so"
    while read -r name arrow path _; do
      [[ $arrow == "=>" && ! $name =~ $everywhere ]] || continue
      copy_library "${path%/*}/$name"
    done < <(ldd "/usr/lib/$arch/lib$library.so")
    # Its own name, which programs are linked to.
    name=$(objdump -p "/usr/lib/$arch/lib$library.so" | sed -n 's/^ *SONAME *//p')
    [[ -z $name ]] || copy_library "/usr/lib/$arch/$name"
  done
}

command -v dpkg-query >/dev/null || fail "this is not Debian: copy what tools/cmake/ThirdParty.cmake names by hand"
missing=()
for package in "${packages[@]}" googletest; do
  dpkg-query -W "$package" >/dev/null 2>&1 || missing+=("$package")
done
((!${#missing[@]})) || fail "packages are missing: apt-get install ${missing[*]}"
[[ ! -e $pack || -f $pack/versions.txt ]] || fail "$pack is there already and was not made by this script"
rm -rf "${pack:?}"/{include,lib,share,src}
mkdir -p "$pack/src"
copy_packages
copy_libraries
cp -r /usr/src/googletest "$pack/src/googletest"
dpkg-query -W -f '${Package} ${Version}\n' "${packages[@]}" googletest >"$pack/versions.txt"
printf 'pack_deps: %s, %s\n' "$pack" "$(du -sh "$pack" | cut -f 1)"
