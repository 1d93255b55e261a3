// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * L1 injects one event after another during a migration, which may come at any instruction (Intel
 * SDM volume 3, 27.6 "Event Injection").
 *
 * A broken hypervisor is stopped between L1's VM entry and the delivery of the event, and loses
 * the event or delivers it twice.
 */
#include "libcflat.h"
#include "processor.h"
#include "nested/vmx/vmx-event.h"

struct kind {
	u32 event, error_code, length;
};

/* Events in one L2, until the first wrong one. */
struct rounds {
	struct l2 *l2;
	const struct kind *kinds;
	u32 count, done;
	char failed[300];
};

/*
 * INVEPT takes L2's pages away each time, so that the delivery needs more than one attempt, and the
 * migration often comes between two attempts.
 */
static void one_round(void *data)
{
	struct rounds *rounds = data;
	const struct kind *kind = &rounds->kinds[rounds->done % rounds->count];
	struct l2 *l2 = rounds->l2;
	u64 rip = vmx_get(l2, GUEST_RIP);
	bool good;

	if (rounds->failed[0])
		return;
	if (l2->ept)
		invept(VMX_EPT_EXTENT_GLOBAL, 0);
	if (!broken("lost")) {
		vmx_inject(l2, kind->event, kind->error_code);
		vmx_set(l2, VM_ENTRY_INSTRUCTION_LEN, kind->length);
	}
	l2_enter(l2);
	good = is_event(l2, kind->event & INTR_INFO_VECTOR_MASK, kind->error_code,
			rip + kind->length);
	if (good) {
		/* No instruction has caused the event, so L2 goes on where it was. */
		((struct event_frame *)event_frame_of(l2))->rip = rip;
		leave_event(l2);
		if (broken("twice"))
			vmx_inject(l2, kind->event, kind->error_code);
		l2_enter(l2);
		good = event_of(l2) == NO_EVENT && l2_is_call(l2, 1);
	}
	if (!good)
		snprintf(rounds->failed, sizeof(rounds->failed),
			 "event 0x%x with error code 0x%x at rip 0x%lx: %s", kind->event,
			 kind->error_code, rip, what_came(l2));
	else
		l2_skip_call(l2);
	rounds->done++;
}

static void move_during_events(const struct kind *kinds, u32 count, bool ept)
{
	struct rounds rounds = { .kinds = kinds, .count = count };

	rounds.l2 = event_l2_new(l2_call_forever, (void *)1);
	if (ept)
		vmx_use_ept(rounds.l2);
	expect_call(rounds.l2, 1, "the first call");
	move_during(one_round, &rounds);
	/* A few more events follow, in case the end of the migration has hit one. */
	for (u32 i = 0; i < count; i++)
		one_round(&rounds);
	report(!rounds.failed[0], "%u events during a migration%s%s", rounds.done,
	       rounds.failed[0] ? ": " : "", rounds.failed);
	event_l2_free(rounds.l2);
}

static const struct kind interrupt_kinds[] = {
	{ INTR_TYPE_EXT_INTR | HIGH_VECTOR, 0, 0 },
	{ INTR_TYPE_NMI_INTR | NMI_VECTOR, 0, 0 },
	{ INTR_TYPE_EXT_INTR | LOW_VECTOR, 0, 0 },
};

static const struct kind exception_kinds[] = {
	{ HARD(UD_VECTOR), 0, 0 },
	{ HARD_WITH_CODE(GP_VECTOR), 0x5a8, 0 },
	{ HARD_WITH_CODE(PF_VECTOR), 2, 0 },
};

static const struct kind software_kinds[] = {
	{ INTR_TYPE_SOFT_INTR | LOW_VECTOR, 0, 2 },
	{ INTR_TYPE_SOFT_EXCEPTION | BP_VECTOR, 0, 1 },
	{ INTR_TYPE_SOFT_INTR | HIGH_VECTOR, 0, 15 },
	{ INTR_TYPE_SOFT_EXCEPTION | OF_VECTOR, 0, 1 },
};

TEST(interrupts_in_flight, .on = EACH_CPU, .needs = VMX_EPT,
     .about = "interrupts and NMIs that L1 injects during a migration come once each")
{
	move_during_events(interrupt_kinds, ARRAY_SIZE(interrupt_kinds), true);
}

TEST(exceptions_in_flight, .on = EACH_CPU, .needs = VMX_EPT,
     .about = "exceptions that L1 injects during a migration come once each")
{
	move_during_events(exception_kinds, ARRAY_SIZE(exception_kinds), true);
}

TEST(software_events_in_flight, .on = EACH_CPU, .needs = VMX_EPT,
     .about =
	     "software interrupts and exceptions that L1 injects during a migration come once each")
{
	move_during_events(software_kinds, ARRAY_SIZE(software_kinds), true);
}

TEST(events_in_flight_without_ept, .on = EACH_CPU, .needs = VMX,
     .about =
	     "interrupts and NMIs that L1 injects into an L2 without EPT during a migration come once each")
{
	move_during_events(interrupt_kinds, ARRAY_SIZE(interrupt_kinds), false);
}
