// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The delivery of an event to L2 fails: the exit reports the event as IDT vectoring, and L1 injects
 * it again (Intel SDM volume 3, 28.2.4 "Information for VM Exits During Event Delivery").
 */
#include "libcflat.h"
#include "alloc_page.h"
#include "processor.h"
#include "x86/vmx_event/vmx_event.h"

/* The exit should report this event, whose delivery it has stopped. */
static void check_vectoring(const struct l2 *l2, const struct injection *row, u64 rip)
{
	check_field(l2, IDT_VECTORING_INFO_FIELD, INTR_INFO_DEFINED,
		    row->event | INTR_INFO_VALID_MASK, "not delivered");
	if (row->event & INTR_INFO_DELIVER_CODE_MASK)
		check_field(l2, IDT_VECTORING_ERROR_CODE, ~0ul, row->error_code, "not delivered");
	if (has_length(row))
		check_field(l2, VM_EXIT_INSTRUCTION_LEN, ~0ul, row->length, "not delivered");
	check_rip(l2, (void *)rip, "not delivered");
	report_if_failed(!(vmx_get(l2, VM_ENTRY_INTR_INFO_FIELD) & INTR_INFO_VALID_MASK),
			 "VM_ENTRY_INTR_INFO_FIELD is still valid: 0x%lx",
			 vmx_get(l2, VM_ENTRY_INTR_INFO_FIELD));
}

/* Injects what the exit has stopped, as hypervisors do (28.2.4). */
static void inject_again(struct l2 *l2)
{
	if (broken("lost"))
		return;
	vmx_inject(l2, vmx_get(l2, IDT_VECTORING_INFO_FIELD) & INTR_INFO_DEFINED,
		   vmx_get(l2, IDT_VECTORING_ERROR_CODE));
	vmx_set(l2, VM_ENTRY_INSTRUCTION_LEN, vmx_get(l2, VM_EXIT_INSTRUCTION_LEN));
	vmx_set(l2, GUEST_INTERRUPTIBILITY_INFO,
		vmx_get(l2, GUEST_INTERRUPTIBILITY_INFO) & ~GUEST_INTR_STATE_NMI);
}

/* A way to stop the delivery of an event, and to let it go on later. */
struct obstacle {
	void (*raise)(struct l2 *l2);
	void (*check)(const struct l2 *l2, const struct injection *row);
	void (*remove)(struct l2 *l2);
	u64 reason;
};

static void hide_idt(struct l2 *l2)
{
	vmx_intercept_exception(l2, PF_VECTOR, true);
	vmx_set(l2, GUEST_IDTR_BASE, NEVER_MAPPED);
}

static void check_page_fault(const struct l2 *l2, const struct injection *row)
{
	check_field(l2, VM_EXIT_INTR_INFO, INTR_INFO_DEFINED,
		    HARD_WITH_CODE(PF_VECTOR) | INTR_INFO_VALID_MASK, "the fault");
	check_field(l2, VM_EXIT_INTR_ERROR_CODE, ~0ul, 0, "the fault");
	check_field(l2, EXIT_QUALIFICATION, ~0ul,
		    NEVER_MAPPED + vector_of(row) * sizeof(idt_entry_t), "the gate");
}

static void show_idt(struct l2 *l2)
{
	vmx_set(l2, GUEST_IDTR_BASE, (u64)event_l2_idt());
}

static const struct obstacle page_fault = {
	.raise = hide_idt,
	.check = check_page_fault,
	.remove = show_idt,
	.reason = EXIT_REASON_EXCEPTION_NMI,
};

static void set_ept_page(struct l2 *l2, phys_addr_t page, bool there)
{
	pteval_t *entry = vmx_ept_entry(l2, page & PAGE_MASK);

	*entry = there ? *entry | VMX_EPT_RWX_MASK : *entry & ~VMX_EPT_RWX_MASK;
}

static phys_addr_t stack_page(const struct l2 *l2)
{
	return virt_to_phys((void *)(vmx_get(l2, GUEST_RSP) - 8)) & PAGE_MASK;
}

/* The new tables may be where older ones were whose translations are still cached. */
static void use_fresh_ept(struct l2 *l2)
{
	vmx_use_ept(l2);
	if (invept(VMX_EPT_EXTENT_GLOBAL, 0) != VM_SUCCEED)
		report_abort("INVEPT of all contexts");
}

static void take_gates(struct l2 *l2)
{
	use_fresh_ept(l2);
	set_ept_page(l2, virt_to_phys(event_l2_idt()), false);
}

/* The low bits of the qualification tell a read from a write (28.2.1, table 28-7). */
static void check_gates(const struct l2 *l2, const struct injection *row)
{
	check_field(l2, GUEST_PHYSICAL_ADDRESS, ~0ul,
		    virt_to_phys(event_l2_idt()) + vector_of(row) * sizeof(idt_entry_t),
		    "the gate");
	check_field(l2, EXIT_QUALIFICATION, VMX_EPT_RWX_MASK, VMX_EPT_READABLE_MASK, "the gate");
}

static void return_gates(struct l2 *l2)
{
	set_ept_page(l2, virt_to_phys(event_l2_idt()), true);
}

static const struct obstacle no_gates = {
	.raise = take_gates,
	.check = check_gates,
	.remove = return_gates,
	.reason = EXIT_REASON_EPT_VIOLATION,
};

static void take_stack(struct l2 *l2)
{
	use_fresh_ept(l2);
	set_ept_page(l2, stack_page(l2), false);
}

static void check_stack(const struct l2 *l2, const struct injection *row)
{
	check_field(l2, GUEST_PHYSICAL_ADDRESS, PAGE_MASK, stack_page(l2), "the stack");
	check_field(l2, EXIT_QUALIFICATION, VMX_EPT_WRITABLE_MASK, VMX_EPT_WRITABLE_MASK,
		    "the stack");
}

static void return_stack(struct l2 *l2)
{
	set_ept_page(l2, stack_page(l2), true);
}

static const struct obstacle no_stack = {
	.raise = take_stack,
	.check = check_stack,
	.remove = return_stack,
	.reason = EXIT_REASON_EPT_VIOLATION,
};

/*
 * A broken hypervisor reports the fault to L1, but not the event that it stopped, or another event.
 * Or it also delivers the event by itself, so that L1's injection delivers it a second time.
 */
static void stop_deliveries(const struct obstacle *obstacle, const struct injection *rows,
			    size_t count)
{
	struct l2 *l2[INJECTIONS];

	for (size_t i = 0; i < count; i++) {
		l2[i] = new_target(&rows[i]);
		obstacle->raise(l2[i]);
		inject(l2[i], &rows[i]);
		report_prefix_push(rows[i].name);
		if (expect_exit(l2[i], obstacle->reason, "stopped")) {
			obstacle->check(l2[i], &rows[i]);
			check_vectoring(l2[i], &rows[i], (u64)injection_point);
		}
		report_prefix_pop();
	}
	migrate_quiet();
	for (size_t i = 0; i < count; i++) {
		obstacle->remove(l2[i]);
		inject_again(l2[i]);
		check_delivery(l2[i], &rows[i]);
	}
	for (size_t i = 0; i < count; i++)
		event_l2_free(l2[i]);
}

TEST(fault_in_delivery, .on = EACH_CPU, .needs = VMX,
     .about =
	     "an event whose delivery meets a #PF is in IDT vectoring, and can be injected again after a migration")
{
	stop_deliveries(&page_fault, injections, ARRAY_SIZE(injections));
}

TEST(fault_in_delivery_int1, .on = EACH_CPU, .needs = VMX,
     .about = "INT1 whose delivery meets a #PF is in IDT vectoring, and can be injected again")
{
	stop_deliveries(&page_fault, int1, ARRAY_SIZE(int1));
}

TEST(gate_without_page, .on = EACH_CPU, .needs = VMX_EPT,
     .about =
	     "an event whose delivery meets an EPT violation at its gate is in IDT vectoring, and can be injected again")
{
	stop_deliveries(&no_gates, injections, ARRAY_SIZE(injections));
}

TEST(gate_without_page_int1, .on = EACH_CPU, .needs = VMX_EPT,
     .about =
	     "INT1 whose delivery meets an EPT violation at its gate is in IDT vectoring, and can be injected again")
{
	stop_deliveries(&no_gates, int1, ARRAY_SIZE(int1));
}

TEST(stack_without_page, .on = EACH_CPU, .needs = VMX_EPT,
     .about =
	     "an event whose delivery meets an EPT violation at the stack is in IDT vectoring, and can be injected again")
{
	stop_deliveries(&no_stack, injections, ARRAY_SIZE(injections));
}
