// SPDX-License-Identifier: GPL-2.0-or-later
/* The order in which the machine is set up, on the boot CPU. */
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

/* On a small stack without a guard page; returns the one to go on with. */
u64 boot_setup(void)
{
	uart_init();
	setup_idt();
	load_descriptors(0);
	time_init();
	multiboot_read();
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
