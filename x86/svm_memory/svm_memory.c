// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Memory as L2 sees it, across a move: nested paging, flushes, page faults, PAT.
 *
 * The truth: APM volume 2, 15.25 (nested paging), 15.16 (TLB control), 15.15 (clean bits),
 * 15.12.15 (intercepted #PF), 15.5 and 15.6 (what VMRUN loads and #VMEXIT saves), 5.3 to 5.5
 * (page tables, accessed and dirty bits, TLB), 7.8 (PAT).
 *
 * What is the same on VMX is in the files called l2-*.c, tests without nested paging in l2-cr3.c;
 * l2-memory.h tells of the worlds.
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
#include "percpu.h"
#include "processor.h"
#include "nested/svm/svm.h"
#include "x86/nested/memory-world.h"

#define NPT_PAGE (PT_PRESENT_MASK | PT_WRITABLE_MASK | PT_USER_MASK)
#define PF_EXIT	 (SVM_EXIT_EXCP_BASE + PF_VECTOR)
#define FINAL	 (NPF_FINAL_ADDRESS | PFERR_USER_MASK)

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

/* ======== what SVM has of its own ======== */

static u64 *map_large(struct l2 *l2, phys_addr_t address, phys_addr_t physical, int level)
{
	int found;
	void *at = (void *)address;
	u64 *table = find_pte(l2->npt, at, &found);

	map_range_in(l2->npt, at, physical, PAGE_SIZE << 9 * (level - 1), NPT_PAGE);
	return table;
}

static u64 root(const struct l2 *l2, bool nested)
{
	return nested ? l2->vmcb->control.n_cr3 : l2->vmcb->save.cr3;
}

static void set_root(struct l2 *l2, bool nested, u64 root)
{
	if (nested)
		l2->vmcb->control.n_cr3 = root;
	else
		l2->vmcb->save.cr3 = root;
}

static void flush(struct l2 *l2)
{
	l2->vmcb->control.tlb_control = TLB_CONTROL_FLUSH_ALL_ASID;
}

static void share_asid(struct l2 *l2)
{
	l2->vmcb->control.guest_asid = 1;
	flush(l2);
}

static void exit_on_page_faults(struct l2 *l2, bool on)
{
	if (on)
		svm_set_intercept(l2, INTERCEPT_EXCEPTION + PF_VECTOR);
	else
		svm_clear_intercept(l2, INTERCEPT_EXCEPTION + PF_VECTOR);
}

static u64 vmcb_cr2(const struct l2 *l2)
{
	return l2->vmcb->save.cr2;
}

static void set_vmcb_cr2(struct l2 *l2, u64 cr2)
{
	l2->vmcb->save.cr2 = cr2;
}

/* An injected #PF takes CR2 from the VMCB (15.20). */
static void inject_page_fault(struct l2 *l2, u64 address)
{
	set_vmcb_cr2(l2, address);
	svm_inject(l2, SVM_EVTINJ_TYPE_EXEPT | SVM_EVTINJ_VALID_ERR | PF_VECTOR);
}

static u64 fault_exit(const struct fault *fault)
{
	return fault->kind == PAGE_FAULT ? PF_EXIT : SVM_EXIT_NPF;
}

static u64 fault_address(const struct fault *fault)
{
	return fault->kind == PAGE_FAULT ? fault->linear : fault->physical;
}

/* #PF exits before CR2 is written (15.12.15), and tells of it in the same fields. */
static bool is_fault(const struct l2 *l2, const struct fault *fault)
{
	const struct vmcb_control_area *control = &l2->vmcb->control;

	return control->exitcode == fault_exit(fault) && control->exitinfo1 == fault->error &&
	       control->exitinfo2 == fault_address(fault);
}

static const char *fault_text(const struct fault *fault)
{
	static PER_CPU(char, text[96]);

	snprintf(this_cpu(text), sizeof(text), "%s with EXITINFO1 0x%lx, EXITINFO2 0x%lx",
		 l2_exit_name(fault_exit(fault)), fault->error, fault_address(fault));
	return this_cpu(text);
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

static void set_mode(struct l2 *l2, const struct mode *mode, u64 cr3, u64 code_base)
{
	struct vmcb_save_area *save = &l2->vmcb->save;

	save->cr0 = mode->cr0;
	save->cr3 = cr3;
	save->cr4 = mode->cr4;
	save->efer = EFER_SVME | mode->efer;
	save->rflags = X86_EFLAGS_FIXED;
	save->cs = segment(mode->code, code_base);
	save->ds = save->es = save->ss = segment(mode->data, 0);
	svm_set_intercept(l2, INTERCEPT_HLT);
	/* There are no handlers: whatever comes is an exit that was not expected. */
	for (int vector = 0; vector < 32; vector++)
		if (vector != NMI_VECTOR)
			svm_set_intercept(l2, INTERCEPT_EXCEPTION + vector);
}

/* VMRUN reads them from memory. */
static void set_pdptes(struct l2 *l2, const u64 *entries)
{
}

const struct nesting nesting = {
	.name = "nested tables",
	.page = NPT_PAGE,
	.accessed = PT_ACCESSED_MASK,
	.dirty = PT_DIRTY_MASK,
	.write_missing = FINAL | PFERR_WRITE_MASK,
	.write_protected = FINAL | PFERR_WRITE_MASK | PFERR_PRESENT_MASK,
	.cr2_name = "CR2 in the VMCB",
	.halt = SVM_EXIT_HLT,
	.use = svm_use_npt,
	.entry = svm_npt_entry,
	.map_large = map_large,
	.root = root,
	.set_root = set_root,
	.flush = flush,
	.share_tag = share_asid,
	.exit_on_page_faults = exit_on_page_faults,
	.inject_page_fault = inject_page_fault,
	.cr2 = vmcb_cr2,
	.set_cr2 = set_vmcb_cr2,
	.is_fault = is_fault,
	.fault_text = fault_text,
	.set_mode = set_mode,
	.set_pdptes = set_pdptes,
};

/* ======== which tables ======== */

TEST(npt_moved_in_l2, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "L2 goes through its nested tables after a move inside L2")
{
	remap_story(true, true);
}

TEST(npt_moved_in_l1, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "L2 goes through its nested tables after a move between two entries")
{
	remap_story(true, false);
}

TEST(several_npts, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "L2s with different nested tables at the same addresses, moved in one of them")
{
	several_story(true, false);
}

TEST(npt_and_no_npt, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "L2s with nested paging and one without, entered in turn, moved in the latter")
{
	several_story(true, true);
}

TEST(npt_among_others, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "an L2 with nested paging among some without, moved inside it")
{
	several_story(false, true);
}

TEST(one_asid_npt, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "L2s with different nested tables and one ASID, flushed at each entry")
{
	shared_tag_story(true);
}

TEST(one_asid_cr3, .on = EACH_CPU, .needs = SVM,
     .about = "L2s with different CR3s and one ASID, flushed at each entry")
{
	shared_tag_story(false);
}

TEST(n_cr3_changes, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "N_CR3 is changed between entries, also just before a move")
{
	other_tables_story(true);
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

/* ======== changes and flushes ======== */

/* An ASID that has been used for nothing since all were flushed. */
static void use_new_asid(struct world *w)
{
	struct vmcb_control_area *control = &w->l2->vmcb->control;

	control->guest_asid = control->guest_asid % (svm_asids() - 1) + 1;
	if (++w->tags_used < svm_asids())
		return;
	control->tlb_control = TLB_CONTROL_FLUSH_ALL_ASID;
	w->tags_used = 1;
}

static void flush_all(struct world *w)
{
	flush(w->l2);
}

static void flush_asid(struct world *w)
{
	w->l2->vmcb->control.tlb_control = TLB_CONTROL_FLUSH_ASID;
}

static void flush_asid_local(struct world *w)
{
	w->l2->vmcb->control.tlb_control = TLB_CONTROL_FLUSH_ASID_LOCAL;
}

static void flush_window(struct world *w)
{
	asm volatile("invlpga %%rax, %%ecx"
		     :
		     : "a"(WINDOW), "c"(w->l2->vmcb->control.guest_asid)
		     : "memory");
}

static const struct flush all = { "TLB_CONTROL 1", flush_all };
static const struct flush of_asid = { "TLB_CONTROL 3", flush_asid };
static const struct flush of_asid_local = { "TLB_CONTROL 7", flush_asid_local };
static const struct flush new_asid = { "a new ASID", use_new_asid };
static const struct flush by_invlpga = { "INVLPGA", flush_window };

TEST(flush_all_npt, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "nested tables changed and flushed by TLB_CONTROL 1, moved inside L2")
{
	flush_story(true, false, &all, true);
}

TEST(flush_all_npt_pending, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "nested tables changed and flushed by TLB_CONTROL 1, moved before the entry")
{
	flush_story(true, false, &all, false);
}

TEST(flush_all_cr3, .on = EACH_CPU, .needs = SVM,
     .about = "L2's own tables changed by L1, flushed by TLB_CONTROL 1, moved before the entry")
{
	flush_story(false, true, &all, false);
}

TEST(flush_asid_npt, .on = EACH_CPU, .needs = ALL_OF(SVM_NPT, SVM_FLUSH_BY_ASID),
     .about = "nested tables changed and flushed by TLB_CONTROL 3")
{
	flush_story(true, false, &of_asid, false);
}

TEST(flush_asid_cr3, .on = EACH_CPU, .needs = SVM_FLUSH_BY_ASID,
     .about = "L2's own tables changed by L1 and flushed by TLB_CONTROL 3")
{
	flush_story(false, true, &of_asid, false);
}

TEST(flush_local_npt, .on = EACH_CPU, .needs = ALL_OF(SVM_NPT, SVM_FLUSH_BY_ASID),
     .about = "nested tables changed and flushed by TLB_CONTROL 7")
{
	flush_story(true, false, &of_asid_local, false);
}

TEST(flush_local_cr3, .on = EACH_CPU, .needs = SVM_FLUSH_BY_ASID,
     .about = "L2's own tables changed by L1 and flushed by TLB_CONTROL 7")
{
	flush_story(false, true, &of_asid_local, false);
}

TEST(new_asid_npt, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "nested tables changed, and L2 entered with a new ASID, moved before the entry")
{
	flush_story(true, false, &new_asid, false);
}

TEST(new_asid_cr3, .on = EACH_CPU, .needs = SVM,
     .about = "L2's own tables changed by L1, and L2 entered with a new ASID, moved inside L2")
{
	flush_story(false, true, &new_asid, true);
}

TEST(invlpga_npt, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "INVLPGA after a change of L2's own tables under nested paging")
{
	flush_story(true, true, &by_invlpga, false);
}

TEST(invlpga_cr3, .on = EACH_CPU, .needs = SVM,
     .about = "INVLPGA after a change of L2's own tables without nested paging")
{
	flush_story(false, true, &by_invlpga, false);
}

TEST(invlpg_npt, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "L2 changes its tables, is moved, does INVLPG, sees the change; nested paging")
{
	own_invlpg_story(true);
}

/* ======== nested page faults ======== */

#define WALK	  (NPF_PAGE_TABLE | PFERR_USER_MASK | PFERR_WRITE_MASK)
#define READ_ONLY (NPT_PAGE & ~PT_WRITABLE_MASK)

static const struct stop npfs[] = {
	{ .name = "read, not present",
	  .deed = READ,
	  .kind = NESTED_FAULT,
	  .bits = 0,
	  .error = FINAL },
	{ .name = "write, not present",
	  .deed = WRITE,
	  .kind = NESTED_FAULT,
	  .bits = 0,
	  .error = FINAL | PFERR_WRITE_MASK },
	{ .name = "write, read-only",
	  .deed = WRITE,
	  .kind = NESTED_FAULT,
	  .bits = READ_ONLY,
	  .error = FINAL | PFERR_WRITE_MASK | PFERR_PRESENT_MASK },
	{ .name = "read and write, read-only",
	  .deed = ADD,
	  .kind = NESTED_FAULT,
	  .bits = READ_ONLY,
	  .error = FINAL | PFERR_WRITE_MASK | PFERR_PRESENT_MASK },
	{ .name = "fetch, not present",
	  .deed = FETCH,
	  .kind = NESTED_FAULT,
	  .bits = 0,
	  .error = FINAL | PFERR_FETCH_MASK },
	{ .name = "fetch, no-execute",
	  .deed = FETCH,
	  .kind = NESTED_FAULT,
	  .bits = NPT_PAGE | PT64_NX_MASK,
	  .error = FINAL | PFERR_FETCH_MASK | PFERR_PRESENT_MASK },
	{ .name = "string copy, not present behind the destination's first page",
	  .deed = COPY,
	  .kind = NESTED_FAULT,
	  .bits = 0,
	  .error = FINAL | PFERR_WRITE_MASK,
	  COPY_TO_PLACE_3 },
	{ .name = "string copy, read-only behind the destination's first page",
	  .deed = COPY,
	  .kind = NESTED_FAULT,
	  .bits = READ_ONLY,
	  .error = FINAL | PFERR_WRITE_MASK | PFERR_PRESENT_MASK,
	  COPY_TO_PLACE_3 },
	{ .name = "string copy, not present behind the source's first page",
	  .deed = COPY,
	  .kind = NESTED_FAULT,
	  .bits = 0,
	  .error = FINAL,
	  COPY_FROM_PLACE_4 },
	/* The walk counts as a write (15.25.6). */
	{ .name = "read, L2's table not present",
	  .deed = READ,
	  .kind = NESTED_FAULT,
	  .bits = 0,
	  .error = WALK,
	  .walk = true },
	{ .name = "write, L2's table not present",
	  .deed = WRITE,
	  .kind = NESTED_FAULT,
	  .bits = 0,
	  .error = WALK,
	  .walk = true },
	{ .name = "read, L2's table read-only",
	  .deed = READ,
	  .kind = NESTED_FAULT,
	  .bits = READ_ONLY,
	  .error = WALK | PFERR_PRESENT_MASK,
	  .walk = true },
};

TEST(npf, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "nested page faults say why and where; moved at them, repaired, the access is done "
	      "once")
{
	stop_at_all(npfs, ARRAY_SIZE(npfs), false);
}

TEST(npf_warm, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "the same with pages that L2 has used before L1 took them away")
{
	stop_at_all(npfs, ARRAY_SIZE(npfs), true);
}

TEST(npf_reserved, .on = EACH_CPU, .needs = ALL_OF(SVM_NPT, RESERVED_ADDRESS_BITS, TELLS_RESERVED),
     .about = "a reserved bit in a nested entry is told in EXITINFO1, moved at the exit")
{
	static const struct stop reserved[] = {
		{ .name = "read, reserved bit 51",
		  .deed = READ,
		  .kind = NESTED_FAULT,
		  .bits = NPT_PAGE | BIT(51),
		  .error = FINAL | PFERR_RSVD_MASK | PFERR_PRESENT_MASK },
		{ .name = "write, reserved bit 51",
		  .deed = WRITE,
		  .kind = NESTED_FAULT,
		  .bits = NPT_PAGE | BIT(51),
		  .error = FINAL | PFERR_RSVD_MASK | PFERR_PRESENT_MASK | PFERR_WRITE_MASK },
	};

	stop_at_all(reserved, ARRAY_SIZE(reserved), false);
}

/* ======== accessed and dirty bits ======== */

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

TEST(used_during_move_npt, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "accessed and dirty bits that are set while memory is being moved, nested paging")
{
	used_during_move_story(true);
}

/* ======== page faults ======== */

TEST(faults_npt, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "L2 under nested paging faults again and again, moved in the middle: each CR2 once")
{
	storm_story(true, false);
}

TEST(fault_handler_npt, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "L2 is moved in its handler of #PF before it reads CR2, nested paging")
{
	storm_story(true, true);
}

/* ---- L1's and L2's faults in turn ---- */

TEST(faults_in_turn_npt, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "L1 and L2 fault in turn, moved in L1: each finds its own CR2, nested paging")
{
	turns_story(true);
}

/* ---- #PF that L1 intercepts ---- */

TEST(intercepted_npt, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "L1 intercepts L2's #PF, is moved at one, repairs: EXITINFO is right, CR2 stays")
{
	repaired_story(true);
}

TEST(intercepted_cr3, .on = EACH_CPU, .needs = SVM, .about = "the same without nested paging")
{
	repaired_story(false);
}

TEST(passed_on_npt, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "L1 injects each #PF that it intercepts: L2's handler finds the VMCB's CR2, once")
{
	passed_on_story(true);
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

	svm_use_npt(l2);
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

	svm_use_npt(l2);
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

	svm_use_npt(l2);
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

TEST(pae_npt, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "L2 with PAE under nested paging, moved there")
{
	mode_story(&pae_mode, true);
}

TEST(long_npt, .on = EACH_CPU, .needs = SVM_NPT,
     .about =
	     "L2 with 4 levels, 2 MiB and 4 KiB pages of its own, under nested paging, moved there")
{
	mode_story(&long_mode, true);
}

/* ======== writes while memory is being moved ======== */

TEST(writes_npt, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "what L2 writes through 4 KiB nested pages while it is moved arrives, every word")
{
	writes_story(true, SMALL_PAGES);
}

TEST(writes_npt_2mib, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "what L2 writes through a 2 MiB nested page while it is moved arrives, every word")
{
	writes_story(true, LARGE_PAGES);
}

TEST(writes_npt_1gib, .on = EACH_CPU, .needs = ALL_OF(SVM_NPT, GIB_PAGES),
     .about = "what L2 writes through a 1 GiB nested page while it is moved arrives, every word")
{
	writes_story(true, HUGE_PAGES);
}

/* ---- all CPUs ---- */

TEST(crowd_npt, .needs = ALL_OF(SVM_NPT, SMP),
     .about = "L2s on all CPUs write through nested tables while they are moved")
{
	crowd_story(true);
}

/* ======== the first access after the move ======== */

TEST(npt_first_access, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "the first access of L2 after a move inside it goes through its nested tables")
{
	first_access_story();
}

TEST(npt_first_fault, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "what nested tables do not map is a nested page fault at once after a move inside L2")
{
	first_fault_story(FINAL);
}
