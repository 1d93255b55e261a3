#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Goes from a fresh clone to verdicts: installs missing packages (as root), builds, and runs the cases
# that the arguments name, or every case that this machine or a lab on it can run. The arguments are
# those of `ferry run`; see ./run_tests.sh --help.

set -eu
here=$(dirname "$0")

"$here/scripts/packages" --install lab intel || exit 2
"$here/scripts/build" || exit 2
exec "$here/build/ferry" run "$@"
