// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dirty: code that changes (Intel SDM volume 3, "Self-Modifying Code"). A part of the program
 * dirty: see dirty.c.
 */
#include "barrier.h"
#include "x86/dirty/dirty.h"

#define MOV_EAX_IMM32 0xb8
#define RET	      0xc3

/* mov eax, imm32; ret. In every other page the operand crosses the end of the page. */
struct function {
	u8 mov;
	u32 value;
	u8 ret;
} __packed;

static struct function *function_of(const struct area *area, u64 page)
{
	u64 at = page * PAGE_SIZE + PAGE_SIZE / 4;

	if (page & 1)
		at = (page + 1) * PAGE_SIZE - offsetof(struct function, ret) / 2;
	return (void *)(area->view + at);
}

static void write_function(struct area *area, u64 page, u64 generation)
{
	*(volatile struct function *)function_of(area, page) = (struct function){
		.mov = MOV_EAX_IMM32,
		.value = body(area, page, generation),
		.ret = RET,
	};
}

/* Calls the function only if it looks right. */
static bool verify_function(struct area *area, u64 page, u64 generation)
{
	struct function *function = function_of(area, page);
	u32 wanted = body(area, page, generation);
	u32 read = ((volatile struct function *)function)->value;
	u32 (*call)(void) = (void *)function;
	u32 returned;
	char text[120];

	barrier();
	if (function->mov == MOV_EAX_IMM32 && function->ret == RET && read == wanted) {
		returned = call();
		if (returned == wanted)
			return true;
		snprintf(text, sizeof(text), "returns 0x%x, not 0x%x of generation %lu", returned,
			 wanted, generation);
	} else {
		snprintf(text, sizeof(text),
			 "is %02x %08x %02x, not mov eax, 0x%x of generation %lu; ret",
			 function->mov, read, function->ret, wanted, generation);
	}
	complain(area, page, function, text);
	return false;
}

static void set_up_code(struct area *area)
{
	map_view(area, PAGE_TEXT | PT_WRITABLE_MASK);
}

static const struct kind code = {
	.pages = 64,
	.least = 8,
	.set_up = set_up_code,
	.clean_up = unmap_view,
	.write = write_function,
	.verify = verify_function,
};

/*
 * A broken emulator, or one that caches decoded instructions, runs old code on the destination. A
 * broken dirty log loses the new code. The test reads the code before it runs it, so the message
 * says which of the two happened.
 */
TEST(code, .about = "code that is rewritten while the guest is migrated does what was written last")
{
	run(&code);
}
