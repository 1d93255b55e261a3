#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Goes from a fresh clone to verdicts: installs missing packages (as root), builds, and runs the cases
# that the arguments name, or the quick set: those that notice most in ten minutes. The arguments are
# those of `ferry run`; see ./run_tests.sh --help.

set -eu
here=$(dirname "$0")

"$here/scripts/packages" --install lab || exit 2
"$here/scripts/build" || exit 2

# Only cases of the intel lab need Bochs. If `ferry list` does not know an option, such cases may be
# among those to be run.
case " $* " in
*' --host amd '* | *' --host local '*) cases='' ;;
*) cases=$("$here/build/ferry" list "$@" 2>/dev/null) || cases='may need the intel lab' ;;
esac
case $cases in
*'intel lab'*) "$here/scripts/packages" --install intel || exit 2 ;;
esac
exec "$here/build/ferry" run "$@"
