// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * L2s on Hyper-V's enlightened VMCS, across migrations (TLFS "Nested Virtualization": "Enlightened
 * VMCS", "Clean Fields", "Enlightened MSR Bitmap"; "Virtual Processors": "Virtual Processor Assist
 * Page"; the Intel SDM for what the fields do). This file has the L2 that the tests share.
 *
 * An enlightened VMCS is a page of L1's memory. It is active from a VM entry with it until VMCLEAR,
 * and only then may the hypervisor write to it. At an entry the hypervisor need not read again
 * those parts whose clean bits L1 has left set. The VP assist page names the enlightened VMCS at
 * each entry. So three things must hold. A page that was never entered does not change at all. In
 * an active page, nothing that L1 relies on changes. And what L1 changes before or after the
 * migration, when it also clears the clean bit, takes effect at the next entry.
 *
 * In a migration the hypervisor has the contents twice: in L1's memory, and in a copy of its own,
 * which it saves. A broken one takes the older of the two. It forgets that the VMCS is an
 * enlightened one, or which one it is. It trusts clean bits whose fields it has never read. It
 * writes its copy into the page that the assist page names now. Or it does not put an exit's
 * information into the page after a migration in L2.
 *
 * Fields that share a clean bit form a group. The tests look at one field of each group: one whose
 * effect L2 or L1 can see.
 *
 * Not tested: fields without an effect here; fields that change while their clean bit stays set,
 * with which the hypervisor may do as it likes; VM_INSTRUCTION_ERROR.
 *
 * break=WHAT on the command line spoils a test on purpose:
 *
 * clean   L1 leaves the clean bits set when it changes a field, or an enlightened MSR bitmap
 * field   two fields, and the MSR bitmap, get other values than L1 thinks
 * assist  the assist page changes after a migration in L1; its register keeps an address
 * write   an enlightened VMCS changes after a migration in L1
 * exit    the length of an exit's instruction changes
 */
#include "libcflat.h"
#include "alloc_page.h"
#include "io.h"
#include "isr.h"
#include "msr.h"
#include "percpu.h"
#include "processor.h"
#include "x86/vmx_evmcs/vmx_evmcs.h"

/* The MSR bitmap has reads of MSRs from HIGH_MSRS on at this offset (25.6.9). */
#define HIGH_MSRS	   0xc0000000
#define HIGH_MSR_READS_MAP 0x400

#define EVENT_VECTOR 0x61

/* A TSC offset that is longer than any test. */
#define FAR_AWAY (1ul << 50)

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

/* L2's code. The instructions after the second look() may exit; L1 then skips them. */
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

/* Notes and skips an instruction that may exit. False: it was another exit. */
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

/* L2 goes round once, from call to call. */
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
		report_fail("%s: L2 should make its call: exit %s", when, l2_exit_text(story->l2));
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

void change_fields(struct story *story)
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
	/* The last entry of the PAT is one that no page uses. */
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

struct story *begin_story(void)
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
	handle_irq_any(EVENT_VECTOR, on_event);
	change_fields(story);
	return story;
}

void end_story(struct story *story)
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
		"%s L2 saw RFLAGS 0x%lx (ID expected %d), FS base 0x%lx (0x%lx), SYSENTER_ESP 0x%lx (0x%lx), PAT 0x%lx (0x%lx), CR0 0x%lx (AM %d), TSC 0x%lx (0x%lx to 0x%lx)",
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
		"%s exits: port %d, MSR %d, INVLPG %d, WBINVD %d, #UD %d (expected %d each, but WBINVD %d)",
		when, view->port, view->msr, view->invlpg, view->wbinvd, view->ud, fields->odd,
		wbinvd);
	good &= report_if_failed(
		story->round_events == fields->odd && story->moved.events == this_cpu(events) &&
			!(vmx_get(l2, VM_ENTRY_INTR_INFO_FIELD) & INTR_INFO_VALID_MASK),
		"%s the injected interrupt came %u times (expected %d), and is 0x%lx in the VMCS (expected: not valid)",
		when, story->round_events, fields->odd, vmx_get(l2, VM_ENTRY_INTR_INFO_FIELD));
	good &= report_if_failed(
		story->seen_fs_base == fields->host_fs_base &&
			story->seen_sysenter_esp == fields->host_sysenter_esp,
		"%s L1 came back with FS base 0x%lx (0x%lx), SYSENTER_ESP 0x%lx (0x%lx)", when,
		story->seen_fs_base, fields->host_fs_base, story->seen_sysenter_esp,
		fields->host_sysenter_esp);
	return good;
}

bool round_is_right(struct story *story, const char *when)
{
	if (!run_round(story, when))
		return false;
	if (check_round(story, when))
		report_pass("%s L2 and L1 saw what L1 has set", when);
	return true;
}

void migrate_in_l1(struct story *story)
{
	struct hv_vp_assist_page *page = evmcs_assist_page();

	migrate_quiet();
	if (broken("assist"))
		page->current_nested_vmcs ^= PAGE_SIZE;
}
