#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Tests scripts/sweep with a fake runner: which parameters it changes for which cases, and its exit
# status. Prints the Test Anything Protocol.
#
# Usage: tests/sweep.sh

set -u
top=$(cd "$(dirname "$0")/.." && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM HUP

# The fake runner records its arguments. A run of all cases has one case in the amd lab, twice, one in the
# intel lab and one on TCG. With the parameter RED a case fails, and with BAD the run is interrupted.
cat >"$dir/ferry" <<'END'
#!/bin/sh
command=$1
shift
echo "$command $*" >>"$DIR/ran"
[ "$command" = run ] || exit 0
while [ "$1" != --json ]; do shift; done
case " $* " in
*" --kvm "*) echo '{}' >"$2" ;;
*)
	cat >"$2" <<'JSON'
{"case":"svm/none#1","accel":"kvm","kvm_parameters":{"kvm.tdp_mmu":"Y","kvm_amd.npt":"Y","kvm_amd.vls":"0"}}
{"case":"svm/none#2","accel":"kvm","kvm_parameters":{"kvm.tdp_mmu":"Y","kvm_amd.npt":"Y","kvm_amd.vls":"0"}}
{"case":"vmx/none","accel":"kvm","kvm_parameters":{"kvm.tdp_mmu":"Y","kvm_intel.ept":"Y"}}
{"case":"plain/none","accel":"tcg","kvm_parameters":{"kvm.tdp_mmu":"Y"}}
JSON
	;;
esac
case " $* " in
*" $RED "*) exit 1 ;;
*" $BAD "*) exit 130 ;;
esac
END
chmod +x "$dir/ferry"

# sweep RED BAD ARGUMENT...: leaves its `status`
sweep() {
	red=$1 bad=$2
	shift 2
	rm -rf "$dir/out" "$dir/ran"
	status=0
	(cd "$dir" && DIR=$dir RED=$red BAD=$bad FERRY=$dir/ferry "$top/scripts/sweep" -o out "$@") \
		>"$dir/said" 2>&1 || status=$?
}

# shellcheck source=tests/tap.sh
. "$top/tests/tap.sh"

# shellcheck disable=SC2317 # check calls it
clues() {
	echo "status $status"
	cat "$dir/said" "$dir/ran"
}

ran() {
	[ "$(sed 's/--plain --progress 0 --json //; s/ --logdir [^ ]*//' "$dir/ran")" = "$1" ]
}

echo 1..7
sweep - - 'svm*' vmx -- --host lab
check "each parameter runs with the cases whose KVM has it" ran "run out/base.json --host lab svm* vmx
run out/ept=0.json --host lab --kvm ept=0 vmx/none
run out/npt=0.json --host lab --kvm npt=0 svm/none
run out/tdp_mmu=0.json --host lab --kvm tdp_mmu=0 svm/none vmx/none
run out/vls=1.json --host lab --kvm vls=1 svm/none
merge base.json ept=0.json npt=0.json tdp_mmu=0.json vls=1.json -o all.json"
check "all passed" [ $status -eq 0 ]
check "a parameter that no KVM has is reported" grep -qx \
	'== avic: KVM has no such parameter where the cases ran' "$dir/said"
check "and a value that KVM already has" grep -qx '== vls=0: that is what KVM has' "$dir/said"
sweep npt=0 -
check "a case failed, and the sweep went on" \
	sh -c "[ $status -eq 1 ] && grep -q vls=1 $dir/ran"
sweep - npt=0
check "an interruption ends it" sh -c "[ $status -eq 130 ] && ! grep -q vls=1 $dir/ran"
sweep - - --host amd
check "options must come after --" sh -c "[ $status -eq 2 ] && [ ! -e $dir/ran ]"
