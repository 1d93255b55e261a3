// SPDX-License-Identifier: GPL-2.0-or-later
/* Sets the machine up, on the boot CPU, and runs the tests. */
#include "alloc_page.h"
#include "apic.h"
#include "boot.h"
#include "console.h"
#include "desc.h"
#include "memory.h"
#include "smp.h"
#include "stacks.h"
#include "uart.h"
#include "vm.h"

/* Runs on a small stack without a guard page. Returns the top of the stack to continue on. */
u64 boot_setup(void)
{
	uart_init();
	setup_idt();
	load_descriptors(0);
	boot_information_read();
	time_init();
	page_alloc_init();
	paging_init();
	return stacks_init(0);
}

void guest_main(void)
{
	mask_pic_interrupts();
	smp_init();
	irq_enable();
	exit(run_tests());
}
