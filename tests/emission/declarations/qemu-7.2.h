/* SPDX-License-Identifier: Apache-2.0 */
/* What is particular to QEMU 7.2. */
#define PCI_MEMBER pdev
#define MIRROR_CONFIG_OFFSET
#include "common.h"
