# SPDX-License-Identifier: GPL-2.0-or-later
svm_hyperv_links := $(wildcard x86/nested/l1-hyperv-*.c)
