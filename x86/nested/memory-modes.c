// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * L2 in other modes than 64-bit mode is migrated in them. See memory-world.h.
 *
 * A broken hypervisor takes L2's page tables for those of another mode, or loses CR0, CR4, EFER or
 * a segment's size.
 */
#include "x86/nested/memory-world.h"
#include "alloc_page.h"

/*
 * In other modes L2's code is not C, but a few instructions that are the same for each size of
 * code: ESI points to the window, which is below 4 GiB, and HLT ends them. L2 asks for a migration
 * as migrate_by_hand_begin() says. During the migration, EBP counts, and each number is written to
 * the next page of the window in turn.
 */
#define STUB_TURNS "31" /* one look at the UART in so many + 1 writes */
#define STUBS(bits)                                                                                \
	".code" #bits "\n"                                                                         \
	".balign 16\n"                                                                             \
	"stub" #bits "_read:	movl	(%esi), %ebx\n"                                                  \
	"	hlt\n"                                                                                   \
	"stub" #bits "_add:	addl	%ebx, (%esi)\n"                                                   \
	"	hlt\n"                                                                                   \
	"stub" #bits "_move:	movw	$0x3fd, %dx\n"                                                   \
	"1:	inb	%dx, %al\n"                                                                        \
	"	testb	$0x20, %al\n"                                                                      \
	"	jz	1b\n"                                                                                 \
	"	movw	$0x3f8, %dx\n"                                                                      \
	"	movb	$10, %al\n"                                                                         \
	"	outb	%al, %dx\n"                                                                         \
	"	movw	$0x3fd, %dx\n"                                                                      \
	"2:	addl	$1, %ebp\n"                                                                       \
	"	movl	%ebp, %edi\n"                                                                       \
	"	andl	$7, %edi\n"                                                                         \
	"	shll	$12, %edi\n"                                                                        \
	"	movl	%ebp, (%esi, %edi)\n"                                                               \
	"	testl	$" STUB_TURNS ", %ebp\n"                                                   \
	"	jnz	2b\n"                                                                                \
	"	inb	%dx, %al\n"                                                                          \
	"	testb	$1, %al\n"                                                                         \
	"	jz	2b\n"                                                                                 \
	"	movw	$0x3f8, %dx\n"                                                                      \
	"	inb	%dx, %al\n"                                                                          \
	"	hlt\n"

asm(".pushsection .text\n" STUBS(16) STUBS(32) STUBS(64) ".code64\n.popsection\n");

struct stubs {
	const char *read, *add, *move;
};

#define DECLARE_STUBS(bits)                                                                        \
	extern const char stub##bits##_read[], stub##bits##_add[], stub##bits##_move[];            \
	static const struct stubs stubs##bits = { stub##bits##_read, stub##bits##_add,             \
						  stub##bits##_move }
DECLARE_STUBS(16);
DECLARE_STUBS(32);
DECLARE_STUBS(64);

#define LOW_WINDOW (1ul << 30) /* L2's linear addresses */
#define LOW_GPA	   (2ul << 30) /* guest-physical addresses where there is no RAM */
#define LOW_MIB	   1024	       /* below the window, everything is mapped at its own address */

const struct mode real_mode = {
	.stubs = &stubs16,
	.paging = UNPAGED,
	.cr0 = X86_CR0_ET,
	.code = 0x9b,
	.data = 0x93,
};
const struct mode protected_mode = {
	.stubs = &stubs32,
	.paging = UNPAGED,
	.cr0 = X86_CR0_ET | X86_CR0_PE,
	.code = 0xc9b,
	.data = 0xc93,
};
const struct mode pse_mode = {
	.stubs = &stubs32,
	.paging = TWO_LEVELS,
	.cr0 = X86_CR0_ET | X86_CR0_PE | X86_CR0_WP | X86_CR0_PG,
	.cr4 = X86_CR4_PSE,
	.code = 0xc9b,
	.data = 0xc93,
};
#define PAE_MODE                                                                                   \
	.stubs = &stubs32, .paging = PAE,                                                          \
	.cr0 = X86_CR0_ET | X86_CR0_PE | X86_CR0_WP | X86_CR0_PG, .cr4 = X86_CR4_PAE,              \
	.efer = EFER_NX, .code = 0xc9b, .data = 0xc93
const struct mode pae_mode = { PAE_MODE };
const struct mode pae_hidden_mode = { PAE_MODE, .hidden_pdptes = true };
const struct mode long_mode = {
	.stubs = &stubs64,
	.paging = FOUR_LEVELS,
	.cr0 = X86_CR0_ET | X86_CR0_PE | X86_CR0_WP | X86_CR0_PG,
	.cr4 = X86_CR4_PAE,
	.efer = EFER_NX | EFER_LME | EFER_LMA,
	.code = 0xa9b,
	.data = 0xc93,
};

struct moded {
	const struct mode *mode;
	struct l2 *l2;
	bool nested;
	bool broken;
	u64 window; /* L2's address of the first of PLACES pages */
	u8 *block;  /* L1's pages */
	int pdptes_changed;
	void *root; /* L2's tables, with a page for each level */
	u64 *pdpt, *pd;
	u32 *pt32;
	u64 *pt;
};

/* Page I of the window, as L1 addresses it. */
static u8 *moded_page(const struct moded *m, int i)
{
	return m->block + (m->window == (u64)m->block ? i : PLACES - 1 - i) * PAGE_SIZE;
}

static void make_two_levels(struct moded *m)
{
	u32 *directory = m->root;

	for (u32 i = 0; i < LOW_MIB / 4; i++)
		directory[i] = i << 22 | OWN_PAGE | PT_PAGE_SIZE_MASK;
	directory[LOW_WINDOW >> 22] = virt_to_phys(m->pt32) | OWN_PAGE;
}

/* For four levels, and for PAE, whose root has four entries without rights. */
static void make_directories(struct moded *m, u64 *pdpt, u64 bits)
{
	for (u64 i = 0; i < LOW_MIB / 2; i++)
		m->pd[i] = i << 21 | OWN_PAGE | PT_PAGE_SIZE_MASK;
	m->pd[ENTRIES] = virt_to_phys(m->pt) | OWN_PAGE;
	pdpt[0] = virt_to_phys(m->pd) | bits;
	pdpt[1] = virt_to_phys(m->pd + ENTRIES) | bits;
}

static void set_moded_entry(struct moded *m, int i, phys_addr_t to)
{
	m->pt[i] = to | OWN_PAGE;
	if (m->mode->paging == TWO_LEVELS)
		m->pt32[i] = to | OWN_PAGE;
}

/* For PAE and four levels. */
static u64 *pdpt_of(const struct moded *m)
{
	return m->mode->paging == PAE && !m->mode->hidden_pdptes ? m->root : m->pdpt;
}

static void make_tables(struct moded *m)
{
	m->root = alloc_page();
	m->pdpt = alloc_page();
	m->pd = alloc_pages(1);
	m->pt = alloc_page();
	m->pt32 = alloc_page();
	switch (m->mode->paging) {
	case UNPAGED:
		return;
	case TWO_LEVELS:
		make_two_levels(m);
		break;
	case PAE:
		make_directories(m, pdpt_of(m), PT_PRESENT_MASK);
		break;
	case FOUR_LEVELS:
		make_directories(m, pdpt_of(m), OWN_PAGE);
		*(u64 *)m->root = virt_to_phys(m->pdpt) | OWN_PAGE;
		break;
	}
}

/* 16-bit code can only jump within 64 KiB. */
static u64 code_base(const struct mode *mode)
{
	return mode == &real_mode ? (u64)mode->stubs->read & ~15ul : 0;
}

static void map_moded(struct moded *m, bool nested)
{
	bool paged = m->mode->paging != UNPAGED;

	m->window = paged ? LOW_WINDOW : nested ? LOW_GPA : (u64)m->block;
	if (nested)
		nesting.use(m->l2);
	for (int i = 0; i < PLACES; i++) {
		phys_addr_t backing = virt_to_phys(moded_page(m, i));

		if (nested)
			*nesting.entry(m->l2, LOW_GPA + i * PAGE_SIZE) = backing | nesting.page;
		set_moded_entry(m, i, nested ? LOW_GPA + i * PAGE_SIZE : backing);
	}
}

static struct moded *moded_new(const struct mode *mode, bool nested)
{
	struct moded *m = calloc(1, sizeof(*m));

	m->mode = mode;
	m->nested = nested;
	m->block = alloc_pages(BLOCK_ORDER);
	m->l2 = l2_new(NULL, NULL);
	make_tables(m);
	map_moded(m, nested);
	nesting.set_mode(m->l2, mode, virt_to_phys(m->root), code_base(mode));
	if (mode->paging == PAE)
		nesting.set_pdptes(m->l2, pdpt_of(m));
	return m;
}

static void moded_free(struct moded *m)
{
	l2_free(m->l2);
	free_page(m->root);
	free_page(m->pdpt);
	free_pages(m->pd);
	free_page(m->pt);
	free_page(m->pt32);
	free_pages(m->block);
	free(m);
}

/*
 * PDPTEs of PAE have no accessed bit: bits 8:5 must be zero (APM volume 2, 5.2.3), and VMRUN may
 * refuse other values. QEMU's TCG sets the bit, so it has to be cleared.
 */
static void check_pdptes(struct moded *m)
{
	u64 *pdpt = m->root;

	for (int i = 0; m->mode->paging == PAE && i < 4; i++) {
		if (!(pdpt[i] & PT_ACCESSED_MASK))
			continue;
		if (!m->pdptes_changed++)
			report_xfail(is_tcg(), false, "PDPTE %d has become 0x%lx", i, pdpt[i]);
		pdpt[i] &= ~PT_ACCESSED_MASK;
	}
}

/* L2 runs one of its stubs, with ESI at an offset of the window. */
static bool enter_stub(struct moded *m, const char *stub, u64 offset)
{
	bool done;

	l2_registers(m->l2)->rsi = m->window + offset;
	l2_set_rip(m->l2, (u64)stub - code_base(m->mode));
	done = l2_enter(m->l2) == nesting.halt;
	check_pdptes(m);
	return done;
}

static bool run_stub(struct moded *m, const char *stub, u64 offset, const char *what)
{
	if (m->broken)
		return false;
	if (enter_stub(m, stub, offset))
		return true;
	m->broken = true;
	report_fail("%s: exit %s", what, l2_exit_text(m->l2));
	return false;
}

#define ADDEND 0x10203u

/* What a page of the block holds at first. */
static u32 moded_content(int page, u64 offset)
{
	return 0x5eed0000 ^ (page * PAGE_SIZE + offset) * 0x10001;
}

/* Which page of the block page I of the window is. */
static int moded_number(const struct moded *m, int i)
{
	return (moded_page(m, i) - m->block) / PAGE_SIZE;
}

static bool moded_reads(struct moded *m, int page, int i, u64 offset, const char *when)
{
	u32 should = moded_content(page, offset);

	if (!run_stub(m, m->mode->stubs->read, i * PAGE_SIZE + offset, when))
		return false;
	return report_if_failed((u32)l2_registers(m->l2)->rbx == should,
				"%s: L2 reads 0x%x and not 0x%x in place %d + 0x%lx", when,
				(u32)l2_registers(m->l2)->rbx, should, i, offset);
}

/* Adds for the Nth time. */
static bool moded_adds(struct moded *m, int i, u64 offset, u32 n, const char *when)
{
	u32 *word = (u32 *)(moded_page(m, i) + offset);
	u32 should = moded_content(moded_number(m, i), offset) + n * ADDEND;

	l2_registers(m->l2)->rbx = ADDEND;
	if (!run_stub(m, m->mode->stubs->add, i * PAGE_SIZE + offset, when))
		return false;
	return report_if_failed(
		*word == should,
		"%s: L2 added 0x%x %u times in place %d + 0x%lx: L1 finds 0x%x and not 0x%x", when,
		ADDEND, n, i, offset, *word, should);
}

static bool uses_all(struct moded *m, u32 n, const char *when)
{
	bool good = true;

	for (int i = 0; i < PLACES && !m->broken; i++) {
		good &= moded_reads(m, moded_number(m, i), i, 0x40, when);
		good &= moded_adds(m, i, 0x44, n, when);
	}
	return good && !m->broken;
}

/* L2 went wrong during a migration that it had asked for. The host's answer is still to come. */
static void take_answer(struct moded *m)
{
	const struct l2_registers *registers = l2_registers(m->l2);

	if ((u16)registers->rdx != 0x3fd || !registers->rbp)
		report_abort("L2 did not come back from its migration: exit %s",
			     l2_exit_text(m->l2));
	getchar();
}

static void moded_migrate(struct moded *m)
{
	bool done;
	u32 last;

	if (m->broken)
		return;
	l2_registers(m->l2)->rbp = 0;
	migrate_by_hand_begin();
	done = enter_stub(m, m->mode->stubs->move, 0);
	if (!done)
		take_answer(m);
	migrate_by_hand_end();
	m->broken = !done;
	if (!report_if_failed(done, "L2 is migrated: exit %s, after %lu numbers",
			      l2_exit_text(m->l2), l2_registers(m->l2)->rbp))
		return;
	last = l2_registers(m->l2)->rbp;
	if (broken("word"))
		*(u32 *)moded_page(m, 1) = 0;
	for (int i = 0; i < PLACES; i++) {
		u32 is = *(u32 *)moded_page(m, i), should = last - (last - i) % PLACES;

		report_if_failed(
			is == should,
			"L2 wrote %u numbers during the migration, in place %d last %u: L1 finds %u",
			last, i, should, is);
	}
}

/* L1 maps the first page of the window to another page, in the tables that exist. */
static bool elsewhere(struct moded *m)
{
	u8 *other = m->block + PLACES * PAGE_SIZE;

	if (m->nested)
		*nesting.entry(m->l2, LOW_GPA) = virt_to_phys(other) | nesting.page;
	else if (m->mode->paging != UNPAGED)
		set_moded_entry(m, 0, virt_to_phys(other));
	else
		return true;
	nesting.flush(m->l2);
	return moded_reads(m, PLACES, 0, 0x48, "another page after the migration, flushed");
}

/* L1 changes a PDPTE, which the next entry loads. */
static bool other_pdpte(struct moded *m)
{
	u64 *pdpt = pdpt_of(m);
	int number = moded_number(m, 1);
	bool good;

	if (m->mode->paging < PAE)
		return true;
	/* Maps the GiB of the window once more, at 3 GiB. */
	pdpt[3] = pdpt[1];
	if (m->mode->paging == PAE)
		nesting.set_pdptes(m->l2, pdpt);
	m->window += 2ul << 30;
	nesting.flush(m->l2);
	good = moded_reads(m, number, 1, 0x48, "a new entry in the PDPT, flushed");
	m->window -= 2ul << 30;
	return good;
}

void mode_story(const struct mode *mode, bool nested)
{
	struct moded *m = moded_new(mode, nested);
	bool good;

	for (u64 offset = 0; offset < PAGE_SIZE << BLOCK_ORDER; offset += sizeof(u32))
		*(u32 *)(m->block + offset) = moded_content(0, offset);
	good = uses_all(m, 1, "before the migration");
	moded_migrate(m);
	good &= uses_all(m, 2, "after the migration");
	good &= elsewhere(m);
	good &= other_pdpte(m);
	report(good && !m->broken, "L2 used %d pages through %s, before the migration and after it",
	       PLACES,
	       nested			 ? kind(true)
	       : mode->paging == UNPAGED ? "no tables"
					 : kind(false));
	moded_free(m);
}
