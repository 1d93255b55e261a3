// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ferry-vmm: runs one guest of Ferry or kvm-unit-tests on KVM, and saves and restores it again and
 * again while it runs. See docs/native-vmm.md.
 */
#include "director.h"
#include "machine.h"
#include "options.h"
#include "save.h"
#include "vm.h"

int main(int argc, char **argv)
{
	static struct options options;
	static struct machine machine;

	options_read(&options, argc, argv);
	restore_prepare(&options);
	machine_create(&machine, &options);
	return director_run(&machine);
}
