// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The other CPUs: finds them (MADT), wakes them (Intel SDM volume 3, "MP Initialization Protocol"),
 * and runs functions on them. See smp.h.
 */
#include "smp.h"
#include "acpi.h"
#include "alloc_page.h"
#include "apic.h"
#include "atomic.h"
#include "desc.h"
#include "ghost.h"
#include "isr.h"
#include "power-up.h"
#include "spinlock.h"
#include "stacks.h"
#include "tsc.h"
#include "vm.h"

enum call_state { CALL_NONE, CALL_POSTED, CALL_RUNNING };

/* A function that another CPU has asked this CPU to run. */
struct call {
	struct spinlock lock;
	enum call_state state;
	u32 number;
	void (*function)(void *data);
	void *data;
	char prefix[REPORT_PREFIX_SIZE];
	char last_prefix[REPORT_PREFIX_SIZE]; /* of the last function that has returned */
};

/* Waits for another CPU are counted in slices of this length. */
#define SLICE_MS	     100
#define SLICES(milliseconds) ((milliseconds) / SLICE_MS)
/* How long a CPU may run a function, and show no sign of life, while no CPU waits for the host. */
#define SILENCE_MS 30000

u32 boot_apic_ids[MAX_CPUS];
u32 boot_cpus = 1;
u64 boot_stacks[MAX_CPUS];

u64 percpu_offsets[MAX_CPUS];
PER_CPU(u64, percpu_offset);

extern char percpu_start[], percpu_end[];

static PER_CPU(int, cpu_number);
static PER_CPU(struct call, this_call);
static PER_CPU(bool, online);
static PER_CPU(bool, was_started);
PER_CPU(u64, signs_of_life);
static PER_CPU(u32, flushes_done);

static bool all_x2apic;
static atomic_t online_count = ATOMIC_INIT(1);
static atomic_t flushes_wanted;

int cpu_count(void)
{
	return boot_cpus;
}

int smp_id(void)
{
	return this_cpu(cpu_number);
}

u32 cpu_apic_id(int cpu)
{
	return boot_apic_ids[cpu];
}

/* Handles the interrupt with which another CPU asks for a call, and returns after the call. */
static void run_call(isr_regs_t *regs)
{
	struct call *call = &this_cpu(this_call);
	char outer_prefix[REPORT_PREFIX_SIZE];
	struct jmp_registers *outer_catcher;

	eoi();
	/* A second interrupt may come for a call that is done. */
	if (cmpxchg(&call->state, CALL_POSTED, CALL_RUNNING) != CALL_POSTED)
		return;
	report_prefix_save(outer_prefix);
	report_prefix_restore(call->prefix);
	/* The interrupted code's catch_exception() must not get the function's exceptions. */
	outer_catcher = exchange_catcher(NULL);
	irq_enable();
	call->function(call->data);
	irq_disable();
	exchange_catcher(outer_catcher);
	report_prefix_restore(outer_prefix);
	strcpy(call->last_prefix, call->prefix);
	__atomic_store_n(&call->state, CALL_NONE, __ATOMIC_RELEASE);
}

static void post_call(int cpu, void (*function)(void *data), void *data)
{
	struct call *call = cpu_ptr(this_call, cpu);
	struct deadline deadline;
	u64 flags;

	deadline_start(&deadline, ANSWER_DEADLINE_MS);
	for (;;) {
		on_cpu_wait(cpu);
		/* An interrupt could make this CPU run a function that calls the same CPU. */
		flags = irq_save();
		spin_lock(&call->lock);
		if (READ_ONCE(call->state) == CALL_NONE)
			break;
		spin_unlock(&call->lock);
		irq_restore(flags);
		if (deadline_passed(&deadline))
			deadline_missed(ANSWER_DEADLINE_MS, "CPU %d to take a call", cpu);
	}
	call->function = function;
	call->data = data;
	call->number++;
	report_prefix_save(call->prefix);
	__atomic_store_n(&call->state, CALL_POSTED, __ATOMIC_RELEASE);
	spin_unlock(&call->lock);
	irq_restore(flags);
	apic_send_ipi(cpu, REMOTE_CALL_VECTOR);
}

/* "in TEST: cpu 1" from report prefixes, which end with ": ". */
static const char *where(char *text, size_t size, const char *prefix)
{
	int length = strlen(prefix);

	snprintf(text, size, length ? "in %.*s" : "in no test", length - 2, prefix);
	return text;
}

static void __noreturn name_dead(int cpu, enum call_state state)
{
	const struct call *call = cpu_ptr(this_call, cpu);
	char text[REPORT_PREFIX_SIZE];

	if (state == CALL_POSTED)
		report_abort(
			"CPU %d does not answer: it was idle, and took no call for %lu ms; it was last %s",
			cpu, LIBRARY_DEADLINE_MS * timescale(),
			where(text, sizeof(text), call->last_prefix));
	report_abort(
		"CPU %d does not answer: it has shown no sign of life for %lu ms; it was last %s",
		cpu, SILENCE_MS * timescale(), where(text, sizeof(text), call->prefix));
}

/*
 * A CPU other than the boot CPU is idle when it is called, so it takes the call at once or never.
 * The function itself may take long, above all if it waits for the host. So this watches whether
 * the CPU shows signs of life. Time in which a call interrupts the waiting CPU counts as one slice
 * at most.
 */
void on_cpu_wait(int cpu)
{
	struct call *call = cpu_ptr(this_call, cpu);
	u32 number = READ_ONCE(call->number);
	u64 slices = 0, posted = 0, silent = 0, signs = 0, signs_now;
	struct deadline slice;
	enum call_state state;

	if (cpu == smp_id())
		return;
	deadline_start(&slice, SLICE_MS);
	for (;;) {
		state = __atomic_load_n(&call->state, __ATOMIC_ACQUIRE);
		if (state == CALL_NONE || READ_ONCE(call->number) != number)
			return;
		if (!deadline_passed(&slice))
			continue;
		signs_now = READ_ONCE(*cpu_ptr(signs_of_life, cpu));
		posted = state == CALL_POSTED && cpu ? posted + 1 : 0;
		silent = signs_now == signs && !host_is_asked() ? silent + 1 : 0;
		signs = signs_now;
		if (posted > SLICES(LIBRARY_DEADLINE_MS) || silent > SLICES(SILENCE_MS))
			name_dead(cpu, state);
		if (++slices > SLICES(ANSWER_DEADLINE_MS))
			deadline_missed(ANSWER_DEADLINE_MS, "a function on CPU %d to return", cpu);
		deadline_start(&slice, SLICE_MS);
	}
}

void on_cpu_async(int cpu, void (*function)(void *data), void *data)
{
	assert_msg(cpu >= 0 && cpu < cpu_count(), "there is no CPU %d", cpu);
	if (cpu == smp_id())
		function(data);
	else
		post_call(cpu, function, data);
}

void on_cpu(int cpu, void (*function)(void *data), void *data)
{
	on_cpu_async(cpu, function, data);
	on_cpu_wait(cpu);
}

void on_cpus(void (*function)(void *data), void *data)
{
	int me = smp_id();
	int cpu;

	for_each_cpu (cpu)
		if (cpu != me)
			on_cpu_async(cpu, function, data);
	function(data);
	for_each_cpu (cpu)
		if (cpu != me)
			on_cpu_wait(cpu);
}

static void answer_flush(isr_regs_t *regs)
{
	u32 wanted = atomic_read(&flushes_wanted);

	flush_tlb();
	__atomic_store_n(&this_cpu(flushes_done), wanted, __ATOMIC_RELEASE);
}

void flush_tlb_all(void)
{
	u32 wanted;
	int cpu;

	flush_tlb();
	if (atomic_read(&online_count) == 1)
		return;
	wanted = atomic_inc_return(&flushes_wanted);
	for_each_cpu (cpu)
		if (cpu != smp_id() && *cpu_ptr(online, cpu))
			apic_send_ipi(cpu, TLB_FLUSH_VECTOR);
	for_each_cpu (cpu)
		if (cpu != smp_id() && *cpu_ptr(online, cpu))
			wait_for((s32)(READ_ONCE(*cpu_ptr(flushes_done, cpu)) - wanted) >= 0,
				 LIBRARY_DEADLINE_MS, "CPU %d to flush its TLB", cpu);
}

/* Sets what each CPU needs before it runs anything else. */
static void cpu_setup(int cpu)
{
	load_descriptors(cpu);
	write_cr0((read_cr0() | X86_CR0_MP | X86_CR0_NE | X86_CR0_WP) & ~(X86_CR0_EM | X86_CR0_TS));
	write_cr4(read_cr4() | X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT);
	asm volatile("fninit");
	if (!this_cpu(was_started))
		power_up_capture();
	/* An INIT leaves the TSC as it is. */
	if (!this_cpu(was_started))
		tsc_go_ahead();
	this_cpu(was_started) = true;
	if (all_x2apic)
		enable_x2apic();
	else
		enable_xapic();
}

void ap_main(int cpu)
{
	cpu_setup(cpu);
	this_cpu(online) = true;
	atomic_inc(&online_count);
	for (;;)
		safe_halt();
}

void smp_send_init(int cpu)
{
	apic_icr_write(APIC_DM_INIT | APIC_INT_ASSERT, cpu_apic_id(cpu));
	delay_us(200);
}

void smp_forget(int cpu)
{
	struct call *call = cpu_ptr(this_call, cpu);

	assert(cpu && cpu != smp_id() && *cpu_ptr(online, cpu));
	*cpu_ptr(online, cpu) = false;
	atomic_dec(&online_count);
	/* The function that it ran never returns. */
	__atomic_store_n(&call->state, CALL_NONE, __ATOMIC_RELEASE);
}

/* A SIPI has the number of the page that the CPU begins at. */
#define SIPI (APIC_DM_STARTUP | APIC_INT_ASSERT | TRAMPOLINE_BASE >> PAGE_SHIFT)

/* Needed before each SIPI, since a program may use this page. */
static void copy_trampoline(void)
{
	memcpy((void *)TRAMPOLINE_BASE, trampoline_start, trampoline_end - trampoline_start);
}

bool smp_start_at(int cpu, const char *code, size_t size)
{
	assert(size <= TRAMPOLINE_SIZE);
	memcpy((void *)TRAMPOLINE_BASE, code, size);
	apic_icr_write(SIPI, cpu_apic_id(cpu));
	return wait_until(READ_ONCE(*cpu_ptr(online, cpu)), LIBRARY_DEADLINE_MS);
}

bool smp_start(int cpu)
{
	return smp_start_at(cpu, trampoline_start, trampoline_end - trampoline_start);
}

static u32 initial_apic_id(void)
{
	struct cpuid topology = cpuid(0xb);

	if (topology.b & 0xffff)
		return topology.d;
	return cpuid(1).b >> 24;
}

static void add_cpu(u32 apic, u32 flags)
{
	if (!(flags & MADT_ENABLED) || apic == boot_apic_ids[0])
		return;
	/* Firmware may list a CPU twice, as entries of type 0 and type 9. */
	for (u32 i = 1; i < boot_cpus; i++)
		if (boot_apic_ids[i] == apic)
			return;
	if (boot_cpus == MAX_CPUS)
		report_abort("more than %d CPUs", MAX_CPUS);
	boot_apic_ids[boot_cpus++] = apic;
}

static void find_cpus(void)
{
	const struct acpi_madt *madt = acpi_table("APIC");
	const u8 *at, *end;

	boot_apic_ids[0] = initial_apic_id();
	if (!madt)
		return;
	end = (const u8 *)madt + madt->header.length;
	for (at = madt->entries; at + 2 <= end && at[1]; at += at[1]) {
		const struct madt_local_apic *local = (const void *)at;
		const struct madt_local_x2apic *local_x2apic = (const void *)at;

		if (local->type == MADT_LOCAL_APIC)
			add_cpu(local->apic_id, local->flags);
		else if (local->type == MADT_LOCAL_X2APIC)
			add_cpu(local_x2apic->x2apic_id, local_x2apic->flags);
	}
}

static void allocate_percpu(u32 cpu)
{
	char *area = alloc_pages(page_order(percpu_end - percpu_start));

	percpu_offsets[cpu] = area - percpu_start;
	*cpu_ptr(percpu_offset, cpu) = percpu_offsets[cpu];
	*cpu_ptr(cpu_number, cpu) = cpu;
	boot_stacks[cpu] = stacks_init(cpu);
}

/* Names all CPUs that have not started, and aborts. */
static void name_missing(void)
{
	int cpu;

	for_each_cpu (cpu)
		if (cpu && !*cpu_ptr(online, cpu))
			printf("CPU %d (APIC id %u) did not start\n", cpu, cpu_apic_id(cpu));
	deadline_missed(LIBRARY_DEADLINE_MS, "%u CPUs to start", boot_cpus);
}

static void start_aps(void)
{
	copy_trampoline();
	apic_icr_write(APIC_DEST_ALLBUT | APIC_DM_INIT | APIC_INT_ASSERT, 0);
	delay_us(200);
	apic_icr_write(APIC_DEST_ALLBUT | SIPI, 0);
	delay_us(200);
	/* A CPU that the first SIPI has woken ignores the second. */
	apic_icr_write(APIC_DEST_ALLBUT | SIPI, 0);
	if (!wait_in_full(atomic_read(&online_count) == (int)boot_cpus, LIBRARY_DEADLINE_MS))
		name_missing();
}

void smp_init(void)
{
	ghost_init();
	find_cpus();
	for (u32 cpu = 1; cpu < boot_cpus; cpu++) {
		allocate_percpu(cpu);
		/* In xAPIC mode, 0xff means all CPUs. */
		all_x2apic |= boot_apic_ids[cpu] >= 0xff;
	}
	handle_irq(REMOTE_CALL_VECTOR, run_call);
	handle_irq_eoi(TLB_FLUSH_VECTOR, answer_flush);
	cpu_setup(0);
	this_cpu(online) = true;
	enable_ist();
	if (boot_cpus > 1)
		start_aps();
}
