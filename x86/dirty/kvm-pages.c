// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dirty: pages that KVM writes for kvmclock and the steal time
 * (Documentation/virt/kvm/x86/msr.rst). A part of the program dirty: see dirty.c.
 */
#include "kvm-para.h"
#include "processor.h"
#include "pvclock.h"
#include "words.h"
#include "x86/dirty/dirty.h"

#define STEAL_WORDS (sizeof(struct kvm_steal_time) / sizeof(u64))
#define CLOCK_WORDS (sizeof(struct pvclock_vcpu_time_info) / sizeof(u64))

/* Where KVM's structures are in the page, in words. The writer fills the rest of the page. */
#define STEAL_AT 128
#define CLOCK_AT 300

/* KVM writes the steal time when it loads the vCPU, and the clock when it is registered. */
#define HYPERVISOR_MS 2000

FEATURE(KVM_PAGES, "kvmclock or KVM's steal time")
{
	return feature_KVMCLOCK.present() || feature_STEAL_TIME.present();
}

static struct pvclock_vcpu_time_info *clock_in(const struct area *area)
{
	return (void *)(words_of(area, 0) + CLOCK_AT);
}

static struct kvm_steal_time *steal_in(const struct area *area)
{
	return (void *)(words_of(area, 0) + STEAL_AT);
}

static void set_up_kvm_pages(struct area *area)
{
	if (feature_KVMCLOCK.present())
		pvclock_register(pvclock_best_msrs(), clock_in(area));
	if (feature_STEAL_TIME.present())
		wrmsr(MSR_KVM_STEAL_TIME, (u64)steal_in(area) | KVM_MSR_ENABLED);
}

static void clean_up_kvm_pages(struct area *area)
{
	if (feature_KVMCLOCK.present())
		pvclock_disable(pvclock_best_msrs());
	if (feature_STEAL_TIME.present())
		wrmsr(MSR_KVM_STEAL_TIME, 0);
}

/* The guest's words: before, between and after the structures that KVM writes. */
static const struct {
	u64 from, to;
} guests_words[] = {
	{ 1, STEAL_AT },
	{ STEAL_AT + STEAL_WORDS, CLOCK_AT },
	{ CLOCK_AT + CLOCK_WORDS, LAST_WORD },
};

static void write_around(struct area *area, u64 page, u64 generation)
{
	u64 *words = words_of(area, page);

	WRITE_ONCE(words[0], stamp(area, page, generation));
	for (u64 i = 0; i < ARRAY_SIZE(guests_words); i++)
		fill_words(words + guests_words[i].from, guests_words[i].to - guests_words[i].from,
			   body(area, page, generation));
	WRITE_ONCE(words[LAST_WORD], stamp(area, page, generation));
}

/* Checks the words that the writer fills. */
static bool verify_around(struct area *area, u64 page, u64 generation)
{
	const u64 *words = words_of(area, page);

	if (!verify_stamps(area, page, generation))
		return false;
	for (u64 i = 0; i < ARRAY_SIZE(guests_words); i++)
		if (!check_words(area, page, words + guests_words[i].from,
				 guests_words[i].to - guests_words[i].from,
				 body(area, page, generation), generation))
			return false;
	return true;
}

/* A page that nobody writes on the destination still shows the time of the source. */
static void check_clock(struct area *area)
{
	struct pvclock_vcpu_time_info *clock = clock_in(area);
	u64 now = pvclock_read(clock);
	char text[120];

	if (now < area->last_time) {
		snprintf(text, sizeof(text), "kvmclock went back from %lu to %lu", area->last_time,
			 now);
		complain(area, 0, clock, text);
	}
	memset(clock, 0, sizeof(*clock));
	pvclock_register(pvclock_best_msrs(), clock);
	if (!wait_until(READ_ONCE(clock->tsc_to_system_mul), HYPERVISOR_MS))
		complain(area, 0, clock,
			 "KVM did not write the clock after it was registered again");
	else
		area->last_time = pvclock_read(clock);
}

static void check_steal(struct area *area)
{
	struct kvm_steal_time *steal = steal_in(area);
	u32 version = READ_ONCE(steal->version);
	char text[120];

	if (!wait_until(READ_ONCE(steal->version) != version, HYPERVISOR_MS))
		complain(area, 0, steal, "KVM no longer writes the steal time");
	if (READ_ONCE(steal->steal) < area->last_steal) {
		snprintf(text, sizeof(text), "steal time went back from %lu to %lu",
			 area->last_steal, READ_ONCE(steal->steal));
		complain(area, 0, steal, text);
	}
	area->last_steal = READ_ONCE(steal->steal);
}

static void check_kvm_pages(struct area *area)
{
	if (feature_KVMCLOCK.present())
		check_clock(area);
	if (feature_STEAL_TIME.present())
		check_steal(area);
}

static const struct kind kvm_pages = {
	.pages = 1,
	.least = 1,
	.set_up = set_up_kvm_pages,
	.clean_up = clean_up_kvm_pages,
	.write = write_around,
	.verify = verify_around,
	.stamped = true,
	.also = check_kvm_pages,
};

/*
 * KVM writes these pages by an address that it keeps, and has to mark them dirty by itself. A
 * broken KVM does not. Then the destination gets an old page, with an old time or old words of the
 * guest.
 */
TEST(kvm_pages, .needs = KVM_PAGES,
     .about =
	     "KVM goes on writing its pages after a migration, and the guest's words in them are kept")
{
	run(&kvm_pages);
}
