#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Tests scripts/packages on fake distributions: which packages it names, and which command it tells the
# user to type. Prints the Test Anything Protocol.
#
# Usage: tests/packages.sh

set -u
top=$(cd "$(dirname "$0")/.." && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM HUP

# act MANAGER...: makes a fake machine with these package managers, which have installed only themselves,
# and with the few programs that the script needs.
# shellcheck disable=SC2016 # some texts are scripts
act() {
	rm -rf "${dir:?}/bin"
	mkdir "$dir/bin"
	for program in sh awk sed tr cat mktemp rm tail; do
		ln -s "$(command -v $program)" "$dir/bin/$program"
	done
	program id 'echo 1000'
	for program in apt-get dnf zypper; do
		case " $* " in
		*" $program "*) program $program 'exit 1' ;;
		esac
	done
	case " $* " in
	*" apt-get "*) program dpkg-query '[ "$4" = dpkg ] && echo "install ok installed"' ;;
	*" foreign-apt-get "*)
		program apt-get 'exit 1'
		program dpkg-query 'exit 1'
		;;
	esac
	case " $* " in
	*" dnf "* | *" zypper "*) program rpm '[ "$3" = rpm ]' ;;
	*" pacman "*) program pacman '[ "$2" = pacman ]' ;;
	esac
}

# program NAME TEXT: makes a script of this name
program() {
	printf '#!/bin/sh\n%s\n' "$2" >"$dir/bin/$1"
	chmod +x "$dir/bin/$1"
}

# packages ARGUMENT...: leaves `status` and the file out
packages() {
	status=0
	PATH=$dir/bin "$top/scripts/packages" "$@" >"$dir/out" 2>&1 || status=$?
}

# shellcheck source=tests/tap.sh
. "$top/tests/tap.sh"

# shellcheck disable=SC2317 # check calls it
clues() {
	echo "status $status"
	cat "$dir/out"
}

# names PACKAGE...: the script has printed a line for each
names() {
	for name; do
		grep -qx "$name" "$dir/out" || return
	done
}

# types COMMAND: the status is 2, and the script shows a command that begins like this
types() {
	[ "$status" -eq 2 ] && grep -qF "  $1 " "$dir/out"
}

# omits PACKAGE...: the script names none of them
omits() {
	for name; do
		! grep -qx "$name" "$dir/out" || return
	done
}

echo 1..11
act apt-get
packages intel kernel
check "Debian: what bochsbios only recommends is listed" names bochs bochsbios vgabios linux-source
packages lab
check "Debian: the amd lab's packages" names busybox-static xz-utils zstd
check "Debian: it needs nothing that builds a kernel" omits linux-source flex bison libelf-dev bochs
packages --install
check "Debian: the command" types \
	'sudo apt-get update && sudo apt-get install --no-install-recommends gcc'
act dnf
packages
check "Fedora: names of its own" names gcc pkgconf-pkg-config qemu-system-x86-core glibc-static
packages --install lab
check "Fedora: the command" types 'sudo dnf install --setopt=install_weak_deps=False gcc'
act zypper foreign-apt-get
packages --install
check "openSUSE with a foreign apt-get: the command" types 'sudo zypper install --no-recommends gcc'
act pacman
packages --install
check "Arch: the command" types 'sudo pacman -S --needed gcc'
packages intel
check "Arch: a program that no package brings" grep -q 'no known package of Arch brings bochs' "$dir/out"
act
packages
check "an unknown distribution: programs" grep -q 'these programs.*: gcc make objcopy' "$dir/out"
packages wrong
check "an unknown word is bad usage" [ "$status" -eq 2 ]
