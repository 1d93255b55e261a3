// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Memory as L2 sees it, across a move: nested paging, flushes, page faults, PAT.
 *
 * The truth: APM volume 2, 15.25 (nested paging), 15.16 (TLB control), 15.15 (clean bits),
 * 15.12.15 (intercepted #PF), 15.5 and 15.6 (what VMRUN loads and #VMEXIT saves), 5.3 to 5.5
 * (page tables, accessed and dirty bits, TLB), 7.8 (PAT).
 *
 * Most tests are made twice, in two kinds of world. In both L2 has a CR3 of its own, and
 * sees places, the pages of a window at 512 GiB which L1 itself does not map:
 *  - nested: L2's tables lead to guest-physical pages at 32 GiB where there is no RAM, and
 *    nested tables from there to pages of L1. What L1 changes is the nested tables.
 *  - own CR3: no nested paging. L2's tables lead to L1's pages, and L1 changes these.
 *
 * A broken hypervisor walks other tables than L2's after a move (L1's, those of an L2 that
 * ran before, none): L2 reads what belongs elsewhere or stops where it should not. Or it
 * keeps shadows of tables and no longer sees that L1 changes them; or it does not log as
 * dirty what L2, or the walker of its tables, writes, so that the destination has old bytes:
 * counters that fall behind, accessed and dirty bits that are gone. Or it mixes up the
 * nested page faults and page faults of L2 and L1: wrong CR2, twice, never.
 *
 * A test cannot tell a stale TLB from a stale shadow page, nor a byte that was not sent from
 * one that was never written. Without a flush either mapping is right, so nothing is said
 * of that; nor of accessed bits that are set without need, which 5.4.2 allows.
 */
#include "libcflat.h"
#include "alloc_page.h"
#include "barrier.h"
#include "percpu.h"
#include "processor.h"
#include "smp.h"
#include "svm.h"

#define WINDOW	     ((u8 *)(1ul << 39))
#define PML4_OF(at)  ((u64)(at) >> 39 & 511)
#define GPA_WINDOW   (32ul << 30) /* 36 bits of address: every AMD64 CPU has them */
#define ENTRIES	     512
#define PLACES	     8
#define BLOCK_ORDER  4
#define BLOCK_PAGES  (1 << BLOCK_ORDER)
#define DONE	     7 /* L2's call when it has done what was asked */
#define NPT_PAGE     (PT_PRESENT_MASK | PT_WRITABLE_MASK | PT_USER_MASK)
#define OWN_PAGE     (PT_PRESENT_MASK | PT_WRITABLE_MASK)
#define TABLE	     (PT_PRESENT_MASK | PT_WRITABLE_MASK | PT_USER_MASK)
#define RET	     0xc3
#define PF_EXIT	     (SVM_EXIT_EXCP_BASE + PF_VECTOR)
#define FETCH_OFFSET 0x123

FEATURE(GIB_PAGES, "1 GiB pages (CPUID Fn8000_0001_EDX bit 26)")
{
	return this_cpu_has(X86_FEATURE_GBPAGES);
}

FEATURE(RESERVED_ADDRESS_BITS, "physical addresses of fewer than 52 bits")
{
	return (cpuid(0x80000008).a & 0xff) < 52;
}

FEATURE(TELLS_RESERVED, "a CPU that sets P with RSV in error codes, which QEMU's TCG does not")
{
	return !hypervisor_leaf("TCGTCGTCGTCG");
}

/* ======== L2, which does as it is asked ======== */

enum deed {
	READ,
	WRITE,
	ADD,	   /* one instruction that reads and writes */
	FETCH,	   /* calls what is there */
	COPY,	   /* REP MOVSB of length bytes */
	READ_ALL,  /* the word at offset of all places, into values */
	WRITE_ALL, /* values, into it */
	TOUCH,	   /* reads the places of the mask in value, writes those in length */
	INVLPG,
	MOVE, /* asks to be moved */
	MOVE_MEANWHILE,
};

struct request {
	enum deed deed;
	volatile u64 *at;
	const void *from;
	u64 value, length, offset;
	u64 values[PLACES];
	void (*meanwhile)(void);
};

static volatile u64 *place(int i, u64 offset)
{
	return (volatile u64 *)(WINDOW + i * PAGE_SIZE + offset);
}

static void rep_movsb(volatile void *to, const void *from, u64 length)
{
	asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(length) : : "memory");
}

static void do_deed(struct request *r)
{
	switch (READ_ONCE(r->deed)) {
	case READ:
		r->value = *r->at;
		break;
	case WRITE:
		*r->at = r->value;
		break;
	case ADD:
		asm volatile("addq %1, %0" : "+m"(*r->at) : "r"(r->value) : "memory");
		break;
	case FETCH:
		((void (*)(void))r->at)();
		break;
	case COPY:
		rep_movsb(r->at, r->from, r->length);
		break;
	case READ_ALL:
		for (int i = 0; i < PLACES; i++)
			r->values[i] = *place(i, r->offset);
		break;
	case WRITE_ALL:
		for (int i = 0; i < PLACES; i++)
			*place(i, r->offset) = r->values[i];
		break;
	case TOUCH:
		for (int i = 0; i < PLACES; i++) {
			if (r->value >> i & 1)
				(void)*place(i, 0x60);
			if (r->length >> i & 1)
				*place(i, 0x68) = r->value;
		}
		break;
	case INVLPG:
		invlpg((const void *)r->at);
		break;
	case MOVE:
		migrate_quiet();
		break;
	case MOVE_MEANWHILE:
		migrate_quiet_while(r->meanwhile);
		break;
	}
}

static void serve(void *data)
{
	for (;;) {
		do_deed(data);
		l2_call(DONE);
	}
}

/* ======== worlds ======== */

struct world {
	bool nested;
	bool broken; /* it has failed already: nothing more is asked of it */
	struct l2 *l2;
	u64 *pml4, *pdpt, *pd, *pt; /* L2's, of the window */
	u64 *npt_pt;		    /* the nested table of GPA_WINDOW's first 2 MiB */
	u8 *block;		    /* BLOCK_PAGES of L1's memory */
	u64 magic;
	u32 asids_used; /* since all were flushed */
	struct request request;
};

static const char *kind(bool nested)
{
	return nested ? "nested tables" : "L2's own tables";
}

static u8 *page(const struct world *w, int n)
{
	return w->block + n * PAGE_SIZE;
}

/* What is in page N at first, at an offset. */
static u64 content(const struct world *w, int n, u64 offset)
{
	return w->magic | (u64)n << 16 | offset;
}

static void fill(struct world *w)
{
	for (int n = 0; n < BLOCK_PAGES; n++)
		for (u64 offset = 0; offset < PAGE_SIZE; offset += sizeof(u64))
			*(u64 *)(page(w, n) + offset) = content(w, n, offset);
}

/* The entry that L1 changes in the tests. */
static volatile u64 *entry_of(struct world *w, int i)
{
	return w->nested ? &w->npt_pt[i] : &w->pt[i];
}

/* What the hypervisor calls place I in EXITINFO2: guest-physical, or linear. */
static u64 fault_address(const struct world *w, int i, u64 offset)
{
	return (w->nested ? GPA_WINDOW : (u64)WINDOW) + i * PAGE_SIZE + offset;
}

static u64 usual_bits(const struct world *w)
{
	return w->nested ? NPT_PAGE : OWN_PAGE;
}

static void set_place(struct world *w, int i, const void *page, u64 bits)
{
	*entry_of(w, i) = virt_to_phys(page) | bits;
}

/* The page behind place I at first: not in the order of the places. */
static int first_page(int i)
{
	return PLACES - 1 - i;
}

static void make_window(struct world *w)
{
	w->pml4 = alloc_page();
	w->pdpt = alloc_page();
	w->pd = alloc_page();
	w->pt = alloc_page();
	memcpy(w->pml4, current_page_table(), PAGE_SIZE);
	w->pml4[PML4_OF(WINDOW)] = virt_to_phys(w->pdpt) | TABLE;
	w->pdpt[0] = virt_to_phys(w->pd) | TABLE;
	w->pd[0] = virt_to_phys(w->pt) | TABLE;
	w->l2->vmcb->save.cr3 = virt_to_phys(w->pml4);
}

static void make_npt(struct world *w)
{
	l2_use_npt(w->l2);
	w->npt_pt = l2_npt_entry(w->l2, GPA_WINDOW);
	for (int i = 0; i < PLACES; i++)
		w->pt[i] = (GPA_WINDOW + i * PAGE_SIZE) | OWN_PAGE;
}

static struct world *world_new(bool nested)
{
	static u32 worlds;
	struct world *w = calloc(1, sizeof(*w));

	w->nested = nested;
	w->asids_used = 1;
	w->magic = (0x5eed0000ul + __atomic_add_fetch(&worlds, 1, __ATOMIC_RELAXED)) << 32;
	w->block = alloc_pages(BLOCK_ORDER);
	fill(w);
	w->l2 = l2_new(serve, &w->request);
	make_window(w);
	if (nested)
		make_npt(w);
	else
		l2_intercept(w->l2, INTERCEPT_EXCEPTION + PF_VECTOR);
	for (int i = 0; i < PLACES; i++)
		set_place(w, i, page(w, first_page(i)), usual_bits(w));
	return w;
}

static void world_free(struct world *w)
{
	l2_free(w->l2);
	free_page(w->pml4);
	free_page(w->pdpt);
	free_page(w->pd);
	free_page(w->pt);
	free_pages(w->block);
	free(w);
}

/* ---- asking ---- */

static bool is_done(const struct world *w)
{
	return l2_is_call(w->l2, DONE);
}

/* L2 goes on until it has done its deed. */
static bool finish(struct world *w, const char *what)
{
	if (w->broken)
		return false;
	l2_enter(w->l2);
	if (is_done(w)) {
		l2_skip(w->l2, 3);
		return true;
	}
	w->broken = true;
	report_fail("%s, %s: exit %s", what, kind(w->nested), l2_exit_text(w->l2));
	return false;
}

static void ask(struct world *w, enum deed deed, volatile u64 *at, u64 value)
{
	w->request.deed = deed;
	w->request.at = at;
	w->request.value = value;
}

static u64 l2_read(struct world *w, int i, u64 offset)
{
	ask(w, READ, place(i, offset), ~0ul);
	finish(w, "L2 reads");
	return w->request.value;
}

static void l2_write(struct world *w, int i, u64 offset, u64 value)
{
	ask(w, WRITE, place(i, offset), value);
	finish(w, "L2 writes");
}

static void move_in_l2(struct world *w)
{
	ask(w, MOVE, NULL, 0);
	finish(w, "L2 is moved");
}

static void move(struct world *w, bool in_l2)
{
	if (in_l2)
		move_in_l2(w);
	else
		migrate_quiet();
}

/* L2 reads all places: each is the page that the world was made with. */
static bool check_all(struct world *w, u64 offset, const char *when)
{
	bool good = true;

	w->request = (struct request){ .deed = READ_ALL, .offset = offset };
	if (!finish(w, when))
		return false;
	for (int i = 0; i < PLACES; i++) {
		u64 should = content(w, first_page(i), offset);

		good &= report_if_failed(w->request.values[i] == should,
					 "%s, %s: L2 reads 0x%lx and not 0x%lx in place %d + 0x%lx",
					 when, kind(w->nested), w->request.values[i], should, i,
					 offset);
	}
	return good;
}

/* L2 writes to all places: it is in these pages, and in no other. */
static bool check_writes(struct world *w, u64 offset, const char *when)
{
	bool good = true;

	w->request = (struct request){ .deed = WRITE_ALL, .offset = offset };
	for (int i = 0; i < PLACES; i++)
		w->request.values[i] = ~content(w, i, offset);
	if (!finish(w, when))
		return false;
	for (int n = 0; n < BLOCK_PAGES; n++) {
		u64 *word = (u64 *)(page(w, n) + offset);
		int i = first_page(n);
		bool written = i >= 0 && i < PLACES;
		u64 should = written ? ~content(w, i, offset) : content(w, n, offset);

		good &= report_if_failed(*word == should,
					 "%s, %s: L1 finds 0x%lx and not 0x%lx in page %d + 0x%lx, "
					 "%s",
					 when, kind(w->nested), *word, should, n, offset,
					 written ? "which L2 has written"
						 : "which is not L2's to write");
		*word = content(w, n, offset);
	}
	return good;
}

/* ======== which tables ======== */

static void remap(bool nested, bool in_l2)
{
	struct world *w = world_new(nested);
	bool good = check_all(w, 0x18, "before the move");

	good &= check_writes(w, 0x20, "before the move");
	move(w, in_l2);
	good &= check_all(w, 0x18, "after the move");
	/* What nobody has touched before the move, too. */
	good &= check_all(w, 0xff8, "after the move");
	good &= check_writes(w, 0x20, "after the move");
	report(good && !w->broken, "L2 sees %d pages through %s, before the move and after it",
	       PLACES, kind(nested));
	world_free(w);
}

TEST(npt_moved_in_l2, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "L2 goes through its nested tables after a move inside L2")
{
	remap(true, true);
}

TEST(npt_moved_in_l1, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "L2 goes through its nested tables after a move between two entries")
{
	remap(true, false);
}

TEST(cr3_moved_in_l2, .on = EACH_CPU, .needs = SVM,
     .about = "without nested paging L2 goes through its own CR3 after a move inside L2")
{
	remap(false, true);
}

TEST(cr3_moved_in_l1, .on = EACH_CPU, .needs = SVM,
     .about = "without nested paging L2 goes through its own CR3 after a move between entries")
{
	remap(false, false);
}

/* ---- several ---- */

#define WORLDS 3

static bool visit_all(struct world **worlds, int visits, const char *when)
{
	bool good = true;

	for (int visit = 0; visit < visits; visit++)
		for (int i = 0; i < WORLDS; i++)
			good &= check_all(worlds[i], 8 * visit, when);
	for (int i = 0; i < WORLDS; i++)
		good &= check_writes(worlds[i], 0x800, when);
	return good;
}

/* Moved in the last L2, which may be of the other kind. */
static void alternate(bool nested, bool mixed)
{
	struct world *worlds[WORLDS];
	bool good;

	for (int i = 0; i < WORLDS; i++)
		worlds[i] = world_new(mixed && i == WORLDS - 1 ? !nested : nested);
	good = visit_all(worlds, 3, "before the move");
	move_in_l2(worlds[WORLDS - 1]);
	good &= visit_all(worlds, 3, "after the move");
	report(good, "%d L2s, entered in turn, see each its own %d pages", WORLDS, PLACES);
	for (int i = 0; i < WORLDS; i++)
		world_free(worlds[i]);
}

TEST(several_npts, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "L2s with different nested tables at the same addresses, moved in one of them")
{
	alternate(true, false);
}

TEST(several_cr3s, .on = EACH_CPU, .needs = SVM,
     .about = "L2s with different CR3s and no nested paging, moved in one of them")
{
	alternate(false, false);
}

TEST(npt_and_no_npt, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "L2s with nested paging and one without, entered in turn, moved in the latter")
{
	alternate(true, true);
}

TEST(npt_among_others, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "an L2 with nested paging among some without, moved inside it")
{
	alternate(false, true);
}

/* All with one ASID, which L1 flushes at each change: the ASID says nothing about tables. */
static void one_asid(bool nested)
{
	struct world *worlds[WORLDS];
	bool good = true;
	u32 asid;

	for (int i = 0; i < WORLDS; i++)
		worlds[i] = world_new(nested);
	asid = worlds[0]->l2->vmcb->control.guest_asid;
	for (int visit = 0; visit < 6; visit++) {
		if (visit == 3)
			migrate_quiet();
		for (int i = 0; i < WORLDS; i++) {
			worlds[i]->l2->vmcb->control.guest_asid = asid;
			worlds[i]->l2->vmcb->control.tlb_control = TLB_CONTROL_FLUSH_ALL_ASID;
			good &= check_all(worlds[i], 8 * visit,
					  visit < 3 ? "before the move" : "after the move");
		}
	}
	report(good, "%d L2s that share ASID %u, flushed at each entry, see each its own pages",
	       WORLDS, asid);
	for (int i = 0; i < WORLDS; i++)
		world_free(worlds[i]);
}

TEST(one_asid_npt, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "L2s with different nested tables and one ASID, flushed at each entry")
{
	one_asid(true);
}

TEST(one_asid_cr3, .on = EACH_CPU, .needs = SVM,
     .about = "L2s with different CR3s and one ASID, flushed at each entry")
{
	one_asid(false);
}

/* ---- one VMCB, other tables ---- */

static void use_tables_of(struct world *w, const struct world *other)
{
	if (w->nested)
		w->l2->vmcb->control.n_cr3 = other->l2->vmcb->control.n_cr3;
	else
		w->l2->vmcb->save.cr3 = other->l2->vmcb->save.cr3;
	w->l2->vmcb->control.tlb_control = TLB_CONTROL_FLUSH_ALL_ASID;
	w->block = other->block;
	w->magic = other->magic;
}

static void change_tables(bool nested)
{
	struct world *w = world_new(nested), *others[] = { world_new(nested), world_new(nested) };
	struct world first = *w;
	bool good = true;

	for (int round = 0; round < 4; round++) {
		use_tables_of(w, others[round & 1]);
		good &= check_all(w, 8 * round, "with tables that it had not the last time");
		if (round == 1) {
			/* Moved with other tables in the VMCB than L2 has run with. */
			use_tables_of(w, others[0]);
			migrate_quiet();
			good &= check_all(w, 0x100, "tables were changed before the move");
		}
	}
	report(good, "L2 goes through the tables that the VMCB names at each entry");
	w->block = first.block;
	world_free(w);
	world_free(others[0]);
	world_free(others[1]);
}

TEST(n_cr3_changes, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "N_CR3 is changed between entries, also just before a move")
{
	change_tables(true);
}

TEST(cr3_changes, .on = EACH_CPU, .needs = SVM,
     .about = "L2's CR3 in the VMCB is changed between entries, also just before a move")
{
	change_tables(false);
}

/* Clean bits are hints that nothing has changed (15.15); after a move nothing is cached. */
#define ALL_CLEAN 0xfff

static void clean(bool nested)
{
	struct world *w = world_new(nested);
	bool good = check_all(w, 0x18, "before the move");

	w->l2->vmcb->control.vmcb_clean = ALL_CLEAN;
	good &= check_all(w, 0x20, "with all clean bits set");
	migrate_quiet();
	good &= check_all(w, 0x18, "with all clean bits set after the move");
	good &= check_writes(w, 0x20, "with all clean bits set after the move");
	report(good, "L2 sees its pages with all clean bits set, before the move and after it");
	world_free(w);
}

TEST(clean_bits_npt, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "a VMCB whose clean bits are all set is entered after a move, nested paging")
{
	clean(true);
}

TEST(clean_bits_cr3, .on = EACH_CPU, .needs = SVM,
     .about = "a VMCB whose clean bits are all set is entered after a move, L2's own CR3")
{
	clean(false);
}

/* ======== faults that exit ======== */

/* L2 stops with this exit; what it was doing waits. */
static bool expect_fault(struct world *w, u64 exitcode, u64 info1, u64 info2, const char *what)
{
	const struct vmcb_control_area *control = &w->l2->vmcb->control;

	if (w->broken)
		return false;
	l2_enter(w->l2);
	if (control->exitcode == exitcode && control->exitinfo1 == info1 &&
	    control->exitinfo2 == info2)
		return true;
	report_fail("%s: exit %s; should be %s with EXITINFO1 0x%lx, EXITINFO2 0x%lx", what,
		    l2_exit_text(w->l2), svm_exit_name(exitcode), info1, info2);
	w->broken = control->exitcode != exitcode;
	return false;
}

/* ======== changes and flushes ======== */

enum flush { FLUSH_ALL, FLUSH_ASID, FLUSH_ASID_LOCAL, NEW_ASID, BY_INVLPGA };

static const char *const flush_names[] = {
	[FLUSH_ALL] = "TLB_CONTROL 1",
	[FLUSH_ASID] = "TLB_CONTROL 3",
	[FLUSH_ASID_LOCAL] = "TLB_CONTROL 7",
	[NEW_ASID] = "a new ASID",
	[BY_INVLPGA] = "INVLPGA",
};

/* An ASID that has been used for nothing since all were flushed. */
static void use_new_asid(struct world *w)
{
	struct vmcb_control_area *control = &w->l2->vmcb->control;

	control->guest_asid = control->guest_asid % (svm_asids() - 1) + 1;
	if (++w->asids_used < svm_asids())
		return;
	control->tlb_control = TLB_CONTROL_FLUSH_ALL_ASID;
	w->asids_used = 1;
}

static void flush(struct world *w, enum flush how)
{
	struct vmcb_control_area *control = &w->l2->vmcb->control;

	switch (how) {
	case FLUSH_ALL:
		control->tlb_control = TLB_CONTROL_FLUSH_ALL_ASID;
		break;
	case FLUSH_ASID:
		control->tlb_control = TLB_CONTROL_FLUSH_ASID;
		break;
	case FLUSH_ASID_LOCAL:
		control->tlb_control = TLB_CONTROL_FLUSH_ASID_LOCAL;
		break;
	case NEW_ASID:
		use_new_asid(w);
		break;
	case BY_INVLPGA:
		asm volatile("invlpga %%rax, %%ecx"
			     :
			     : "a"(WINDOW), "c"(control->guest_asid)
			     : "memory");
		break;
	}
}

/* The one entry that is changed: of nested tables or of L2's, that of place 0. */
struct subject {
	volatile u64 *entry;
	u64 page, other; /* what it leads to at first, and another page, with all rights */
	u64 exitcode, address, error;
};

static struct subject subject_of(struct world *w, bool guest_tables)
{
	struct subject subject = {
		.entry = guest_tables ? w->pt : entry_of(w, 0),
		.exitcode = PF_EXIT,
		.address = (u64)WINDOW,
	};

	subject.page = *subject.entry & ~(PT_ACCESSED_MASK | PT_DIRTY_MASK);
	subject.other = subject.page & ~PT_ADDR_MASK;
	if (guest_tables && w->nested)
		subject.other |= GPA_WINDOW + PAGE_SIZE;
	else
		subject.other |= virt_to_phys(page(w, first_page(1)));
	if (w->nested && !guest_tables) {
		subject.exitcode = SVM_EXIT_NPF;
		subject.address = fault_address(w, 0, 0);
		subject.error = NPF_FINAL_ADDRESS | PFERR_USER_MASK;
	}
	return subject;
}

static bool reads(struct world *w, int n, u64 offset, const char *when)
{
	u64 is = l2_read(w, 0, offset), should = content(w, n, offset);

	return !w->broken &&
	       report_if_failed(is == should, "%s: L2 reads 0x%lx and not 0x%lx", when, is, should);
}

/* L2 writes to place 0: it arrives in page N, and leaves another page UNTOUCHED. */
static bool writes(struct world *w, int n, int untouched, u64 offset, const char *when)
{
	u64 *there = (u64 *)(page(w, n) + offset);
	u64 *not_there = (u64 *)(page(w, untouched) + offset);
	u64 before = *not_there, value = ~*there;
	bool good;

	l2_write(w, 0, offset, value);
	if (w->broken)
		return false;
	good = report_if_failed(*there == value, "%s: L2 wrote 0x%lx, L1 finds 0x%lx", when, value,
				*there);
	return good & report_if_failed(*not_there == before,
				       "%s: what L2 wrote is in the page of before", when);
}

/* The access stops, changes nothing; L1 gives the rights back, and it is done once. */
static bool stops_and_goes_on(struct world *w, const struct subject *subject, enum flush how,
			      u64 entry, u64 error, const char *when)
{
	u64 *word = (u64 *)(page(w, first_page(0)) + 0x40);
	u64 before = *word;
	bool good;

	*subject->entry = entry;
	flush(w, how);
	ask(w, ADD, place(0, 0x40), 1);
	/* Whether an ADD of a page that is not present counts as read or write is the CPU's affair.
	 */
	if (!(entry & PT_PRESENT_MASK))
		ask(w, WRITE, place(0, 0x40), before + 1);
	good = expect_fault(w, subject->exitcode, subject->error | error, subject->address + 0x40,
			    when);
	good &= report_if_failed(*word == before, "%s: L2 wrote 0x%lx where it may not", when,
				 *word);
	*subject->entry = subject->page;
	flush(w, how);
	good &= finish(w, when);
	return good & report_if_failed(*word == before + 1,
				       "%s: 0x%lx + 1, begun, stopped and continued, is 0x%lx",
				       when, before, *word);
}

static bool changes(struct world *w, const struct subject *subject, enum flush how, u64 offset)
{
	bool good = reads(w, first_page(0), offset, "before the change");

	*subject->entry = subject->other;
	flush(w, how);
	good &= reads(w, first_page(1), offset, "another page, flushed");
	good &= writes(w, first_page(1), first_page(0), offset + 8, "another page, flushed");
	*subject->entry = subject->page;
	flush(w, how);
	good &= reads(w, first_page(0), offset, "the first page again, flushed");
	good &= writes(w, first_page(0), first_page(1), offset + 8,
		       "the first page again, flushed");
	good &= stops_and_goes_on(w, subject, how, subject->page & ~PT_WRITABLE_MASK,
				  PFERR_PRESENT_MASK | PFERR_WRITE_MASK, "made read-only, flushed");
	good &= stops_and_goes_on(w, subject, how, 0, PFERR_WRITE_MASK,
				  "made not present, flushed");
	return good;
}

/* Changes before the move, one that waits for its flush during it, and changes after it. */
static void flush_story(bool nested, bool guest_tables, enum flush how, bool in_l2)
{
	struct world *w = world_new(nested);
	struct subject subject = subject_of(w, guest_tables);
	bool good;

	l2_intercept(w->l2, INTERCEPT_EXCEPTION + PF_VECTOR);
	good = changes(w, &subject, how, 0x100);
	if (in_l2)
		move_in_l2(w);
	*subject.entry = subject.other;
	flush(w, how);
	if (!in_l2)
		migrate_quiet();
	good &= reads(w, first_page(1), 0x200, "changed and flushed around the move");
	*subject.entry = subject.page;
	flush(w, how);
	good &= changes(w, &subject, how, 0x300);
	report(good && !w->broken, "L2 sees at once what L1 changes in %s and flushes by %s",
	       kind(nested && !guest_tables), flush_names[how]);
	world_free(w);
}

TEST(flush_all_npt, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "nested tables changed and flushed by TLB_CONTROL 1, moved inside L2")
{
	flush_story(true, false, FLUSH_ALL, true);
}

TEST(flush_all_npt_pending, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "nested tables changed and flushed by TLB_CONTROL 1, moved before the entry")
{
	flush_story(true, false, FLUSH_ALL, false);
}

TEST(flush_all_cr3, .on = EACH_CPU, .needs = SVM,
     .about = "L2's own tables changed by L1, flushed by TLB_CONTROL 1, moved before the entry")
{
	flush_story(false, true, FLUSH_ALL, false);
}

TEST(flush_asid_npt, .on = EACH_CPU, .needs = ALL_OF(SVM_NPT, SVM_FLUSH_BY_ASID),
     .about = "nested tables changed and flushed by TLB_CONTROL 3")
{
	flush_story(true, false, FLUSH_ASID, false);
}

TEST(flush_asid_cr3, .on = EACH_CPU, .needs = SVM_FLUSH_BY_ASID,
     .about = "L2's own tables changed by L1 and flushed by TLB_CONTROL 3")
{
	flush_story(false, true, FLUSH_ASID, false);
}

TEST(flush_local_npt, .on = EACH_CPU, .needs = ALL_OF(SVM_NPT, SVM_FLUSH_BY_ASID),
     .about = "nested tables changed and flushed by TLB_CONTROL 7")
{
	flush_story(true, false, FLUSH_ASID_LOCAL, false);
}

TEST(flush_local_cr3, .on = EACH_CPU, .needs = SVM_FLUSH_BY_ASID,
     .about = "L2's own tables changed by L1 and flushed by TLB_CONTROL 7")
{
	flush_story(false, true, FLUSH_ASID_LOCAL, false);
}

TEST(new_asid_npt, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "nested tables changed, and L2 entered with a new ASID, moved before the entry")
{
	flush_story(true, false, NEW_ASID, false);
}

TEST(new_asid_cr3, .on = EACH_CPU, .needs = SVM,
     .about = "L2's own tables changed by L1, and L2 entered with a new ASID, moved inside L2")
{
	flush_story(false, true, NEW_ASID, true);
}

TEST(invlpga_npt, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "INVLPGA after a change of L2's own tables under nested paging")
{
	flush_story(true, true, BY_INVLPGA, false);
}

TEST(invlpga_cr3, .on = EACH_CPU, .needs = SVM,
     .about = "INVLPGA after a change of L2's own tables without nested paging")
{
	flush_story(false, true, BY_INVLPGA, false);
}

/* L2 exchanges two places in its own tables and flushes by INVLPG, moved in between. */
static void own_invlpg(bool nested)
{
	struct world *w = world_new(nested);
	u64 entries[] = { w->pt[0], w->pt[1] };
	bool good = reads(w, first_page(0), 0x18, "before the change");

	for (int i = 0; i < 2; i++) {
		ask(w, WRITE, &w->pt[i], entries[1 - i]);
		finish(w, "L2 changes its tables");
	}
	move_in_l2(w);
	for (int i = 0; i < 2; i++) {
		ask(w, INVLPG, place(i, 0), 0);
		finish(w, "L2 does INVLPG");
	}
	good &= reads(w, first_page(1), 0x18, "after INVLPG");
	good &= writes(w, first_page(1), first_page(0), 0x20, "after INVLPG");
	report(good && !w->broken,
	       "L2 sees what it has changed in its own tables, %s nested paging",
	       nested ? "under" : "without");
	world_free(w);
}

TEST(invlpg_npt, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "L2 changes its tables, is moved, does INVLPG, sees the change; nested paging")
{
	own_invlpg(true);
}

TEST(invlpg_cr3, .on = EACH_CPU, .needs = SVM,
     .about = "L2 changes its tables, is moved, does INVLPG, sees the change; no nested paging")
{
	own_invlpg(false);
}

/* ======== nested page faults ======== */

struct npf {
	const char *name;
	enum deed deed;
	u64 bits;  /* of place 0's nested entry, or of the entry of L2's table; 0: not present */
	u64 error; /* EXITINFO1 */
	bool walk; /* of the page that holds L2's table of the window */
	u64 from;  /* COPY: from this offset of the window to that of `to` */
	u64 to;
	int stops_at; /* the place whose entry is changed */
};

#define FINAL	  (NPF_FINAL_ADDRESS | PFERR_USER_MASK)
#define WALK	  (NPF_PAGE_TABLE | PFERR_USER_MASK | PFERR_WRITE_MASK)
#define READ_ONLY (NPT_PAGE & ~PT_WRITABLE_MASK)
#define COPIED	  64

static const struct npf npfs[] = {
	{ .name = "read, not present", .deed = READ, .bits = 0, .error = FINAL },
	{ .name = "write, not present",
	  .deed = WRITE,
	  .bits = 0,
	  .error = FINAL | PFERR_WRITE_MASK },
	{ .name = "write, read-only",
	  .deed = WRITE,
	  .bits = READ_ONLY,
	  .error = FINAL | PFERR_WRITE_MASK | PFERR_PRESENT_MASK },
	{ .name = "read and write, read-only",
	  .deed = ADD,
	  .bits = READ_ONLY,
	  .error = FINAL | PFERR_WRITE_MASK | PFERR_PRESENT_MASK },
	{ .name = "fetch, not present",
	  .deed = FETCH,
	  .bits = 0,
	  .error = FINAL | PFERR_FETCH_MASK },
	{ .name = "fetch, no-execute",
	  .deed = FETCH,
	  .bits = NPT_PAGE | PT64_NX_MASK,
	  .error = FINAL | PFERR_FETCH_MASK | PFERR_PRESENT_MASK },
	{ .name = "string copy, not present behind the destination's first page",
	  .deed = COPY,
	  .bits = 0,
	  .error = FINAL | PFERR_WRITE_MASK,
	  .from = 5 * PAGE_SIZE + 0x80,
	  .to = 3 * PAGE_SIZE - 0x20,
	  .stops_at = 3 },
	{ .name = "string copy, read-only behind the destination's first page",
	  .deed = COPY,
	  .bits = READ_ONLY,
	  .error = FINAL | PFERR_WRITE_MASK | PFERR_PRESENT_MASK,
	  .from = 5 * PAGE_SIZE + 0x80,
	  .to = 3 * PAGE_SIZE - 0x20,
	  .stops_at = 3 },
	{ .name = "string copy, not present behind the source's first page",
	  .deed = COPY,
	  .bits = 0,
	  .error = FINAL,
	  .from = 4 * PAGE_SIZE - 0x18,
	  .to = 6 * PAGE_SIZE + 0x80,
	  .stops_at = 4 },
	/* The walk counts as a write (15.25.6). */
	{ .name = "read, L2's table not present",
	  .deed = READ,
	  .bits = 0,
	  .error = WALK,
	  .walk = true },
	{ .name = "write, L2's table not present",
	  .deed = WRITE,
	  .bits = 0,
	  .error = WALK,
	  .walk = true },
	{ .name = "read, L2's table read-only",
	  .deed = READ,
	  .bits = READ_ONLY,
	  .error = WALK | PFERR_PRESENT_MASK,
	  .walk = true },
};

static void start_npf(struct world *w, const struct npf *npf)
{
	ask(w, npf->deed, place(0, npf->deed == FETCH ? FETCH_OFFSET : 0x48), 0x1234);
	if (npf->deed == FETCH)
		page(w, first_page(0))[FETCH_OFFSET] = RET;
	if (npf->deed != COPY)
		return;
	w->request.at = (volatile u64 *)(WINDOW + npf->to);
	w->request.from = WINDOW + npf->from;
	w->request.length = COPIED;
}

static u64 npf_address(const struct world *w, const struct npf *npf)
{
	if (npf->walk)
		return virt_to_phys(&w->pt[0]);
	if (npf->deed == COPY)
		return fault_address(w, npf->stops_at, 0);
	return fault_address(w, 0, (u64)w->request.at & (PAGE_SIZE - 1));
}

/* Sets the entry in the way of the access, or puts it right. */
static void set_npf_entry(struct world *w, const struct npf *npf, u64 bits)
{
	volatile u64 *entry = &w->npt_pt[npf->stops_at];
	phys_addr_t page_pa = virt_to_phys(page(w, first_page(npf->stops_at)));

	if (npf->walk) {
		entry = l2_npt_entry(w->l2, virt_to_phys(w->pt));
		page_pa = virt_to_phys(w->pt);
	}
	*entry = bits ? page_pa | bits : 0;
	w->l2->vmcb->control.tlb_control = TLB_CONTROL_FLUSH_ALL_ASID;
}

static u8 window_byte(const struct world *w, u64 offset)
{
	return page(w, first_page(offset / PAGE_SIZE))[offset % PAGE_SIZE];
}

static bool copied_well(const struct world *w, const struct npf *npf)
{
	int wrong = 0;

	for (int i = 0; i < COPIED; i++)
		wrong += window_byte(w, npf->to + i) != window_byte(w, npf->from + i);
	/* And nothing behind or before it. */
	for (int i = 1; i <= 8; i++) {
		u64 around[] = { npf->to - i, npf->to + COPIED + i - 1 };

		for (int j = 0; j < 2; j++) {
			u64 at = around[j];
			u64 word = content(w, first_page(at / PAGE_SIZE), at % PAGE_SIZE & ~7ul);

			wrong += window_byte(w, at) != (u8)(word >> 8 * (at & 7));
		}
	}
	return report_if_failed(!wrong, "%s: %d bytes are wrong after the copy", npf->name, wrong);
}

static bool npf_effect(const struct world *w, const struct npf *npf)
{
	u64 word = *(u64 *)(page(w, first_page(0)) + 0x48),
	    before = content(w, first_page(0), 0x48);
	u64 should = before;

	if (npf->deed == COPY)
		return copied_well(w, npf);
	if (npf->deed == READ)
		return report_if_failed(w->request.value == before,
					"%s: L2 reads 0x%lx and not 0x%lx", npf->name,
					w->request.value, before);
	if (npf->deed == WRITE)
		should = 0x1234;
	if (npf->deed == ADD)
		should = before + 0x1234;
	return report_if_failed(word == should, "%s: L1 finds 0x%lx and not 0x%lx", npf->name, word,
				should);
}

/* As many L2s as there are ways, each stopped at its own. */
static void stop_at_npfs(const struct npf *ways, int count, bool warm)
{
	struct world *worlds[ARRAY_SIZE(npfs)];
	bool good = true;

	for (int i = 0; i < count; i++) {
		struct world *w = worlds[i] = world_new(true);

		if (warm)
			good &= check_all(w, 0x18, "before the fault");
		set_npf_entry(w, &ways[i], ways[i].bits);
		start_npf(w, &ways[i]);
		good &= expect_fault(w, SVM_EXIT_NPF, ways[i].error, npf_address(w, &ways[i]),
				     ways[i].name);
	}
	migrate_quiet();
	for (int i = 0; i < count; i++) {
		struct world *w = worlds[i];

		/* Still in the way, for an L2 that goes on as it is. */
		good &= expect_fault(w, SVM_EXIT_NPF, ways[i].error, npf_address(w, &ways[i]),
				     ways[i].name);
		set_npf_entry(w, &ways[i], NPT_PAGE);
		good &= finish(w, ways[i].name);
		good &= !w->broken && npf_effect(w, &ways[i]);
		world_free(w);
	}
	report(good, "%d L2s stopped at nested page faults, which said why and where, went on",
	       count);
}

TEST(npf, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "nested page faults say why and where; moved at them, repaired, the access is done "
	      "once")
{
	stop_at_npfs(npfs, ARRAY_SIZE(npfs), false);
}

TEST(npf_warm, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "the same with pages that L2 has used before L1 took them away")
{
	stop_at_npfs(npfs, ARRAY_SIZE(npfs), true);
}

TEST(npf_reserved, .on = EACH_CPU, .needs = ALL_OF(SVM_NPT, RESERVED_ADDRESS_BITS, TELLS_RESERVED),
     .about = "a reserved bit in a nested entry is told in EXITINFO1, moved at the exit")
{
	static const struct npf reserved[] = {
		{ .name = "read, reserved bit 51",
		  .deed = READ,
		  .bits = NPT_PAGE | BIT(51),
		  .error = FINAL | PFERR_RSVD_MASK | PFERR_PRESENT_MASK },
		{ .name = "write, reserved bit 51",
		  .deed = WRITE,
		  .bits = NPT_PAGE | BIT(51),
		  .error = FINAL | PFERR_RSVD_MASK | PFERR_PRESENT_MASK | PFERR_WRITE_MASK },
	};

	stop_at_npfs(reserved, ARRAY_SIZE(reserved), false);
}

/* ======== accessed and dirty bits ======== */

#define USED (PT_ACCESSED_MASK | PT_DIRTY_MASK)

static void clear_used(struct world *w, volatile u64 *entries)
{
	for (int i = 0; i < PLACES; i++)
		entries[i] &= ~USED;
	w->pd[0] &= ~PT_ACCESSED_MASK;
	w->pdpt[0] &= ~PT_ACCESSED_MASK;
	w->pml4[PML4_OF(WINDOW)] &= ~PT_ACCESSED_MASK;
	w->l2->vmcb->control.tlb_control = TLB_CONTROL_FLUSH_ALL_ASID;
}

static void touch(struct world *w, u64 read, u64 written)
{
	w->request = (struct request){ .deed = TOUCH, .value = read, .length = written };
	finish(w, "L2 reads and writes");
}

static bool check_used(const struct world *w, const volatile u64 *entries, u64 read, u64 written,
		       const char *when)
{
	bool good = true;

	for (int i = 0; i < PLACES; i++) {
		bool dirty = written >> i & 1, accessed = dirty || read >> i & 1;
		u64 entry = entries[i];

		good &= report_if_failed(!accessed || entry & PT_ACCESSED_MASK,
					 "%s: place %d was used, its entry 0x%lx is not accessed",
					 when, i, entry);
		good &= report_if_failed(!dirty == !(entry & PT_DIRTY_MASK),
					 "%s: place %d was %swritten, its entry is 0x%lx", when, i,
					 dirty ? "" : "not ", entry);
	}
	good &= report_if_failed(w->pd[0] & w->pdpt[0] & w->pml4[PML4_OF(WINDOW)] &
					 PT_ACCESSED_MASK,
				 "%s: L2's upper entries 0x%lx, 0x%lx, 0x%lx are not all accessed",
				 when, w->pml4[PML4_OF(WINDOW)], w->pdpt[0], w->pd[0]);
	return good;
}

static void used_story(bool nested, bool guest_tables)
{
	struct world *w = world_new(nested);
	volatile u64 *entries = guest_tables ? w->pt : entry_of(w, 0);
	bool good;

	clear_used(w, entries);
	touch(w, 0x03, 0x0c);
	move_in_l2(w);
	good = check_used(w, entries, 0x03, 0x0c, "used before the move");
	clear_used(w, entries);
	touch(w, 0x0c, 0x11);
	good &= check_used(w, entries, 0x0c, 0x11, "cleared and used after the move");
	/* Read first, so that the translation is there when it is written. */
	touch(w, 0x60, 0);
	good &= check_used(w, entries, 0x6c, 0x11, "others read after the move");
	touch(w, 0, 0x40);
	good &= check_used(w, entries, 0x6c, 0x51, "written after it was read");
	report(good && !w->broken, "accessed and dirty bits in %s are what L2 did",
	       kind(!guest_tables));
	world_free(w);
}

TEST(used_bits_npt, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "accessed and dirty bits in nested tables survive a move and are set after it")
{
	used_story(true, false);
}

TEST(used_bits_guest, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "accessed and dirty bits in L2's tables under nested paging")
{
	used_story(true, true);
}

TEST(used_bits_cr3, .on = EACH_CPU, .needs = SVM,
     .about = "accessed and dirty bits in L2's tables without nested paging")
{
	used_story(false, true);
}

/* What L2 does while the host moves it: page after page, the intervals growing. */
struct toucher {
	u64 calls, next;
	int touched;
};

static PER_CPU(struct toucher, toucher);

static void touch_next(void)
{
	struct toucher *t = &this_cpu(toucher);

	if (++t->calls < t->next || t->touched == ENTRIES)
		return;
	t->next = t->calls + t->calls / 32 + 1;
	*place(t->touched++, 0x70) = t->calls;
}

static bool check_touched(const volatile u64 *entries, int touched, const char *which)
{
	int missing = 0, surplus = 0;

	for (int i = 0; i < ENTRIES; i++) {
		if (i < touched)
			missing += (entries[i] & USED) != USED;
		else
			surplus += !!(entries[i] & PT_DIRTY_MASK);
	}
	return report(!missing && !surplus,
		      "L2 wrote %d pages during the move: %d of their entries in %s are not "
		      "accessed and dirty, %d others are dirty",
		      touched, missing, which, surplus);
}

/*
 * The pages that hold the tables are written by the walker alone: if that is not logged the
 * destination has them as they were before.
 */
static void used_during_move(bool nested)
{
	struct world *w = world_new(nested);

	for (int i = 0; i < ENTRIES; i++) {
		w->pt[i] = (GPA_WINDOW + i * PAGE_SIZE) | OWN_PAGE;
		set_place(w, i, page(w, i % BLOCK_PAGES), usual_bits(w));
	}
	memset(&this_cpu(toucher), 0, sizeof(this_cpu(toucher)));
	w->request = (struct request){ .deed = MOVE_MEANWHILE, .meanwhile = touch_next };
	if (finish(w, "L2 is moved while it writes")) {
		if (nested)
			check_touched(w->npt_pt, this_cpu(toucher).touched, kind(true));
		check_touched(w->pt, this_cpu(toucher).touched, kind(false));
	}
	world_free(w);
}

TEST(used_during_move_npt, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "accessed and dirty bits that are set while memory is being moved, nested paging")
{
	used_during_move(true);
}

TEST(used_during_move_cr3, .on = EACH_CPU, .needs = SVM,
     .about = "accessed and dirty bits that are set while memory is being moved, L2's own CR3")
{
	used_during_move(false);
}

/* ======== page faults ======== */

/* Where nothing is mapped: behind L2's window, and at 1 TiB for L1. */
#define L2_NOWHERE ((u64)WINDOW + (1ul << 30))
#define L1_NOWHERE (1ul << 40)

/* The one instruction that may fault; the handler goes on behind it. */
void storm_read(u64 address);
extern char storm_instruction[], storm_after[];
asm(".pushsection .text\n"
    "storm_read:\n"
    "storm_instruction:\n"
    "	movb	(%rdi), %al\n"
    "storm_after:\n"
    "	ret\n"
    ".popsection\n");

struct storm {
	u64 expected; /* CR2 */
	u64 faults, wrong, miscounted;
	u64 first_is, first_should, first_error;
	bool move; /* in the handler, before it looks at CR2 */
};

static PER_CPU(struct storm, storm);

static void on_page_fault(struct ex_regs *regs)
{
	struct storm *s = &this_cpu(storm);
	u64 cr2;

	if (regs->rip != (u64)storm_instruction)
		unhandled_exception(regs);
	if (s->move) {
		s->move = false;
		migrate_quiet();
	}
	cr2 = read_cr2();
	s->faults++;
	if ((cr2 != s->expected || regs->error_code) && !s->wrong++) {
		s->first_is = cr2;
		s->first_should = s->expected;
		s->first_error = regs->error_code;
	}
	regs->rip = (u64)storm_after;
}

/* The Nth of addresses which are all different. */
static u64 nowhere(u64 base, u64 n)
{
	return base + n * PAGE_SIZE + n * 24 % PAGE_SIZE;
}

static void fault_at(u64 address)
{
	struct storm *s = &this_cpu(storm);
	u64 before = s->faults;

	WRITE_ONCE(s->expected, address);
	storm_read(address);
	if (READ_ONCE(s->faults) != before + 1)
		s->miscounted++;
}

static handler storm_begin(void)
{
	memset(&this_cpu(storm), 0, sizeof(this_cpu(storm)));
	return handle_exception(PF_VECTOR, on_page_fault);
}

static void storm_end(handler before, u64 should)
{
	const struct storm *s = &this_cpu(storm);

	handle_exception(PF_VECTOR, before);
	report(s->faults == should && !s->miscounted,
	       "%lu faults for %lu accesses; %lu times not one for one", s->faults, should,
	       s->miscounted);
	report(!s->wrong,
	       "%lu faults had another CR2 or error code; the first: CR2 0x%lx and not 0x%lx, "
	       "error code 0x%lx",
	       s->wrong, s->first_is, s->first_should, s->first_error);
}

struct storm_plan {
	u64 count;
	bool in_handler;
};

static void storm_in_l2(void *data)
{
	const struct storm_plan *plan = data;

	for (u64 n = 0; n < plan->count; n++) {
		if (n == plan->count / 2) {
			if (plan->in_handler)
				this_cpu(storm).move = true;
			else
				migrate_quiet();
		}
		fault_at(nowhere(L2_NOWHERE, n));
	}
}

static void storm_story(bool nested, bool in_handler)
{
	struct world *w = world_new(nested);
	struct storm_plan plan = { .count = scaled_count(20000, 400), .in_handler = in_handler };
	handler before = storm_begin();

	l2_pass(w->l2, INTERCEPT_EXCEPTION + PF_VECTOR);
	l2_start(w->l2, storm_in_l2, &plan);
	l2_expect_return(w->l2);
	report(w->l2->vmcb->save.cr2 == nowhere(L2_NOWHERE, plan.count - 1),
	       "CR2 in the VMCB is 0x%lx, L2's last was 0x%lx", w->l2->vmcb->save.cr2,
	       nowhere(L2_NOWHERE, plan.count - 1));
	storm_end(before, plan.count);
	world_free(w);
}

TEST(faults_npt, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "L2 under nested paging faults again and again, moved in the middle: each CR2 once")
{
	storm_story(true, false);
}

TEST(faults_cr3, .on = EACH_CPU, .needs = SVM,
     .about = "L2 without nested paging faults again and again, moved in the middle: each CR2 once")
{
	storm_story(false, false);
}

TEST(fault_handler_npt, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "L2 is moved in its handler of #PF before it reads CR2, nested paging")
{
	storm_story(true, true);
}

TEST(fault_handler_cr3, .on = EACH_CPU, .needs = SVM,
     .about = "L2 is moved in its handler of #PF before it reads CR2, no nested paging")
{
	storm_story(false, true);
}

/* ---- L1's and L2's faults in turn ---- */

struct turns {
	u64 n;
	u64 wrong_at_entry, found, should;
};

static void fault_in_turn(void *data)
{
	struct turns *turns = data;

	for (;;) {
		u64 cr2 = read_cr2();
		u64 n = READ_ONCE(turns->n);
		u64 should = n ? nowhere(L2_NOWHERE, n - 1) : 0;

		if (cr2 != should && !turns->wrong_at_entry++) {
			turns->found = cr2;
			turns->should = should;
		}
		fault_at(nowhere(L2_NOWHERE, n));
		l2_call(DONE);
	}
}

/*
 * VMRUN loads CR2 and #VMEXIT saves it, and neither brings back L1's (15.5.1, 15.6): so
 * after an exit L1 has its own last CR2 or L2's, and nothing else.
 */
static void turns_story(bool nested)
{
	struct world *w = world_new(nested);
	struct turns turns = { 0 };
	u64 count = scaled_count(600, 60), foreign = 0, lost = 0, last = 0;
	handler before = storm_begin();

	l2_pass(w->l2, INTERCEPT_EXCEPTION + PF_VECTOR);
	l2_start(w->l2, fault_in_turn, &turns);
	w->l2->vmcb->save.cr2 = 0;
	for (; turns.n < count && !w->broken; turns.n++) {
		u64 own = nowhere(L1_NOWHERE, turns.n), its = nowhere(L2_NOWHERE, turns.n), cr2;

		fault_at(own);
		finish(w, "L2 faults");
		if (turns.n == count / 2)
			migrate_quiet();
		cr2 = read_cr2();
		foreign += cr2 != own && cr2 != its;
		if (w->l2->vmcb->save.cr2 != its) {
			lost++;
			last = w->l2->vmcb->save.cr2;
		}
	}
	report(!foreign, "%lu times L1's CR2 was neither L1's last nor L2's", foreign);
	report(!lost, "%lu times CR2 in the VMCB was not L2's last (once 0x%lx)", lost, last);
	report(!turns.wrong_at_entry,
	       "%lu times L2 was entered with another CR2 than the VMCB's (first 0x%lx, not 0x%lx)",
	       turns.wrong_at_entry, turns.found, turns.should);
	storm_end(before, 2 * count);
	world_free(w);
}

TEST(faults_in_turn_npt, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "L1 and L2 fault in turn, moved in L1: each finds its own CR2, nested paging")
{
	turns_story(true);
}

TEST(faults_in_turn_cr3, .on = EACH_CPU, .needs = SVM,
     .about = "L1 and L2 fault in turn, moved in L1: each finds its own CR2, no nested paging")
{
	turns_story(false);
}

/* ---- #PF that L1 intercepts ---- */

/* Intercepted before CR2 is written (15.12.15). L1 repairs, and the read is done. */
static void intercepted_story(bool nested)
{
	struct world *w = world_new(nested);
	u64 count = scaled_count(400, 40), wrong_cr2 = 0, wrong_value = 0;

	l2_intercept(w->l2, INTERCEPT_EXCEPTION + PF_VECTOR);
	for (u64 n = 0; n < count && !w->broken; n++) {
		int i = n % PLACES;
		u64 sentinel = 0x7000000000 + n, offset = n * 24 % PAGE_SIZE;
		u64 entry = w->pt[i];

		w->pt[i] = 0;
		w->l2->vmcb->control.tlb_control = TLB_CONTROL_FLUSH_ALL_ASID;
		w->l2->vmcb->save.cr2 = sentinel;
		ask(w, READ, place(i, offset), ~0ul);
		expect_fault(w, PF_EXIT, 0, (u64)place(i, offset), "L2's fault is L1's");
		wrong_cr2 += w->l2->vmcb->save.cr2 != sentinel;
		if (n == count / 2)
			migrate_quiet();
		w->pt[i] = entry;
		finish(w, "L1 has repaired it");
		wrong_value += w->request.value != content(w, first_page(i), offset);
		wrong_cr2 += w->l2->vmcb->save.cr2 != sentinel;
	}
	report(!w->broken && !wrong_value, "%lu intercepted faults repaired, %lu reads went wrong",
	       count, wrong_value);
	report(!wrong_cr2, "%lu times an intercepted #PF has changed L2's CR2", wrong_cr2);
	world_free(w);
}

TEST(intercepted_npt, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "L1 intercepts L2's #PF, is moved at one, repairs: EXITINFO is right, CR2 stays")
{
	intercepted_story(true);
}

TEST(intercepted_cr3, .on = EACH_CPU, .needs = SVM, .about = "the same without nested paging")
{
	intercepted_story(false);
}

/* L1 passes an intercepted #PF on: an injected one takes CR2 from the VMCB (15.20). */
static void read_nowhere(void *data)
{
	u64 count = *(u64 *)data;

	for (u64 n = 0; n < count; n++)
		fault_at(nowhere(L2_NOWHERE, n));
}

static void passed_on_story(bool nested)
{
	struct world *w = world_new(nested);
	u64 count = scaled_count(200, 20), n;
	handler before = storm_begin();

	l2_intercept(w->l2, INTERCEPT_EXCEPTION + PF_VECTOR);
	l2_start(w->l2, read_nowhere, &count);
	for (n = 0; n < count; n++) {
		u64 address = nowhere(L2_NOWHERE, n);

		if (!expect_fault(w, PF_EXIT, 0, address, "L2's fault is L1's"))
			break;
		w->l2->vmcb->save.cr2 = address;
		l2_inject(w->l2, SVM_EVTINJ_TYPE_EXEPT | SVM_EVTINJ_VALID_ERR | PF_VECTOR);
		if (n == count / 2)
			migrate_quiet();
	}
	if (n == count)
		l2_expect_return(w->l2);
	storm_end(before, count);
	world_free(w);
}

TEST(passed_on_npt, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "L1 injects each #PF that it intercepts: L2's handler finds the VMCB's CR2, once")
{
	passed_on_story(true);
}

TEST(passed_on_cr3, .on = EACH_CPU, .needs = SVM, .about = "the same without nested paging")
{
	passed_on_story(false);
}

/* ---- CR2 that no fault has written ---- */

#define L2_CR2 0xffff800012345678ul

static void change_cr2(void *data)
{
	u64 *found = data;

	found[0] = read_cr2();
	write_cr2(L2_CR2);
	migrate_quiet();
	found[1] = read_cr2();
}

TEST(cr2, .on = EACH_CPU, .needs = SVM,
     .about =
	     "L2 is entered with the VMCB's CR2, changes it, is moved, and it is saved at the exit")
{
	u64 found[2] = { 0 }, first = 0x0000765432100000;
	struct l2 *l2 = l2_new(change_cr2, found);

	l2->vmcb->save.cr2 = first;
	write_cr2(0x4444000);
	l2_expect_return(l2);
	report(found[0] == first, "L2 begins with CR2 0x%lx, the VMCB had 0x%lx", found[0], first);
	report(found[1] == L2_CR2, "after the move L2 has CR2 0x%lx, it had set 0x%lx", found[1],
	       L2_CR2);
	report(l2->vmcb->save.cr2 == L2_CR2, "CR2 in the VMCB is 0x%lx, L2 had set 0x%lx",
	       l2->vmcb->save.cr2, L2_CR2);
	l2_free(l2);
}

/* ======== PAT ======== */

/* Entries 0 to 3 as after reset, so that no page in use changes its type. */
#define PAT_RESET   0x0007040600070406ul
#define PAT_OF(x)   ((PAT_RESET & 0xffffffff) | (x) << 32)
#define PAT_OF_L1   PAT_OF(0x01070406ul)
#define PAT_OF_VMCB PAT_OF(0x05040706ul)
#define PAT_OF_L2   PAT_OF(0x06050401ul)
#define PAT_BAD	    PAT_OF(0x00020406ul) /* type 2 is reserved */
#define PAT_MBZ	    PAT_OF(0x00080406ul) /* and so are bits 7:3 */

static void change_pat(void *data)
{
	u64 *found = data;

	found[0] = rdmsr(MSR_IA32_CR_PAT);
	wrmsr(MSR_IA32_CR_PAT, PAT_OF_L2);
	migrate_quiet();
	found[1] = rdmsr(MSR_IA32_CR_PAT);
	l2_call(DONE);
	found[2] = rdmsr(MSR_IA32_CR_PAT);
}

TEST(gpat_own, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "under nested paging L2 has its own PAT, G_PAT; L1's stays, also across a move in L2")
{
	u64 own = rdmsr(MSR_IA32_CR_PAT), found[3] = { 0 };
	struct l2 *l2 = l2_new(change_pat, found);

	l2_use_npt(l2);
	wrmsr(MSR_IA32_CR_PAT, PAT_OF_L1);
	l2->vmcb->save.g_pat = PAT_OF_VMCB;
	l2_expect_call(l2, DONE);
	report(found[0] == PAT_OF_VMCB, "L2 begins with PAT 0x%lx, G_PAT was 0x%lx", found[0],
	       PAT_OF_VMCB);
	report(found[1] == PAT_OF_L2, "after the move L2 has PAT 0x%lx, it had set 0x%lx", found[1],
	       PAT_OF_L2);
	report(l2->vmcb->save.g_pat == PAT_OF_L2, "G_PAT after the exit is 0x%lx, L2 had set 0x%lx",
	       l2->vmcb->save.g_pat, PAT_OF_L2);
	report(rdmsr(MSR_IA32_CR_PAT) == PAT_OF_L1,
	       "L1 has PAT 0x%lx after the exit, it had set 0x%lx", rdmsr(MSR_IA32_CR_PAT),
	       PAT_OF_L1);
	l2->vmcb->save.g_pat = PAT_RESET;
	l2_expect_return(l2);
	report(found[2] == PAT_RESET, "entered again L2 has PAT 0x%lx, G_PAT was 0x%lx", found[2],
	       PAT_RESET);
	wrmsr(MSR_IA32_CR_PAT, own);
	l2_free(l2);
}

TEST(pat_moved, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "a PAT that L2 has written under nested paging is still L2's after a move inside it")
{
	u64 own = rdmsr(MSR_IA32_CR_PAT), found[3] = { 0 };
	struct l2 *l2 = l2_new(change_pat, found);

	l2_use_npt(l2);
	l2_expect_call(l2, DONE);
	report(found[1] == PAT_OF_L2, "after the move L2 has PAT 0x%lx, it had set 0x%lx", found[1],
	       PAT_OF_L2);
	wrmsr(MSR_IA32_CR_PAT, own);
	l2_free(l2);
}

TEST(pat_shared, .on = EACH_CPU, .needs = SVM,
     .about = "without nested paging L1 and L2 have one PAT, whatever is in G_PAT; moved in L2")
{
	u64 own = rdmsr(MSR_IA32_CR_PAT), found[3] = { 0 };
	struct l2 *l2 = l2_new(change_pat, found);

	wrmsr(MSR_IA32_CR_PAT, PAT_OF_L1);
	l2->vmcb->save.g_pat = PAT_BAD;
	l2_expect_call(l2, DONE);
	report(found[0] == PAT_OF_L1, "L2 begins with PAT 0x%lx, L1's was 0x%lx", found[0],
	       PAT_OF_L1);
	report(found[1] == PAT_OF_L2, "after the move L2 has PAT 0x%lx, it had set 0x%lx", found[1],
	       PAT_OF_L2);
	report(rdmsr(MSR_IA32_CR_PAT) == PAT_OF_L2, "L1 has PAT 0x%lx after the exit, L2 set 0x%lx",
	       rdmsr(MSR_IA32_CR_PAT), PAT_OF_L2);
	wrmsr(MSR_IA32_CR_PAT, PAT_RESET);
	l2_expect_return(l2);
	report(found[2] == PAT_RESET, "entered again L2 has PAT 0x%lx, L1 had set 0x%lx", found[2],
	       PAT_RESET);
	wrmsr(MSR_IA32_CR_PAT, own);
	l2_free(l2);
}

static void nothing(void *data)
{
}

TEST(gpat_invalid, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "a G_PAT with a reserved type or reserved bits is refused at VMRUN, after a move too")
{
	struct l2 *l2 = l2_new(nothing, NULL);

	l2_use_npt(l2);
	l2->vmcb->save.g_pat = PAT_BAD;
	l2_expect(l2, SVM_EXIT_INVALID, "G_PAT 0x%lx", PAT_BAD);
	migrate_quiet();
	l2->vmcb->save.g_pat = PAT_MBZ;
	l2_expect(l2, SVM_EXIT_INVALID, "G_PAT 0x%lx", PAT_MBZ);
	l2->vmcb->save.g_pat = PAT_OF_VMCB;
	l2_expect_return(l2);
	l2_free(l2);
}

/* ======== other modes than 64-bit ======== */

/*
 * The same few instructions for each size of code, since L2 is not C here: ESI points to the
 * window, which is below 4 GiB; VMMCALL when it is done. The move is asked for as
 * migrate_by_hand_begin() says; meanwhile EBP counts, and every number is written to the
 * page of the window that is next in turn.
 */
#define STUB_TURNS "31" /* + 1 writes for a look at the UART */
#define STUBS(bits)                                                                                \
	".code" #bits "\n"                                                                         \
	".balign 16\n"                                                                             \
	"stub" #bits "_read:	movl	(%esi), %eax\n"                                                  \
	"	vmmcall\n"                                                                               \
	"stub" #bits "_add:	addl	%ebx, (%esi)\n"                                                   \
	"	vmmcall\n"                                                                               \
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
	"	vmmcall\n"

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
#define LOW_GPA	   (2ul << 30) /* guest-physical ones, where there is no RAM */
#define LOW_MIB	   1024	       /* below the window all is mapped where it is */

enum paging { UNPAGED, TWO_LEVELS, PAE, FOUR_LEVELS };

struct mode {
	const struct stubs *stubs;
	enum paging paging;
	u64 cr0, cr4, efer;
	u16 code, data; /* attributes of segments */
};

static const struct mode real_mode = {
	.stubs = &stubs16,
	.paging = UNPAGED,
	.cr0 = X86_CR0_ET,
	.code = 0x9b,
	.data = 0x93,
};
static const struct mode protected_mode = {
	.stubs = &stubs32,
	.paging = UNPAGED,
	.cr0 = X86_CR0_ET | X86_CR0_PE,
	.code = 0xc9b,
	.data = 0xc93,
};
static const struct mode pse_mode = {
	.stubs = &stubs32,
	.paging = TWO_LEVELS,
	.cr0 = X86_CR0_ET | X86_CR0_PE | X86_CR0_WP | X86_CR0_PG,
	.cr4 = X86_CR4_PSE,
	.code = 0xc9b,
	.data = 0xc93,
};
static const struct mode pae_mode = {
	.stubs = &stubs32,
	.paging = PAE,
	.cr0 = X86_CR0_ET | X86_CR0_PE | X86_CR0_WP | X86_CR0_PG,
	.cr4 = X86_CR4_PAE,
	.efer = EFER_NX,
	.code = 0xc9b,
	.data = 0xc93,
};
static const struct mode long_mode = {
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
	bool broken;
	u64 window; /* L2's address of the first of PLACES pages */
	u8 *block;  /* L1's pages */
	int pdptes_changed;
	void *root; /* L2's tables, with a page for each level */
	u64 *pdpt, *pd;
	u32 *pt32;
	u64 *pt;
};

/* Page I of the window is this one of the block. */
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

/* For PAE, whose root has four entries without rights, and for four levels. */
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
		make_directories(m, m->root, PT_PRESENT_MASK);
		break;
	case FOUR_LEVELS:
		make_directories(m, m->pdpt, OWN_PAGE);
		*(u64 *)m->root = virt_to_phys(m->pdpt) | OWN_PAGE;
		break;
	}
}

static struct vmcb_segment segment(u16 attributes, u64 base)
{
	return (struct vmcb_segment){
		.selector = 0x10,
		.attributes = attributes,
		.limit = 0xffffffff,
		.base = base,
	};
}

/* 16-bit code jumps within 64 KiB. */
static u64 code_base(const struct mode *mode)
{
	return mode == &real_mode ? (u64)mode->stubs->read & ~15ul : 0;
}

static void set_mode(struct moded *m)
{
	const struct mode *mode = m->mode;
	struct vmcb_save_area *save = &m->l2->vmcb->save;

	save->cr0 = mode->cr0;
	save->cr3 = virt_to_phys(m->root);
	save->cr4 = mode->cr4;
	save->efer = EFER_SVME | mode->efer;
	save->rflags = X86_EFLAGS_FIXED;
	save->cs = segment(mode->code, code_base(mode));
	save->ds = save->es = save->ss = segment(mode->data, 0);
	/* There are no handlers: whatever comes is an exit that was not expected. */
	for (int vector = 0; vector < 32; vector++)
		if (vector != NMI_VECTOR)
			l2_intercept(m->l2, INTERCEPT_EXCEPTION + vector);
}

static void map_moded(struct moded *m, bool nested)
{
	bool paged = m->mode->paging != UNPAGED;

	m->window = paged ? LOW_WINDOW : nested ? LOW_GPA : (u64)m->block;
	if (nested)
		l2_use_npt(m->l2);
	for (int i = 0; i < PLACES; i++) {
		phys_addr_t backing = virt_to_phys(moded_page(m, i));

		if (nested)
			*l2_npt_entry(m->l2, LOW_GPA + i * PAGE_SIZE) = backing | NPT_PAGE;
		set_moded_entry(m, i, nested ? LOW_GPA + i * PAGE_SIZE : backing);
	}
}

static struct moded *moded_new(const struct mode *mode, bool nested)
{
	struct moded *m = calloc(1, sizeof(*m));

	m->mode = mode;
	m->block = alloc_pages(BLOCK_ORDER);
	m->l2 = l2_new(nothing, NULL);
	make_tables(m);
	map_moded(m, nested);
	set_mode(m);
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
 * PDPTEs of PAE have no accessed bit: bits 8:5 must be zero (5.2.3), and VMRUN may refuse
 * them otherwise. QEMU's TCG sets it, so that it has to be taken away again.
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

/* L2 does one of its stubs with ESI at an offset of the window. */
static bool run_stub(struct moded *m, const char *stub, u64 offset, const char *what)
{
	struct vmcb_save_area *save = &m->l2->vmcb->save;

	if (m->broken)
		return false;
	save->rip = (u64)stub - code_base(m->mode);
	save->rax = 0;
	m->l2->registers.rsi = m->window + offset;
	l2_enter(m->l2);
	check_pdptes(m);
	if (m->l2->vmcb->control.exitcode == SVM_EXIT_VMMCALL)
		return true;
	m->broken = true;
	report_fail("%s: exit %s", what, l2_exit_text(m->l2));
	return false;
}

#define ADDEND 0x10203u

/* What a page of the block holds at first, from its number and an offset. */
static u32 moded_content(int page, u64 offset)
{
	return 0x5eed0000 ^ (page * PAGE_SIZE + offset) * 0x10001;
}

/* Which page of the block that is. */
static int moded_number(const struct moded *m, int i)
{
	return (moded_page(m, i) - m->block) / PAGE_SIZE;
}

static bool moded_reads(struct moded *m, int page, int i, u64 offset, const char *when)
{
	u32 should = moded_content(page, offset);

	if (!run_stub(m, m->mode->stubs->read, i * PAGE_SIZE + offset, when))
		return false;
	return report_if_failed((u32)m->l2->vmcb->save.rax == should,
				"%s: L2 reads 0x%x and not 0x%x in place %d + 0x%lx", when,
				(u32)m->l2->vmcb->save.rax, should, i, offset);
}

/* For the Nth time. */
static bool moded_adds(struct moded *m, int i, u64 offset, u32 n, const char *when)
{
	u32 *word = (u32 *)(moded_page(m, i) + offset);
	u32 should = moded_content(moded_number(m, i), offset) + n * ADDEND;

	m->l2->registers.rbx = ADDEND;
	if (!run_stub(m, m->mode->stubs->add, i * PAGE_SIZE + offset, when))
		return false;
	return report_if_failed(*word == should,
				"%s: L2 added 0x%x %u times in place %d + 0x%lx: L1 finds 0x%x and "
				"not 0x%x",
				when, ADDEND, n, i, offset, *word, should);
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

static void moded_move(struct moded *m)
{
	u32 last;

	if (m->broken)
		return;
	m->l2->registers.rbp = 0;
	migrate_by_hand_begin();
	/* Nobody knows who has read the answer then. */
	if (!run_stub(m, m->mode->stubs->move, 0, "L2 is moved"))
		report_abort("L2 did not come back from its move");
	migrate_by_hand_end();
	last = m->l2->registers.rbp;
	for (int i = 0; i < PLACES; i++) {
		u32 is = *(u32 *)moded_page(m, i), should = last - (last - i) % PLACES;

		report_if_failed(
			is == should,
			"L2 wrote %u numbers during the move, in place %d last %u: L1 finds %u",
			last, i, should, is);
	}
}

/* L1 leads the first page of the window elsewhere, by the tables that there are. */
static bool elsewhere(struct moded *m)
{
	u8 *other = m->block + PLACES * PAGE_SIZE;

	if (m->l2->npt)
		*l2_npt_entry(m->l2, LOW_GPA) = virt_to_phys(other) | NPT_PAGE;
	else if (m->mode->paging != UNPAGED)
		set_moded_entry(m, 0, virt_to_phys(other));
	else
		return true;
	m->l2->vmcb->control.tlb_control = TLB_CONTROL_FLUSH_ALL_ASID;
	return moded_reads(m, PLACES, 0, 0x48, "another page after the move, flushed");
}

/* A PDPTE that L1 changed in memory: VMRUN loads CR3, so that L2 has the new one. */
static bool other_pdpte(struct moded *m)
{
	u64 *root = m->root, *pdpt = m->mode->paging == PAE ? root : m->pdpt;
	int number = moded_number(m, 1);
	bool good;

	if (m->mode->paging < PAE)
		return true;
	/* What the window's entry leads to is at 3 GiB now, too. */
	pdpt[3] = pdpt[1];
	m->window += 2ul << 30;
	m->l2->vmcb->control.tlb_control = TLB_CONTROL_FLUSH_ALL_ASID;
	good = moded_reads(m, number, 1, 0x48, "a new entry in the PDPT, flushed");
	m->window -= 2ul << 30;
	return good;
}

static void mode_story(const struct mode *mode, bool nested)
{
	struct moded *m = moded_new(mode, nested);
	bool good;

	for (u64 offset = 0; offset < PAGE_SIZE << BLOCK_ORDER; offset += sizeof(u32))
		*(u32 *)(m->block + offset) = moded_content(0, offset);
	good = uses_all(m, 1, "before the move");
	moded_move(m);
	good &= uses_all(m, 2, "after the move");
	good &= elsewhere(m);
	good &= other_pdpte(m);
	report(good && !m->broken, "L2 used %d pages through %s, before the move and after it",
	       PLACES,
	       nested			 ? kind(true)
	       : mode->paging == UNPAGED ? "no tables"
					 : kind(false));
	moded_free(m);
}

TEST(real_mode_npt, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "L2 in real mode under nested paging, moved there")
{
	mode_story(&real_mode, true);
}

TEST(protected_npt, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "L2 in protected mode with paging off under nested paging, moved there")
{
	mode_story(&protected_mode, true);
}

TEST(protected_no_npt, .on = EACH_CPU, .needs = SVM,
     .about = "L2 in protected mode with no paging of either kind, moved there")
{
	mode_story(&protected_mode, false);
}

TEST(pse_npt, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "L2 with 32-bit page tables and 4 MiB pages under nested paging, moved there")
{
	mode_story(&pse_mode, true);
}

TEST(pse_cr3, .on = EACH_CPU, .needs = SVM,
     .about = "L2 with 32-bit page tables and 4 MiB pages, no nested paging, moved there")
{
	mode_story(&pse_mode, false);
}

TEST(pae_npt, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "L2 with PAE under nested paging, moved there")
{
	mode_story(&pae_mode, true);
}

TEST(pae_cr3, .on = EACH_CPU, .needs = SVM, .about = "L2 with PAE, no nested paging, moved there")
{
	mode_story(&pae_mode, false);
}

TEST(long_npt, .on = EACH_CPU, .needs = SVM_NPT,
     .about =
	     "L2 with 4 levels, 2 MiB and 4 KiB pages of its own, under nested paging, moved there")
{
	mode_story(&long_mode, true);
}

TEST(long_cr3, .on = EACH_CPU, .needs = SVM,
     .about = "L2 with 4 levels, 2 MiB and 4 KiB pages of its own, no nested paging, moved there")
{
	mode_story(&long_mode, false);
}

/* ======== writes while memory is being moved ======== */

/*
 * Numbers 1, 2, 3... go to 64 pages in turn, each to the next word of its page: a staircase,
 * in which every word's number is known from the last one alone.
 */
#define STEPS	    64
#define STAIR_WORDS 512
#define STAIR_TURN  (STEPS * STAIR_WORDS)

struct staircase {
	u8 *at;	    /* as L2 sees the first page */
	u64 stride; /* from page to page */
	u64 n;	    /* the last number */
};

static PER_CPU(struct staircase, staircase);

static void climb(struct staircase *s)
{
	u64 n = ++s->n, slot = n % STAIR_TURN;
	volatile u64 *word = (u64 *)(s->at + slot % STEPS * s->stride + slot / STEPS * sizeof(u64));

	/* By stores and by locked instructions, which a hypervisor may emulate apart. */
	if (n & 1)
		*word = n;
	else
		__atomic_exchange_n(word, n, __ATOMIC_SEQ_CST);
}

static void climb_on(void)
{
	climb(&this_cpu(staircase));
}

/* A staircase's pages as L1 has them. */
struct stairs {
	struct world *w;
	u8 *block;
	u64 stride;
	bool reversed;
};

/* Behind the staircase's page I, as L2 counts them. */
static u8 *stair_page(const struct stairs *stairs, u64 i)
{
	return stairs->block + (stairs->reversed ? STEPS - 1 - i : i) * stairs->stride;
}

static bool check_stairs(const struct stairs *stairs, u64 last, const char *who)
{
	u64 wrong = 0, first_slot = 0, first_is = 0, first_should = 0;

	for (u64 slot = 0; slot < STAIR_TURN; slot++) {
		u64 is = *(u64 *)(stair_page(stairs, slot % STEPS) + slot / STEPS * sizeof(u64));
		u64 back = (last - slot) % STAIR_TURN;
		u64 should = last > back ? last - back : 0;

		if (is == should || wrong++)
			continue;
		first_slot = slot;
		first_is = is;
		first_should = should;
	}
	return report(!wrong,
		      "%s wrote %lu numbers: L1 finds %lu of %d words wrong (first: word %lu of "
		      "page %lu is %lu and not %lu)",
		      who, last, wrong, STAIR_TURN, first_slot / STEPS, first_slot % STEPS,
		      first_is, first_should);
}

#define LARGE_ORDER 9

/* 64 pages behind the window in reverse order, each by an entry of its own. */
static void small_stairs(struct stairs *stairs)
{
	struct world *w = stairs->w;

	stairs->stride = PAGE_SIZE;
	stairs->reversed = true;
	stairs->block = alloc_pages(6);
	for (int i = 0; i < STEPS; i++) {
		w->pt[i] = (GPA_WINDOW + i * PAGE_SIZE) | OWN_PAGE;
		set_place(w, i, stair_page(stairs, i), usual_bits(w));
	}
}

/* 64 pages spread over one 2 MiB page, which dirty logging has to split. */
static void large_stairs(struct stairs *stairs)
{
	struct world *w = stairs->w;
	u64 backing;

	stairs->stride = PAGE_SIZE * ENTRIES / STEPS;
	stairs->block = alloc_pages(LARGE_ORDER);
	backing = virt_to_phys(stairs->block);
	if (w->nested) {
		/* It takes the place of a table. */
		map_range_in(w->l2->npt, (void *)GPA_WINDOW, backing, PAGE_SIZE << LARGE_ORDER,
			     NPT_PAGE);
		free_page(w->npt_pt);
		backing = GPA_WINDOW;
	}
	w->pd[0] = backing | OWN_PAGE | PT_PAGE_SIZE_MASK;
}

/* The same, by a nested page of 1 GiB that begins at 0. */
static void huge_stairs(struct stairs *stairs)
{
	u64 gib = 1ul << 30;
	void *directory;
	int level;

	large_stairs(stairs);
	assert(virt_to_phys(stairs->block) < gib);
	directory = find_pte(stairs->w->l2->npt, (void *)GPA_WINDOW, &level);
	map_range_in(stairs->w->l2->npt, (void *)GPA_WINDOW, 0, gib, NPT_PAGE);
	free_page(directory);
	stairs->w->pd[0] =
		(GPA_WINDOW + virt_to_phys(stairs->block)) | OWN_PAGE | PT_PAGE_SIZE_MASK;
}

static struct stairs stairs_new(bool nested, void (*make)(struct stairs *stairs))
{
	struct stairs stairs = { .w = world_new(nested) };

	make(&stairs);
	this_cpu(staircase) = (struct staircase){ .at = WINDOW, .stride = stairs.stride };
	return stairs;
}

static void stairs_free(struct stairs *stairs)
{
	world_free(stairs->w);
	free_pages(stairs->block);
}

/* What L1 has checked another L2 sees as well, through other tables. */
static void next_l2_reads(const struct stairs *stairs, u64 last)
{
	struct world *next = world_new(stairs->w->nested);
	bool good = true;

	for (int i = 0; i < PLACES; i++)
		set_place(next, i, stair_page(stairs, (last - i) % STEPS), usual_bits(next));
	for (int i = 0; i < PLACES && (u64)i < last; i++) {
		u64 offset = (last - i) % STAIR_TURN / STEPS * sizeof(u64);
		u64 is = l2_read(next, i, offset);

		good &= report_if_failed(is == last - i, "the next L2 reads %lu and not %lu", is,
					 last - i);
	}
	report(good && !next->broken, "the next L2 finds the last %d numbers", PLACES);
	world_free(next);
}

static void writes_story(bool nested, void (*make)(struct stairs *stairs))
{
	struct stairs stairs = stairs_new(nested, make);
	struct staircase *s = &this_cpu(staircase);

	stairs.w->request = (struct request){ .deed = MOVE_MEANWHILE, .meanwhile = climb_on };
	if (finish(stairs.w, "L2 is moved while it writes")) {
		check_stairs(&stairs, s->n, "L2");
		next_l2_reads(&stairs, s->n);
	}
	stairs_free(&stairs);
}

TEST(writes_npt, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "what L2 writes through 4 KiB nested pages while it is moved arrives, every word")
{
	writes_story(true, small_stairs);
}

TEST(writes_npt_2mib, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "what L2 writes through a 2 MiB nested page while it is moved arrives, every word")
{
	writes_story(true, large_stairs);
}

TEST(writes_npt_1gib, .on = EACH_CPU, .needs = ALL_OF(SVM_NPT, GIB_PAGES),
     .about = "what L2 writes through a 1 GiB nested page while it is moved arrives, every word")
{
	writes_story(true, huge_stairs);
}

TEST(writes_cr3, .on = EACH_CPU, .needs = SVM,
     .about = "what L2 writes through 4 KiB pages of its own CR3 while it is moved arrives")
{
	writes_story(false, small_stairs);
}

TEST(writes_cr3_2mib, .on = EACH_CPU, .needs = SVM,
     .about = "what L2 writes through a 2 MiB page of its own CR3 while it is moved arrives")
{
	writes_story(false, large_stairs);
}

/* ---- all CPUs ---- */

struct crowd {
	bool nested;
	volatile bool stop;
	struct rendezvous ready;
};

static void climb_until_told(void *data)
{
	struct crowd *crowd = data;

	rendezvous(&crowd->ready);
	if (smp_id() == 0) {
		migrate_quiet_while(climb_on);
		crowd->stop = true;
		return;
	}
	while (!crowd->stop)
		for (int i = 0; i < 64; i++)
			climb_on();
}

static void crowd_here(void *data)
{
	struct crowd *crowd = data;
	struct stairs stairs = stairs_new(crowd->nested, small_stairs);
	char who[16];

	l2_start(stairs.w->l2, climb_until_told, crowd);
	snprintf(who, sizeof(who), "CPU %d's L2", smp_id());
	if (l2_expect_return(stairs.w->l2)) {
		check_stairs(&stairs, this_cpu(staircase).n, who);
		next_l2_reads(&stairs, this_cpu(staircase).n);
	}
	stairs_free(&stairs);
}

static void crowd_story(bool nested)
{
	struct crowd crowd = { .nested = nested, .ready = RENDEZVOUS(cpu_count()) };

	on_cpus(crowd_here, &crowd);
}

TEST(crowd_npt, .needs = ALL_OF(SVM_NPT, SMP),
     .about = "L2s on all CPUs write through nested tables while they are moved")
{
	crowd_story(true);
}

TEST(crowd_cr3, .needs = ALL_OF(SVM, SMP),
     .about = "L2s on all CPUs write through CR3s of their own while they are moved")
{
	crowd_story(false);
}

/* ======== the first access after the move ======== */

/*
 * All of the above comes back to L1 between the move and what it looks at, and the next VMRUN
 * would put right what the move has broken. Here L2 itself looks, at once.
 */
struct first_access {
	volatile u64 *page;
	u64 seen;
	bool done;
};

static void access_at_once(void *data)
{
	struct first_access *access = data;

	migrate_quiet();
	access->seen = access->page[0];
	access->page[1] = access->seen + 1;
	access->done = true;
}

TEST(npt_first_access, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "the first access of L2 after a move inside it goes through its nested tables")
{
	u64 *named = alloc_page(), *meant = alloc_page();
	struct first_access access = { .page = named };
	struct l2 *l2 = l2_new(access_at_once, &access);

	named[0] = named[1] = 0x1111;
	meant[0] = 0x2222;
	l2_use_npt(l2);
	*l2_npt_entry(l2, virt_to_phys(named)) =
		virt_to_phys(meant) | PT_PRESENT_MASK | PT_WRITABLE_MASK | PT_USER_MASK;
	l2_expect_return(l2);
	report(access.seen == 0x2222, "L2 read 0x%lx, its nested tables lead to 0x2222",
	       access.seen);
	report(meant[1] == 0x2223 && named[1] == 0x1111,
	       "L2 wrote where its nested tables lead: 0x%lx there, 0x%lx where they do not",
	       meant[1], named[1]);
	l2_free(l2);
	free_page(named);
	free_page(meant);
}

TEST(npt_first_fault, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "what nested tables do not map is a nested page fault at once after a move inside L2")
{
	u64 *page = alloc_page();
	struct first_access access = { .page = page };
	struct l2 *l2 = l2_new(access_at_once, &access);

	l2_use_npt(l2);
	*l2_npt_entry(l2, virt_to_phys(page)) = 0;
	l2_expect(l2, SVM_EXIT_NPF, "the first access after the move");
	report(l2->vmcb->control.exitinfo2 == virt_to_phys(page) && !access.done,
	       "EXITINFO2 is 0x%lx, the page is 0x%lx", l2->vmcb->control.exitinfo2,
	       virt_to_phys(page));
	l2_free(l2);
	free_page(page);
}
