# SPDX-License-Identifier: GPL-2.0-or-later
vmx_hyperv_links := $(wildcard x86/nested/l1-hyperv-*.c)
