// SPDX-License-Identifier: GPL-2.0-or-later
/* Hyper-V's interface for guests. See hyperv.h. */
#include "hyperv.h"
#include "alloc_page.h"
#include "apic.h"
#include "barrier.h"
#include "ghost.h"
#include "isr.h"
#include "kvm-para.h"
#include "muldiv.h"
#include "smp.h"
#include "vm.h"

/* ---- what there is ---- */

static struct cpuid hv_leaf(u32 number)
{
	u32 first = hypervisor_leaf(HV_SIGNATURE);

	return first ? cpuid(first + number) : (struct cpuid){ 0 };
}

struct cpuid hv_features(void)
{
	return hv_leaf(3);
}

struct cpuid hv_recommendations(void)
{
	return hv_leaf(4);
}

static bool is_kvm(void)
{
	return hypervisor_leaf(KVM_SIGNATURE);
}

FEATURE(HV_HOST, "KVM or Hyper-V (CPUID 0x40000000, or 0x40000100)")
{
	return is_kvm() || hypervisor_leaf(HV_SIGNATURE);
}

#define HV_FEATURE(id, text, reg, bits)                                                            \
	FEATURE(id, text)                                                                          \
	{                                                                                          \
		return hv_features().reg & (bits);                                                 \
	}

HV_FEATURE(HV_SYNIC, "Hyper-V's SynIC (CPUID 0x40000003 EAX bit 2)", a, HV_MSR_SYNIC_AVAILABLE)
HV_FEATURE(HV_STIMER, "Hyper-V's timers (CPUID 0x40000003 EAX bit 3)", a, HV_MSR_SYNTIMER_AVAILABLE)
HV_FEATURE(HV_STIMER_DIRECT, "direct mode of Hyper-V's timers (CPUID 0x40000003 EDX bit 19)", d,
	   HV_STIMER_DIRECT_MODE_AVAILABLE)
HV_FEATURE(HV_TIME_REF_COUNT, "Hyper-V's reference counter (CPUID 0x40000003 EAX bit 1)", a,
	   HV_MSR_TIME_REF_COUNT_AVAILABLE)
HV_FEATURE(HV_REFERENCE_TSC, "Hyper-V's reference TSC page (CPUID 0x40000003 EAX bit 9)", a,
	   HV_MSR_REFERENCE_TSC_AVAILABLE)
HV_FEATURE(HV_VP_INDEX, "Hyper-V's VP index (CPUID 0x40000003 EAX bit 6)", a,
	   HV_MSR_VP_INDEX_AVAILABLE)
HV_FEATURE(HV_VP_RUNTIME, "Hyper-V's VP runtime (CPUID 0x40000003 EAX bit 0)", a,
	   HV_MSR_VP_RUNTIME_AVAILABLE)
HV_FEATURE(HV_HYPERCALL, "Hyper-V's hypercalls (CPUID 0x40000003 EAX bit 5)", a,
	   HV_MSR_HYPERCALL_AVAILABLE)
HV_FEATURE(HV_XMM_INPUT, "hypercalls with XMM registers (CPUID 0x40000003 EDX bit 4)", d,
	   HV_X64_HYPERCALL_XMM_INPUT_AVAILABLE)
HV_FEATURE(HV_APIC_ACCESS, "Hyper-V's APIC registers (CPUID 0x40000003 EAX bit 4)", a,
	   HV_MSR_APIC_ACCESS_AVAILABLE)
HV_FEATURE(HV_FREQUENCIES, "Hyper-V's frequency MSRs (CPUID 0x40000003 EAX bit 11)", a,
	   HV_ACCESS_FREQUENCY_MSRS)

#define HV_RECOMMENDATION(id, text, bit)                                                           \
	FEATURE(id, text)                                                                          \
	{                                                                                          \
		return hv_recommendations().a & (bit);                                             \
	}

HV_RECOMMENDATION(HV_REMOTE_TLB_FLUSH, "Hyper-V's TLB flushes (CPUID 0x40000004 EAX bit 2)",
		  HV_X64_REMOTE_TLB_FLUSH_RECOMMENDED)
HV_RECOMMENDATION(HV_CLUSTER_IPI, "Hyper-V's IPIs (CPUID 0x40000004 EAX bit 10)",
		  HV_X64_CLUSTER_IPI_RECOMMENDED)
HV_RECOMMENDATION(HV_EX_PROCESSOR_MASKS,
		  "hypercalls with sparse VP sets (CPUID 0x40000004 EAX bit 11)",
		  HV_X64_EX_PROCESSOR_MASKS_RECOMMENDED)

bool hv_report_strict(bool pass, const char *format, ...)
{
	const char *tlfs = argument("tlfs");
	bool strict = tlfs && !strcmp(tlfs, "strict");
	va_list arguments;
	char text[360];

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	return report_xfail(!pass && is_kvm() && !strict, pass, "%s", text);
}

/* ---- the reference clock ---- */

#define EXITS_MEASURED 32
#define EXITS_PER_UNIT 24

u64 hv_unit(void)
{
	static u64 unit;
	u64 begin, least = ~0ul;

	if (unit)
		return unit;
	/* Take the shortest of several, since the host may take the CPU away. */
	for (int attempt = 0; attempt < 3; attempt++) {
		begin = hv_ref_count();
		for (int i = 0; i < EXITS_MEASURED; i++)
			hv_ref_count();
		least = MIN(least, hv_ref_count() - begin);
	}
	unit = MAX(HV_TICKS_PER_MS, least * EXITS_PER_UNIT / EXITS_MEASURED);
	return unit;
}

bool hv_wait_ref_count(u64 until)
{
	u64 now = hv_ref_count();
	u64 milliseconds = until > now ? (until - now) / HV_TICKS_PER_MS : 0;

	return wait_until((s64)(hv_ref_count() - until) >= 0, milliseconds + PATIENCE_MS);
}

/* A hypervisor writes the page in nanoseconds, but its thread may lose the CPU meanwhile. */
#define WHOLE_DEADLINE_MS 1000

static bool try_reference_tsc(const struct hv_reference_tsc_page *page,
			      struct hv_reference_tsc *line)
{
	line->sequence = READ_ONCE(page->tsc_sequence);
	smp_rmb();
	line->scale = READ_ONCE(page->tsc_scale);
	line->offset = READ_ONCE(page->tsc_offset);
	smp_rmb();
	return READ_ONCE(page->tsc_sequence) == line->sequence;
}

struct hv_reference_tsc hv_reference_tsc(const struct hv_reference_tsc_page *page)
{
	struct hv_reference_tsc line;

	if (!try_reference_tsc(page, &line))
		wait_for(try_reference_tsc(page, &line), WHOLE_DEADLINE_MS,
			 "the reference TSC page at %p to stay the same while it is read", page);
	return line;
}

bool hv_reference_time_in_l2(const struct hv_reference_tsc_page *page, u64 tsc_offset, u64 *time)
{
	struct hv_reference_tsc line;
	u64 tsc;

	/* The page must not change while the TSC is read. */
	do {
		line = hv_reference_tsc(page);
		if (line.sequence == HV_REFERENCE_TSC_INVALID)
			return false;
		tsc = rdtsc_ordered() - tsc_offset;
		smp_rmb();
	} while (READ_ONCE(page->tsc_sequence) != line.sequence);
	*time = hv_reference_time_at(&line, tsc);
	return true;
}

bool hv_reference_time(const struct hv_reference_tsc_page *page, u64 *time)
{
	return hv_reference_time_in_l2(page, 0, time);
}

/* ---- SynIC ---- */

PER_CPU(struct hv_synic, hv_synic);

static bool is_unmasked_at(const struct hv_synic *synic, int sint, u8 vector)
{
	u64 value = synic->sint[sint];

	return !(value & HV_SYNIC_SINT_MASKED) && (value & 0xff) == vector;
}

bool hv_take_message(int sint, struct hv_message *message)
{
	struct hv_message *slot = hv_slot(sint);

	*message = *(volatile struct hv_message *)slot;
	WRITE_ONCE(slot->header.message_type, HVMSG_NONE);
	/* TLFS, HV_MESSAGE: "The flag should be tested after the message slot has been emptied." */
	mb();
	return hv_is_pending(sint);
}

static void tell(struct hv_synic *synic, const struct hv_arrival *arrival)
{
	if (synic->arrivals < HV_ARRIVALS_KEPT)
		synic->arrival[synic->arrivals] = *arrival;
	if (synic->on_arrival)
		synic->on_arrival(arrival);
	WRITE_ONCE(synic->arrivals, synic->arrivals + 1);
}

static bool has_auto_eoi(const struct hv_synic *synic, u8 vector)
{
	for (int sint = 0; sint < HV_SYNIC_SINT_COUNT; sint++)
		if (is_unmasked_at(synic, sint, vector) &&
		    synic->sint[sint] & HV_SYNIC_SINT_AUTO_EOI)
			return true;
	return false;
}

static void on_interrupt(isr_regs_t *regs)
{
	struct hv_synic *synic = &this_cpu(hv_synic);
	struct hv_arrival arrival = { .vector = regs->vector };
	bool auto_eoi = has_auto_eoi(synic, arrival.vector), of_a_sint = false;

	/* With AutoEOI the hypervisor has ended the interrupt already. */
	if (auto_eoi ? ghost_drop_uncalled(regs) : ghost_drop(regs))
		return;
	arrival.seen = hv_ref_count();
	synic->ended += auto_eoi && !apic_read_bit(APIC_ISR, arrival.vector);
	WRITE_ONCE(synic->on_vector[arrival.vector], synic->on_vector[arrival.vector] + 1);
	WRITE_ONCE(synic->interrupts, synic->interrupts + 1);
	for (int sint = 0; sint < HV_SYNIC_SINT_COUNT; sint++) {
		if (!is_unmasked_at(synic, sint, arrival.vector))
			continue;
		of_a_sint = true;
		if (synic->held & BIT(sint) || !synic->messages ||
		    READ_ONCE(synic->messages->slot[sint].header.message_type) == HVMSG_NONE)
			continue;
		arrival.sint = sint;
		if (hv_take_message(sint, &arrival.message))
			hv_eom();
		arrival.drained = hv_ref_count();
		tell(synic, &arrival);
	}
	if (!of_a_sint) {
		arrival.sint = HV_NO_SINT;
		arrival.drained = arrival.seen;
		tell(synic, &arrival);
	}
	if (!auto_eoi)
		eoi();
}

void hv_synic_forget(void)
{
	struct hv_synic *synic = &this_cpu(hv_synic);
	u64 flags = irq_save();

	synic->interrupts = 0;
	synic->ended = 0;
	synic->arrivals = 0;
	memset(synic->on_vector, 0, sizeof(synic->on_vector));
	irq_restore(flags);
}

void hv_synic_start(void)
{
	struct hv_synic *synic = &this_cpu(hv_synic);

	if (!synic->messages) {
		synic->messages = alloc_page();
		synic->events = alloc_page();
	}
	for (int sint = 0; sint < HV_SYNIC_SINT_COUNT; sint++)
		synic->sint[sint] = HV_SYNIC_SINT_MASKED;
	synic->held = 0;
	synic->on_arrival = NULL;
	hv_synic_forget();
	/* What the pages hold at first depends on the hypervisor: they may be overlays. */
	wrmsr(HV_X64_MSR_SIMP, (u64)synic->messages | HV_SYNIC_ENABLE);
	memset(synic->messages, 0, PAGE_SIZE);
	wrmsr(HV_X64_MSR_SIEFP, (u64)synic->events | HV_SYNIC_ENABLE);
	memset(synic->events, 0, PAGE_SIZE);
	wrmsr(HV_X64_MSR_SCONTROL, HV_SYNIC_ENABLE);
}

void hv_synic_stop(void)
{
	if (HV_STIMER[0]->present())
		for (int timer = 0; timer < HV_SYNIC_STIMER_COUNT; timer++)
			hv_stimer_stop(timer);
	/* A test may have written SINTs without hv_sint_unmask(). */
	for (int sint = 0; sint < HV_SYNIC_SINT_COUNT; sint++)
		if (rdmsr(HV_X64_MSR_SINT0 + sint) != HV_SYNIC_SINT_MASKED)
			hv_sint_mask(sint);
	wrmsr(HV_X64_MSR_SCONTROL, 0);
	wrmsr(HV_X64_MSR_SIEFP, 0);
	wrmsr(HV_X64_MSR_SIMP, 0);
}

static void start_here(void *unused)
{
	hv_synic_start();
}

static void stop_here(void *unused)
{
	hv_synic_stop();
}

void hv_synic_start_all(void)
{
	for (unsigned vector = HV_FIRST_VECTOR; vector <= HV_LAST_VECTOR; vector++)
		handle_irq_any(vector, on_interrupt);
	on_cpus(start_here, NULL);
}

void hv_synic_stop_all(void)
{
	on_cpus(stop_here, NULL);
}

void hv_sint_unmask(int sint, u8 vector, u64 flags)
{
	this_cpu(hv_synic).sint[sint] = vector | flags;
	wrmsr(HV_X64_MSR_SINT0 + sint, vector | flags);
}

void hv_sint_mask(int sint)
{
	wrmsr(HV_X64_MSR_SINT0 + sint, HV_SYNIC_SINT_MASKED);
	/* This must come last: until the SINT is masked, the handler needs its vector. */
	this_cpu(hv_synic).sint[sint] = HV_SYNIC_SINT_MASKED;
}

static int messages_on(int cpu)
{
	const struct hv_message_page *page = cpu_ptr(hv_synic, cpu)->messages;
	int count = 0;

	for (int sint = 0; sint < HV_SYNIC_SINT_COUNT; sint++)
		count += READ_ONCE(page->slot[sint].header.message_type) != HVMSG_NONE;
	return count;
}

int hv_messages_waiting(void)
{
	return messages_on(smp_id());
}

u32 hv_synic_elsewhere(void)
{
	u32 found = 0;
	int cpu;

	for_each_cpu (cpu) {
		struct hv_synic *synic = cpu_ptr(hv_synic, cpu);

		if (cpu == smp_id() || !synic->messages)
			continue;
		found += READ_ONCE(synic->interrupts) + messages_on(cpu);
	}
	return found;
}

void hv_stimer_stop(int timer)
{
	hv_stimer_set_config(timer, 0);
	hv_stimer_set_count(timer, 0);
}

/* ---- hypercalls ---- */

static void *hypercall_page;

u64 hv_hypercall_register(void)
{
	return (u64)hypercall_page | HV_HYPERCALL_ENABLE;
}

void hv_hypercall_start(void)
{
	if (!hypercall_page) {
		hypercall_page = alloc_page();
		protect_pages(hypercall_page, 1, PAGE_TEXT);
	}
	wrmsr(HV_X64_MSR_GUEST_OS_ID, HV_GUEST_OS_ID);
	wrmsr(HV_X64_MSR_HYPERCALL, hv_hypercall_register());
}

void hv_hypercall_stop(void)
{
	wrmsr(HV_X64_MSR_HYPERCALL, 0);
	wrmsr(HV_X64_MSR_GUEST_OS_ID, 0);
}

u64 hv_hypercall(u64 control, u64 input, u64 output)
{
	register u64 r8 asm("r8") = output;
	u64 result;

	asm volatile("call *%[page]"
		     : "=a"(result), "+c"(control), "+d"(input), "+r"(r8)
		     : [page] "m"(hypercall_page)
		     : "r9", "r10", "r11", "cc", "memory");
	return result;
}

u64 hv_hypercall_xmm(u64 control, const u64 words[HV_HYPERCALL_FAST_WORDS])
{
	u64 cr4 = read_cr4(), input = words[0], second = words[1], result;
	register u64 r8 asm("r8") = second;

	write_cr4(cr4 | X86_CR4_OSFXSR);
	asm volatile("movdqu 16(%[words]), %%xmm0\n"
		     "movdqu 32(%[words]), %%xmm1\n"
		     "movdqu 48(%[words]), %%xmm2\n"
		     "movdqu 64(%[words]), %%xmm3\n"
		     "movdqu 80(%[words]), %%xmm4\n"
		     "movdqu 96(%[words]), %%xmm5\n"
		     "call *%[page]"
		     : "=a"(result), "+c"(control), "+d"(input), "+r"(r8)
		     : [words] "r"(words), [page] "m"(hypercall_page)
		     : "r9", "r10", "r11", "cc", "memory");
	write_cr4(cr4);
	return result;
}

struct hv_input_post_message {
	u32 connection;
	u32 reserved;
	u32 message_type;
	u32 payload_size;
	u8 payload[HV_MESSAGE_PAYLOAD_BYTE_COUNT];
};

u16 hv_post_message(u32 connection, u32 type, const void *payload, size_t size)
{
	/* It is aligned to its size, so that it does not cross a page's end. */
	static struct hv_input_post_message input __aligned(256);

	assert(size <= sizeof(input.payload));
	input = (struct hv_input_post_message){
		.connection = connection,
		.message_type = type,
		.payload_size = size,
	};
	memcpy(input.payload, payload, size);
	return hv_hypercall(HVCALL_POST_MESSAGE, virt_to_phys(&input), 0);
}

u16 hv_signal_event(u32 connection, u16 flag)
{
	return hv_hypercall(HVCALL_SIGNAL_EVENT | HV_HYPERCALL_FAST_BIT,
			    connection | (u64)flag << 32, 0);
}
