// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Virtual interrupts of L2: virtual-interrupt delivery and posted interrupts (Intel SDM volume 3,
 * 30.2 "Evaluation and Delivery of Virtual Interrupts", 30.6 "Posted-Interrupt Processing").
 *
 * A broken hypervisor loses RVI, SVI or a bit of the virtual-APIC page in a migration, so that an
 * interrupt is lost, comes twice, or comes past the priority of another one.
 */
#include "libcflat.h"
#include "apic.h"
#include "isr.h"
#include "processor.h"
#include "x86/vmx_apic/vmx_apic.h"

/* ======== virtual-interrupt delivery ======== */

/* Vectors of falling priority. The first two are of the same class. */
#define FIRST_VECTOR  0x63
#define SECOND_VECTOR 0x62
#define THIRD_VECTOR  0x51
#define SELF_VECTOR   0x74
#define IN_HANDLER    2
#define MOST_TAKEN    8

/* GUEST_INTR_STATUS (25.4.2): RVI is the highest vector requested, SVI the one in service. */
#define RVI(vector) ((u64)(vector))
#define SVI(vector) ((u64)(vector) << 8)

/* Which interrupts L2 has taken, and how many at some points of its code. */
static struct taken {
	volatile unsigned count;
	u8 vectors[MOST_TAKEN];
	unsigned at[4];
	bool call; /* the first handler asks for a migration, and then calls L1 */
} taken;

static bool apic_bit(u32 reg, u8 vector)
{
	return *apic_register(reg + vector / 32 * 0x10) >> vector % 32 & 1;
}

static void set_apic_bit(u32 reg, u8 vector, bool value)
{
	u32 *word = apic_register(reg + vector / 32 * 0x10);

	*word = (*word & ~(1u << vector % 32)) | (u32)value << vector % 32;
}

static void virtual_eoi(void)
{
	wrmsr(X2APIC(APIC_EOI), 0);
}

static void on_virtual_interrupt(isr_regs_t *regs)
{
	if (taken.count < MOST_TAKEN)
		taken.vectors[taken.count] = regs->vector;
	taken.count++;
	if (taken.call) {
		taken.call = false;
		migrate_quiet();
		l2_call(IN_HANDLER);
	}
	virtual_eoi();
}

static const u8 vectors[] = { FIRST_VECTOR, SECOND_VECTOR, THIRD_VECTOR, SELF_VECTOR };

static struct l2 *begin_delivery(void (*code)(void *data))
{
	struct l2 *l2 = new_l2(code, NULL, false,
			       SECONDARY_EXEC_VIRTUALIZE_X2APIC_MODE |
				       SECONDARY_EXEC_VIRTUAL_INTR_DELIVERY);

	vmx_set_controls(l2, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_TPR_SHADOW);
	vmx_set_controls(l2, PIN_BASED_VM_EXEC_CONTROL, PIN_BASED_EXT_INTR_MASK);
	vmx_set(l2, EOI_EXIT_BITMAP0, 0);
	vmx_set(l2, EOI_EXIT_BITMAP1, 0);
	vmx_set(l2, EOI_EXIT_BITMAP2, 0);
	vmx_set(l2, EOI_EXIT_BITMAP3, 0);
	vmx_set(l2, GUEST_INTR_STATUS, 0);
	taken = (struct taken){ 0 };
	for (unsigned i = 0; i < ARRAY_SIZE(vectors); i++)
		handle_irq_any(vectors[i], on_virtual_interrupt);
	return l2;
}

/* Requests three interrupts as a hypervisor does: in VIRR, with the highest one in RVI. */
static void request_three(struct l2 *l2)
{
	set_apic_bit(APIC_IRR, FIRST_VECTOR, true);
	set_apic_bit(APIC_IRR, SECOND_VECTOR, true);
	set_apic_bit(APIC_IRR, THIRD_VECTOR, !broken("interrupt"));
	vmx_set(l2, GUEST_INTR_STATUS, RVI(FIRST_VECTOR));
}

static void end_delivery(struct l2 *l2)
{
	for (unsigned i = 0; i < ARRAY_SIZE(vectors); i++)
		unhandle_irq(vectors[i]);
	free_l2(l2);
}

/* Enters L2 until it exits for another reason than an interrupt of L1. */
static u64 enter_beside_interrupts(struct l2 *l2)
{
	while (l2_enter(l2) == EXIT_REASON_EXTERNAL_INTERRUPT)
		;
	return l2->exit_reason;
}

static void expect_call_beside_interrupts(struct l2 *l2, u64 number)
{
	enter_beside_interrupts(l2);
	report(l2_is_call(l2, number), "L2 should make its call %lu: exit %s", number,
	       l2_exit_text(l2));
	if (l2_is_call(l2, number) && number != L2_RETURNED)
		vmx_skip(l2);
}

static void check_taken(unsigned count, const u8 *expected)
{
	report(taken.count == count && !memcmp(taken.vectors, expected, count),
	       "L2 took %u interrupts, 0x%x 0x%x 0x%x; expected %u, 0x%x 0x%x 0x%x", taken.count,
	       taken.vectors[0], taken.vectors[1], taken.vectors[2], count, expected[0],
	       expected[1], count > 2 ? expected[2] : 0);
}

/* No interrupt is requested or in service. */
static void check_idle(struct l2 *l2)
{
	bool any = false;

	for (unsigned i = 0; i < ARRAY_SIZE(vectors); i++)
		any |= apic_bit(APIC_IRR, vectors[i]) || apic_bit(APIC_ISR, vectors[i]);
	report(!any && vmx_get(l2, GUEST_INTR_STATUS) == 0,
	       "%s in VIRR or VISR; the guest interrupt status is 0x%lx, expected 0",
	       any ? "there is something" : "nothing", vmx_get(l2, GUEST_INTR_STATUS));
}

static void lower_priority(void *unused)
{
	irq_disable();
	migrate_quiet();
	irq_enable();
	taken.at[0] = taken.count;
	write_cr8(6);
	taken.at[1] = taken.count;
	write_cr8(5);
	taken.at[2] = taken.count;
	write_cr8(0);
	taken.at[3] = taken.count;
}

/* VTPR begins as 0xf0, so all three interrupts are pending when L2 asks for the migration. */
TEST(interrupts_pending, .on = EACH_CPU,
     .needs = ALL_OF(VMX_TPR_SHADOW, VMX_X2APIC_MODE, VMX_VIRTUAL_INTR_DELIVERY),
     .about =
	     "pending virtual interrupts survive a migration, and come by priority when VTPR lets them")
{
	struct l2 *l2 = begin_delivery(lower_priority);

	*apic_register(APIC_TASKPRI) = 0xf0;
	request_three(l2);
	expect_call_beside_interrupts(l2, L2_RETURNED);
	check_taken(3, vectors);
	report(taken.at[0] == 0 && taken.at[1] == 0 && taken.at[2] == 2 && taken.at[3] == 3,
	       "with CR8 15, 6, 5 and 0 L2 had taken %u, %u, %u and %u interrupts; expected 0, 0, 2 and 3",
	       taken.at[0], taken.at[1], taken.at[2], taken.at[3]);
	check_idle(l2);
	end_delivery(l2);
}

static void wait_for_nothing(void *unused)
{
	irq_disable();
	irq_enable();
	asm volatile("nop");
	taken.at[0] = taken.count;
}

/* While the first one is in service no other may come, and the second one is in RVI. */
TEST(interrupts_in_service, .on = EACH_CPU,
     .needs = ALL_OF(VMX_TPR_SHADOW, VMX_X2APIC_MODE, VMX_VIRTUAL_INTR_DELIVERY),
     .about = "a virtual interrupt in service stays so in a migration, and others wait for its EOI")
{
	struct l2 *l2 = begin_delivery(wait_for_nothing);
	u64 expected = RVI(SECOND_VECTOR) | SVI(FIRST_VECTOR);

	taken.call = true;
	request_three(l2);
	expect_call_beside_interrupts(l2, IN_HANDLER);
	report(vmx_get(l2, GUEST_INTR_STATUS) == expected && apic_bit(APIC_ISR, FIRST_VECTOR) &&
		       !apic_bit(APIC_IRR, FIRST_VECTOR) &&
		       *apic_register(APIC_PROCPRI) == (FIRST_VECTOR & 0xf0),
	       "the guest interrupt status is 0x%lx, expected 0x%lx; in service: %d, requested: %d; VPPR is 0x%x, expected 0x%x",
	       vmx_get(l2, GUEST_INTR_STATUS), expected, apic_bit(APIC_ISR, FIRST_VECTOR),
	       apic_bit(APIC_IRR, FIRST_VECTOR), *apic_register(APIC_PROCPRI), FIRST_VECTOR & 0xf0);
	report(taken.count == 1, "L2 had taken %u interrupts, expected 1", taken.count);
	migrate_quiet();
	expect_call_beside_interrupts(l2, L2_RETURNED);
	check_taken(3, vectors);
	check_idle(l2);
	end_delivery(l2);
}

/* L2 exits after the WRMSR if the vector is in the EOI-exit bitmap (30.1.4). */
TEST(eoi_exits, .on = EACH_CPU,
     .needs = ALL_OF(VMX_TPR_SHADOW, VMX_X2APIC_MODE, VMX_VIRTUAL_INTR_DELIVERY),
     .about =
	     "only the EOI of a vector in the EOI-exit bitmap exits, across migrations in L2 and in L1")
{
	struct l2 *l2 = begin_delivery(lower_priority);
	unsigned eois = 0;

	*apic_register(APIC_TASKPRI) = 0xf0;
	request_three(l2);
	vmx_set(l2, EOI_EXIT_BITMAP0 + 2 * (SECOND_VECTOR / 64), BIT(SECOND_VECTOR % 64));
	while (enter_beside_interrupts(l2) == EXIT_REASON_EOI_INDUCED && !eois++) {
		report(vmx_get(l2, EXIT_QUALIFICATION) == SECOND_VECTOR && taken.count == 2,
		       "the EOI of vector 0x%lx exits, after %u interrupts; expected 0x%x, 2",
		       vmx_get(l2, EXIT_QUALIFICATION), taken.count, SECOND_VECTOR);
		migrate_quiet();
	}
	report(l2_is_call(l2, L2_RETURNED) && eois == 1,
	       "L2 should return after 1 EOI exit, had %u: exit %s", eois, l2_exit_text(l2));
	check_taken(3, vectors);
	check_idle(l2);
	end_delivery(l2);
}

static void send_to_self(void *unused)
{
	wrmsr(X2APIC(APIC_SELF_IPI), THIRD_VECTOR);
	taken.at[0] = taken.count;
	irq_disable();
	wrmsr(X2APIC(APIC_SELF_IPI), broken("interrupt") ? THIRD_VECTOR : SELF_VECTOR);
	migrate_quiet();
	taken.at[1] = taken.count;
	irq_enable();
	asm volatile("nop");
	taken.at[2] = taken.count;
}

TEST(self_ipi, .on = EACH_CPU,
     .needs = ALL_OF(VMX_TPR_SHADOW, VMX_X2APIC_MODE, VMX_VIRTUAL_INTR_DELIVERY),
     .about = "L2's self-IPI comes without an exit: at once, or after a migration when L2 sets IF")
{
	static const u8 expected[] = { THIRD_VECTOR, SELF_VECTOR };
	struct l2 *l2 = begin_delivery(send_to_self);

	expect_call_beside_interrupts(l2, L2_RETURNED);
	check_taken(2, expected);
	report(taken.at[0] == 1 && taken.at[1] == 1 && taken.at[2] == 2,
	       "L2 had taken %u interrupts, then with IF clear %u, with IF set %u; expected 1, 1 and 2",
	       taken.at[0], taken.at[1], taken.at[2]);
	check_idle(l2);
	end_delivery(l2);
}

/* ======== posted interrupts ======== */

/* The posted-interrupt descriptor (30.6): 64 bytes, with bit 0 of OUTSTANDING as the ON bit. */
struct posted_interrupts {
	u64 requests[4];
	u64 outstanding;
	u64 reserved[3];
} __attribute__((aligned(64)));

#define NOTIFICATION_VECTOR 0x71
#define DEADLINE_MS	    5000

/* L2 uses L1's own APIC for what is not virtualized, so it can send the notification itself. */
static void notify(void *unused)
{
	migrate_quiet();
	apic_send_self_ipi(NOTIFICATION_VECTOR);
	wait_until(taken.count == 3, DEADLINE_MS);
}

TEST(posted_interrupts, .on = EACH_CPU,
     .needs = ALL_OF(VMX_TPR_SHADOW, VMX_X2APIC_MODE, VMX_VIRTUAL_INTR_DELIVERY, VMX_POSTED_INTR),
     .about =
	     "interrupts posted before a migration in L2 are delivered at the notification after it")
{
	static struct posted_interrupts descriptor;
	struct l2 *l2 = begin_delivery(notify);

	descriptor = (struct posted_interrupts){ .outstanding = 1 };
	for (int i = 0; i < 3; i++)
		if (!(i == 2 && broken("interrupt")))
			descriptor.requests[vectors[i] / 64] |= BIT(vectors[i] % 64);
	vmx_set_controls(l2, PIN_BASED_VM_EXEC_CONTROL, PIN_BASED_POSTED_INTR);
	vmx_set_controls(l2, VM_EXIT_CONTROLS, VM_EXIT_ACK_INTR_ON_EXIT);
	vmx_set(l2, POSTED_INTR_NV, NOTIFICATION_VECTOR);
	vmx_set(l2, POSTED_INTR_DESC_ADDR, virt_to_phys(&descriptor));
	/* The exit has acknowledged L1's interrupt, which now needs an EOI. */
	if (l2_enter(l2) == EXIT_REASON_EXTERNAL_INTERRUPT)
		eoi();
	report(l2_is_call(l2, L2_RETURNED), "L2 should return: exit %s", l2_exit_text(l2));
	check_taken(3, vectors);
	report(!descriptor.requests[1] && !(descriptor.outstanding & 1),
	       "requests are 0x%lx, outstanding is 0x%lx; expected 0", descriptor.requests[1],
	       descriptor.outstanding);
	check_idle(l2);
	end_delivery(l2);
}
