// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The parts of L2's segments that only the VMCS shows (Intel SDM volume 3, 25.4.1 "Guest Register
 * State").
 *
 * A broken hypervisor loads the segments anew from the GDT after a migration, or loses the parts
 * that 64-bit code does not use.
 */
#include "libcflat.h"
#include "desc.h"
#include "processor.h"
#include "x86/vmx_state/vmx_state.h"

struct segment {
	const char *name;
	enum vmcs_field parts[4]; /* selector, limit, access rights, base */
	bool fill;
	u64 values[4];
};

#define SEGMENT(name, ...)                                                                         \
	{                                                                                          \
#name, { GUEST_##name##_SELECTOR, GUEST_##name##_LIMIT, GUEST_##name##_AR_BYTES,   \
			 GUEST_##name##_BASE },                                                    \
			 __VA_ARGS__                                                               \
	}

/* The values are parts that 64-bit code does not use. GS and TR keep the bases of this CPU. */
static const struct segment segments[] = {
	SEGMENT(CS, false, { 0 }),
	SEGMENT(SS, false, { 0 }),
	SEGMENT(DS, false, { 0 }),
	SEGMENT(ES, true, { KERNEL_DS, 0x12345fff, 0xc093, 0x11223344 }),
	SEGMENT(FS, true, { USER_DS, 0xabcdefff, 0xc0f3, NOWHERE(1) }),
	SEGMENT(GS, true, { KERNEL_DS16, 0xffff, 0x0093, 0 }),
	SEGMENT(LDTR, true, { FIRST_SPARE_SEL, 0x77, 0x0082, NOWHERE(2) }),
	SEGMENT(TR, true, { TSS_MAIN, 0x2067, 0x008b, 0 }),
};

#define SEGMENTS   ARRAY_SIZE(segments)
#define GDTR_LIMIT 0x8f
#define IDTR_LIMIT 0xfef

TEST(segments, .on = EACH_CPU, .needs = VMX,
     .about =
	     "selectors, access rights, limits and bases of L2's segments survive a migration in L2")
{
	struct l2 *l2 = l2_new(moved_in_l2, NULL);
	u64 was[SEGMENTS][4], now[4];

	for (unsigned i = 0; i < SEGMENTS; i++)
		for (int part = 0; part < 4; part++) {
			if (segments[i].fill && (part < 3 || segments[i].values[part]))
				vmx_set(l2, segments[i].parts[part], segments[i].values[part]);
			was[i][part] = vmx_get(l2, segments[i].parts[part]);
		}
	vmx_set(l2, GUEST_GDTR_LIMIT, GDTR_LIMIT);
	vmx_set(l2, GUEST_IDTR_LIMIT, IDTR_LIMIT);
	l2_expect_return(l2);
	for (unsigned i = 0; i < SEGMENTS; i++) {
		for (int part = 0; part < 4; part++)
			now[part] = vmx_get(l2, segments[i].parts[part]);
		report(!memcmp(now, was[i], sizeof(now)),
		       "%s is %04lx, limit %lx, rights %lx, base %lx; was %04lx, %lx, %lx, %lx",
		       segments[i].name, now[0], now[1], now[2], now[3], was[i][0], was[i][1],
		       was[i][2], was[i][3]);
	}
	report(vmx_get(l2, GUEST_GDTR_LIMIT) == GDTR_LIMIT &&
		       vmx_get(l2, GUEST_IDTR_LIMIT) == IDTR_LIMIT,
	       "the limit of GDTR is 0x%lx, was 0x%x; of IDTR 0x%lx, was 0x%x",
	       vmx_get(l2, GUEST_GDTR_LIMIT), GDTR_LIMIT, vmx_get(l2, GUEST_IDTR_LIMIT),
	       IDTR_LIMIT);
	l2_free(l2);
}
