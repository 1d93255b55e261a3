#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Tests lab/find-kernel on fake machines: which kernel it takes, what it says about those that it does not
# take, and how it handles a download that fails or is interrupted. Prints the Test Anything Protocol.
#
# Usage: tests/find-kernel.sh

set -u
top=$(cd "$(dirname "$0")/.." && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM HUP
mkdir -p "$dir/bin"
XDG_CACHE_HOME=$dir/cache KERNEL_SOURCE=$dir/linux-6.1.tar.gz FERRY_ROOT=$dir/root
export XDG_CACHE_HOME KERNEL_SOURCE FERRY_ROOT
kernels=$XDG_CACHE_HOME/ferry/kernel
deb=linux-image-6.1.0-9-amd64_6.1.9-1

# make-kernel FOLDER RELEASE: makes the files that a distribution installs for a kernel
cat >"$dir/bin/make-kernel" <<'END'
#!/bin/sh
mkdir -p "$1/boot" "$1/lib/modules/$2/kernel"
echo image >"$1/boot/vmlinuz-$2"
for option in X86_64 BLK_DEV_INITRD BINFMT_ELF BINFMT_SCRIPT DEVTMPFS TMPFS PROC_FS SYSFS UNIX MODULES \
	SERIAL_8250_CONSOLE USERFAULTFD OVERLAY_FS; do
	echo "CONFIG_$option=y"
done >"$1/boot/config-$2"
for option in VIRTIO_PCI VIRTIO_CONSOLE NET_9P_VIRTIO 9P_FS KVM KVM_AMD KVM_INTEL; do
	echo "CONFIG_$option=m"
done >>"$1/boot/config-$2"
for module in virtio_pci virtio_console 9pnet_virtio 9p kvm kvm-amd kvm-intel; do
	echo >"$1/lib/modules/$2/kernel/$module.ko"
done
END
cat >"$dir/bin/uname" <<'END'
#!/bin/sh
echo 6.1.0-5-acted
END
cat >"$dir/bin/apt-cache" <<'END'
#!/bin/sh
[ "$ACT" != unknown ] || exit 100
case $3 in
linux-image-amd64) echo 'Depends: linux-image-6.1.0-9-amd64 (= 6.1.9-1)' ;;
linux-image-*)
	[ "$ACT" != split ] ||
		echo 'Depends: linux-base-6.1.0-9-amd64 (= 6.1.9-1), linux-binary-6.1.0-9-amd64 (= 6.1.9-1)'
	;;
*) echo 'Depends: kmod, linux-base (>= 4.3~), initramfs-tools | linux-initramfs-tool' ;;
esac
END
cat >"$dir/bin/apt-get" <<'END'
#!/bin/sh
echo "$*" >>"$DIR/asked"
case $ACT in
offline) echo 'E: Failed to fetch it  Could not resolve' >&2; exit 100 ;;
hold) echo half >half.deb; : >"$DIR/held"; sleep 10 & wait; echo "its own end" >"$DIR/held" ;;
esac
shift 2
for package; do
	echo whole >"${package}_6.1.9-1_amd64.deb"
done
END
cat >"$dir/bin/dpkg-deb" <<'END'
#!/bin/sh
[ "$(cat "$2")" = whole ] || exit 1
modules=$3/usr/lib/modules/6.1.0-9-amd64
make-kernel "$3/acted" 6.1.0-9-amd64
case $ACT:${2##*/} in
split:linux-image-*) mkdir -p "$3/usr/share/doc" ;;
split:linux-base-*) mkdir -p "$modules" && mv "$3/acted/boot/config-6.1.0-9-amd64" "$modules/config" ;;
split:*)
	mkdir -p "$modules"
	mv "$3/acted/boot/vmlinuz-6.1.0-9-amd64" "$modules/vmlinuz"
	mv "$3"/acted/lib/modules/*/kernel "$modules"
	;;
*) mv "$3/acted/boot" "$3/acted/lib" "$3" ;;
esac
rm -rf "$3/acted"
[ "$ACT" != useless ] || rm "$3"/lib/modules/*/kernel/9p.ko
END
chmod +x "$dir/bin"/*

# find_kernel ACT ARGUMENT...: leaves `status`, and output in the files out and err
find_kernel() {
	act=$1
	shift
	status=0
	ACT=$act DIR=$dir PATH=$dir/bin:$PATH "$top/lab/find-kernel" "$@" >"$dir/out" 2>"$dir/err" ||
		status=$?
}

# shellcheck source=tests/tap.sh
. "$top/tests/tap.sh"

# shellcheck disable=SC2317 # check calls it
clues() {
	echo "status $status"
	cat "$dir/out" "$dir/err"
	ls "$kernels"
}

says() {
	grep -qF -e "$1" "$dir/err"
}

# finds FOLDER WHY: this kernel is complete, and the output ends with its image's path
finds() {
	[ "$status" -eq 0 ] && [ "$(tail -n 1 "$dir/out")" = "$kernels/$1/bzImage" ] && says "$2" &&
		[ "$(cat "$kernels/$1/bzImage")" = image ] && [ -d "$kernels/$1/modules/kernel" ]
}

# finds_none STATUS WHY
finds_none() {
	[ "$status" -eq "$1" ] && [ ! -s "$dir/out" ] && says "$2"
}

finds_nothing() {
	[ "$status" -eq 1 ] && [ ! -s "$dir/out" ]
}

# The small kernel would be next, and its source is not there.
goes_on_to_build() {
	finds_none 2 "$1" && says 'building the small one' && says "KERNEL_SOURCE names" && no_rests
}

no_rests() {
	[ ! -e "$kernels" ] || [ -z "$(cd "$kernels" && find . -name '*.new' -o -name '*.deb')" ]
}

new_machine() {
	rm -rf "$dir/cache" "$dir/root" "$dir/asked" "$dir/held"
}

running_kernel() {
	"$dir/bin/make-kernel" "$FERRY_ROOT" 6.1.0-5-acted
}

# All processes that find-kernel has started have DIR in their environment.
nothing_runs() {
	tries=0
	while grep -lzx "DIR=$dir" /proc/[0-9]*/environ >/dev/null 2>&1; do
		tries=$((tries + 1))
		[ $tries -lt 50 ] || return 1
		sleep 0.1
	done
}

# interrupt SIGNAL: the signal ends a download and all its processes
interrupt() {
	rm -f "$dir/held"
	ACT=hold DIR=$dir PATH=$dir/bin:$PATH env --default-signal=INT "$top/lab/find-kernel" \
		>"$dir/out" 2>"$dir/err" &
	finder=$!
	tries=0
	until [ -e "$dir/held" ] || [ $tries -ge 200 ]; do
		tries=$((tries + 1))
		sleep 0.05
	done
	kill -s "$1" $finder
	wait $finder
	status=$?
	[ "$status" -gt 128 ] && nothing_runs && [ ! -s "$dir/held" ] && [ ! -s "$dir/out" ]
}

# The script rejects the running kernel, and takes the distribution's, which is next.
not_the_running_one() {
	finds $deb "not the running kernel, 6.1.0-5-acted: $1"
}

echo 1..28
new_machine
find_kernel works --find
check "nothing is there" finds_none 1 'lab/build-kernel'
check "and nothing was downloaded" [ ! -e "$dir/asked" ]
find_kernel works
check "the distribution's kernel is downloaded" finds $deb "the distribution's $deb, unpacked in $kernels/$deb"
rm "$dir/asked"
find_kernel offline
check "the next call finds it" finds $deb "the distribution's $deb"
check "and downloads nothing" [ ! -e "$dir/asked" ]
find_kernel offline --find --distribution
check "--find finds it" finds $deb "the distribution's $deb"
running_kernel
find_kernel works
check "the running kernel has precedence" finds running-6.1.0-5-acted 'the running one, 6.1.0-5-acted'
find_kernel works --distribution
check "--distribution does not take it" finds $deb "the distribution's $deb"
rm "$FERRY_ROOT/lib/modules/6.1.0-5-acted/kernel/kvm-amd.ko"
find_kernel works
check "a running kernel that lacks a module" not_the_running_one 'no readable module kvm_amd'
running_kernel
echo '# CONFIG_KVM_HYPERV is not set' >>"$FERRY_ROOT/boot/config-6.1.0-5-acted"
find_kernel works
check "one whose KVM has no Hyper-V" not_the_running_one 'CONFIG_KVM_HYPERV is not set'
running_kernel
sed -i 's/CONFIG_TMPFS=y/CONFIG_TMPFS=m/' "$FERRY_ROOT/boot/config-6.1.0-5-acted"
find_kernel works
check "one that has a part as a module" not_the_running_one 'CONFIG_TMPFS is not built in'
rm "$FERRY_ROOT/boot/vmlinuz-6.1.0-5-acted"
find_kernel works
check "one whose image is not there" not_the_running_one 'no readable'
new_machine
find_kernel split
check "one in several packages, with all of it below /usr/lib/modules" finds $deb "the distribution's $deb"
new_machine
find_kernel offline
check "without a network" goes_on_to_build \
	"not the distribution's kernel: apt-get download failed: Failed to fetch it  Could not resolve"
find_kernel unknown
check "a package that apt does not know" goes_on_to_build 'run apt-get update'
find_kernel useless
check "a package that lacks a module" goes_on_to_build "in $deb, no readable module 9p"
find_kernel offline --distribution
check "--distribution builds none" finds_none 2 'there is no kernel of the distribution'
check "SIGTERM ends a download" interrupt TERM
check "SIGKILL ends a download" interrupt KILL
find_kernel works
check "the next call starts the download again" finds $deb "the distribution's $deb"

find_kernel works --source "$dir/nowhere"
check "--source names nothing that exists" finds_none 2 "--source: there is no $dir/nowhere"
find_kernel works --source
check "--source without a path" finds_none 2 '--source needs an archive or a source tree of Linux'
find_kernel works --source "$dir/bin" --distribution
check "--source with --distribution" finds_none 2 '--source, --debug and --config are about the small kernel'
find_kernel works --source "$dir/bin"
check "--source takes no other kernel" finds_none 2 "$dir/bin is no source tree of Linux"
find_kernel works --source="$dir/bin" --find
check "--find with --source finds no other kernel" finds_nothing
find_kernel works --debug --find
check "neither does --debug" finds_nothing
find_kernel works --config "$dir/nowhere"
check "--config with a file that is not there" finds_none 2 "'$dir/nowhere' cannot be read"
find_kernel works --config "$dir/bin/uname" --debug
check "--config with --debug" finds_none 2 '--debug and --config exclude each other'
