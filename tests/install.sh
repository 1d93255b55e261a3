#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Installs Ferry into a folder, and uses it from another folder as a user who may not write to the first.
# Nothing in the installed tree may change, and only the user's own folders may be written to.
#
# Usage: tests/install.sh BUILD

set -u
top=$(cd "$(dirname "$0")/.." && pwd)
build=${1:?usage: tests/install.sh BUILD}
build=$(cd "$build" && pwd)

# In /tmp, since another user may not enter the folder of TMPDIR.
work=$(mktemp -d /tmp/ferry-install-XXXXXX) || exit 1
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP
chmod 755 "$work"
root=$work/root
home=$work/home man=$root/usr/share/man/man1
mkdir "$home" "$work/elsewhere"

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"

clues() {
	tail -n 20 "$work/output" "$work/errors"
}

# All files below the installed tree, with their times.
list_installed() {
	find "$root" -printf '%p %s %m %T@\n' | sort
}

# Root may write everywhere, so as root the tests run as the user nobody.
as_user=''
if [ "$(id -u)" -eq 0 ]; then
	as_user="setpriv --reuid=65534 --regid=65534 --clear-groups --"
	chown 65534:65534 "$home"
fi

# ferry ARGUMENT...: runs the installed ferry in a folder that it cannot write to; leaves status, output
# and errors
ferry() {
	status=0
	# Word splitting is meant: a command, or nothing.
	# shellcheck disable=SC2086
	(cd "$work/elsewhere" && exec timeout 300 $as_user env -i PATH="$PATH" HOME="$home" LC_ALL=C.UTF-8 \
		"$root/usr/bin/ferry" "$@") >"$work/output" 2>"$work/errors" </dev/null || status=$?
}

# says STATUS PATTERN ARGUMENT...: ferry ends with STATUS, and a line that it prints matches
says() {
	wanted=$1 pattern=$2
	shift 2
	ferry "$@"
	[ "$status" -eq "$wanted" ] && cat "$work/output" "$work/errors" | grep -qE "$pattern"
}

# makes TARGET
makes() {
	# If make runs this test, its variables must not reach the inner make.
	env -u MAKEFLAGS -u MAKELEVEL -u DESTDIR -u PREFIX make -s -C "$top" O="$build" "$1" \
		DESTDIR="$root" PREFIX=/usr >"$work/output" 2>"$work/errors"
}

leaves_nothing() {
	makes uninstall
	find "$root" ! -type d >"$work/output"
	[ ! -s "$work/output" ]
}

# Each option of each command is in its man page, in a form that can be copied.
pages_are_whole() {
	ferry --help
	commands=$(sed -n 's/^  ferry \([a-z]*\) .*/\1/p' "$work/output")
	[ "$commands" ] && [ -s "$man/ferry.1" ] || return
	for command in $commands; do
		ferry "$command" --help
		sed 's/\\-/-/g; s/\\f.//g' "$man/ferry-$command.1" >"$work/page"
		# shellcheck disable=SC2013 # a word each
		for option in $(grep -oE '^ +(-., )?--[a-z-]+' "$work/output" | grep -oE -e '--.*'); do
			grep -qE -e "^(-., )?$option(=|\$)" "$work/page" || {
				echo "ferry-$command.1 does not have $option" >"$work/errors"
				return 1
			}
		done
	done
}

pages_are_clean() {
	for page in "$man"/*.1; do
		groff -man -Tutf8 -ww -z "$page"
	done >"$work/output" 2>&1
	[ ! -s "$work/output" ]
}

# completes LINE WORD...: bash completes the last word of LINE to these
completes() {
	line=$1
	shift
	# For bash "=" and "@" also begin a new word.
	# shellcheck disable=SC2016 # bash is to see it
	bash -c '. "$1" && COMP_LINE=$2 COMP_POINT=${#2} && current=${COMP_LINE##*[[:space:]=@]} &&
		_ferry "$3" "$current" && printf "%s\n" "${COMPREPLY[@]}"' bash \
		"$root/usr/share/bash-completion/completions/ferry" "$line" "$completer" \
		>"$work/output" 2>"$work/errors"
	[ "$(tr '\n' ' ' <"$work/output")" = "$* " ] && [ ! -s "$work/errors" ]
}

is_unchanged() {
	list_installed >"$work/after"
	diff "$work/before" "$work/after" >"$work/output"
}

# All files that make has built for the labs, without intermediate ELF files.
labs_are_whole() {
	for file in "$build"/lab/*; do
		case $file in
		*.elf) continue ;;
		esac
		cmp "$file" "$root/usr/lib/ferry/lab/${file##*/}" || return
	done >"$work/output" 2>&1
}

# The packages have a changelog of their own, and cannot read the file.
versions_agree() {
	version=$(cat "$top/VERSION")
	{
		head -n 1 "$top/debian/changelog"
		grep '^Version: ' "$top/packaging/ferry.spec"
		grep -- ' - [0-9.]*-1$' "$top/packaging/ferry.spec" | head -n 1
	} >"$work/output" 2>"$work/errors"
	[ "$(grep -cE "(\($version\) |^Version: +$version\$| - $version-1\$)" "$work/output")" -eq 3 ]
}

check "all packages have the version of the file VERSION" versions_agree
check "make install ends without an error" makes install
chmod -R a-w "$root" "$work/elsewhere"
list_installed >"$work/before"

check "ferry --version names the release" says 0 "^ferry $(cat "$top/VERSION")( |\$)" --version
check "ferry list -v names the installed guests" \
	says 0 "^selftest: $root/usr/lib/ferry/x86/selftest.flat," list -v selftest
check "the quick set is installed" says 0 '^[a-z_]+/[a-z]' list quick
check "the corpus is installed" says 0 '^svm_' corpus list
check "what needs the sources says so" says 2 'needs the sources' corpus quick
check "the labs' scripts are installed" says 0 'usage: ferry lab kernel' lab kernel --help
check "all files of the labs are installed" labs_are_whole
check "each command has a man page, and each option is in it" pages_are_whole
if command -v groff >/dev/null; then
	check "man pages have no warning" pages_are_clean
else
	number=$((number + 1))
	echo "ok $number - man pages have no warning # SKIP no groff here"
fi
completer=$root/usr/bin/ferry
check "bash completes commands" completes "ferry r" run results report
check "bash completes options" completes "ferry run --ho" --host=
check "bash completes hosts" completes "ferry run --host a" auto amd
check "bash completes values after '='" completes "ferry run --host=in" intel
check "bash completes lists of plans" completes "ferry run --plan none,precopy+mul" none,precopy+multifd
check "bash completes programs first" completes "ferry run timers_h" timers_hpet
check "bash completes cases" completes "ferry run selftest/cycle@e" exit
check "bash completes files" completes "ferry compare $work/elsew" "$work/elsewhere"
if command -v zsh >/dev/null; then
	check "zsh reads its completion" zsh -n "$root/usr/share/zsh/site-functions/_ferry"
else
	number=$((number + 1))
	echo "ok $number - zsh reads its completion # SKIP no zsh here"
fi
completer=false
check "bash completes nothing, and prints nothing, if ferry fails" completes "ferry run --ho"
check "a case passes" says 0 '^ *1 case: 1 passed' run selftest/none --accel tcg --plain
check "its logs are in the user's folder" \
	[ -s "$home/.local/state/ferry/logs/selftest/none/console" ]
check "the durations are in the user's cache" [ -d "$home/.cache/ferry/durations" ]
check "nothing was written where ferry is installed" is_unchanged
chmod -R u+w "$root"
check "make uninstall leaves nothing" leaves_nothing

echo "1..$number"
