#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# From a fresh clone to verdicts: installs missing packages (as root), builds, and
# runs every case that this machine can run, or a lab on it; or those that the
# arguments name.
# All arguments are those of `ferry run`; see ./run_tests.sh --help.

set -eu
here=$(dirname "$0")

"$here/scripts/packages" --install lab intel || exit 2
"$here/scripts/build" || exit 2
exec "$here/build/ferry" run "$@"
