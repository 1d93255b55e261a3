# SPDX-License-Identifier: GPL-2.0-or-later
#
# Builds build/x86/NAME.efi, which UEFI firmware starts, from the same build/x86/NAME.elf as
# NAME.flat. It is a UEFI application, lib/x86/efi/loader/, linked with the distribution's gnu-efi.
# It holds the guest's image and jumps into it. So tests, symbols and lines are those of NAME.elf.
# ./configure --target says whether the .efi files are built.

ifneq ($(filter efi both,$(GUEST_TARGET)),)

guest_efis := $(guest_programs:%=$(build)/x86/%.efi)
efi_build := $(build)/x86/efi
efi_folder := lib/x86/efi/loader

# clang does not know this flag, and needs none for functions of firmware (ms_abi).
efi_outgoing := -maccumulate-outgoing-args
efi_outgoing := $(shell $(CC) $(efi_outgoing) -x c -fsyntax-only /dev/null 2>/dev/null && echo $(efi_outgoing))

# As gnu-efi's own Make.defaults and apps/ have them.
EFI_CFLAGS := -I/usr/include/efi -I/usr/include/efi/x86_64 -I. -std=gnu11 -O2 -m64 -ffreestanding \
	-fpic -fshort-wchar -mno-red-zone $(efi_outgoing) -fno-stack-protector \
	-fcf-protection=none -fno-asynchronous-unwind-tables -fno-strict-aliasing \
	-DGNU_EFI_USE_MS_ABI -DHAVE_USE_MS_ABI $(WARNINGS) -Wno-strict-prototypes
EFI_LDFLAGS := -nostdlib -m64 -shared -Wl,-Bsymbolic -Wl,-z,nocombreloc -Wl,-z,noexecstack \
	-Wl,--no-warn-rwx-segments -Wl,--build-id=none
EFI_SECTIONS := $(foreach name,.text .sdata .data .rodata .dynamic .dynsym .rel* .rela* .reloc,-j '$(name)')
efi_script := $(firstword $(wildcard $(GNU_EFI)/elf_x86_64_efi.lds $(GNU_EFI)/elf_x64_efi.lds \
	$(GNU_EFI)/efi.lds))
efi_startup := $(firstword $(wildcard $(GNU_EFI)/crt0-efi-x86_64.o $(GNU_EFI)/crt0.o))
efi_command := $(CC) $(OBJCOPY) $(EFI_CFLAGS) $(EFI_LDFLAGS) $(efi_script) $(efi_startup)
$(eval $(call remember,efi,efi_command))
efi_flags := $(build)/efi.flags

efi_loader := $(efi_build)/loader.o $(efi_build)/fw-cfg.o

$(efi_loader): $(efi_build)/%.o: $(efi_folder)/%.c x86/efi.mk $(efi_flags)
	@mkdir -p $(@D)
	$(say) CC $@
	$(quiet)$(CC) $(EFI_CFLAGS) -MMD -MP -c -o $@ $<

$(efi_build)/%.bin: $(build)/x86/%.elf
	@mkdir -p $(@D)
	$(quiet)$(OBJCOPY) -S -O binary $< $@

$(efi_build)/%.image.o: $(efi_folder)/image.S $(efi_build)/%.bin x86/efi.mk $(efi_flags)
	$(quiet)$(CC) -m64 -DGUEST_IMAGE='"$(efi_build)/$*.bin"' -c -o $@ $<

$(efi_build)/%.so: $(efi_loader) $(efi_build)/%.image.o
	$(quiet)$(CC) $(EFI_LDFLAGS) -Wl,-T,$(efi_script) -o $@ $(efi_startup) $^ \
		$(GNU_EFI)/libefi.a $(GNU_EFI)/libgnuefi.a

$(build)/x86/%.efi: $(efi_build)/%.so
	$(say) EFI $@
	$(quiet)$(OBJCOPY) $(EFI_SECTIONS) --output-target=efi-app-x86_64 $< $@

# For Secure Boot the application is signed with a key that each build folder makes for itself. It
# is put where firmware looks on a disk that has no boot entry: UEFI Specification 2.10, 3.5.1.1.
# -kernel cannot be used: QEMU writes into the image, and then the signature is wrong.
ifeq ($(SECURE_BOOT),yes)
guest_secures := $(guest_programs:%=$(build)/x86/%.secure.img)
efi_certificate := $(build)/x86/secure-boot.der

$(efi_build)/key.pem: x86/efi.mk
	@mkdir -p $(@D)
	$(quiet)openssl req -new -x509 -newkey rsa:2048 -nodes -sha256 -days 3650 -subj '/CN=Ferry/' \
		-keyout $@.new -out $(efi_build)/certificate.pem 2>/dev/null
	$(quiet)mv $@.new $@

$(efi_certificate): $(efi_build)/key.pem
	$(say) KEY $@
	$(quiet)openssl x509 -in $(efi_build)/certificate.pem -outform DER -out $@

$(build)/x86/%.secure.img: $(build)/x86/%.efi $(efi_certificate)
	$(say) SIGN $@
	$(quiet)sbsign --key $(efi_build)/key.pem --cert $(efi_build)/certificate.pem \
		--output $(efi_build)/$*.signed $< >$(efi_build)/$*.log 2>&1 || { cat $(efi_build)/$*.log; false; }
	$(quiet)rm -f $@.new && mformat -C -f 1440 -i $@.new :: && mmd -i $@.new ::/EFI ::/EFI/BOOT && \
		mcopy -i $@.new $(efi_build)/$*.signed ::/EFI/BOOT/BOOTX64.EFI && mv $@.new $@
	$(quiet)rm -f $(efi_build)/$*.signed $(efi_build)/$*.log
endif

-include $(efi_loader:.o=.d)
.SECONDARY: $(efi_loader)
.INTERMEDIATE: $(foreach kind,bin image.o so,$(guest_programs:%=$(efi_build)/%.$(kind)))

endif
