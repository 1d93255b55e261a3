/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hyper-V's interface for guests, which KVM offers, too: CPUID leaves, MSRs, the synthetic
 * interrupt controller (SynIC), synthetic timers, the reference clock and hypercalls. The
 * specification is Microsoft's Hypervisor Top-Level Functional Specification (TLFS). Names are
 * those of Linux's asm/hyperv-tlfs.h, else the TLFS's. Times are in units of 100 ns, "ticks", as in
 * the TLFS.
 */
#ifndef X86_HYPERV_H
#define X86_HYPERV_H

#include "libcflat.h"
#include "cpuid.h"
#include "percpu.h"
#include "processor.h"

/* ---- what there is (TLFS "Feature and Interface Discovery") ---- */

#define HV_SIGNATURE "Microsoft Hv"

/* EAX of the leaf of features, 0x40000003. */
#define HV_MSR_VP_RUNTIME_AVAILABLE	BIT(0)
#define HV_MSR_TIME_REF_COUNT_AVAILABLE BIT(1)
#define HV_MSR_SYNIC_AVAILABLE		BIT(2)
#define HV_MSR_SYNTIMER_AVAILABLE	BIT(3)
#define HV_MSR_APIC_ACCESS_AVAILABLE	BIT(4)
#define HV_MSR_HYPERCALL_AVAILABLE	BIT(5)
#define HV_MSR_VP_INDEX_AVAILABLE	BIT(6)
#define HV_MSR_RESET_AVAILABLE		BIT(7)
#define HV_MSR_REFERENCE_TSC_AVAILABLE	BIT(9)
#define HV_ACCESS_FREQUENCY_MSRS	BIT(11)
/* EDX of that leaf. */
#define HV_X64_HYPERCALL_XMM_INPUT_AVAILABLE BIT(4)
#define HV_STIMER_DIRECT_MODE_AVAILABLE	     BIT(19)

/* EAX of the leaf of recommendations, 0x40000004. */
#define HV_X64_REMOTE_TLB_FLUSH_RECOMMENDED   BIT(2)
#define HV_X64_CLUSTER_IPI_RECOMMENDED	      BIT(10)
#define HV_X64_EX_PROCESSOR_MASKS_RECOMMENDED BIT(11)

/* The leaves 0x40000003 and 0x40000004. All registers are 0 without Hyper-V's interface. */
struct cpuid hv_features(void);
struct cpuid hv_recommendations(void);

/* The hypervisor is KVM or Hyper-V, so that an MSR which it does not have faults. */
DECLARE_FEATURE(HV_HOST);
DECLARE_FEATURE(HV_SYNIC);
DECLARE_FEATURE(HV_STIMER);
DECLARE_FEATURE(HV_STIMER_DIRECT);
DECLARE_FEATURE(HV_TIME_REF_COUNT);
DECLARE_FEATURE(HV_REFERENCE_TSC);
DECLARE_FEATURE(HV_VP_INDEX);
DECLARE_FEATURE(HV_VP_RUNTIME);
DECLARE_FEATURE(HV_HYPERCALL);
/* Hypercalls that take input in XMM registers, send IPIs, flush TLBs, take sparse VP sets. */
DECLARE_FEATURE(HV_XMM_INPUT);
DECLARE_FEATURE(HV_CLUSTER_IPI);
DECLARE_FEATURE(HV_REMOTE_TLB_FLUSH);
DECLARE_FEATURE(HV_EX_PROCESSOR_MASKS);
/* The APIC's registers as MSRs, and the VP assist page. */
DECLARE_FEATURE(HV_APIC_ACCESS);
DECLARE_FEATURE(HV_FREQUENCIES);

/*
 * A check of what the TLFS demands and KVM is known not to do (the heads of programs list it). A
 * failure is XFAIL on KVM, and FAIL elsewhere. With `tlfs=strict` on the command line it is FAIL on
 * KVM, too. Returns `pass`.
 */
bool hv_report_strict(bool pass, const char *format, ...) __printf(2, 3);

/* ---- registers ---- */

#define HV_X64_MSR_GUEST_OS_ID	  0x40000000
#define HV_X64_MSR_HYPERCALL	  0x40000001
#define HV_X64_MSR_VP_INDEX	  0x40000002
#define HV_X64_MSR_RESET	  0x40000003
#define HV_X64_MSR_VP_RUNTIME	  0x40000010
#define HV_X64_MSR_TIME_REF_COUNT 0x40000020
#define HV_X64_MSR_REFERENCE_TSC  0x40000021
#define HV_X64_MSR_TSC_FREQUENCY  0x40000022
#define HV_X64_MSR_APIC_FREQUENCY 0x40000023
#define HV_X64_MSR_EOI		  0x40000070
#define HV_X64_MSR_VP_ASSIST_PAGE 0x40000073
#define HV_X64_MSR_SCONTROL	  0x40000080
#define HV_X64_MSR_SVERSION	  0x40000081
#define HV_X64_MSR_SIEFP	  0x40000082
#define HV_X64_MSR_SIMP		  0x40000083
#define HV_X64_MSR_EOM		  0x40000084
#define HV_X64_MSR_SINT0	  0x40000090 /* to SINT15, one by one */
#define HV_X64_MSR_STIMER0_CONFIG 0x400000b0 /* to STIMER3, in steps of two */
#define HV_X64_MSR_STIMER0_COUNT  0x400000b1

#define HV_X64_MSR_CRASH_P0		   0x40000100 /* to P4, one by one */
#define HV_X64_MSR_CRASH_CTL		   0x40000105
#define HV_X64_MSR_REENLIGHTENMENT_CONTROL 0x40000106
#define HV_X64_MSR_TSC_EMULATION_CONTROL   0x40000107

/* ---- the reference clock (TLFS "Timers") ---- */

#define HV_TICKS_PER_MS	    10000ul
#define HV_TICKS_PER_SECOND 10000000ul
#define HV_NS_PER_TICK	    100ul

static inline u64 hv_ref_count(void)
{
	return rdmsr(HV_X64_MSR_TIME_REF_COUNT);
}

/*
 * A length of time, in ticks, in which this host can handle some dozens of exits: 1 ms or more. The
 * first call measures it.
 */
u64 hv_unit(void);

/* Waits until the reference counter has reached `until`. False if that takes too long. */
bool hv_wait_ref_count(u64 until);

#define HV_REFERENCE_TSC_ENABLE	 BIT(0)
#define HV_REFERENCE_TSC_INVALID 0 /* as a sequence */

struct hv_reference_tsc_page {
	u32 tsc_sequence;
	u32 reserved1;
	u64 tsc_scale;
	s64 tsc_offset;
	u64 reserved2[509];
};

/* A consistent copy of the page's three fields. */
struct hv_reference_tsc {
	u32 sequence;
	u64 scale;
	s64 offset;
};

/* Copies the page when it is not being changed. Aborts if it changes for a second. */
struct hv_reference_tsc hv_reference_tsc(const struct hv_reference_tsc_page *page);

static inline u64 hv_reference_time_at(const struct hv_reference_tsc *line, u64 tsc)
{
	return (u64)((unsigned __int128)tsc * line->scale >> 64) + line->offset;
}

/* The time by the page, in ticks. Returns false, and no time, if the page says it is invalid. */
bool hv_reference_time(const struct hv_reference_tsc_page *page, u64 *time);
/* The same in L2, by L1's page. RDTSC in L2 gives L1's TSC plus TSC_OFFSET. */
bool hv_reference_time_in_l2(const struct hv_reference_tsc_page *page, u64 tsc_offset, u64 *time);

/* ---- SynIC (TLFS "Inter-Partition Communication") ---- */

#define HV_SYNIC_SINT_COUNT 16
#define HV_SYNIC_VERSION_1  1

#define HV_SYNIC_ENABLE		    BIT(0) /* of SCONTROL, SIMP, SIEFP */
#define HV_SYNIC_SINT_MASKED	    BIT(16)
#define HV_SYNIC_SINT_AUTO_EOI	    BIT(17)
#define HV_SYNIC_FIRST_VALID_VECTOR 16

#define HV_MESSAGE_PAYLOAD_BYTE_COUNT 240

#define HVMSG_NONE	    0
#define HVMSG_TIMER_EXPIRED 0x80000010

#define HV_MESSAGE_FLAG_PENDING BIT(0)

struct hv_message_header {
	u32 message_type;
	u8 payload_size;
	u8 message_flags;
	u16 reserved;
	u64 sender;
};

struct hv_timer_message_payload {
	u32 timer_index;
	u32 reserved;
	u64 expiration_time;
	u64 delivery_time;
};

struct hv_message {
	struct hv_message_header header;
	union {
		u64 payload[HV_MESSAGE_PAYLOAD_BYTE_COUNT / sizeof(u64)];
		struct hv_timer_message_payload timer;
	};
};

struct hv_message_page {
	struct hv_message slot[HV_SYNIC_SINT_COUNT];
};

#define HV_EVENT_FLAGS_COUNT (256 * 8)

struct hv_event_flags_page {
	u64 slot[HV_SYNIC_SINT_COUNT][HV_EVENT_FLAGS_COUNT / 64];
};

/* What the handler has found: a message, or an interrupt without one. */
struct hv_arrival {
	u8 vector;
	int sint;    /* HV_NO_SINT: an interrupt without a message */
	u64 seen;    /* the reference counter when the handler began */
	u64 drained; /* and when it had emptied the slot */
	struct hv_message message;
};
#define HV_NO_SINT (-1)

#define HV_ARRIVALS_KEPT 16

struct hv_synic {
	/* Enabled from hv_synic_start() to hv_synic_stop(), at the same addresses each time. */
	struct hv_message_page *messages;
	struct hv_event_flags_page *events;
	/* What was last written to the SINT registers. */
	u64 sint[HV_SYNIC_SINT_COUNT];
	/* Bit n: the handler leaves SINT n's message in its slot. */
	u32 held;
	/* Called by the handler for everything that it finds; may be NULL. */
	void (*on_arrival)(const struct hv_arrival *arrival);

	u32 interrupts; /* with the vectors below */
	/* How many of these had AutoEOI and were not in service when the handler began. */
	u32 ended;
	u32 on_vector[256];
	u32 arrivals;				     /* messages taken, and direct interrupts */
	struct hv_arrival arrival[HV_ARRIVALS_KEPT]; /* the first of them */
};

DECLARE_PER_CPU(struct hv_synic, hv_synic);

/* The vectors of SINTs, and of timers in direct mode. */
#define HV_SINT_VECTOR(sint)	(0x40 + (sint))
#define HV_DIRECT_VECTOR(timer) (0x50 + (timer))
#define HV_FIRST_VECTOR		0x40
#define HV_LAST_VECTOR		0x5f

/*
 * Turns the SynIC on, on this CPU: enables empty message and event flag pages, masks all SINTs,
 * sets SCONTROL, and resets the counts. The handler of the vectors above takes messages out of the
 * slots, writes EOM if the message says so, and sends EOI.
 */
void hv_synic_start(void);
/* Stops all timers, masks all SINTs, and turns the pages and SCONTROL off, on this CPU. */
void hv_synic_stop(void);
/* The same on all CPUs. */
void hv_synic_start_all(void);
void hv_synic_stop_all(void);

/* Resets this CPU's counts, and forgets arrivals. */
void hv_synic_forget(void);

/* Unmasks, or masks, a SINT of this CPU. `flags` is HV_SYNIC_SINT_AUTO_EOI or 0. */
void hv_sint_unmask(int sint, u8 vector, u64 flags);
void hv_sint_mask(int sint);

/* This CPU's message slot of a SINT, and whether another message waits for it. */
static inline struct hv_message *hv_slot(int sint)
{
	return &this_cpu(hv_synic).messages->slot[sint];
}

static inline bool hv_is_pending(int sint)
{
	return READ_ONCE(hv_slot(sint)->header.message_flags) & HV_MESSAGE_FLAG_PENDING;
}

/* How many of this CPU's slots hold a message. */
int hv_messages_waiting(void);

/*
 * Takes the message out of this CPU's slot, like the handler, but writes no EOM. Returns whether
 * another message is pending, so that an EOM must follow.
 */
bool hv_take_message(int sint, struct hv_message *message);

static inline void hv_eom(void)
{
	wrmsr(HV_X64_MSR_EOM, 0);
}

/* How many interrupts and messages have come to all other CPUs. */
u32 hv_synic_elsewhere(void);

/* ---- timers (TLFS "Timers", "Synthetic Timers") ---- */

#define HV_SYNIC_STIMER_COUNT 4

#define HV_STIMER_ENABLE	  BIT(0)
#define HV_STIMER_PERIODIC	  BIT(1)
#define HV_STIMER_LAZY		  BIT(2)
#define HV_STIMER_AUTO_ENABLE	  BIT(3)
#define HV_STIMER_APIC_VECTOR(v)  ((u64)(v) << 4)
#define HV_STIMER_DIRECT_MODE	  BIT(12)
#define HV_STIMER_SINT(sint)	  ((u64)(sint) << 16)
#define HV_STIMER_SINT_OF(config) ((int)((config) >> 16 & 0xf))

static inline u64 hv_stimer_config(int timer)
{
	return rdmsr(HV_X64_MSR_STIMER0_CONFIG + 2 * timer);
}

static inline void hv_stimer_set_config(int timer, u64 config)
{
	wrmsr(HV_X64_MSR_STIMER0_CONFIG + 2 * timer, config);
}

static inline u64 hv_stimer_count(int timer)
{
	return rdmsr(HV_X64_MSR_STIMER0_COUNT + 2 * timer);
}

static inline void hv_stimer_set_count(int timer, u64 count)
{
	wrmsr(HV_X64_MSR_STIMER0_COUNT + 2 * timer, count);
}

/* The configuration of a timer in direct mode, with the vector HV_DIRECT_VECTOR(timer). */
static inline u64 hv_direct_config(int timer)
{
	return HV_STIMER_DIRECT_MODE | HV_STIMER_APIC_VECTOR(HV_DIRECT_VECTOR(timer));
}

/* The timer that has fired, by its message, or by its vector in direct mode. Not checked. */
static inline u32 hv_fired_timer(const struct hv_arrival *arrival)
{
	return arrival->sint == HV_NO_SINT ? arrival->vector - (u32)HV_DIRECT_VECTOR(0)
					   : arrival->message.timer.timer_index;
}

/* Disables the timer, and sets its count to 0. */
void hv_stimer_stop(int timer);

/* ---- hypercalls (TLFS "Hypercall Interface") ---- */

#define HV_HYPERCALL_ENABLE BIT(0)

/* The hypercall input value, and the reps completed in the result value. */
#define HV_HYPERCALL_FAST_BIT	  BIT(16)
#define HV_HYPERCALL_VARHEAD(n)	  ((u64)(n) << 17) /* words of the variable header */
#define HV_HYPERCALL_REP_COUNT(n) ((u64)(n) << 32)
#define HV_HYPERCALL_REP_START(n) ((u64)(n) << 48)
#define HV_HYPERCALL_REP_OF(r)	  ((u32)((r) >> 32) & 0xfff)

#define HVCALL_FLUSH_VIRTUAL_ADDRESS_SPACE    0x0002
#define HVCALL_FLUSH_VIRTUAL_ADDRESS_LIST     0x0003
#define HVCALL_SEND_IPI			      0x000b
#define HVCALL_FLUSH_VIRTUAL_ADDRESS_SPACE_EX 0x0013
#define HVCALL_FLUSH_VIRTUAL_ADDRESS_LIST_EX  0x0014
#define HVCALL_SEND_IPI_EX		      0x0015
#define HVCALL_POST_MESSAGE		      0x005c
#define HVCALL_SIGNAL_EVENT		      0x005d

#define HV_STATUS_SUCCESS		  0
#define HV_STATUS_INVALID_HYPERCALL_CODE  2
#define HV_STATUS_INVALID_HYPERCALL_INPUT 3
#define HV_STATUS_INVALID_PORT_ID	  17
#define HV_STATUS_INVALID_CONNECTION_ID	  18
#define HV_STATUS_INSUFFICIENT_BUFFERS	  19

/* An unregistered open source system (bit 63). */
#define HV_GUEST_OS_ID 0xfe00000000000001ul

/* Enables, or disables, the hypercall page, for all CPUs. It is the same page each time. */
void hv_hypercall_start(void);
void hv_hypercall_stop(void);
/* What hv_hypercall_start() writes to HV_X64_MSR_HYPERCALL. */
u64 hv_hypercall_register(void);

/*
 * Any hypercall: the input value, the input parameters' physical address or the first word of fast
 * input, and the output's address or the second word. Returns the result value: HV_STATUS_* in bits
 * 15:0.
 */
u64 hv_hypercall(u64 control, u64 input, u64 output);
/* A fast hypercall whose words are in RDX, R8 and XMM0 to XMM5. */
#define HV_HYPERCALL_FAST_WORDS 14
u64 hv_hypercall_xmm(u64 control, const u64 words[HV_HYPERCALL_FAST_WORDS]);

/* Certain hypercalls. They return HV_STATUS_*. `size` is in bytes, up to the payload's 240. */
u16 hv_post_message(u32 connection, u32 type, const void *payload, size_t size);
u16 hv_signal_event(u32 connection, u16 flag);

#endif
