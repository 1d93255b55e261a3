# SPDX-License-Identifier: GPL-2.0-or-later
svm_state_links := $(wildcard x86/nested/state*.c)
