// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * vmm/state/rules.c: each rule accepts changes that time explains, and refuses slightly larger
 * ones. Each rule is tested alone, with states that hold only the values that it reads.
 */
#include <glib.h>
#include <string.h>

#include "state/fields.h"
#include "state/rules.h"

#define PASSED_NS 1000000 /* between saving and comparing */
#define KHZ	  2000000
#define SAVED_AT  5000000000ull /* CLOCK_MONOTONIC */
#define REALTIME  1700000000000000000ull

struct values {
	struct state_time time;
	struct state_tsc_khz tsc_khz;
	struct kvm_clock_data clock;
	struct kvm_lapic_state lapic;
	struct kvm_pit_state2 pit;
	struct kvm_irqchip ioapic;
	struct kvm_nested_state nested;
};

static struct values old_values, new_values;
static struct state old_state, new_state;

const struct state_value *state_find(const struct state *state, const char *piece, int cpu)
{
	static struct state_value found[4];
	static unsigned next;
	struct values *values = state == &old_state ? &old_values : &new_values;
	struct state_value *value = &found[next++ % G_N_ELEMENTS(found)];

	value->bytes = g_str_equal(piece, "time")      ? (void *)&values->time
		       : g_str_equal(piece, "tsc-khz") ? (void *)&values->tsc_khz
		       : g_str_equal(piece, "clock")   ? (void *)&values->clock
		       : g_str_equal(piece, "lapic")   ? (void *)&values->lapic
		       : g_str_equal(piece, "pit")     ? (void *)&values->pit
		       : g_str_equal(piece, "ioapic")  ? (void *)&values->ioapic
						       : (void *)&values->nested;
	return value;
}

static void begin(void)
{
	old_values = (struct values){
		.time = { .monotonic_ns = SAVED_AT, .realtime_ns = REALTIME },
		.tsc_khz = { .khz = KHZ },
		.clock = { .flags = KVM_CLOCK_REALTIME, .realtime = REALTIME },
	};
	new_values = old_values;
	new_values.time.monotonic_ns += PASSED_NS;
	new_values.time.realtime_ns += PASSED_NS;
	new_values.clock.realtime += PASSED_NS / 2;
}

/* Whether FIELD of PIECE may have become NEW. */
static gboolean may(const char *piece, const char *field, guint64 old, guint64 new)
{
	const struct rule *rule = rule_find(piece, field);
	struct comparison comparison = {
		.before = &old_state,
		.after = &new_state,
		.old = state_find(&old_state, piece, 0),
		.new = state_find(&new_state, piece, 0),
		.ns = PASSED_NS,
	};

	g_assert_nonnull(rule);
	return rule->holds(&comparison, old, new);
}

static void test_without_rule(void)
{
	g_assert_null(rule_find("regs", "rax"));
	g_assert_null(rule_find("tsc", "offset"));
	g_assert_null(rule_find("nested", "vmcs12.GUEST_RIP"));
	g_assert_null(rule_find("lapic", "ISR0"));
	g_assert_nonnull(rule_find("lapic", "IRR7"));
}

static void test_tsc(void)
{
	const guint64 cycles = (guint64)PASSED_NS * KHZ / 1000000;

	begin();
	g_assert_true(may("tsc", "value", 100, 100 + cycles));
	g_assert_false(may("tsc", "value", 100, 100 + cycles + cycles / 500));
	g_assert_false(may("tsc", "value", 100, 99));
	/* The TSC wraps around at 2^64. */
	g_assert_true(may("tsc", "value", -50ull, 50));
	g_assert_false(may("tsc", "value", 50, -50ull));
}

static void test_nmi(void)
{
	const guint32 lint0 = 0x350, nmi = 0x400, masked = 0x10400, external = 0x700;

	begin();
	g_assert_false(may("events", "nmi.pending", 0, 1));
	memcpy(old_values.lapic.regs + lint0, &nmi, sizeof(nmi));
	g_assert_true(may("events", "nmi.pending", 0, 1));
	g_assert_true(may("events", "nmi.pending", 1, 2));
	g_assert_false(may("events", "nmi.pending", 1, 0));
	memcpy(old_values.lapic.regs + lint0, &masked, sizeof(masked));
	g_assert_false(may("events", "nmi.pending", 0, 1));
	memcpy(old_values.lapic.regs + lint0, &external, sizeof(external));
	g_assert_false(may("events", "nmi.pending", 0, 1));
}

static void test_clock(void)
{
	begin();
	g_assert_true(may("clock", "clock", 100, 100 + PASSED_NS / 2));
	/* The clock stood still while the guest was stopped, or ran ahead. */
	g_assert_false(may("clock", "clock", 100, 100));
	g_assert_false(may("clock", "clock", 100, 100 + PASSED_NS));
	g_assert_false(may("clock", "clock", 100, 99));
	/* If KVM does not report the real time, any part of the passed time is accepted. */
	new_values.clock.flags = 0;
	g_assert_true(may("clock", "clock", 100, 100));
	g_assert_true(may("clock", "clock", 100, 100 + PASSED_NS));
	g_assert_false(may("clock", "clock", 100, 100 + 2 * PASSED_NS));
	g_assert_true(may("clock", "flags", 0, KVM_CLOCK_TSC_STABLE));
	g_assert_false(may("clock", "flags", KVM_CLOCK_TSC_STABLE, 0));
}

static void test_realtime(void)
{
	const guint64 second = 1000000000;

	begin();
	g_assert_true(may("clock", "realtime", REALTIME, REALTIME + PASSED_NS));
	g_assert_false(may("clock", "realtime", REALTIME, REALTIME + PASSED_NS * 2));
	g_assert_false(may("clock", "realtime", REALTIME, REALTIME - 1));
	/* The clock may leap only if the host's clock was set meanwhile. */
	new_values.time.realtime_ns += second;
	g_assert_true(may("clock", "realtime", REALTIME, REALTIME + second + PASSED_NS));
	g_assert_false(may("clock", "realtime", REALTIME, REALTIME + 2 * second));
}

static void set_lapic(struct kvm_lapic_state *lapic, unsigned offset, guint32 value)
{
	memcpy(lapic->regs + offset, &value, sizeof(value));
}

/* A tick after PASSED_NS or less may be requested, at the PIC and at pin 2 of the IOAPIC. */
static void test_pit(void)
{
	struct kvm_pit_channel_state *channel = &old_values.pit.channels[0];

	begin();
	set_lapic(&old_values.lapic, 0x320, 0x10000); /* the APIC's timer is masked */
	old_values.ioapic.chip.ioapic.redirtbl[2].bits = 0x50;
	channel->count = 1193; /* 1 ms */
	set_lapic(&new_values.lapic, 0x220, 1u << 16);
	g_assert_true(may("lapic", "IRR2", 0, 1u << 16));
	g_assert_false(may("lapic", "IRR2", 0, 1u << 17));
	g_assert_true(may("pic-master", "irr", 0, 1));
	g_assert_false(may("pic-master", "irr", 0, 2));
	g_assert_false(may("pic-master", "irr", 1, 0));
	channel->count = 1300;
	g_assert_false(may("lapic", "IRR2", 0, 1u << 16));
	g_assert_false(may("pic-master", "irr", 0, 1));
	channel->count = 1193;
	channel->mode = 0xff;
	g_assert_false(may("lapic", "IRR2", 0, 1u << 16));
	channel->mode = 2;
	old_values.ioapic.chip.ioapic.redirtbl[2].bits |= 1ull << 16; /* masked */
	g_assert_false(may("lapic", "IRR2", 0, 1u << 16));
	g_assert_true(may("pic-master", "irr", 0, 1));
}

static void test_lapic(void)
{
	begin();
	set_lapic(&old_values.lapic, 0x320, 0x41); /* one-shot, vector 0x41 */
	set_lapic(&old_values.lapic, 0x380, 1000);
	g_assert_true(may("lapic", "CURRENT_COUNT", 500, 400));
	g_assert_false(may("lapic", "CURRENT_COUNT", 500, 501));
	set_lapic(&new_values.lapic, 0x220, 1u << 1);
	g_assert_true(may("lapic", "IRR2", 0, 1u << 1));
	/* Bit 1 of another register stands for another vector. */
	set_lapic(&new_values.lapic, 0x230, 1u << 1);
	g_assert_false(may("lapic", "IRR3", 0, 1u << 1));
	set_lapic(&new_values.lapic, 0x230, 0);
	g_assert_false(may("lapic", "IRR2", 0, 1u << 2));
	g_assert_false(may("lapic", "IRR2", 1u << 1, 0));
	set_lapic(&old_values.lapic, 0x320, 0x20041); /* periodic */
	g_assert_true(may("lapic", "CURRENT_COUNT", 500, 1000));
	g_assert_false(may("lapic", "CURRENT_COUNT", 500, 1001));
	set_lapic(&old_values.lapic, 0x320, 0x30041); /* masked */
	g_assert_false(may("lapic", "IRR2", 0, 1u << 1));
	set_lapic(&new_values.lapic, 0x80, 0x20);
	set_lapic(&new_values.lapic, 0x120, 1u << 1); /* vector 0x41 in service */
	g_assert_true(may("lapic", "PPR", 0, 0x40));
	g_assert_true(may("lapic", "PPR", 0, 0x20));
	g_assert_false(may("lapic", "PPR", 0, 0x50));
}

static void test_nested(void)
{
	begin();
	g_assert_false(may("nested", "vmcs12.GUEST_LINEAR_ADDRESS", 0x1000, 0));
	g_assert_false(may("nested", "vmcs12.VMX_PREEMPTION_TIMER_VALUE", 100, 99));
	old_values.nested.flags = KVM_STATE_NESTED_GUEST_MODE;
	g_assert_true(may("nested", "vmcs12.GUEST_LINEAR_ADDRESS", 0x1000, 0));
	g_assert_true(may("nested", "vmcs12.VMX_PREEMPTION_TIMER_VALUE", 100, 0));
	g_assert_false(may("nested", "vmcs12.VMX_PREEMPTION_TIMER_VALUE", 100, 101));
}

static void test_hyperv(void)
{
	begin();
	g_assert_true(may("msrs", "HV_X64_MSR_TIME_REF_COUNT", 10, 10 + PASSED_NS / 100));
	g_assert_false(may("msrs", "HV_X64_MSR_TIME_REF_COUNT", 10, 10 + PASSED_NS / 50));
	g_assert_false(may("msrs", "HV_X64_MSR_TIME_REF_COUNT", 10, 9));
	g_assert_false(may("msrs", "HV_X64_MSR_VP_RUNTIME", 10, 9));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/vmm-rules/without-rule", test_without_rule);
	g_test_add_func("/vmm-rules/tsc", test_tsc);
	g_test_add_func("/vmm-rules/nmi", test_nmi);
	g_test_add_func("/vmm-rules/clock", test_clock);
	g_test_add_func("/vmm-rules/realtime", test_realtime);
	g_test_add_func("/vmm-rules/lapic", test_lapic);
	g_test_add_func("/vmm-rules/pit", test_pit);
	g_test_add_func("/vmm-rules/nested", test_nested);
	g_test_add_func("/vmm-rules/hyperv", test_hyperv);
	return g_test_run();
}
