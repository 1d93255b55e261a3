// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Follows the chain of saved RBPs. The stack may be damaged, so it reads only what the page tables
 * map.
 */
#include "backtrace.h"
#include "boot.h"
#include "processor.h"
#include "vm.h"

#define MOST_FRAMES 40

static bool is_text(u64 address)
{
	return address >= (u64)_text && address < (u64)_etext;
}

static bool readable(u64 address)
{
	return IS_ALIGNED(address, 8) && is_mapped((void *)address);
}

int backtrace_walk(u64 frame, u64 *addresses, int most)
{
	int count = 0;

	while (count < most && frame && readable(frame) && readable(frame + 8)) {
		const u64 *words = (const u64 *)frame;

		/* The first frame of a stack has no caller. */
		if (!is_text(words[1]))
			break;
		addresses[count++] = words[1];
		frame = words[0];
	}
	return count;
}

static void print_stack(u64 first, u64 frame)
{
	u64 addresses[MOST_FRAMES];
	int count = backtrace_walk(frame, addresses, MOST_FRAMES);

	printf("STACK: @%lx", first);
	for (int i = 0; i < count; i++)
		printf(" %lx", addresses[i]);
	printf("\n");
}

void backtrace_exception(const struct ex_regs *regs)
{
	const u64 *top = (const u64 *)regs->rsp;

	/* After a call to a bad address, the return address is on top of the stack. */
	if (!is_text(regs->rip) && readable(regs->rsp) && is_text(*top))
		print_stack(*top - 1, regs->rbp);
	else
		print_stack(regs->rip, regs->rbp);
}

void backtrace_here(void)
{
	const u64 *frame = __builtin_frame_address(0);

	/* One byte back is within the call, so that the runner shows the call's line. */
	print_stack(frame[1] - 1, frame[0]);
}

void dump_stack(void)
{
	backtrace_here();
}
