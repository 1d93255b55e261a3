#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Proves that the Debian package is good: builds it with the distribution's tools in a minimal Debian,
# checks it with lintian, installs it in another minimal Debian where nothing else is installed, and runs
# cases there as a user who has no checkout. Neither has /dev/kvm, so one case runs on TCG and one in the
# amd lab, with the distribution's kernel. It takes many minutes and needs a network, so it is not part of
# 'make check'.
#
# Usage: tests/install-deb.sh [--quick]      (--quick: runs the whole quick set as well)
#
# scripts/fresh-machine makes both machines, and says what it needs. The package has only committed files.
# Exit status: 0 if all went well.

set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
case ${1-} in
'' | --quick) quick=${1-} ;;
*) echo "usage: tests/install-deb.sh [--quick]" >&2; exit 2 ;;
esac

share=$(mktemp -d "${TMPDIR:-/var/tmp}/ferry-deb.XXXXXX")
trap 'rm -rf "$share"' EXIT
trap 'exit 130' INT TERM HUP

# Both texts run inside.
# shellcheck disable=SC2016
build='
set -eu
export DEBIAN_FRONTEND=noninteractive
{
	apt-get -q update
	apt-get -qy install --no-install-recommends build-essential lintian
	apt-get -qy build-dep --no-install-recommends ./
} >/share/log 2>&1 || { tail -n 20 /share/log; exit 1; }
echo "== building the package"
dpkg-buildpackage -b -us -uc >/share/log 2>&1 || { tail -n 40 /share/log; exit 1; }
echo "== lintian"
lintian --allow-root --fail-on error,warning ../ferry_*.changes
cp ../ferry_*.deb /share
'
# The user may write only at home.
# shellcheck disable=SC2016
use='
set -eu
export DEBIAN_FRONTEND=noninteractive
{
	apt-get -q update
	# Installs the packages that ferry recommends, but not those that QEMU does.
	recommended=$(dpkg-deb -f /share/ferry_*.deb Recommends | sed "s/|[^,]*//g; s/,//g")
	apt-get -qy install --no-install-recommends /share/ferry_*.deb $recommended
} >/share/log 2>&1 || { tail -n 20 /share/log; exit 1; }
useradd --create-home tester
cd /
as_tester() {
	echo "== ferry $*"
	setpriv --reuid=tester --regid=tester --clear-groups env -i HOME=/home/tester USER=tester \
		LANG=C.UTF-8 PATH=/usr/local/bin:/usr/bin:/bin ferry "$@"
}
touch /installed
as_tester --version
as_tester run --accel tcg --plain selftest/none
as_tester run --host amd --plain selftest/none
[ -z "${1-}" ] || as_tester run --plain
[ -z "$(find /usr/bin/ferry /usr/lib/ferry /usr/share/ferry -newer /installed)" ]
[ -s /home/tester/.local/state/ferry/logs/selftest/none/console ]
'

"$top/scripts/fresh-machine" --share "$share" sh -c "$build"
"$top/scripts/fresh-machine" --empty --share "$share" sh -c "$use" sh "$quick"
echo "the package is good"
