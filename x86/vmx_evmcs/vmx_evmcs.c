// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * L2s by Hyper-V's enlightened VMCS, across moves (TLFS "Nested Virtualization": "Enlightened
 * VMCS", "Clean Fields", "Enlightened MSR Bitmap"; "Virtual Processors", "Virtual Processor
 * Assist Page"; what the fields do is the SDM's affair).
 *
 * The truth: an enlightened VMCS is L1's memory. The hypervisor may write to it while it is
 * active, that is, from an entry by it until VMCLEAR; it may keep parts of it over an entry as far
 * as L1 has left their clean bits set; and which one the next entry is by the VP assist page says
 * at that entry. So of a page that has never been entered no byte may change, of one that is active
 * nothing that L1 relies on, and what L1 has changed, and told by clearing clean bits, has to
 * hold at the next entry, whether the move was before the change or behind it.
 *
 * In a move a hypervisor has the page's contents twice: in L1's memory, and in what it keeps
 * itself and saves. A broken one takes the older of the two, or forgets that the VMCS is an
 * enlightened one, or which; takes clean bits for valid whose fields it has never read; writes what
 * it has kept into the page that the assist page names now; or does not put an exit's information
 * into the page after L2 was moved.
 *
 * L2 shows each group of fields (those that share a clean bit) by one that it or L1 can see.
 * Not seen: fields that have no effect here; what the hypervisor does with a field whose
 * clean bit stays set though it has changed, which is its own choice; VM_INSTRUCTION_ERROR.
 *
 * On the command line: break=WHAT, to spoil the test on purpose:
 *
 * clean   L1 leaves the clean bits set when it changes a field, or an enlightened MSR bit map
 * field   two fields, and the MSR bit map, are not as L1 has changed them
 * assist  somebody changes the assist page in a move in L1, and leaves an address in its register
 * write   somebody writes to an enlightened VMCS in a move in L1
 * exit    somebody changes the length of an exit's instruction
 */
#include "libcflat.h"
#include "alloc_page.h"
#include "argument.h"
#include "io.h"
#include "isr.h"
#include "msr.h"
#include "percpu.h"
#include "processor.h"
#include "nested/vmx/vmx-evmcs.h"
#include "nested/vmx/vmx.h"

/* The call of an L2 that has gone round once. */
#define HERE 1

/*
 * A port and an MSR that may be read and written, and that nobody else uses. The MSR is one that
 * KVM lets an L2 have, so that what it has computed from L1's bit map decides.
 */
#define QUIET_PORT 0x80
#define QUIET_MSR  MSR_KERNEL_GS_BASE

/* Where the bit map has reads of the MSRs from here on (25.6.9). */
#define HIGH_MSRS	   0xc0000000
#define HIGH_MSR_READS_MAP 0x400

#define EVENT_VECTOR 0x61

/* No test takes as many cycles. */
#define FAR_AWAY (1ul << 50)

/* ======== what a round of L2 shows ======== */

/* What L2 sees of the fields, and which of its instructions have exited. */
struct view {
	u64 rflags, fs_base, sysenter_esp, cr0, pat, tsc;
	u32 events;
	bool port, msr, invlpg, wbinvd, ud;
};

/* What a generation of fields should look like: the two alternate, or take other values. */
struct fields {
	u64 number;
	bool odd;
	u64 fs_base, sysenter_esp, pat, tsc_offset;
	u64 host_fs_base, host_sysenter_esp;
};

struct story {
	struct l2 *l2;
	u8 *port_map, *msr_map; /* with the port, and the MSR, in them */
	bool move;		/* L2 asks to be moved in its next round */
	struct view view, moved;
	u32 round_events;
	u64 l1_fs_base, l1_sysenter_esp, l1_pat;
	u64 before, after; /* L1's TSC around the last round */
	u64 seen_fs_base, seen_sysenter_esp;
	struct fields fields;
};

static PER_CPU(u32, events);

static void on_event(isr_regs_t *regs)
{
	this_cpu(events)++;
}

static void look(struct view *view)
{
	view->rflags = read_rflags();
	view->fs_base = rdmsr(MSR_FS_BASE);
	view->sysenter_esp = rdmsr(MSR_IA32_SYSENTER_ESP);
	view->cr0 = read_cr0();
	view->pat = rdmsr(MSR_IA32_CR_PAT);
	view->tsc = rdtsc_ordered();
	view->events = this_cpu(events);
}

/* Each of the last may exit; L1 skips it then. */
static void go_round(void *data)
{
	struct story *story = data;

	for (;;) {
		look(&story->view);
		if (story->move) {
			story->move = false;
			migrate_quiet();
		}
		look(&story->moved);
		outb(0, QUIET_PORT);
		rdmsr(QUIET_MSR);
		asm volatile("invlpg (%0)" : : "r"(data) : "memory");
		asm volatile("wbinvd" : : : "memory");
		asm_safe("ud2");
		l2_call(HERE);
	}
}

#define UD2_LENGTH 2

/* Whether it was one of the instructions that may. */
static bool take_exit(struct story *story)
{
	struct l2 *l2 = story->l2;

	switch (l2->exit_reason) {
	case EXIT_REASON_IO_INSTRUCTION:
		story->view.port = true;
		break;
	case EXIT_REASON_MSR_READ:
		story->view.msr = true;
		break;
	case EXIT_REASON_INVLPG:
		story->view.invlpg = true;
		break;
	case EXIT_REASON_WBINVD:
		story->view.wbinvd = true;
		break;
	case EXIT_REASON_EXCEPTION_NMI:
		if (vmx_get(l2, VM_EXIT_INTR_INFO) !=
		    (INTR_INFO_VALID_MASK | INTR_TYPE_HARD_EXCEPTION | UD_VECTOR))
			return false;
		story->view.ud = true;
		vmx_set(l2, GUEST_RIP, vmx_get(l2, GUEST_RIP) + UD2_LENGTH);
		return true;
	default:
		return false;
	}
	vmx_skip(l2);
	return true;
}

/* One round of L2, from call to call. */
static bool run_round(struct story *story, const char *when)
{
	u32 events_before = this_cpu(events);

	memset(&story->view, 0, sizeof(story->view));
	memset(&story->moved, 0, sizeof(story->moved));
	story->before = rdtsc_ordered();
	do {
		l2_enter(story->l2);
		story->seen_fs_base = rdmsr(MSR_FS_BASE);
		story->seen_sysenter_esp = rdmsr(MSR_IA32_SYSENTER_ESP);
	} while (take_exit(story));
	story->after = rdtsc_ordered();
	wrmsr(MSR_FS_BASE, story->l1_fs_base);
	wrmsr(MSR_IA32_SYSENTER_ESP, story->l1_sysenter_esp);
	story->round_events = this_cpu(events) - events_before;
	if (!l2_is_call(story->l2, HERE)) {
		report_fail("%s: L2 should have come to its call: exit %s", when,
			    l2_exit_text(story->l2));
		return false;
	}
	l2_skip_call(story->l2);
	return true;
}

/* ======== the fields ======== */

static void set_field(struct story *story, enum vmcs_field field, u64 value)
{
	struct hv_enlightened_vmcs *evmcs = story->l2->evmcs;
	u32 clean = evmcs->hv_clean_fields;

	vmx_set(story->l2, field, value);
	if (broken("clean"))
		evmcs->hv_clean_fields = clean;
}

static void set_bits(struct story *story, enum vmcs_field field, u64 bits, bool on)
{
	u64 value = vmx_get(story->l2, field) & ~bits;

	set_field(story, field, on ? value | bits : value);
}

/* Other values than the generation before, in each group. */
static void change_fields(struct story *story)
{
	static const u8 pat_types[] = { 1, 4, 5, 6 };
	u64 number = story->fields.number + 1;
	struct fields *fields = &story->fields;
	struct l2 *l2 = story->l2;
	bool odd = number % 2;

	*fields = (struct fields){
		.number = number,
		.odd = odd,
		.fs_base = 0x1111000000 + number * PAGE_SIZE,
		.sysenter_esp = 0x2222000000 + number * PAGE_SIZE,
		.tsc_offset = number * FAR_AWAY,
		.host_fs_base = 0x3333000000 + number * PAGE_SIZE,
		.host_sysenter_esp = 0x4444000000 + number * PAGE_SIZE,
	};
	/* The last entry, which no page uses. */
	fields->pat = (story->l1_pat & ~(0xfful << 56)) | (u64)pat_types[number % 4] << 56;
	set_bits(story, GUEST_RFLAGS, X86_EFLAGS_ID, odd);
	set_field(story, GUEST_FS_BASE, fields->fs_base);
	set_field(story, GUEST_SYSENTER_ESP, fields->sysenter_esp);
	set_field(story, GUEST_IA32_PAT, fields->pat);
	set_bits(story, CR0_READ_SHADOW, X86_CR0_AM, odd);
	set_field(story, TSC_OFFSET, fields->tsc_offset);
	set_field(story, HOST_FS_BASE, fields->host_fs_base);
	set_field(story, HOST_IA32_SYSENTER_ESP, fields->host_sysenter_esp);
	set_field(story, IO_BITMAP_A, virt_to_phys(odd ? story->port_map : l2->io_bitmap));
	set_field(story, MSR_BITMAP, virt_to_phys(odd ? story->msr_map : l2->msr_bitmap));
	set_bits(story, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_INVLPG_EXITING, odd);
	if (vmx_may_set(SECONDARY_VM_EXEC_CONTROL, SECONDARY_EXEC_WBINVD_EXITING))
		set_bits(story, SECONDARY_VM_EXEC_CONTROL, SECONDARY_EXEC_WBINVD_EXITING, odd);
	set_bits(story, EXCEPTION_BITMAP, BIT(UD_VECTOR), odd);
	if (vmx_may_set(VM_ENTRY_CONTROLS, VM_ENTRY_LOAD_IA32_PAT))
		set_bits(story, VM_ENTRY_CONTROLS, VM_ENTRY_LOAD_IA32_PAT, odd);
	set_field(story, VM_ENTRY_INTR_INFO_FIELD,
		  odd ? INTR_INFO_VALID_MASK | INTR_TYPE_EXT_INTR | EVENT_VECTOR : 0);
	if (broken("field")) {
		vmx_set(l2, GUEST_FS_BASE, 0);
		vmx_set(l2, TSC_OFFSET, 0);
	}
}

static struct story *begin_story(void)
{
	struct story *story = calloc(1, sizeof(*story));
	struct l2 *l2 = vmx_new_enlightened(go_round, story);

	story->l2 = l2;
	story->l1_fs_base = rdmsr(MSR_FS_BASE);
	story->l1_sysenter_esp = rdmsr(MSR_IA32_SYSENTER_ESP);
	story->l1_pat = rdmsr(MSR_IA32_CR_PAT);
	story->port_map = alloc_page();
	story->msr_map = alloc_page();
	l2_set_map_bit(story->port_map, QUIET_PORT, true);
	l2_set_map_bit(story->msr_map + HIGH_MSR_READS_MAP, QUIET_MSR - HIGH_MSRS, true);
	vmx_set_controls(l2, CPU_BASED_VM_EXEC_CONTROL,
			 CPU_BASED_USE_IO_BITMAPS | CPU_BASED_USE_TSC_OFFSETTING);
	vmx_set(l2, CR0_GUEST_HOST_MASK, X86_CR0_AM);
	vmx_set(l2, CR0_READ_SHADOW, vmx_get(l2, GUEST_CR0));
	handle_irq(EVENT_VECTOR, on_event);
	change_fields(story);
	return story;
}

static void end_story(struct story *story)
{
	unhandle_irq(EVENT_VECTOR);
	l2_free(story->l2);
	free_page(story->msr_map);
	free_page(story->port_map);
	free(story);
}

static bool check_look(const struct story *story, const struct view *view, const char *when)
{
	const struct fields *fields = &story->fields;
	bool loads_pat = vmx_get(story->l2, VM_ENTRY_CONTROLS) & VM_ENTRY_LOAD_IA32_PAT;
	u64 pat = loads_pat ? fields->pat : story->l1_pat;
	u64 tsc = view->tsc - fields->tsc_offset;

	return report_if_failed(
		!!(view->rflags & X86_EFLAGS_ID) == fields->odd &&
			view->fs_base == fields->fs_base &&
			view->sysenter_esp == fields->sysenter_esp && view->pat == pat &&
			!!(view->cr0 & X86_CR0_AM) == fields->odd &&
			tsc - story->before <= story->after - story->before,
		"%s L2 saw RFLAGS 0x%lx (ID expected %d), FS base 0x%lx (0x%lx), SYSENTER_ESP "
		"0x%lx (0x%lx), PAT 0x%lx (0x%lx), CR0 0x%lx (AM %d), TSC 0x%lx (0x%lx to 0x%lx)",
		when, view->rflags, fields->odd, view->fs_base, fields->fs_base, view->sysenter_esp,
		fields->sysenter_esp, view->pat, pat, view->cr0, fields->odd, view->tsc,
		story->before + fields->tsc_offset, story->after + fields->tsc_offset);
}

static bool check_round(const struct story *story, const char *when)
{
	const struct fields *fields = &story->fields;
	const struct view *view = &story->view;
	struct l2 *l2 = story->l2;
	bool wbinvd = vmx_get(l2, SECONDARY_VM_EXEC_CONTROL) & SECONDARY_EXEC_WBINVD_EXITING;
	bool good;

	good = check_look(story, &story->view, when) && check_look(story, &story->moved, when);
	good &= report_if_failed(
		view->port == fields->odd && view->msr == fields->odd &&
			view->invlpg == fields->odd && view->wbinvd == wbinvd &&
			view->ud == fields->odd,
		"%s these exited: port %d, MSR %d, INVLPG %d, WBINVD %d, #UD %d (expected %d; "
		"WBINVD %d)",
		when, view->port, view->msr, view->invlpg, view->wbinvd, view->ud, fields->odd,
		wbinvd);
	good &= report_if_failed(
		story->round_events == fields->odd && story->moved.events == this_cpu(events) &&
			!(vmx_get(l2, VM_ENTRY_INTR_INFO_FIELD) & INTR_INFO_VALID_MASK),
		"%s the injected interrupt came %u times (expected %d), and is 0x%lx in the VMCS "
		"(not valid)",
		when, story->round_events, fields->odd, vmx_get(l2, VM_ENTRY_INTR_INFO_FIELD));
	good &= report_if_failed(
		story->seen_fs_base == fields->host_fs_base &&
			story->seen_sysenter_esp == fields->host_sysenter_esp,
		"%s L1 came back with FS base 0x%lx (0x%lx), SYSENTER_ESP 0x%lx (0x%lx)", when,
		story->seen_fs_base, fields->host_fs_base, story->seen_sysenter_esp,
		fields->host_sysenter_esp);
	return good;
}

/* One round, with one line to say that all of it was right. */
static bool round_is_right(struct story *story, const char *when)
{
	if (!run_round(story, when))
		return false;
	if (check_round(story, when))
		report_pass("%s what L1 has set is what was seen", when);
	return true;
}

static void move_in_l1(struct story *story)
{
	struct hv_vp_assist_page *page = evmcs_assist_page();

	migrate_quiet();
	if (broken("assist"))
		page->current_nested_vmcs ^= PAGE_SIZE;
}

/* ======== fields across a move ======== */

TEST(changed_before_move, .on = EACH_CPU, .needs = HV_EVMCS,
     .about = "what L1 has changed in an active enlightened VMCS before a move holds at the entry "
	      "behind it")
{
	struct story *story = begin_story();

	if (round_is_right(story, "not moved:")) {
		change_fields(story);
		move_in_l1(story);
		if (round_is_right(story, "changed, then moved:")) {
			change_fields(story);
			round_is_right(story, "changed once more:");
		}
	}
	end_story(story);
}

TEST(changed_after_move, .on = EACH_CPU, .needs = HV_EVMCS,
     .about = "what L1 changes in an active enlightened VMCS behind a move holds at the next entry")
{
	struct story *story = begin_story();

	if (round_is_right(story, "not moved:")) {
		move_in_l1(story);
		change_fields(story);
		round_is_right(story, "moved, then changed:");
	}
	end_story(story);
}

TEST(moved_before_first_entry, .on = EACH_CPU, .needs = HV_EVMCS,
     .about = "an enlightened VMCS that was made before a move is launched behind it")
{
	struct story *story = begin_story();

	move_in_l1(story);
	if (round_is_right(story, "launched after the move:")) {
		change_fields(story);
		round_is_right(story, "resumed:");
	}
	end_story(story);
}

TEST(moved_in_l2, .on = EACH_CPU, .needs = HV_EVMCS,
     .about = "an L2 by an enlightened VMCS goes on when it was moved, and L1's next changes hold")
{
	struct story *story = begin_story();

	for (int i = 0; i < 3; i++) {
		story->move = i < 2;
		if (!round_is_right(story, i < 2 ? "moved in L2:" : "changed after that:"))
			break;
		change_fields(story);
	}
	end_story(story);
}

/* ======== the page in memory ======== */

/* Where two pages are not the same, but for clean bits, which a hypervisor may clear. */
static int first_difference(const struct hv_enlightened_vmcs *was,
			    const struct hv_enlightened_vmcs *is)
{
	for (size_t i = 0; i < PAGE_SIZE; i++) {
		u8 a = ((const u8 *)was)[i], b = ((const u8 *)is)[i];
		bool clean = i - offsetof(struct hv_enlightened_vmcs, hv_clean_fields) <
			     sizeof(was->hv_clean_fields);

		if (a != b && !(clean && !(b & ~a)))
			return i;
	}
	return -1;
}

static void check_page(const struct hv_enlightened_vmcs *was, const struct hv_enlightened_vmcs *is,
		       const char *what)
{
	int at = first_difference(was, is);
	int from = at < 0 ? 0 : at & ~7;

	report(at < 0,
	       "%s: the page is as L1 has left it: at 0x%x it was 0x%lx and is 0x%lx (clean bits "
	       "0x%x, then 0x%x)",
	       what, at, *(const u64 *)((const u8 *)was + from),
	       *(const u64 *)((const u8 *)is + from), was->hv_clean_fields, is->hv_clean_fields);
}

/* Moved in L1. What was changed is put back. */
static void move_and_check_page(struct story *story, const char *what)
{
	struct hv_enlightened_vmcs *evmcs = story->l2->evmcs, *was = alloc_page();

	memcpy(was, evmcs, PAGE_SIZE);
	move_in_l1(story);
	if (broken("write"))
		evmcs->GUEST_RSP++;
	check_page(was, evmcs, what);
	was->hv_clean_fields = evmcs->hv_clean_fields & was->hv_clean_fields;
	memcpy(evmcs, was, PAGE_SIZE);
	free_page(was);
}

TEST(page_kept, .on = EACH_CPU, .needs = HV_EVMCS,
     .about = "a move in L1 changes nothing in the active enlightened VMCS, the last exit's fields "
	      "included, but may clear clean bits")
{
	struct story *story = begin_story();

	if (round_is_right(story, "not moved:")) {
		change_fields(story);
		move_and_check_page(story, "active, moved");
		report(l2_is_call(story->l2, HERE) &&
			       vmx_get(story->l2, VM_EXIT_REASON) == EXIT_REASON_VMCALL,
		       "the exit is still VMCALL: %s",
		       l2_exit_name(vmx_get(story->l2, VM_EXIT_REASON)));
		round_is_right(story, "after that:");
	}
	end_story(story);
}

TEST(assist_page, .on = EACH_CPU, .needs = HV_EVMCS,
     .about =
	     "HV_X64_MSR_VP_ASSIST_PAGE keeps its value across moves in L1 and in L2, and the page "
	     "all but APIC_ASSIST")
{
	struct story *story = begin_story();
	struct hv_vp_assist_page *page = evmcs_assist_page(), was;
	const size_t begin = offsetof(struct hv_vp_assist_page, vtl_control);

	for (int in_l2 = 0; in_l2 < 2; in_l2++) {
		const char *when = in_l2 ? "moved in L2" : "moved in L1";

		vmx_make_current(story->l2);
		was = *page;
		story->move = in_l2;
		if (!in_l2)
			move_in_l1(story);
		else if (!round_is_right(story, "moved in L2:"))
			break;
		report(rdmsr(HV_X64_MSR_VP_ASSIST_PAGE) == evmcs_assist_register() &&
			       !memcmp((u8 *)&was + begin, (u8 *)page + begin, sizeof(was) - begin),
		       "%s: the register reads 0x%lx, expected 0x%lx; enlightened entries %d "
		       "(%d), by 0x%lx (0x%lx)",
		       when, rdmsr(HV_X64_MSR_VP_ASSIST_PAGE), evmcs_assist_register(),
		       page->enlighten_vmentry, was.enlighten_vmentry, page->current_nested_vmcs,
		       was.current_nested_vmcs);
	}
	end_story(story);
}

/* ======== two of them ======== */

/* Two L2s with other values each. */
static void begin_two(struct story *two[2])
{
	for (int i = 0; i < 2; i++)
		two[i] = begin_story();
	two[1]->fields.number += 100;
	change_fields(two[1]);
}

static void end_two(struct story *two[2])
{
	for (int i = 1; i >= 0; i--)
		end_story(two[i]);
}

TEST(switched_after_move, .on = EACH_CPU, .needs = HV_EVMCS,
     .about = "of two enlightened VMCSs, entered in turn, each keeps what is its own when L1 "
	      "switches behind a move")
{
	struct story *two[2];

	begin_two(two);
	if (round_is_right(two[0], "the first:") && round_is_right(two[1], "the second:")) {
		move_in_l1(two[1]);
		change_fields(two[0]);
		if (round_is_right(two[0], "the first, after the move:"))
			round_is_right(two[1], "the second, after that:");
	}
	end_two(two);
}

/*
 * The assist page names the other one when the VM is moved, and nobody has entered that: it is not
 * active, and none of the hypervisor's business before the entry.
 */
static void named_before_move(bool entered_before)
{
	struct story *two[2];
	bool good = true;

	begin_two(two);
	if (entered_before) {
		good = round_is_right(two[1], "the second, before:");
		vmx_clear(two[1]->l2);
		change_fields(two[1]);
	}
	if (good && round_is_right(two[0], "the first:")) {
		vmx_make_current(two[1]->l2);
		move_and_check_page(two[1], "not active, but named by the assist page");
		if (round_is_right(two[1], "the second, after the move:")) {
			change_fields(two[0]);
			round_is_right(two[0], "the first, after that:");
		}
	}
	end_two(two);
}

TEST(named_before_move_new, .on = EACH_CPU, .needs = HV_EVMCS,
     .about = "a move does not touch an enlightened VMCS that was never entered, though the assist "
	      "page names it while another is active")
{
	named_before_move(false);
}

TEST(named_before_move_cleared, .on = EACH_CPU, .needs = HV_EVMCS,
     .about = "the same for one that was entered, and then cleared by VMCLEAR")
{
	named_before_move(true);
}

/* ======== VMCLEAR ======== */

TEST(cleared, .on = EACH_CPU, .needs = HV_EVMCS,
     .about =
	     "VMCLEAR leaves all of it in memory; moved then, it is as it was, and can be launched "
	     "again")
{
	struct story *story = begin_story();

	if (round_is_right(story, "not moved:")) {
		vmx_clear(story->l2);
		move_and_check_page(story, "cleared, moved");
		change_fields(story);
		if (round_is_right(story, "launched again:")) {
			change_fields(story);
			round_is_right(story, "resumed:");
		}
	}
	end_story(story);
}

static void be_moved_and_call(void *data)
{
	migrate_quiet();
	l2_call(HERE);
}

/* VMCSs work again when the last enlightened one was cleared, and the assist page says so. */
TEST(back_to_vmcs, .on = EACH_CPU, .needs = HV_EVMCS,
     .about = "after the last enlightened VMCS ordinary ones work, with moves in L1 and L2, and "
	      "enlightened ones again after those")
{
	struct story *story = begin_story();
	bool good = round_is_right(story, "enlightened:");
	struct l2 *l2;

	end_story(story);
	if (broken("assist"))
		wrmsr(HV_X64_MSR_VP_ASSIST_PAGE, PAGE_SIZE);
	migrate_quiet();
	report(!rdmsr(HV_X64_MSR_VP_ASSIST_PAGE), "the assist page is off: 0x%lx",
	       rdmsr(HV_X64_MSR_VP_ASSIST_PAGE));
	l2 = l2_new(be_moved_and_call, NULL);
	good = l2_expect_call(l2, HERE) && good;
	good = l2_expect_return(l2) && good;
	l2_free(l2);
	story = begin_story();
	if (good)
		round_is_right(story, "enlightened again:");
	end_story(story);
}

/* ======== what an exit leaves ======== */

#define ROW_PORT 0x81
/* OUT of one byte to a port in an immediate (28.2.1, "Exit Qualification for I/O Instructions"). */
#define OUT_QUALIFICATION ((u64)ROW_PORT << 16 | BIT(6))

/* In this order. */
static const struct exit_row {
	const char *name;
	u32 reason;
	u64 qualification;
	u32 length;
	u32 interruption;
} exit_rows[] = {
	{ "CPUID", EXIT_REASON_CPUID, 0, 2, 0 },
	{ "OUT", EXIT_REASON_IO_INSTRUCTION, OUT_QUALIFICATION, 2, 0 },
	{ "INVLPG", EXIT_REASON_INVLPG, 0x5555000, 3, 0 },
	{ "INT3", EXIT_REASON_EXCEPTION_NMI, 0, 1,
	  INTR_INFO_VALID_MASK | INTR_TYPE_SOFT_EXCEPTION | BP_VECTOR },
	{ "VMCALL", EXIT_REASON_VMCALL, 0, 3, 0 },
};

struct exit_story {
	/* Where each row's instruction is, as L2 says. */
	u64 rip, rsp;
	bool move;
};

#define MARKED(story, instruction, inputs...)                                                      \
	asm volatile("lea 1f(%%rip), %%r8\n\tmov %%r8, (%[rip])\n\tmov %%rsp, "                    \
		     "(%[rsp])\n1:\t" instruction                                                  \
		     :                                                                             \
		     : [rip] "S"(&(story)->rip), [rsp] "D"(&(story)->rsp), ##inputs                \
		     : "rbx", "rcx", "rdx", "r8", "memory")

static void be_moved_if_asked(struct exit_story *story)
{
	if (story->move)
		migrate_quiet();
}

static void exit_by_rows(void *data)
{
	struct exit_story *story = data;
	u32 eax = 0;

	for (;;) {
		be_moved_if_asked(story);
		MARKED(story, "cpuid", "a"(eax));
		be_moved_if_asked(story);
		MARKED(story, "outb %%al, %[port]", "a"(eax), [port] "N"(ROW_PORT));
		be_moved_if_asked(story);
		MARKED(story, "invlpg (%%rax)", "a"(0x5555000ul));
		be_moved_if_asked(story);
		MARKED(story, "int3", "a"(eax));
		be_moved_if_asked(story);
		MARKED(story, "vmcall", "a"(eax));
	}
}

static void check_exit(const struct l2 *l2, const struct exit_story *story,
		       const struct exit_row *row, const char *when)
{
	report(l2->exit_reason == row->reason && vmx_get(l2, VM_EXIT_REASON) == row->reason &&
		       vmx_get(l2, EXIT_QUALIFICATION) == row->qualification &&
		       vmx_get(l2, VM_EXIT_INSTRUCTION_LEN) == row->length &&
		       vmx_get(l2, VM_EXIT_INTR_INFO) == row->interruption &&
		       !(vmx_get(l2, IDT_VECTORING_INFO_FIELD) & INTR_INFO_VALID_MASK) &&
		       vmx_get(l2, GUEST_RIP) == story->rip && vmx_get(l2, GUEST_RSP) == story->rsp,
	       "%s %s: exit %s, rsp 0x%lx; expected %s at 0x%lx, rsp 0x%lx, qualification 0x%lx, "
	       "length %u, interruption 0x%x",
	       row->name, when, l2_exit_text(l2), vmx_get(l2, GUEST_RSP), l2_exit_name(row->reason),
	       story->rip, story->rsp, row->qualification, row->length, row->interruption);
}

/* Two of the exits follow a move in L2, and one is looked at again after a move in L1. */
TEST(exit_information, .on = EACH_CPU, .needs = HV_EVMCS,
     .about = "an exit's reason, qualification and the rest are in the enlightened VMCS, after a "
	      "move "
	      "in L2 as before, and stay there in a move in L1")
{
	struct exit_story story = { 0 };
	struct l2 *l2 = vmx_new_enlightened(exit_by_rows, &story);

	l2_intercept_port(l2, ROW_PORT, true);
	vmx_set_controls(l2, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_INVLPG_EXITING);
	vmx_intercept_exception(l2, BP_VECTOR, true);
	for (size_t i = 0; i < ARRAY_SIZE(exit_rows); i++) {
		const struct exit_row *row = &exit_rows[i];

		story.move = row->reason == EXIT_REASON_IO_INSTRUCTION ||
			     row->reason == EXIT_REASON_EXCEPTION_NMI;
		l2_enter(l2);
		if (broken("exit"))
			vmx_set(l2, VM_EXIT_INSTRUCTION_LEN, 9);
		check_exit(l2, &story, row, story.move ? "after a move in L2" : "not moved");
		if (l2->exit_reason != row->reason)
			break;
		if (row->reason == EXIT_REASON_INVLPG) {
			migrate_quiet();
			check_exit(l2, &story, row, "after a move in L1");
		}
		vmx_skip(l2);
	}
	l2_free(l2);
}

/* ======== the enlightened MSR bit map ======== */

static void read_quiet_msr(void *data)
{
	const bool *move = data;

	for (;;) {
		if (*move)
			migrate_quiet();
		rdmsr(QUIET_MSR);
		l2_call(HERE);
	}
}

/* Whether L2's RDMSR exits, and then it comes to its call. */
static void check_msr(struct l2 *l2, bool exits, const char *when)
{
	bool exited = l2_enter(l2) == EXIT_REASON_MSR_READ;

	if (exited) {
		vmx_skip(l2);
		l2_enter(l2);
	}
	report(exited == exits && l2_is_call(l2, HERE), "%s: RDMSR %s (expected: %s); then exit %s",
	       when, exited ? "exited" : "did not exit", exits ? "it does" : "it does not",
	       l2_exit_text(l2));
	l2_skip_call(l2);
}

/* A change that L1 tells of by the clean bit. */
static void set_told(struct l2 *l2, bool exits)
{
	u32 clean = l2->evmcs->hv_clean_fields;

	l2_intercept_msr(l2, QUIET_MSR, exits && !broken("field"), false);
	l2->evmcs->hv_clean_fields = clean & ~(broken("clean") ? 0 : HV_EVMCS_CLEAN_MSR_BITMAP);
}

static void msr_bitmap_across_moves(bool enlightened)
{
	bool move = false;
	struct l2 *l2 = vmx_new_enlightened(read_quiet_msr, &move);

	if (enlightened) {
		l2->evmcs->hv_enlightenments_control |= HV_EVMCS_ENLIGHTENED_MSR_BITMAP;
		l2->evmcs->hv_clean_fields &= ~(u32)HV_EVMCS_CLEAN_ENLIGHTENMENTSCONTROL;
	}
	check_msr(l2, false, "not intercepted");
	check_msr(l2, false, "the same again");
	set_told(l2, true);
	check_msr(l2, true, "intercepted");
	set_told(l2, false);
	migrate_quiet();
	check_msr(l2, false, "changed, then moved in L1");
	if (enlightened) {
		migrate_quiet();
		check_msr(l2, false, "moved in L1 unchanged");
	}
	set_told(l2, true);
	check_msr(l2, true, "then changed");
	move = true;
	check_msr(l2, true, "moved in L2 before the RDMSR");
	move = false;
	set_told(l2, false);
	check_msr(l2, false, "then changed");
	l2_free(l2);
}

TEST(msr_bitmap, .on = EACH_CPU, .needs = HV_EVMCS,
     .about = "changes to the MSR bit map hold at the next entry, across moves in L1 and in L2")
{
	msr_bitmap_across_moves(false);
}

TEST(enlightened_msr_bitmap, .on = EACH_CPU, .needs = HV_EVMCS_MSR_BITMAP,
     .about = "the same where L1 has promised to tell of changes by the clean bit")
{
	msr_bitmap_across_moves(true);
}

/* ======== the EPT pointer ======== */

struct reading {
	u64 *page;
	bool move;
	u64 seen;
};

static void read_page(void *data)
{
	struct reading *reading = data;

	for (;;) {
		if (reading->move)
			migrate_quiet();
		reading->seen = READ_ONCE(*reading->page);
		l2_call(HERE);
	}
}

static void check_reading(struct l2 *l2, struct reading *reading, u64 expected, const char *when)
{
	l2_enter(l2);
	report(l2_is_call(l2, HERE) && reading->seen == expected,
	       "%s: L2 read 0x%lx, expected 0x%lx: exit %s", when, reading->seen, expected,
	       l2_exit_text(l2));
	l2_skip_call(l2);
}

/* A root of its own, that is the L2's then; of the page it shows another one. */
static u64 new_ept(struct l2 *l2, u64 *page, u64 *shown)
{
	pteval_t *entry;

	vmx_use_ept(l2);
	entry = vmx_ept_entry(l2, virt_to_phys(page));
	*entry = (*entry & ~PT_ADDR_MASK) | virt_to_phys(shown);
	return vmx_get(l2, EPT_POINTER);
}

TEST(ept_pointer, .on = EACH_CPU, .needs = ALL_OF(HV_EVMCS, VMX_EPT),
     .about = "another EPT pointer holds from the next entry on, and is kept, across moves in L1 "
	      "and in "
	      "L2")
{
	u64 *page[2] = { alloc_page(), alloc_page() }, eptp[2];
	struct reading reading = { .page = page[0] };
	struct l2 *l2 = vmx_new_enlightened(read_page, &reading);
	pgd_t *first;

	*page[0] = 0x1111;
	*page[1] = 0x2222;
	eptp[0] = new_ept(l2, page[0], page[0]);
	first = l2->ept;
	eptp[1] = new_ept(l2, page[0], broken("field") ? page[0] : page[1]);
	vmx_set(l2, EPT_POINTER, eptp[0]);
	check_reading(l2, &reading, *page[0], "the first");
	vmx_set(l2, EPT_POINTER, eptp[1]);
	migrate_quiet();
	check_reading(l2, &reading, *page[1], "the second, then moved in L1");
	reading.move = true;
	check_reading(l2, &reading, *page[1], "moved in L2");
	reading.move = false;
	vmx_set(l2, EPT_POINTER, eptp[0]);
	check_reading(l2, &reading, *page[0], "the first again");
	l2_free(l2);
	l2_free_page_tables(first, 4);
	free_page(page[0]);
	free_page(page[1]);
}
