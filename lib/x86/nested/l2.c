// SPDX-License-Identifier: GPL-2.0-or-later
/* What nested guests have in common on SVM and VMX. See l2.h. */
#include "nested/l2.h"
#include "alloc_page.h"
#include "smp.h"
#include "vm.h"
#include "xsave.h"

#define L2_STACK_ORDER 2

static struct l2_common *common(const struct l2 *l2)
{
	return (struct l2_common *)l2;
}

u64 l2_entries(const struct l2 *l2)
{
	return common(l2)->entries;
}

bool l2_is_call(const struct l2 *l2, u64 number)
{
	return l2_is_any_call(l2) && l2_rax(l2) == number;
}

void l2_call_forever(void *number)
{
	for (;;)
		l2_call((u64)number);
}

/* ---- the stack ---- */

void l2_new_stack(struct l2 *l2)
{
	common(l2)->stack = alloc_pages(L2_STACK_ORDER);
}

void l2_free_stack(struct l2 *l2)
{
	free_pages(common(l2)->stack);
}

u64 l2_stack_top(const struct l2 *l2)
{
	return (u64)common(l2)->stack + (PAGE_SIZE << L2_STACK_ORDER);
}

bool l2_owns_stack(const struct l2 *l2, u64 rsp)
{
	return rsp - (u64)common(l2)->stack <= PAGE_SIZE << L2_STACK_ORDER;
}

/* ---- around an entry ---- */

void l2_set_xsave(struct l2 *l2, void *area, u64 mask)
{
	common(l2)->xsave = area;
	common(l2)->xsave_mask = mask;
}

void *l2_before_entry(struct l2 *l2)
{
	struct l2_common *own = common(l2);
	void *l1_state;

	show_life();
	own->entries++;
	if (!own->xsave)
		return NULL;
	l1_state = xsave_alloc();
	xsave(l1_state, own->xsave_mask);
	xrstor(own->xsave, own->xsave_mask);
	return l1_state;
}

void l2_after_entry(struct l2 *l2, void *l1_state)
{
	const struct l2_common *own = common(l2);

	if (!own->xsave)
		return;
	xsave(own->xsave, own->xsave_mask);
	xrstor(l1_state, own->xsave_mask);
	xsave_free(l1_state);
}

void l2_lost(void)
{
	report_abort(
		"the call at the end of L2's function did not exit: L2 runs on as if it were L1");
}

/* ---- tables ---- */

void l2_set_map_bit(u8 *map, u32 bit, bool value)
{
	map[bit / 8] = (map[bit / 8] & ~(1u << bit % 8)) | value << bit % 8;
}

void l2_free_page_tables(u64 *table, int level)
{
	for (int i = 0; i < 512 && level > 1; i++)
		if (table[i] & PT_PRESENT_MASK && !(table[i] & PT_PAGE_SIZE_MASK))
			l2_free_page_tables(phys_to_virt(table[i] & PT_ADDR_MASK), level - 1);
	free_page(table);
}

/* ---- checks ---- */

bool l2_expect(struct l2 *l2, u64 exit, const char *when, ...)
{
	bool good = l2_enter(l2) == exit;
	char text[128];
	va_list arguments;

	va_start(arguments, when);
	vsnprintf(text, sizeof(text), when, arguments);
	va_end(arguments);
	if (good)
		report_pass("%s: exit %s", text, l2_exit_name(exit));
	else
		report_fail("%s: exit %s and not %s", text, l2_exit_text(l2), l2_exit_name(exit));
	return good;
}

bool l2_expect_return(struct l2 *l2)
{
	l2_enter(l2);
	if (l2_is_call(l2, L2_RETURNED))
		report_pass("L2 came to its end");
	else
		report_fail("L2 should have come to its end: exit %s", l2_exit_text(l2));
	return l2_is_call(l2, L2_RETURNED);
}

bool l2_expect_call(struct l2 *l2, u64 number)
{
	l2_enter(l2);
	if (l2_is_call(l2, number)) {
		report_pass("L2 came to its call %lu", number);
		l2_skip_call(l2);
		return true;
	}
	report_fail("L2 should have come to its call %lu: exit %s", number, l2_exit_text(l2));
	return false;
}
