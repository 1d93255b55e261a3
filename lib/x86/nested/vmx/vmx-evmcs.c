// SPDX-License-Identifier: GPL-2.0-or-later
/* Hyper-V's enlightened VMCS and VP assist page. See vmx-evmcs.h. */
#include "nested/vmx/vmx-evmcs.h"
#include "alloc_page.h"
#include "percpu.h"
#include "vm.h"

/* CPUID 0x40000004 EAX, and 0x4000000a EAX. */
#define HV_ENLIGHTENED_VMCS_RECOMMENDED BIT(14)
#define HV_EVMCS_LOWEST(eax)		((eax)&0xff)
#define HV_EVMCS_HIGHEST(eax)		((eax) >> 8 & 0xff)
#define HV_NESTED_MSR_BITMAP		BIT(19)

#define LEAF_RECOMMENDATIONS 4
#define LEAF_NESTED_FEATURES 0xa

/* EAX of one of Hyper-V's CPUID leaves, or 0 if there is no such leaf. */
static u32 hyperv_leaf(u32 number)
{
	u32 first = hypervisor_leaf(HV_SIGNATURE);

	if (!first || raw_cpuid(first, 0).a < first + number)
		return 0;
	return raw_cpuid(first + number, 0).a;
}

FEATURE(HV_EVMCS, "Hyper-V's enlightened VMCS (CPUID 0x40000004 EAX bit 14, and VMX)")
{
	u32 versions = hyperv_leaf(LEAF_NESTED_FEATURES);

	return VMX[0]->present() &&
	       hyperv_leaf(LEAF_RECOMMENDATIONS) & HV_ENLIGHTENED_VMCS_RECOMMENDED &&
	       HV_EVMCS_LOWEST(versions) <= HV_EVMCS_VERSION &&
	       HV_EVMCS_HIGHEST(versions) >= HV_EVMCS_VERSION;
}

FEATURE(HV_EVMCS_MSR_BITMAP, "Hyper-V's enlightened MSR bit map (CPUID 0x4000000a EAX bit 19)")
{
	return HV_EVMCS_present() && hyperv_leaf(LEAF_NESTED_FEATURES) & HV_NESTED_MSR_BITMAP;
}

#define CHECK_OFFSET(member, offset)                                                               \
	_Static_assert(offsetof(struct hv_enlightened_vmcs, member) == (offset),                   \
		       "HV_VMX_ENLIGHTENED_VMCS: " #member)

CHECK_OFFSET(HOST_IA32_PAT, 24);
CHECK_OFFSET(GUEST_ES_SELECTOR, 128);
CHECK_OFFSET(GUEST_ES_BASE, 216);
CHECK_OFFSET(TSC_OFFSET, 400);
CHECK_OFFSET(GUEST_CR0, 544);
CHECK_OFFSET(EPT_POINTER, 624);
CHECK_OFFSET(VM_EXIT_REASON, 692);
CHECK_OFFSET(GUEST_RIP, 816);
CHECK_OFFSET(hv_clean_fields, 824);
CHECK_OFFSET(partition_assist_page, 856);
_Static_assert(offsetof(struct hv_vp_assist_page, current_nested_vmcs) == 48, "HV_VP_ASSIST_PAGE");

struct place {
	u16 field, offset, size, clean;
};

static const struct place places[] = {
#define PLACE(type, name, clean)                                                                   \
	{ name, offsetof(struct hv_enlightened_vmcs, name), sizeof(type), HV_EVMCS_CLEAN_##clean },
#define NO_PLACE(type, name)
	HV_EVMCS_LAYOUT(PLACE, NO_PLACE)
#undef PLACE
#undef NO_PLACE
};

static const struct place *find_place(enum vmcs_field field)
{
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (places[i].field == field)
			return &places[i];
	report_abort("an enlightened VMCS has no %s", vmcs_field_name(field));
	return NULL;
}

u64 evmcs_get(const struct hv_enlightened_vmcs *evmcs, enum vmcs_field field)
{
	const struct place *place = find_place(field);
	u64 value = 0;

	memcpy(&value, (const u8 *)evmcs + place->offset, place->size);
	return value;
}

void evmcs_set(struct hv_enlightened_vmcs *evmcs, enum vmcs_field field, u64 value)
{
	const struct place *place = find_place(field);

	memcpy((u8 *)evmcs + place->offset, &value, place->size);
	evmcs->hv_clean_fields &= ~(u32)place->clean;
}

u64 *evmcs_host_rsp(struct hv_enlightened_vmcs *evmcs)
{
	evmcs->hv_clean_fields &= ~HV_EVMCS_CLEAN_HOST_POINTER;
	return &evmcs->HOST_RSP;
}

/* ---- the VP assist page ---- */

static PER_CPU(struct hv_vp_assist_page *, assist_page);
/* How many L2s of this CPU use it. */
static PER_CPU(u32, users);

struct hv_vp_assist_page *evmcs_assist_page(void)
{
	return this_cpu(assist_page);
}

u64 evmcs_assist_register(void)
{
	return virt_to_phys(this_cpu(assist_page)) | HV_VP_ASSIST_PAGE_ENABLE;
}

struct hv_enlightened_vmcs *evmcs_alloc(void)
{
	struct hv_enlightened_vmcs *evmcs = alloc_page();

	if (!this_cpu(users)++) {
		this_cpu(assist_page) = alloc_page();
		wrmsr(HV_X64_MSR_VP_ASSIST_PAGE, evmcs_assist_register());
	}
	evmcs->version_number = HV_EVMCS_VERSION;
	return evmcs;
}

void evmcs_make_current(const struct hv_enlightened_vmcs *evmcs)
{
	struct hv_vp_assist_page *page = this_cpu(assist_page);

	WRITE_ONCE(page->current_nested_vmcs, virt_to_phys(evmcs));
	WRITE_ONCE(page->enlighten_vmentry, 1);
}

bool evmcs_is_in_use(void)
{
	return this_cpu(users) && READ_ONCE(this_cpu(assist_page)->enlighten_vmentry);
}

void evmcs_free(struct hv_enlightened_vmcs *evmcs)
{
	struct hv_vp_assist_page *page = this_cpu(assist_page);

	WRITE_ONCE(page->enlighten_vmentry, 0);
	WRITE_ONCE(page->current_nested_vmcs, 0);
	if (!--this_cpu(users)) {
		wrmsr(HV_X64_MSR_VP_ASSIST_PAGE, 0);
		free_page(page);
		this_cpu(assist_page) = NULL;
	}
	free_page(evmcs);
}
